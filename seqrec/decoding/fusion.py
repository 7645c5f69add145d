"""What a beam search knows besides the network: of a prefix, taken on label by label.

The score of a text, added to the log-probability of its labels, is

    lm_weight * the language model's + char_bonus * labels + word_bonus * words - unknown * words outside of the lexicon
    + the weights of the hot words in it.

Words are what white space parts; without any in the alphabet, the whole text is one word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqrec.alphabet import Alphabet
from seqrec.compiling import compiled

Array = np.ndarray[Any, Any]

STATE = np.dtype([("inside", np.int32), ("score", np.float64)], align=True)


class Weights(NamedTuple):
    """See settings.Search."""

    lm: float
    char: float
    word: float
    unknown: float


class Fusion(NamedTuple):
    """What the compiled loops take."""

    spaces: Array  # (S,) int32: the labels of white space
    is_space: Array  # (C,) bool


@dataclass(frozen=True)
class Fused:
    """What a search is given besides log-probabilities; `notes` say what of it does not fit the alphabet."""

    arrays: Fusion
    notes: tuple[str, ...] = ()


def build(alphabet: Alphabet) -> Fused:
    """White space of the alphabet alone."""
    spaces = np.array(sorted(alphabet.spaces), np.int32)
    is_space = np.zeros(alphabet.size, np.bool_)
    is_space[spaces] = True
    return Fused(Fusion(spaces, is_space))


@compiled
def begin(fusion: Fusion, state: Any) -> None:
    state.inside, state.score = 0, 0.0


@compiled
def extend(fusion: Fusion, weights: Weights, old: Any, label: int, new: Any) -> bool:
    """The state after one label more; False if it may not follow."""
    score = old.score + weights.char
    space = fusion.is_space[label]
    if not space and not old.inside:
        score += weights.word
    new.inside, new.score = not space, score
    return True


@compiled
def close(fusion: Fusion, weights: Weights, state: Any) -> float:
    """The score of a prefix when nothing follows; -inf if it may not end there."""
    return float(state.score)


@compiled
def headroom(fusion: Fusion, weights: Weights, state: Any) -> tuple[float, float]:
    """The most that a label can add to the score, and that the space can."""
    most = weights.char + (0.0 if state.inside else max(weights.word, 0.0))
    return most, weights.char
