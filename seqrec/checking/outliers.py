"""Numbers that lie far from the others, by medians: a few wrong ones do not hide each other."""

from __future__ import annotations

import numpy as np

FEWEST = 50  # samples among which something can be called unusual
_CLASS = 100  # samples with about as many characters whose own median is taken ...
_ALIKE = 0.2  # ... in logarithms: so much do their numbers differ ...
_LAW = 0.7  # ... and so much may that median lie off the law for all: a factor of 2
_LEAST_SPREAD = 0.1  # in logarithms: what differs by some percent is never far away
_SAME = 1e-9  # in logarithms: rounding puts no value on another side of the median
_TO_DEVIATION = 1.4826  # of a normal distribution, times the median absolute deviation


def far_rates(lengths: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far signals of some lengths (N,) with so many characters (N,) lie from what is usual, both above 0.

    Returns deviations (N,), negative where the signal is too short for its text, and what is usual (N,). Lengths
    grow with a power of the number of characters: 1 where they are in proportion, 0 where all recordings have one
    length. About that law, texts with about as many characters have a median and a spread of their own: of a single
    letter they differ more. Where such texts are few, or all far off the law, the law and the spread of all count.
    """
    by_count = _power(lengths, counts) * np.log(counts)
    rest = np.log(lengths) - by_count
    middle = float(np.median(rest))
    deviations, usual = far(rest), np.exp(middle + by_count)
    classes = np.round(np.log(counts) / _ALIKE)
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        own = float(np.median(rest[members]))
        if len(members) >= _CLASS and abs(own - middle) <= _LAW:
            deviations[members] = far(rest[members])
            usual[members] = np.exp(own + by_count[members])
    return deviations, usual


def _power(lengths: np.ndarray, counts: np.ndarray) -> float:
    """The middle slope, from 0 to 1, of log(length) over log(count) through pairs of a shorter and a longer text.

    After Theil (1950) and Sen (1968), whose median stands a quarter of wrong samples.
    """
    order = np.argsort(counts, kind="stable")
    half = len(order) // 2
    short, long = order[:half], order[-half:]
    ways = np.log(counts[long] / counts[short])
    apart = ways > 0
    if not apart.any():
        return 1.0
    slopes = np.log(lengths[long] / lengths[short])[apart] / ways[apart]
    return float(np.clip(np.median(slopes), 0, 1))


def far(values: np.ndarray) -> np.ndarray:
    """How many deviations values (N,) lie from their median, each side by its own spread."""
    away = values - np.median(values)
    away[np.abs(away) < _SAME] = 0
    below, above = (max(_spread(side), _LEAST_SPREAD) for side in (-away[away <= 0], away[away >= 0]))
    return np.asarray(np.where(away < 0, away / below, away / above))


def _spread(side: np.ndarray) -> float:
    return _TO_DEVIATION * float(np.median(side))


def odd_ones(kinds: np.ndarray, most: float, fewest: int) -> np.ndarray:
    """Which of some numbers (N,) are not the commonest, where that has a share of `most` or more of at least `fewest`.

    Returns bool (N,); none is odd where no number is common enough.
    """
    values, counts = np.unique(kinds, return_counts=True)
    if len(kinds) < fewest or counts.max() < most * len(kinds):
        return np.zeros(len(kinds), bool)
    return np.asarray(kinds != values[counts.argmax()])
