"""How far a rate may be off by the chance of which samples it was measured on, and paired tests of two systems.

Bisani and Ney (2004): samples, or whole speakers and writers, are drawn anew with replacement, and the rates of
such sets spread as those of other sets would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

LEVEL = 0.95  # of the intervals
RESAMPLES = 2000
FLIPS = 10_000  # of the permutation test, where there are too many for all
SEED = 1
_ALL_FLIPS = 12  # with so many differences, or fewer, all 2 ** n ways are tried
_AT_ONCE = 1 << 22  # numbers drawn


class Interval(NamedTuple):
    low: float
    high: float


class Units(NamedTuple):
    """What is drawn as a whole: `unit` (N,) has each sample's unit of `n`; `kind` is "group" or "sample"."""

    kind: str
    unit: Array
    n: int


class Outcome(NamedTuple):
    """`p` is how often chance alone gives a difference as large, either way; `method` says how it was found."""

    p: float
    method: str


def units_of(groups: Sequence[str | None], least: int = 2) -> Units:
    """Groups where there are at least `least`, else samples. A sample without a group is one of its own."""
    if len({group for group in groups if group is not None}) < least:
        return Units("sample", np.arange(len(groups)), len(groups))
    numbers: dict[object, int] = {}
    index = [numbers.setdefault(i if group is None else group, len(numbers)) for i, group in enumerate(groups)]
    return Units("group", np.array(index, np.intp), len(numbers))


def totals(counts: Array, units: Units) -> Array:
    """Counts of samples (N, K), summed over each unit: float64 (units.n, K)."""
    columns = [np.bincount(units.unit, column, units.n) for column in np.asarray(counts, np.float64).T]
    return np.stack(columns, axis=1)


def resampled(totals: Array, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """Sums (resamples, K) over as many units as there are, drawn with replacement from totals (U, K)."""
    random, n = np.random.default_rng(seed), len(totals)
    step = max(1, _AT_ONCE // n)
    sums = []
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        sums.append(np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n) @ totals)
    return np.concatenate(sums)


def interval(values: Array) -> Interval:
    """Where the middle 95 % of values (R,) lie."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def permutation_test(differences: Array, flips: int = FLIPS, seed: int = SEED) -> Outcome:
    """Whether differences (U,) of paired errors have a sum other than 0 (approximate randomisation, Noreen 1989).

    Without a real difference the systems might be exchanged in any unit: signs are flipped at random, or in all
    ways where these are few.
    """
    values = np.asarray(differences, np.float64)
    values = values[values != 0]
    observed, n = abs(values.sum()), len(values)
    if n <= _ALL_FLIPS:
        signs = 1 - 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1)
        return Outcome(float(np.mean(abs(signs @ values) >= observed)), "exact permutation test")
    random, step, as_large = np.random.default_rng(seed), max(1, _AT_ONCE // n), 0
    for start in range(0, flips, step):
        rows = min(step, flips - start)
        signs = 1 - 2 * random.integers(0, 2, (rows, n), np.int8)
        as_large += int((abs(signs @ values) >= observed).sum())
    return Outcome((1 + as_large) / (1 + flips), "permutation test")


def mcnemar(one: int, other: int) -> Outcome:
    """The exact test of McNemar on the numbers of samples that only one and only the other system has right."""
    from scipy.special import bdtr  # type: ignore[import-untyped]

    n = one + other
    p = min(1.0, 2 * float(bdtr(min(one, other), n, 0.5))) if n else 1.0
    return Outcome(p, "exact test of McNemar")
