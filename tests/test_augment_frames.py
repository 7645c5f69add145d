"""Augmentation of frames: as many as before, masks within their bounds, nothing changed in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.augment.frames import Augmenter
from seqrec.errors import ConfigError


def random_frames(count: int = 50, dim: int = 13, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def augmented(options: dict[str, Any], frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The frames of one sample, changed."""
    return Augmenter.parse(options, "test")(frames, np.array([len(frames)]), rng)


def runs(zero: np.ndarray) -> list[int]:
    """Lengths of the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], zero.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 20), st.integers(0, 9),
    st.fixed_dictionaries({
        "time_masks": st.integers(0, 3), "time_mask": st.integers(0, 40), "feature_masks": st.integers(0, 3),
        "feature_mask": st.integers(0, 30), "warp": st.floats(0, 0.9), "noise": st.floats(0, 1),
    }),
)  # fmt: skip
def test_shape_and_repetition(counts: list[int], dim: int, seed: int, options: dict[str, float]) -> None:
    frames, n_frames = random_frames(sum(counts), dim, seed), np.array(counts)
    before = frames.copy()
    changed = [Augmenter.parse(options, "test")(frames, n_frames, np.random.default_rng(seed)) for _ in range(2)]
    assert changed[0].shape == frames.shape
    assert changed[0].dtype == np.float32
    assert np.isfinite(changed[0]).all()
    np.testing.assert_array_equal(*changed)
    np.testing.assert_array_equal(frames, before)


def test_by_default_nothing_changes() -> None:
    frames = random_frames()
    same = augmented({}, frames, np.random.default_rng(0))
    np.testing.assert_array_equal(same, frames)
    assert same is not frames


def test_a_time_mask_hides_whole_frames_up_to_its_bounds() -> None:
    frames, rng = random_frames(100), np.random.default_rng(0)
    widths = set()
    for _ in range(300):
        hidden = (augmented({"time_masks": 1, "time_mask": 7}, frames, rng) == 0).all(axis=1)
        widths.add(int(hidden.sum()))
        assert len(runs(hidden)) <= 1
    assert widths == set(range(8))


def test_a_time_mask_hides_at_most_a_fifth() -> None:
    frames, rng = random_frames(11), np.random.default_rng(0)
    hidden = [
        int((augmented({"time_masks": 1, "time_mask": 50}, frames, rng) == 0).all(axis=1).sum()) for _ in range(200)
    ]
    assert max(hidden) == 2
    assert not (augmented({"time_masks": 9, "time_mask": 50}, frames[:4], rng) == 0).any()


def test_a_feature_mask_hides_neighbouring_features_everywhere() -> None:
    frames, rng = random_frames(), np.random.default_rng(0)
    widths = set()
    for _ in range(300):
        hidden = augmented({"feature_masks": 1, "feature_mask": 4}, frames, rng) == 0
        assert (hidden == hidden[0]).all()
        assert len(runs(hidden[0])) <= 1
        widths.add(int(hidden[0].sum()))
    assert widths == set(range(5))


def test_warping_keeps_the_ends_and_the_order() -> None:
    ramp = np.arange(41, dtype=np.float32)[:, None]
    rng = np.random.default_rng(0)
    moves = []
    for _ in range(200):
        warped = augmented({"warp": 0.2}, ramp, rng)[:, 0]
        assert (warped[0], warped[-1]) == (0, 40)
        assert (np.diff(warped) > 0).all()
        bends = np.abs(np.diff(warped, n=2)) > 1e-3
        assert bends.sum() <= 2  # at both ends of the step that the point lies in
        moves.append(np.abs(warped - ramp[:, 0]).max())
    assert 4 < max(moves) <= 0.2 * 40 + 1e-3


def test_warping_by_hand() -> None:
    class Fixed:
        """Moves the middle point from 0.5 to 0.75 of the length."""

        given = iter((0.5, 0.25))

        def uniform(self, low: float, high: float, size: int) -> np.ndarray:
            return np.full(size, next(self.given))

    frames = np.array([0, 1, 2, 3, 4], np.float32)[:, None]
    warped = augmented({"warp": 0.5}, frames, Fixed())  # type: ignore[arg-type]
    np.testing.assert_allclose(warped[:, 0], [0, 2 / 3, 4 / 3, 2, 4], rtol=1e-6)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(0, 99))
def test_samples_do_not_mix(counts: list[int], seed: int) -> None:
    """Each has a range of values of its own, and 0 where it is hidden."""
    levels = 10.0 * np.arange(1, len(counts) + 1)
    frames = np.repeat(levels, counts)[:, None] + random_frames(sum(counts), 4, seed).clip(-1, 1)
    masks = {"time_masks": 1, "time_mask": 9, "feature_masks": 1, "feature_mask": 2}
    changed = Augmenter.parse({"warp": 0.5, **masks}, "test")(frames, np.array(counts), np.random.default_rng(seed))
    for level, own in zip(levels, np.split(changed, np.cumsum(counts)[:-1]), strict=True):
        assert ((own == 0) | (abs(own - level) <= 1.001)).all()
        assert len(runs((own == 0).all(axis=1))) <= 1
        assert (own == 0).all(axis=1).sum() <= len(own) // 5


def test_each_sample_has_its_own_masks() -> None:
    frames, n_frames = np.ones((4000, 6), np.float32), np.full(400, 10)
    options = {"time_masks": 1, "time_mask": 9, "feature_masks": 1, "feature_mask": 5}
    changed = Augmenter.parse(options, "test")(frames, n_frames, np.random.default_rng(0)).reshape(400, 10, 6)
    visible_frames, visible_features = (changed.any(axis=axis) for axis in (2, 1))
    assert set(visible_frames.sum(axis=1)) == {8, 9, 10}
    assert set(visible_features.sum(axis=1)) == {1, 2, 3, 4, 5, 6}
    assert len({tuple(each) for each in visible_frames}) == 1 + 10 + 9
    assert len({tuple(each) for each in visible_features}) == 1 + 6 + 5 + 4 + 3 + 2


def test_ranges_and_chances_hold_for_each_sample() -> None:
    frames, n_frames = np.ones((8000, 6), np.float32), np.full(400, 20)

    def changed(**options: object) -> np.ndarray:
        return Augmenter.parse(options, "test")(frames, n_frames, np.random.default_rng(0)).reshape(400, 20, 6)

    hidden = 20 - changed(time_masks={"most": 1, "p": 0.3}, time_mask=[3, 4]).any(axis=2).sum(axis=1)
    assert set(hidden) == {0, 3, 4}
    assert np.mean(hidden > 0) == pytest.approx(0.3, abs=0.07)
    hidden = 6 - changed(feature_masks=1, feature_mask={"range": [2, 2], "p": 0.5}).any(axis=1).sum(axis=1)
    assert set(hidden) == {0, 2}
    assert np.mean(hidden > 0) == pytest.approx(0.5, abs=0.07)
    loud = (changed(noise={"range": [0.2, 0.4], "p": 0.5}) - 1).std(axis=(1, 2))
    assert np.mean(loud > 0) == pytest.approx(0.5, abs=0.07)
    assert 0.1 < loud[loud > 0].min() < 0.25 < 0.35 < loud.max() < 0.5


def test_a_ramp_hides_more_and_more() -> None:
    frames, n_frames = np.ones((20_000, 2), np.float32), np.full(400, 50)
    augmenter = Augmenter.parse({"time_masks": {"most": 2, "ramp": [0.2, 0.6]}, "time_mask": [5, 5]}, "test")
    assert augmenter.ramp == (0.2, 0.6)
    for done, share in ((0.0, 0.0), (0.3, 0.05), (0.4, 0.1), (0.6, 0.19), (1.0, 0.19)):
        hidden = augmenter.at(done)(frames, n_frames, np.random.default_rng(0)) == 0
        assert hidden.mean() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("count", [1, 2])
def test_too_short_to_warp(count: int) -> None:
    frames = random_frames(count)
    np.testing.assert_array_equal(augmented({"warp": 0.9}, frames, np.random.default_rng(0)), frames)


def test_noise_has_its_deviation() -> None:
    added = augmented({"noise": 0.3}, np.zeros((400, 50), np.float32), np.random.default_rng(0))
    assert added.std() == pytest.approx(0.3, rel=0.02)
    assert added.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"time_mask": -1}, "time_mask: -1"),
        ({"warp": 1.0}, "warp: 1.0"),
        ({"noise": "much"}, "noise: 'much'"),
        ({"time_maks": 1}, "Did you mean 'time_mask"),
    ],
)
def test_bad_options(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Augmenter.parse(options, "[augment.frames]")
    assert said in str(caught.value)
