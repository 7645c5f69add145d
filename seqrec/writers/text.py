"""Plain text: `id<TAB>text` a line, or the text alone for a hypothesis without an id.

Control characters are escaped, so that a line is always one hypothesis with one tab; the exact
text is in the `jsonl` format.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from seqrec.decoding import Hypothesis
from seqrec.writers import visible


def write(hypotheses: Iterable[Hypothesis], out: IO[str]) -> None:
    for hypothesis in hypotheses:
        name = f"{visible(hypothesis.id)}\t" if hypothesis.id else ""
        out.write(f"{name}{visible(hypothesis.text)}\n")
