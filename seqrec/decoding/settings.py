"""How log-probabilities are read, and what a model knows of that: `decoding.json` in its folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seqrec.decoding.confidence import Calibration
from seqrec.options import Options

How = Literal["greedy", "beam", "lm"]  # the best path; a beam; a beam with a language model, lexicon or hot words

Nats = Annotated[float, Field(ge=0)]


class Search(Options):
    """A prefix beam search. Weights multiply natural logarithms; bonuses are added to them."""

    beam: Annotated[int, Field(ge=1, le=100_000)] = 32  # prefixes that are kept after each frame
    token_threshold: Nats = 12.0  # labels of a frame so much less likely than its best one are left out
    score_threshold: Nats = 20.0  # prefixes so much less likely than the best one are left out
    lm_weight: Annotated[float, Field(ge=0)] = 0.5
    char_bonus: float = 0.0  # for each character, against the short texts that language models prefer
    word_bonus: float = 0.0  # for each word
    unknown: Nats = 10.0  # taken from a word outside of an open lexicon


class Measured(Options):
    """Errors on dev, which chose the weights; `seen`: the share of its words that stand in the LM's text."""

    samples: int
    cer: float
    wer: float
    seen: float | None = None


class Settings(Options):
    """What a model knows of its decoding: the weights and the calibration that suit dev."""

    search: Search = Search()
    calibration: dict[How, Calibration] = Field(default_factory=dict)
    measured: dict[How, Measured] = Field(default_factory=dict)
