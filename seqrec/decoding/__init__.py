"""Log-probabilities (T, C) -> text. One file per decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqrec.errors import SeqrecError

Unit = Literal["s", "px", "points"]  # of positions: seconds of sound, pixels of an image, points of ink


@dataclass(frozen=True, slots=True)
class Span:
    """A character or a word of a hypothesis: how sure it is, in [0, 1], and where it lies, if that was asked for."""

    text: str
    confidence: float
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another text for the same sample, and the probability that the decoder gives it among all that it weighed."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was recognised in the sample `id`.

    `confidence`, in [0, 1], is the probability that the whole text is right where the model was calibrated; else
    it ranks hypotheses of one model. `words` are what white space parts, `chars` the symbols of the alphabet,
    spaces among them; their positions are in `unit`. `alternatives` begin with the text itself.
    """

    id: str
    text: str
    confidence: float
    words: tuple[Span, ...] = ()
    chars: tuple[Span, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    unit: Unit | None = None

    def rejected(self) -> Hypothesis:
        """Without a text: what was read is among the alternatives."""
        alternatives = self.alternatives or (Alternative(self.text, self.confidence),)
        return Hypothesis(self.id, "", self.confidence, alternatives=alternatives, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample that could not be recognised, in the place of its hypothesis."""

    id: str
    error: SeqrecError


@dataclass(frozen=True, slots=True)
class Reading:
    """What a decoder found in log-probabilities, before calibration and positions.

    `labels` have no space at their ends. `line`, `words` (W,) and `chars` (L,) are the decoder's own
    probabilities, in [0, 1], that the line, each word and each label are right. `nbest` are pairs of labels and
    probability, the likeliest first, `labels` among them.
    """

    labels: tuple[int, ...]
    line: float
    words: tuple[float, ...]
    chars: tuple[float, ...]
    nbest: tuple[tuple[tuple[int, ...], float], ...] = ()
