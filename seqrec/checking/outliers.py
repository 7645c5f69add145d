"""Numbers that lie far from the others, by medians: a few wrong ones do not hide each other."""

from __future__ import annotations

import numpy as np

FEWEST = 50  # samples among which something can be called unusual
_CLASS = 100  # samples of like length whose median is taken
_LEAST_SPREAD = 0.1  # in logarithms: what differs by some percent is never far away
_TO_DEVIATION = 1.4826  # of a normal distribution, times the median absolute deviation


def far_rates(lengths: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far signals of some lengths (N,) with so many characters (N,) lie from what is usual, both above 0.

    Returns deviations (N,), negative where the signal is too short for its text, and what is usual (N,). Lengths
    grow with a power of the number of characters: 1 where they are in proportion, 0 where all recordings have one
    length. From that law, logarithms differ by a median of their own for each number of characters.
    """
    by_count = _power(lengths, counts) * np.log(counts)
    rest = np.log(lengths) - by_count
    deviations, usual = np.zeros(len(rest)), np.zeros(len(rest))
    for members in _classes(counts):
        deviations[members] = far(rest[members])
        usual[members] = np.exp(np.median(rest[members]) + by_count[members])
    return deviations, usual


def _power(lengths: np.ndarray, counts: np.ndarray) -> float:
    """The middle slope, from 0 to 1, of log(length) over log(count) through pairs of a shorter and a longer text.

    A weighted median (after Theil and Sen): pairs with texts of very different lengths say more.
    """
    order = np.argsort(counts, kind="stable")
    half = len(order) // 2
    short, long = order[:half], order[-half:]
    ways = np.log(counts[long] / counts[short])
    if not ways.any():
        return 1.0
    apart = ways > 0
    slopes = np.log(lengths[long] / lengths[short])[apart] / ways[apart]
    ranked = np.argsort(slopes, kind="stable")
    total = np.cumsum(ways[apart][ranked])
    return float(np.clip(slopes[ranked][np.searchsorted(total, total[-1] / 2)], 0, 1))


def far(values: np.ndarray) -> np.ndarray:
    """How many deviations values (N,) lie from their median, each side by its own spread."""
    away = values - np.median(values)
    below, above = (max(_spread(side), _LEAST_SPREAD) for side in (-away[away <= 0], away[away >= 0]))
    return np.asarray(np.where(away < 0, away / below, away / above))


def _spread(side: np.ndarray) -> float:
    return _TO_DEVIATION * float(np.median(side))


def _classes(counts: np.ndarray) -> list[np.ndarray]:
    """Which samples have about as many characters: all with the same number, and of neighbouring ones enough."""
    order = np.argsort(counts, kind="stable")
    cuts = [0]
    for cut in np.flatnonzero(np.diff(counts[order])) + 1:
        if cut - cuts[-1] >= _CLASS and len(order) - cut >= _CLASS:
            cuts.append(int(cut))
    return np.split(order, cuts[1:])


def odd_ones(kinds: np.ndarray, most: float, fewest: int) -> np.ndarray:
    """Which of some numbers (N,) are not the commonest, where that has a share of `most` or more of at least `fewest`.

    Returns bool (N,); none is odd where no number is common enough.
    """
    values, counts = np.unique(kinds, return_counts=True)
    if len(kinds) < fewest or counts.max() < most * len(kinds):
        return np.zeros(len(kinds), bool)
    return np.asarray(kinds != values[counts.argmax()])
