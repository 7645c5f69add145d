"""Intervals, tests, confusions, slices and calibration of scores."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.scoring import Pair, Paired, analysis, comparing, score
from seqrec.scoring.analysis import analyse, slices
from seqrec.scoring.comparing import compare
from seqrec.scoring.resampling import (
    interval,
    mcnemar,
    permutation_test,
    resampled,
    totals,
    units_of,
)


def paired(*pairs):
    return Paired(tuple(pairs), (), ())


def made(n, groups=0, wrong=0.3, seed=0):
    """Samples of one to three words, some of them with an error."""
    chance = random.Random(seed)
    pairs = []
    for i in range(n):
        text = " ".join(chance.choice(["cat", "dog", "horse"]) for _ in range(chance.randint(1, 3)))
        heard = text.replace("o", "a") if chance.random() < wrong else text
        pairs.append(Pair(f"s{i}", text, heard, f"g{i % groups}" if groups else None))
    return pairs


# The bootstrap


def test_resamples_are_those_of_a_plain_loop():
    sums = np.array([[1, 10, 0], [0, 4, 2], [7, 8, 1]], float)
    drawn = np.random.default_rng(5).integers(0, 3, (50, 3))
    plain = [[sum(sums[unit][k] for unit in row) for k in range(3)] for row in drawn]
    np.testing.assert_array_equal(resampled(sums, 50, seed=5), plain)


def test_many_units_are_drawn_in_parts():
    sums = np.arange(200.0).reshape(100, 2)
    found = resampled(np.repeat(sums, 500, axis=0), 200)  # 50,000 units: 83 resamples at once
    assert found.shape == (200, 2)
    assert found[:, 1].mean() == pytest.approx(100 * 50_000, rel=0.01)
    assert len(np.unique(found[:, 0])) > 190


def test_the_interval_of_a_share_is_the_binomial_one():
    n, share = 400, 0.3
    counts = np.array([[i < share * n, 1] for i in range(n)], float)
    sums = resampled(counts)
    found, width = interval(sums[:, 0] / sums[:, 1]), 1.96 * sqrt(share * (1 - share) / n)
    assert found.low == pytest.approx(share - width, abs=0.006)
    assert found.high == pytest.approx(share + width, abs=0.006)


def test_nine_in_ten_intervals_or_more_hold_the_truth():
    chance = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        errors = chance.random(150) < 0.2
        sums = resampled(np.column_stack([errors, np.ones(150)]), 300, seed=trial)
        found = interval(sums[:, 0] / sums[:, 1])
        held += found.low <= 0.2 <= found.high
    assert 180 <= held <= 199


def test_groups_are_drawn_whole():
    """All errors are of one of ten writers: the rate of other writers may be nearly anything."""
    pairs = [Pair(f"{g}-{i}", "ab", "ab" if g else "cd", f"g{g}") for g in range(10) for i in range(50)]
    of_groups = analyse(paired(*pairs)).intervals.cer
    of_samples = analyse(paired(*(Pair(one.id, one.reference, one.hypothesis) for one in pairs))).intervals.cer
    assert (of_groups.low, of_groups.high) == (0.0, pytest.approx(0.3))
    assert 0.07 < of_samples.low < 0.1 < of_samples.high < 0.14


@pytest.mark.parametrize(
    ("groups", "least", "kind", "unit"),
    [
        (["a", "b", "a"], 2, "group", [0, 1, 0]),
        (["a", None, "a", None, "b"], 2, "group", [0, 1, 0, 2, 3]),
        (["a", "a"], 2, "sample", [0, 1]),
        ([None, None], 2, "sample", [0, 1]),
        (["a", "b", "a"], 3, "sample", [0, 1, 2]),
    ],
)
def test_what_is_drawn(groups, least, kind, unit):
    found = units_of(groups, least)
    assert (found.kind, found.unit.tolist(), found.n) == (kind, unit, max(unit) + 1)


def test_totals_of_units():
    counts = np.array([[1, 2], [3, 4], [5, 6]])
    assert totals(counts, units_of(["a", "b", "a"])).tolist() == [[6, 8], [3, 4]]


# The paired tests


def exact_p(differences):
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True))
            for signs in itertools.product((1, -1), repeat=len(differences))]  # fmt: skip
    return sum(abs(s) >= abs(sum(differences)) for s in sums) / len(sums)


@given(st.lists(st.integers(-5, 5), max_size=9))
def test_few_differences_are_tested_in_all_ways(differences):
    found = permutation_test(np.array(differences, float))
    assert found.p == pytest.approx(exact_p(differences))
    assert found.method == "exact permutation test"


@pytest.mark.parametrize(
    ("differences", "p"), [([], 1.0), ([0, 0], 1.0), ([1], 1.0), ([3, 1], 0.5), ([1] * 6, 2 / 64), ([1, -1], 1.0)]
)
def test_permutations_by_hand(differences, p):
    assert permutation_test(np.array(differences, float)).p == p


def test_many_differences_are_flipped_at_random():
    differences = np.array([2, -1, 1, 3, -2, 1, 1, -1, 2, -3, 1, 2, 1, 1, -1])  # 15: 32,768 ways
    found = permutation_test(differences)
    assert found.method == "permutation test"
    assert found.p == pytest.approx(exact_p(differences), abs=0.015)
    assert permutation_test(np.ones(100)).p == 1 / 10_001  # never 0


def test_chance_alone_is_rarely_called_a_difference():
    chance = np.random.default_rng(1)
    low = sum(permutation_test(chance.integers(-2, 3, 40), flips=400, seed=i).p < 0.05 for i in range(300))
    assert low <= 27  # 15 expected, three standard deviations more


@pytest.mark.parametrize(("one", "other"), [(0, 0), (3, 3), (1, 9), (9, 1), (0, 6), (12, 30)])
def test_mcnemar_is_the_binomial_test(one, other):
    n = one + other
    tail = sum(comb(n, k) for k in range(min(one, other) + 1)) / 2**n
    assert mcnemar(one, other).p == pytest.approx(min(1, 2 * tail))


# One system


def test_rates_and_intervals_belong_together():
    found = analyse(paired(*made(300)))
    for rate, of in (
        (found.score.cer, found.intervals.cer),
        (found.score.wer, found.intervals.wer),
        (found.score.sentence_error, found.intervals.sentence_error),
    ):
        assert 0 < of.low < rate < of.high < 1
    assert found.intervals == analyse(paired(*made(300))).intervals


@given(st.lists(st.tuples(st.text("ab ", max_size=5), st.text("ab ", max_size=5)), min_size=1, max_size=8))
def test_whatever_comes_is_analysed(texts):
    found = analyse(paired(*(Pair(str(i), a, b) for i, (a, b) in enumerate(texts))), by="length")
    row = json.loads(json.dumps(analysis.as_row(found), allow_nan=False))
    confused = row["confusions"]["characters"]
    n = sum(one["count"] for kind in confused.values() for one in kind)
    assert n == row["characters"]["errors"]
    assert sum(one["samples"] for one in row["slices"]["rows"]) == len(texts)


def test_confusions_by_hand():
    found = analyse(paired(Pair("a", "the cat", "tha cats"), Pair("b", "the end", "tha nd")))
    assert found.chars_confused.substituted == Counter({("e", "a"): 2})
    assert found.chars_confused.inserted == Counter("s")
    assert found.chars_confused.deleted == Counter("e")
    assert found.words_confused.substituted[("the", "tha")] == 2


def test_variants_by_hand():
    found = analyse(paired(Pair("a", "The cat.", "the cat"), Pair("b", "no!", "No!")))
    rates = {name: (one.chars.errors, one.words.errors, one.n_wrong) for name, (one, _) in found.variants.items()}
    assert (found.score.chars.errors, found.score.words.errors) == (3, 3)
    assert rates == {"no_case": (1, 1, 1), "no_punctuation": (2, 2, 2), "no_case_no_punctuation": (0, 0, 0)}


def test_groups_are_sorted_worst_first():
    texts = (("ab", "ab", "x"), ("ab", "cd", "y"), ("ab", "ad", None), ("a", "a", "y"))
    pairs = [Pair(str(i), *text) for i, text in enumerate(texts)]
    found = slices(score(pairs), "group")
    assert [(name, part.n_samples, part.chars.errors) for name, part in found.items()] == [
        ("y", 2, 2), ("(no group)", 1, 1), ("x", 1, 0),
    ]  # fmt: skip


def test_lengths_are_in_order():
    pairs = [Pair(str(n), "a" * n, "a") for n in (9, 0, 1, 2, 3, 4, 7, 8)]
    found = slices(score(pairs), "length")
    assert {name: part.n_samples for name, part in found.items()} == {
        "0": 1, "1": 1, "2 to 3": 2, "4 to 7": 2, "8 to 15": 2,
    }  # fmt: skip
    assert list(found) == ["0", "1", "2 to 3", "4 to 7", "8 to 15"]


def test_calibration_by_hand():
    pairs = [
        Pair("1", "the cat", "the cat", None, 0.9, (("the", 1.0), ("cat", 0.5))),
        Pair("2", "the cat", "a the car", None, 0.6, (("a", 0.0), ("the", 1.0), ("car", 0.5))),
        Pair("3", "x", "y"),
    ]
    found = analyse(paired(*pairs))
    lines, words = found.lines_sure, found.words_sure
    assert lines
    assert words
    assert (lines.n, lines.error) == (2, pytest.approx((0.1 + 0.6) / 2))
    bands = [(band.low, band.high, band.n, band.right) for band in lines.bands]
    assert bands == [(0.5, 0.8, 1, 0.0), (0.9, 0.95, 1, 1.0)]
    assert (words.n, words.error) == (5, 0.0)  # of "cat" and "car", 0.5 each, one is right
    assert [(band.low, band.n, band.right) for band in words.bands] == [(0.0, 1, 0.0), (0.5, 2, 0.5), (0.99, 2, 1.0)]


def test_without_confidences_nothing_is_said_of_them():
    found = analyse(paired(*made(5)))
    assert (found.lines_sure, found.words_sure) == (None, None)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (made(20, groups=4), "4 groups are few"),
        (made(19), "19 samples are few"),
        (made(20, groups=1), "all samples are of one group"),
        ([Pair(str(i), "我爱你", "我爱你") for i in range(20)], "no spaces between words"),
    ],
)
def test_warnings(pairs, said):
    [warning] = analyse(paired(*pairs)).warnings
    assert said in warning


def test_no_warnings():
    assert analyse(paired(*made(40, groups=20))).warnings == ()
    assert analyse(paired(*made(40))).warnings == ()
    pairs = [Pair(str(i), "我爱你", "我爱你") for i in range(20)]
    assert analyse(paired(*pairs), words="mixed").warnings == ()


# Two systems


def improved(pairs):
    return [Pair(one.id, one.reference, one.reference, one.group) for one in pairs]


def test_a_better_system_is_found_better():
    pairs = made(200)
    found = compare(paired(*pairs), paired(*improved(pairs)))
    cer, _, sentence = found.differences
    assert cer.interval.low < cer.b - cer.a < cer.interval.high < 0
    assert (cer.relative, cer.test.p < 0.001) == (-1.0, True)
    assert sentence.test.method == "exact test of McNemar"
    assert cer.said == "B has 100% fewer wrong characters; unlikely to be chance (p < 0.001)"
    assert (len(found.better), len(found.worse)) == (found.a.n_wrong, 0)


def test_exchanging_the_systems_turns_the_differences_round():
    a = made(60, seed=1)
    b = [Pair(x.id, x.reference, y.reference) for x, y in zip(a, made(60, seed=2), strict=True)]
    one, other = compare(paired(*a), paired(*b)), compare(paired(*b), paired(*a))
    for x, y in zip(one.differences, other.differences, strict=True):
        assert (x.a, x.b, x.test.p) == (y.b, y.a, y.test.p)
        assert x.interval.low == pytest.approx(-y.interval.high)
    assert [change.a.pair.id for change in one.better] == [change.b.pair.id for change in other.worse]


def test_a_system_is_as_good_as_itself():
    found = compare(paired(*made(30)), paired(*made(30)))
    assert all((one.interval, one.test.p) == ((0, 0), 1) for one in found.differences)
    assert found.differences[0].said == "B has as many wrong characters as A"
    assert (found.better, found.worse, found.n_same) == ((), (), 30)


def test_no_errors_in_a_give_no_relative_change():
    found = compare(paired(Pair("a", "ab", "ab")), paired(Pair("a", "ab", "a")))
    assert found.differences[0].relative is None
    assert found.differences[0].said == "B has more wrong characters; may well be chance (p = 1.000)"


@pytest.mark.parametrize(
    ("n", "tested", "method", "warned"),
    [
        (5, "sample", "exact test of McNemar", ["5 groups are few", "5 groups are too few for a test"]),
        (6, "group", "exact permutation test", ["6 groups are few"]),
        (25, "group", "permutation test", []),
    ],
)
def test_what_is_tested(n, tested, method, warned):
    pairs = made(200, groups=n, wrong=0.5)
    found = compare(paired(*pairs), paired(*improved(pairs)))
    assert (found.units.kind, found.tested.kind) == ("group", tested)
    assert found.differences[2].test.method == method
    assert [said in warning for said, warning in zip(warned, found.warnings, strict=True)] == [True] * len(warned)


def test_of_six_groups_that_are_all_better_p_is_one_in_32():
    pairs = made(120, groups=6, wrong=1.0)
    assert compare(paired(*pairs), paired(*improved(pairs))).differences[0].test.p == 2 / 64


def test_changes_are_sorted_and_counted():
    a = paired(Pair("1", "abcd", "abcd"), Pair("2", "abcd", "x"), Pair("3", "abcd", "abc"), Pair("4", "a", "b"))
    b = paired(Pair("1", "abcd", "ab"), Pair("2", "abcd", "abcd"), Pair("3", "abcd", "abcd"), Pair("4", "a", "c"))
    row = comparing.as_row(compare(a, b))
    assert [(one["id"], one["a"]["errors"], one["b"]["errors"]) for one in row["better"]] == [("2", 4, 0), ("3", 1, 0)]
    assert [(one["id"], one["b"]["aligned"]) for one in row["worse"]] == [("1", "ab[-cd-]")]
    assert row["same"] == 1
    json.dumps(row, allow_nan=False)
