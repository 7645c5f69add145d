"""Output formats: one file each, found by name (`--format jsonl` is seqrec/writers/jsonl.py).

A module here defines `write(hypotheses: Iterable[Hypothesis], out: IO[str]) -> None`, which writes each
hypothesis as it comes. Three names more may stand in it:

    POSITIONS = ("s",)  words and characters must have positions, in one of these units
    SUFFIX = ".srt"     a file holds one document, a sound or a page, and its name ends so; then it is
                        `write(hypotheses, out, document: Document)`, of the hypotheses of that document alone
    PAGES = ("alto",)   a document must be a page in one of these formats
"""

from __future__ import annotations

import re
from typing import NamedTuple

from seqrec.decoding import Hypothesis, Span
from seqrec.errors import ConfigError

# What a terminal or an editor obeys instead of showing: C0, DEL and C1 controls, line and paragraph
# separators, bidirectional overrides; and lone surrogates, which UTF-8 cannot hold.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text on one line with control characters written as escapes: a tab as `\u0009`."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Place(NamedTuple):
    """A word or character whose position is known."""

    text: str  # visible
    confidence: float
    start: float
    end: float


def placed(spans: tuple[Span, ...], hypothesis: Hypothesis) -> list[Place]:
    """The spans of a hypothesis, each with its position. Raises ConfigError where one has none."""
    places = []
    for span in spans:
        if span.start is None or span.end is None:
            raise ConfigError(hypothesis.id, f"{span.text!r:.40} has no position", "", "ask for positions")
        places.append(Place(visible(span.text), span.confidence, span.start, span.end))
    return places
