"""NIST's conversation time marks: `file channel start duration word confidence`, a word a line, in seconds.

The file is the hypothesis' id, the channel always 1. White space in an id becomes "_", since fields are parted by
it; so does a ";" at its begin, which would make the line a comment. A hypothesis without words has no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO

from seqrec.decoding import Hypothesis
from seqrec.writers import placed, visible

POSITIONS = ("s",)


def write(hypotheses: Iterable[Hypothesis], out: IO[str]) -> None:
    for hypothesis in hypotheses:
        name = re.sub(r"^;|\s", "_", visible(hypothesis.id)) or "_"
        for word in placed(hypothesis.words, hypothesis):
            start, end = round(word.start, 3), round(word.end, 3)
            out.write(f"{name} 1 {start:.3f} {max(0, end - start):.3f} {word.text} {word.confidence:.4f}\n")
