"""Output formats: one file each, found by name (`--format jsonl` is seqrec/writers/jsonl.py).

A module here defines `write(hypotheses: Iterable[Hypothesis], out: IO[str]) -> None`, which writes
each hypothesis as it comes.
"""

from __future__ import annotations

import re

# What a terminal or an editor obeys instead of showing: C0, DEL and C1 controls, line and paragraph
# separators, bidirectional overrides; and lone surrogates, which UTF-8 cannot hold.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text on one line with control characters written as escapes: a tab as `\u0009`."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
