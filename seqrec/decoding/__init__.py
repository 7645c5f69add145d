"""Log-probabilities (T, C) -> text. One file per decoder."""

from __future__ import annotations

from dataclasses import dataclass

from seqrec.errors import SeqrecError


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was recognised in the sample `id`.

    `confidence`, in [0, 1], is the decoder's own measure and uncalibrated: it ranks hypotheses of one
    model, it is no probability that the text is right.
    """

    id: str
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample that could not be recognised, in the place of its hypothesis."""

    id: str
    error: SeqrecError
