"""Two systems on the same samples: the difference of their rates, and whether chance may have made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seqrec.scoring import Paired, Score, Scored, score
from seqrec.scoring.analysis import Intervals, counts_of, drawn_row, intervals, rates, rates_row, warnings
from seqrec.scoring.resampling import (
    Interval,
    Outcome,
    Units,
    interval,
    mcnemar,
    permutation_test,
    resampled,
    totals,
    units_of,
)
from seqrec.scoring.texts import Words

LEAST_GROUPS = 6  # with fewer no permutation of them has p < 0.05
UNLIKELY = 0.05

RATES = ("cer", "wer", "sentence_error")
_ERRORS = {"cer": "wrong characters", "wer": "wrong words", "sentence_error": "wrong samples"}


@dataclass(frozen=True, slots=True)
class Difference:
    """The rate of B minus that of A. `relative` is B's errors over A's, less 1; none where A has none."""

    name: str
    a: float
    b: float
    interval: Interval
    relative: float | None
    test: Outcome

    @property
    def said(self) -> str:
        """In a plain sentence."""
        if self.a == self.b:
            return f"B has as many {_ERRORS[self.name]} as A"
        how = "fewer" if self.b < self.a else "more"
        share = "" if self.relative is None else f"{_percent(abs(self.relative))} "
        chance = "unlikely to be chance" if self.test.p < UNLIKELY else "may well be chance"
        return f"B has {share}{how} {_ERRORS[self.name]}; {chance} ({said_p(self.test.p)})"


@dataclass(frozen=True, slots=True)
class Change:
    """A sample that A and B read differently well."""

    a: Scored
    b: Scored

    @property
    def errors(self) -> int:
        """Characters that B has wrong, less those that A has."""
        return self.b.chars.errors - self.a.chars.errors


@dataclass(frozen=True, slots=True)
class Comparison:
    """`better` and `worse` are the samples of which B has fewer and more characters wrong, most changed first."""

    a: Score
    b: Score
    intervals: tuple[Intervals, Intervals]
    differences: tuple[Difference, ...]
    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    n_same: int
    words: Words
    units: Units
    tested: Units
    missing: tuple[tuple[str, ...], tuple[str, ...]]
    extra: tuple[tuple[str, ...], tuple[str, ...]]
    warnings: tuple[str, ...]


def compare(a: Paired, b: Paired, words: Words = "whitespace") -> Comparison:
    """Compare systems A and B, whose pairs have the same references in the same order."""
    scored = score(a.pairs, 0, words), score(b.pairs, 0, words)
    groups = [one.group for one in a.pairs]
    units, tested = units_of(groups), units_of(groups, LEAST_GROUPS)
    changes = [Change(*both) for both in zip(scored[0].samples, scored[1].samples, strict=True)]
    by_change = sorted((change for change in changes if change.errors), key=lambda change: -abs(change.errors))
    one, other = intervals(scored, units)
    return Comparison(
        *scored,
        (one, other),
        _differences(scored, units, tested),
        tuple(change for change in by_change if change.errors < 0),
        tuple(change for change in by_change if change.errors > 0),
        len(changes) - len(by_change),
        words,
        units,
        tested,
        (a.missing, b.missing),
        (a.extra, b.extra),
        (*warnings(scored[0], units, words), *_test_warning(units, tested)),
    )


def _differences(scored: Sequence[Score], units: Units, tested: Units) -> tuple[Difference, ...]:
    a, b = (counts_of(one) for one in scored)
    drawn = resampled(totals(np.concatenate([a, b], axis=1), units))
    spread = (rates(drawn[:, 6:]) - rates(drawn[:, :6])).T  # (3, R)
    flipped = totals((b - a)[:, 0::2], tested).T
    only_a, only_b = int((a[:, 4] < b[:, 4]).sum()), int((b[:, 4] < a[:, 4]).sum())
    tests = [permutation_test(errors) for errors in flipped]
    if tested.kind == "sample":
        tests[2] = mcnemar(only_a, only_b)
    sums = a.sum(0), b.sum(0)
    of_a, of_b = (rates(some) for some in sums)
    return tuple(
        Difference(
            name,
            float(of_a[i]),
            float(of_b[i]),
            interval(spread[i]),
            float(sums[1][2 * i] / sums[0][2 * i] - 1) if sums[0][2 * i] else None,
            tests[i],
        )
        for i, name in enumerate(RATES)
    )


def _test_warning(units: Units, tested: Units) -> tuple[str, ...]:
    if units.kind == tested.kind:
        return ()
    return (f"{units.n} groups are too few for a test over groups: p is of samples, and holds for these groups alone",)


def said_p(p: float) -> str:
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def as_row(found: Comparison) -> dict[str, Any]:
    """The whole result as a JSON object: what `seqrec compare --json` says."""
    systems = zip((found.a, found.b), found.intervals, found.missing, found.extra, strict=True)
    a, b = (
        {**rates_row(one), "intervals": asdict(of), "missing": list(missing), "extra": list(extra)}
        for one, of, missing, extra in systems
    )
    return {
        "a": a,
        "b": b,
        "word_tokenisation": found.words,
        "bootstrap": drawn_row(found.units),
        "test_over": {"over": found.tested.kind, "units": found.tested.n},
        "differences": {
            one.name: {
                "difference": one.b - one.a, "interval": one.interval, "relative": one.relative,
                "p": one.test.p, "test": one.test.method, "said": one.said,
            }
            for one in found.differences
        },
        "better": [_change_row(change) for change in found.better],
        "worse": [_change_row(change) for change in found.worse],
        "same": found.n_same,
        "warnings": list(found.warnings),
    }  # fmt: skip


def _change_row(change: Change) -> dict[str, Any]:
    return {
        "id": change.a.pair.id,
        "reference": change.a.pair.reference,
        "a": {"hypothesis": change.a.pair.hypothesis, "aligned": change.a.aligned, "errors": change.a.chars.errors},
        "b": {"hypothesis": change.b.pair.hypothesis, "aligned": change.b.aligned, "errors": change.b.chars.errors},
    }
