"""Best path decoding (Graves et al. 2006, section 3.2): the likeliest label of every frame, joined.

How sure a text is follows from the paths that agree with it: those that have each label at its peak, the frame
where it is likeliest, and between two peaks nothing but blanks and these two labels. That lacks little of the sum
over all paths of the text (Graves' forward variable), ranks texts as well, and takes no loop over the frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqrec.alphabet import BLANK, Alphabet
from seqrec.decoding import Reading

_LEAST = -100.0  # log-probability of what the network excludes: a text is unlikely, never impossible


def best_path(log_probs: np.ndarray, alphabet: Alphabet) -> list[int]:
    """Labels of the best path through log_probs (T, C), repeats joined, without blanks and white space at the ends."""
    path = log_probs.argmax(axis=1)
    first = path != BLANK
    first[1:] &= path[1:] != path[:-1]
    labels: list[int] = path[first].tolist()
    start, end = _inside(labels, alphabet)
    return labels[start:end]


def read(log_probs: np.ndarray, alphabet: Alphabet) -> Reading:
    """The text of the best path through log_probs (T, C), and how sure it is.

    The line's probability is that of the labels at their peaks times that of the gaps before, between and after
    them, in which white space at the ends is free. A word's takes the gaps and the white space at its sides with
    it, a label's half (in logarithms) of the gaps at its sides. An empty text is as sure as that nothing is there;
    where there are no frames, it is certain.
    """
    path = log_probs.argmax(axis=1)
    peaks = _peaks(log_probs, path)
    labels = path[peaks].tolist()
    start, end = _inside(labels, alphabet)
    line, words, chars = support(log_probs, peaks[start:end], labels[start:end], alphabet)
    return Reading(
        tuple(labels[start:end]), float(np.exp(line)), tuple(np.exp(words).tolist()), tuple(np.exp(chars).tolist())
    )


def support(
    log_probs: np.ndarray, peaks: np.ndarray, labels: Sequence[int], alphabet: Alphabet
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-probabilities of labels (L,) with these peaks: of the line, of each word (W,) and of each label (L,)."""
    peak = log_probs[peaks, np.array(labels, np.intp)].astype(np.float64).clip(_LEAST, 0)
    gap = _gaps(log_probs, peaks, labels, alphabet)
    last = len(peak)
    words = [peak[max(a - 1, 0) : min(b + 1, last)].sum() + gap[a : b + 1].sum() for a, b in alphabet.words(labels)]
    return float(peak.sum() + gap.sum()), np.array(words), peak + (gap[:-1] + gap[1:]) / 2


def _inside(labels: list[int], alphabet: Alphabet) -> tuple[int, int]:
    """Where the labels begin and end without white space."""
    words = alphabet.words(labels)
    return (words[0][0], words[-1][1]) if words else (0, 0)


def _peaks(log_probs: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The likeliest frame of every label of the path (L,)."""
    if not len(path):
        return path
    best = log_probs[np.arange(len(path)), path]
    new = np.ones(len(path), np.bool_)
    np.not_equal(path[1:], path[:-1], out=new[1:])
    run = new.cumsum() - 1
    highest = np.maximum.reduceat(best, new.nonzero()[0])[run]
    top = ((best == highest) & (path != BLANK)).nonzero()[0]
    first = np.ones(len(top), np.bool_)  # of equal ones in a run
    np.not_equal(run[top[1:]], run[top[:-1]], out=first[1:])
    peaks: np.ndarray = top[first]
    return peaks


def _gaps(log_probs: np.ndarray, peaks: np.ndarray, labels: Sequence[int], alphabet: Alphabet) -> np.ndarray:
    """Log-probability that nothing else lies before, between and after the peaks (L + 1,)."""
    n_frames = len(log_probs)
    if not n_frames:
        return np.zeros(1)
    sides = np.zeros(len(labels) + 2, np.intp)  # the labels between which each gap lies
    sides[1:-1] = labels
    borders = np.zeros(len(labels) + 1, np.intp)
    borders[1:] = peaks
    frame = np.arange(n_frames)
    place = np.searchsorted(peaks, frame)  # the gap of each frame
    before, after = sides[place], sides[place + 1]
    free = np.exp(log_probs[:, BLANK], dtype=np.float64)
    free += np.exp(log_probs[frame, before]) * (before != BLANK)
    free += np.exp(log_probs[frame, after]) * ((after != BLANK) & (after != before))
    for space in alphabet.spaces:
        free += np.exp(log_probs[:, space]) * ((place == 0) | (place == len(labels)))
    free[peaks] = 1
    log_free: np.ndarray = np.log(free.clip(np.exp(_LEAST), 1))
    return np.add.reduceat(log_free, borders)
