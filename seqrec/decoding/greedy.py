"""Best path decoding (Graves et al. 2006, section 3.2): the likeliest label of every frame, joined."""

from __future__ import annotations

import numpy as np

from seqrec.alphabet import BLANK, Alphabet
from seqrec.decoding import Hypothesis


def best_path(log_probs: np.ndarray) -> list[int]:
    """Labels of the best path through log_probs (T, C), repeats joined; blanks are left out."""
    return _joined(log_probs.argmax(axis=1))


def _joined(path: np.ndarray) -> list[int]:
    new = path != BLANK
    new[1:] &= path[1:] != path[:-1]
    labels: list[int] = path[new].tolist()
    return labels


def decode(log_probs: np.ndarray, alphabet: Alphabet, id: str = "") -> Hypothesis:
    """The hypothesis of the best path through log_probs (T, C), without white space at its ends.

    Its confidence is the geometric mean, over the T frames, of the probabilities of the path's
    labels, blanks among them. It is uncalibrated: long stretches of sure blanks raise it, and the
    text's own probability, a sum over many paths, is not looked at. No frames give an empty text
    with confidence 0.
    """
    if not len(log_probs):
        return Hypothesis(id, "", 0.0)
    path = log_probs.argmax(axis=1)
    confidence = float(np.exp(log_probs[np.arange(len(path)), path].mean(dtype=np.float64)))
    return Hypothesis(id, alphabet.decode(_joined(path)).strip(), min(1.0, confidence))
