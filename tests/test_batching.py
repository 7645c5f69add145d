"""Batches: every sample once, in few shapes, with little padding, in an order that repeats."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.batching import FILLER, Buckets, make_batch
from seqrec.config import Training
from seqrec.ragged import Ragged

lengths = st.lists(st.integers(1, 500), min_size=1, max_size=100).map(np.array)
bounds = st.integers(1, 4000)
counts = st.integers(1, 12)
multiples = st.sampled_from([1, 2, 8, 24])


@given(lengths, bounds, counts, multiples, st.integers(0, 9))
def test_an_epoch_holds_every_sample_once(
    n_frames: np.ndarray, bound: int, count: int, multiple: int, seed: int
) -> None:
    buckets = Buckets.of(n_frames, bound, count, multiple)
    plan = buckets.plan(n_frames, np.random.default_rng(seed))
    rows = np.concatenate([rows for _, rows in plan])
    assert sorted(rows[rows != FILLER]) == list(range(len(n_frames)))
    for bucket, rows in plan:
        assert len(rows) == buckets.sizes[bucket]
        assert n_frames[rows[rows != FILLER]].max() <= buckets.lengths[bucket]
    with_fillers = [bucket for bucket, rows in plan if FILLER in rows]
    assert len(with_fillers) == len(set(with_fillers))  # one batch of each length at most


@given(lengths, bounds, counts, multiples)
def test_shapes_are_few_and_within_the_bound(n_frames: np.ndarray, bound: int, count: int, multiple: int) -> None:
    buckets = Buckets.of(n_frames, bound, count, multiple)
    assert len(buckets.sizes) == len(buckets.lengths) <= count
    assert list(buckets.lengths) == sorted(set(buckets.lengths))
    assert all(length % multiple == 0 for length in buckets.lengths)
    assert n_frames.max() <= buckets.lengths[-1] < n_frames.max() + multiple
    for size, length in zip(buckets.sizes, buckets.lengths, strict=True):
        assert size * length <= bound or size == 1
        assert (size + 1) * length > bound or size == len(n_frames)


@pytest.mark.parametrize(
    ("n_frames", "count", "lengths"),
    [
        (range(1, 101), 4, (24, 48, 72, 104)),  # 24 x 24 + 24 x 48 + 24 x 72 + 28 x 104
        ([10, 10, 10, 90], 2, (16, 96)),
        ([10] * 90 + [50, 60, 90], 2, (16, 96)),  # 90 x 16 + 3 x 96; with 64 and 96: 92 x 64 + 96
        ([10, 50, 60, 90], 2, (64, 96)),  # 3 x 64 + 96 = 288; with 16 and 96: 304
        ([10, 11, 12], 8, (16,)),
        ([1_000_000, 5], 2, (1960, 1_001_560)),  # coarser, and still all that is needed
    ],
)
def test_lengths_by_hand(n_frames: list[int], count: int, lengths: tuple[int, ...]) -> None:
    assert Buckets.of(np.array(n_frames), 200, count, multiple=8).lengths == lengths


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30).map(np.array), st.integers(1, 3))
def test_no_other_lengths_pad_less(n_frames: np.ndarray, count: int) -> None:
    def padded(lengths: tuple[int, ...]) -> int:
        return int(sum(lengths[i] for i in np.searchsorted(lengths, n_frames)))

    found = Buckets.of(n_frames, 100, count, multiple=8).lengths
    longest = int(-(-n_frames.max() // 8) * 8)
    others = combinations_with_replacement(range(8, longest + 1, 8), count - 1)
    assert padded(found) == min(padded((*other, longest)) for other in others)


def test_batch_sizes_by_hand() -> None:
    assert Buckets.of(np.array([10, 10, 10, 90]), 200, count=2, multiple=8).sizes == (4, 2)


def test_no_batch_has_more_rows_than_samples() -> None:
    buckets = Buckets.of(np.array([[10, 10, 90], [12, 11, 80]]), 10**9, count=2, multiple=8)  # two versions
    assert buckets.sizes == (3, 3)


def test_what_does_not_fill_a_batch_moves_on() -> None:
    buckets = Buckets(sizes=(2, 2), lengths=(10, 20))
    plan = buckets.plan(np.array([5, 15, 6, 7]), np.random.default_rng(0))
    short, long = sorted((bucket, sorted(rows)) for bucket, rows in plan)
    assert short[0] == 0
    assert set(short[1]) < {0, 2, 3}
    assert long[0] == 1
    assert set(short[1]) | set(long[1]) == {0, 1, 2, 3}


def test_the_last_batch_is_filled_up() -> None:
    ((bucket, rows),) = Buckets(sizes=(3,), lengths=(8,)).plan(np.array([5]), np.random.default_rng(0))
    assert (bucket, rows.tolist()) == (0, [0, FILLER, FILLER])


def test_a_sample_beyond_the_bound_stands_alone() -> None:
    n_frames = np.array([10, 12, 5000, 11])
    buckets = Buckets.of(n_frames, 100, count=2, multiple=4)
    alone = [rows.tolist() for bucket, rows in buckets.plan(n_frames, np.random.default_rng(0)) if 2 in rows]
    assert alone == [[2]]


def test_little_of_a_large_epoch_is_padding() -> None:
    rng = np.random.default_rng(1)
    n_frames = np.round(rng.gamma(4, 60, 3000) + 20).astype(int)  # speech: mostly around 4 s, some 10 s and more
    buckets = Buckets.of(n_frames, 6000, Training().buckets)
    padded = sum(buckets.sizes[b] * buckets.lengths[b] for b, _ in buckets.plan(n_frames, rng))
    assert n_frames.sum() / padded > 0.94
    assert padded == buckets.frames(buckets.plan(n_frames, rng))
    one = Buckets.of(n_frames, 6000, count=1)
    assert n_frames.sum() / sum(one.sizes[b] * one.lengths[b] for b, _ in one.plan(n_frames, rng)) < 0.5


def test_the_order_repeats_with_the_generator_and_only_then() -> None:
    n_frames = np.random.default_rng(0).integers(10, 400, 500)
    buckets = Buckets.of(n_frames, 2000, count=8)

    def order(seed: int) -> list[tuple[int, list[int]]]:
        return [(b, rows.tolist()) for b, rows in buckets.plan(n_frames, np.random.default_rng(seed))]

    assert order(1) == order(1)
    assert order(1) != order(2)
    mates = {frozenset(rows) for _, rows in order(1)} & {frozenset(rows) for _, rows in order(2)}
    assert len(mates) < len(order(1)) / 4
    buckets_in_order = [bucket for bucket, _ in order(1)]
    assert buckets_in_order != sorted(buckets_in_order)


def test_a_batch_by_hand() -> None:
    labels = Ragged.of([[], [], [], [], [9], [], [], [3, 1, 3]])
    frames = np.array([[5, 6], [1, 2], [3, 4]], np.float32)  # one of sample 7, two of sample 4
    batch = make_batch(np.array([7, FILLER, 4]), 3, frames, np.array([1, 2]), labels)
    assert batch.frames.tolist() == [[[5, 6], [0, 0], [0, 0]], [[0, 0]] * 3, [[1, 2], [3, 4], [0, 0]]]
    assert batch.n_frames.tolist() == [1, 1, 2]
    assert batch.labels.tolist() == [[3, 1, 3], [0, 0, 0], [9, 0, 0]]
    assert batch.n_labels.tolist() == [3, 0, 1]
    assert batch.index.tolist() == [7, FILLER, 4]
    assert (batch.frames.dtype, batch.labels.dtype) == (np.float32, np.int32)
    assert (batch.n_frames.dtype, batch.n_labels.dtype) == (np.int32, np.int32)


def test_a_batch_without_any_label_keeps_a_column() -> None:
    batch = make_batch(np.array([0]), 4, np.ones((2, 1), np.float32), np.array([2]), Ragged.of([[]]))
    assert batch.labels.tolist() == [[0]]
    assert batch.n_labels.tolist() == [0]


def test_frames_that_are_too_long_are_no_batch() -> None:
    with pytest.raises(ValueError, match="could not be broadcast"):
        make_batch(np.array([0]), 2, np.ones((3, 1), np.float32), np.array([3]), Ragged.of([[]]))


def test_one_long_sample_does_not_draw_short_ones_along() -> None:
    """60 short samples in batches of 16, and one 20 times as long: the last 12 short ones stay among themselves."""
    n_frames = np.array([30] * 60 + [600])
    buckets = Buckets(sizes=(16, 2), lengths=(30, 600))
    plan = buckets.plan(n_frames, np.random.default_rng(0))
    assert sorted((bucket, int((rows != FILLER).sum())) for bucket, rows in plan) == [
        (0, 12),
        (0, 16),
        (0, 16),
        (0, 16),
        (1, 1),
    ]
    assert sorted(np.concatenate([rows[rows != FILLER] for _, rows in plan])) == list(range(61))
