"""augment/image.py: changed copies of line images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.augment import image as augment
from seqrec.errors import ConfigError
from seqrec.features.columns import Extractor

EXTRACT = Extractor()
OPTIONS = {
    "shear": 20.0, "rotation": 2.0, "scale_x": 0.3, "scale_y": 0.2, "shift": 0.1, "tempo": 0.3, "elastic": 0.03,
    "thickness": 0.05, "blur": 0.03, "contrast": 0.5, "gamma": 0.5, "noise": 0.1, "perspective": 0.2,
    "background": [0.4, 0.8], "binarise": {"range": [0.3, 0.6], "p": 1},
}  # fmt: skip


class Always:
    """A generator whose every draw is the most: amounts become known."""

    def uniform(self, low, high, size=None):
        return high if size is None else np.full(size, high)

    def standard_normal(self, size, dtype):
        return np.ones(size, dtype)


def _line(width: int = 200) -> np.ndarray:
    image = np.zeros((48, width), np.float32)
    for x in range(20, width - 10, 20):
        image[12:36, x : x + 3] = 1
    return image


def _changed(rng=None, image=None, **options):
    return augment.Augmenter(**options)(_line() if image is None else image, rng or np.random.default_rng(0), EXTRACT)


def _grey_changed(seed, **options):
    return _changed(np.random.default_rng(seed), _line() * np.linspace(0.2, 0.7, 200, dtype=np.float32), **options)


def test_without_options_nothing_changes_and_a_copy_comes_back():
    line = _line()
    copy = _changed(image=line)
    assert np.array_equal(copy, line)
    assert not np.shares_memory(copy, line)


@pytest.mark.parametrize("name", list(OPTIONS))
def test_each_option_changes_the_image_and_not_the_original(name):
    line = _line() * np.float32(0.7)
    changed = _changed(image=line, **{name: OPTIONS[name]})
    assert np.array_equal(line, _line() * np.float32(0.7))
    assert changed.dtype == np.float32
    assert changed.shape[0] == 48
    assert changed.shape != line.shape or np.abs(changed - line).max() > 0.01
    assert changed.min() >= 0
    assert changed.max() <= 1


@pytest.mark.parametrize("name", list(OPTIONS))
def test_the_same_seed_gives_the_same_image_and_another_another(name):
    one, same, other = (_grey_changed(seed, **{name: OPTIONS[name]}) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_shear_leans_strokes_and_keeps_them_all():
    leaning = _changed(Always(), shear=45.0)
    assert leaning.shape == (48, 248)
    rows = leaning.argmax(axis=1)  # the first stroke, row by row
    assert rows[12] - rows[35] == pytest.approx(23, abs=1)
    assert leaning.sum() == pytest.approx(_line().sum(), rel=0.02)


def test_scale_x_changes_the_width_alone():
    wide = _changed(Always(), scale_x=float(np.log(1.5)))
    assert wide.shape == (48, 300)
    assert wide.sum() == pytest.approx(1.5 * _line().sum(), rel=0.03)
    assert np.flatnonzero(wide.max(axis=1)).tolist() == list(range(12, 36))


def test_scale_y_and_shift_move_rows():
    assert np.flatnonzero(_changed(Always(), shift=0.125).max(axis=1) > 0.5).tolist() == list(range(18, 42))
    tall = np.flatnonzero(_changed(Always(), scale_y=float(np.log(1.5))).max(axis=1) > 0.5)
    assert (tall[0], tall[-1]) == (6, 41)


def test_rotation_lifts_one_end():
    image = np.zeros((48, 200), np.float32)
    image[24] = 1
    turned = _changed(Always(), image=image, rotation=5.0)
    rise = turned[:, 5].argmax() - turned[:, -6].argmax()
    assert abs(rise) == pytest.approx(np.tan(np.radians(5)) * 189, abs=1.5)


def test_tempo_keeps_the_ends_and_the_width():
    changed = _changed(image=_line(800), tempo=0.4)
    assert changed.shape == (48, 800)
    columns = np.flatnonzero(changed.max(axis=0) > 0.5)
    gaps = np.diff(columns)[np.diff(columns) > 1]
    assert len(gaps) == len(range(20, 790, 20)) - 1
    assert np.ptp(gaps) >= 6
    assert abs(columns[0] - 20) <= 16
    assert abs(columns[-1] - 782) <= 16


def test_elastic_moves_points_by_its_deviation():
    moved = augment.Augmenter(elastic=0.05)._elastic(0.05, (48, 4000), np.random.default_rng(0))
    assert moved.shape == (48, 4000)
    assert 0.4 * 0.05 * 48 < moved.std() < 1.2 * 0.05 * 48
    assert np.abs(np.diff(moved, axis=1)).max() < 0.9  # nothing folds over


def test_perspective_keeps_the_ends_and_makes_one_of_them_larger():
    image = np.zeros((60, 600), np.float32)
    for left in (0, 270, 540):
        image[20:40, left : left + 60] = 1
    seen = _changed(Always(), image=image, perspective=0.2)
    assert seen.shape == image.shape
    edges = np.flatnonzero(np.diff((seen[30] > 0.5).astype(int), prepend=0, append=0))
    widths = np.diff(edges)[::2]
    heights = [(seen[:, at] > 0.5).sum() for at in (10, int(edges[2:4].mean()), 590)]
    assert edges[0] <= 1
    assert edges[-1] >= 599
    assert (widths[0] > widths[1] > widths[2]) == (heights[0] > heights[1] > heights[2])
    assert max(heights) / min(heights) == pytest.approx(1.2 / 0.8, rel=0.1)
    straight = [np.flatnonzero(seen[:, x] > 0.5)[0] for x in (5, edges[2] + 5, 595)]
    assert len(set(np.sign(np.diff(straight)))) == 1


def test_a_background_is_cleaned_as_the_extractor_cleans():
    line, dirty, clean = _line(400), [], []
    for seed in range(12):
        for kept, flatten in ((dirty, False), (clean, True)):
            rng = np.random.default_rng(seed)
            changed = augment.Augmenter(background=[0.5, 0.5])(line, rng, Extractor(flatten=flatten))
            assert (changed[line == 1] > 0.95).all(), "ink stays ink"
            kept.append(changed[line == 0].mean())
    assert 0.01 < np.mean(clean) < np.mean(dirty) / 2


@pytest.mark.parametrize(
    "kind", [augment._shadow, augment._grain, augment._rules, augment._stains, augment._shining_through]
)
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 90), st.integers(0, 99))
def test_each_part_of_a_background(kind, height, width, seed):
    image = np.random.default_rng(seed).random((height, width), np.float32)
    dark = kind(image, np.random.default_rng(seed))
    assert dark.shape == image.shape
    assert np.isfinite(dark).all()
    assert dark.min() >= 0
    assert dark.max() <= 1 + 1e-5


def test_what_shines_through_is_the_line_itself_from_behind():
    line = _line(300)
    line[:, 200:] = 0  # writing at the left: behind, it lies at the right or wherever it was moved to
    seen = augment._shining_through(line, np.random.default_rng(3))
    profile, mirrored = seen.sum(axis=0), line[:, ::-1].sum(axis=0)
    likeness = [np.corrcoef(profile, np.roll(mirrored, by))[0, 1] for by in range(300)]
    assert max(likeness) > 0.8


def test_rules_are_thin_straight_and_apart():
    for seed in range(20):
        ruled = augment._rules(np.zeros((100, 300), np.float32), np.random.default_rng(seed))
        assert 0.005 < ruled.mean() < 0.3


def test_binarise_leaves_black_and_white_every_second_time():
    grey = np.linspace(0, 1, 400, dtype=np.float32).reshape(4, 100)
    made = [_changed(np.random.default_rng(seed), grey, binarise=[0.3, 0.6]) for seed in range(200)]
    black_and_white = [image for image in made if np.isin(image, (0, 1)).all()]
    assert len(black_and_white) == pytest.approx(100, abs=20)
    thresholds = [1 - image.mean() for image in black_and_white]
    assert 0.29 < min(thresholds) < 0.35 < 0.55 < max(thresholds) < 0.61


@pytest.mark.parametrize(("amount", "width"), [(0.0, 3), (1.0, 5), (0.5, 4), (2.0, 7), (-1.0, 1), (-0.5, 2), (-9.0, 0)])
def test_thickness_in_pixels(amount, width):
    stroke = np.zeros((20, 30), np.float32)
    stroke[:, 10:13] = 1
    assert augment.thicken(stroke, amount)[10].sum() == pytest.approx(width)


def test_blur_keeps_the_ink_and_spreads_it():
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    spread = augment.blurred(point, 1.5)
    assert spread.sum() == pytest.approx(1, rel=1e-3)
    y = np.arange(21) - 10
    assert spread.sum(axis=1) @ y**2 == pytest.approx(1.5**2, rel=0.05)
    assert spread.sum(axis=0) @ y**2 == pytest.approx(1.5**2, rel=0.05)
    assert np.array_equal(augment.blurred(point, 0.0), point)


def test_contrast_gamma_and_noise_by_hand():
    grey = np.full((4, 4), 0.5, np.float32)
    assert _changed(Always(), image=grey, contrast=0.4) == pytest.approx(0.3)
    assert _changed(Always(), image=grey, gamma=float(np.log(2))) == pytest.approx(0.25)
    assert _changed(Always(), image=grey, noise=0.1) == pytest.approx(0.6)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 1000))
def test_all_together_on_any_size(height, width, seed):
    image = np.random.default_rng(seed).random((height, width), np.float32)
    changed = _changed(np.random.default_rng(seed), image=image, **OPTIONS)
    assert changed.shape[0] == height
    assert changed.shape[1] >= 1
    assert np.isfinite(changed).all()
    assert EXTRACT.frames(changed).shape[1] == 48


@pytest.mark.parametrize("table", [{"shear": -1.0}, {"tempo": 0.9}, {"sheer": 1.0}, {"blur": "much"}])
def test_bad_options(table):
    with pytest.raises(ConfigError):
        augment.Augmenter.parse(table, "[augment] signal")
