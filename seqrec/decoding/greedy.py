"""Best path decoding (Graves et al. 2006, section 3.2): the likeliest label of every frame, joined.

How sure a text is follows from the paths that agree with it: those that have each label at its peak, the frame
where it is likeliest, and between two peaks nothing but blanks and these two labels. That lacks little of the sum
over all paths of the text (Graves' forward variable), ranks texts as well, and takes no loop over the frames.
"""

from __future__ import annotations

import numpy as np

from seqrec.alphabet import BLANK, Alphabet
from seqrec.decoding import Reading


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
    start, end = _inside(path[peaks].tolist(), alphabet)
    peaks = peaks[start:end]
    labels = path[peaks]
    peak = np.minimum(log_probs[peaks, labels].astype(np.float64), 0)
    gap = _gaps(log_probs, peaks, labels, alphabet)
    found: list[int] = labels.tolist()
    return Reading(
        tuple(found),
        float(np.exp(peak.sum() + gap.sum())),
        _words(peak, gap, alphabet.words(found)),
        tuple(np.exp(peak + (gap[:-1] + gap[1:]) / 2).tolist()),
    )


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


def _gaps(log_probs: np.ndarray, peaks: np.ndarray, labels: np.ndarray, alphabet: Alphabet) -> np.ndarray:
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
    log_free: np.ndarray = np.log(free.clip(np.finfo(np.float64).tiny, 1))
    return np.add.reduceat(log_free, borders)


def _words(peak: np.ndarray, gap: np.ndarray, places: list[tuple[int, int]]) -> tuple[float, ...]:
    last = len(peak)
    logs = [peak[max(a - 1, 0) : min(b + 1, last)].sum() + gap[a : b + 1].sum() for a, b in places]
    return tuple(np.exp(logs).tolist())
