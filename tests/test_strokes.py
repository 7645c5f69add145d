import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.errors import ConfigError, DataError
from seqrec.features import extractor
from seqrec.features._ink import Normalised, base_line, corpus_height, join, median, resample, slant, slope
from seqrec.features._ink_image import windows
from seqrec.features.strokes import Extractor
from seqrec.samples import Sample

KINDS = [
    {},
    {"set": "graves"},
    {"bitmap": 5},
    {"speed": True},
    {"slope": False, "slant": False, "width": False, "spacing": 0.2},
]


def line(*points):
    return np.array(points, dtype=np.float64)


def writing(seed=0, letters=6, rate=40, timed=False):
    """Smooth ink in loops: a stroke of `letters` bows and a dot, some 40 units high."""
    rng = np.random.default_rng(seed)
    heights = np.repeat(rng.choice([20.0, 45.0], letters), 1)
    time = np.linspace(0, letters, letters * rate + 1)
    height = np.interp(time, np.arange(letters) + 0.5, heights)
    x = 18 * time + 8 * np.sin(2 * np.pi * time + rng.uniform(0, 1))
    y = -height * (1 - np.cos(2 * np.pi * time)) / 2
    columns = [x, y, time] if timed else [x, y]
    dot = [30.0, -60.0, letters + 1.0][: len(columns)]
    return [np.stack(columns, axis=1), np.array([dot])]


def circles(count, radius, points=80):
    """Full circles from their top, side by side, one stroke each; y grows downwards."""
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, points)
    round_ = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return [round_ + np.array([3 * radius * number, 0]) for number in range(count)]


@pytest.mark.parametrize("options", KINDS)
def test_dim_is_the_frames_width_and_a_dot_gives_a_frame(options):
    kind = Extractor.parse(options, "test")
    for signal in ([line([5, 5])], [line([5, 5, 0.1])] * 3, writing(), writing(timed=True), [line([0, 0], [9, 0])]):
        frames = kind.frames(signal)
        assert frames.dtype == np.float32
        assert frames.shape == (len(frames), kind.dim)
        assert len(frames) >= 1
        assert np.isfinite(frames).all()


def test_dims():
    dims = [Extractor.parse(options, "test").dim for options in KINDS]
    assert dims == [13, 25, 13 + 25, 14, 13]


def test_found_by_name_and_strict():
    assert extractor({"kind": "strokes", "set": "graves"}).dim == 25
    with pytest.raises(ConfigError, match="spacing"):
        extractor({"kind": "strokes", "spacin": 0.5})
    with pytest.raises(ConfigError, match="delta"):
        extractor({"kind": "strokes", "set": "none"})
    with pytest.raises(ConfigError):
        extractor({"kind": "strokes", "spacing": 0.0})


@pytest.mark.parametrize(
    ("strokes", "says"),
    [
        ((), "has no ink"),
        ((np.zeros((0, 2)), np.zeros(0)), "has no ink"),
        ((np.zeros((3, 4)),), "shape"),
        ((np.zeros(3),), "shape"),
        ((line([0, np.nan]),), "NaN"),
        ((line([0, np.inf]),), "too far"),
        ((line([0, 1e200]),), "too far"),
    ],
)
def test_read_names_what_is_wrong(strokes, says):
    with pytest.raises(DataError, match=says) as error:
        Extractor().read(Sample(id="a7", strokes=strokes))
    assert "a7" in str(error.value)


def test_read_wants_ink(tmp_path):
    with pytest.raises(DataError, match="file"):
        Extractor().read(Sample(id="a", path=tmp_path / "a.png"))


def test_read_drops_empty_strokes_and_keeps_times():
    strokes = Extractor().read(Sample(id="a", strokes=(np.zeros((0, 3)), line([1, 2, 3]))))
    assert len(strokes) == 1
    assert strokes[0].tolist() == [[1, 2, 3]]


def test_join_drops_repeated_points_only_within_a_stroke():
    ink = join([[line([0, 0], [0, 0], [1, 0]), line([1, 0], [1, 0])], [line([1, 0])]])
    assert ink.points.tolist() == [[0, 0], [1, 0], [1, 0], [1, 0]]
    assert ink.stroke.tolist() == [0, 0, 1, 2]
    assert ink.drawing.tolist() == [0, 0, 0, 1]


def test_join_keeps_times_only_where_all_points_have_them():
    assert join([[line([0, 0, 5]), line([1, 1])]]).points.shape == (2, 2)
    assert join([[line([0, 0, 5]), line([1, 1, 6])]]).points.shape == (2, 3)


def test_resample_keeps_ends_and_equal_distances():
    drawings = [[line([0, 0], [3, 0], [3, 1]), line([9, 9]), line([5, 5], [5, 5.4])], [line([0, 0], [1, 0])]]
    ink = resample(join(drawings), np.array([1.0, 0.5]))
    expected = [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [9, 9], [5, 5], [0, 0], [0.5, 0], [1, 0]]
    assert np.allclose(ink.points, expected)
    assert ink.stroke.tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 3, 3]
    assert ink.drawing.tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1, 1]


def test_resample_in_parts():
    ink = resample(join([[line([0, 0], [2, 0])]]), np.ones(1), 4)
    assert np.allclose(ink.points[:, 0], np.arange(9) / 4)


@pytest.mark.parametrize(("values", "expected"), [([3, 1, 2], 2), ([4, 1], 2.5), ([7], 7), ([5, 5, 1, 9], 5)])
def test_median_of_each(values, expected):
    both = np.array([*values, -1.0, 100.0, 1e9])
    drawing = np.array([*np.zeros(len(values), int), 1, 1, 1])
    assert median(both, drawing, 2).tolist() == [expected, 100]


def test_corpus_height_of_circles():
    # A circle of radius r has length 2 pi r and turns by two half turns less one polygon corner; its
    # stroke counts for one more: 0.63 * 2 pi r / 3.
    heights = corpus_height(join([circles(1, 10), circles(5, 10)]))
    assert heights == pytest.approx(0.63 * 2 * np.pi * 10 / 3, rel=0.1)


def test_corpus_height_of_straight_and_point_ink():
    colon = [line([0, 0]), line([0, 30])]
    heights = corpus_height(join([[line([0, 0], [100, 0])], [line([7, 7])], colon]))
    assert heights == pytest.approx([63, 1, 30])


def test_a_dash_on_a_coarse_grid_is_no_small_writing():
    x = np.arange(101.0)
    dash = np.stack([x, np.round(0.5 * np.sin(x))], axis=1)
    assert corpus_height(join([[dash]])) > 30


@pytest.mark.parametrize("degrees", [-15, -5, 8, 20])
def test_long_ink_is_levelled(degrees):
    a = np.radians(degrees)
    ink = join([writing(letters=40)])
    turned = ink.moved(np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]]))
    height = corpus_height(ink)
    found = slope(turned, height)
    assert found == pytest.approx(np.tan(a), abs=0.03)


def test_short_ink_keeps_its_slope():
    single = join([[line([0, 0], [10, -30], [12, 5])]])
    assert slope(single, corpus_height(single)) == 0


@pytest.mark.parametrize("shear", [-0.5, 0.3, 0.7])
def test_slanted_ink_is_made_upright(shear):
    teeth = [[x, y] for x in (0, 15, 30, 45, 60) for y in (0, 40)]
    ink, height = join([[line(*teeth)]]), np.array([20.0])
    assert slant(ink, height) == 0
    sheared = ink.moved(np.array([[[1, shear], [0, 1.0]]]))
    travel = 5 * 40.0
    assert slant(sheared, height) == pytest.approx(shear * travel / (travel + 100), rel=0.02)


def test_base_line_ignores_a_descender():
    ink = join([[*circles(6, 10), line([200, -10], [200, 30])]])
    assert base_line(ink, np.array([20.0])) == pytest.approx(10, abs=1.5)


def test_normalised_ink_stands_on_zero_and_is_not_normalised_again():
    strokes = Extractor().normalise([7 * stroke + 100 for stroke in circles(6, 10)])
    assert isinstance(strokes, Normalised)
    assert len(strokes) == 6
    low, high = np.concatenate(strokes)[:, 1].max(), np.concatenate(strokes)[:, 1].min()
    assert low == pytest.approx(0, abs=0.15)
    assert high == pytest.approx(-1.5, abs=0.3)
    assert Extractor().normalise(strokes) is strokes


def test_delta_by_hand():
    """Two strokes in corpus heights, spacing 1: right along the base line by 2, then a step up by 1 at x = 1."""
    signal = Normalised([line([0, 0], [2, 0]), line([1, -1], [1, -2])])
    frames = Extractor(spacing=1.0).frames(signal)
    assert frames.shape == (5, 13)
    # smoothing draws each stroke's ends inwards by a sixteenth
    assert np.allclose(np.sinh(frames[:, 0]), [0, 15 / 16, 15 / 16, -15 / 16, 0], atol=1e-6)
    assert np.allclose(np.sinh(frames[:, 1]), [0, 0, 0, -1 - 1 / 16, -1 + 1 / 8], atol=1e-6)
    assert np.allclose(frames[:, 10], [1, 0, 0, 1, 0])
    assert np.allclose(frames[:, 2:4], [[0, 0], [1, 0], [1, 0], frames[3, 2:4], [0, -1]], atol=1e-6)
    assert np.allclose(frames[1:, 6:8], [[1, 0], [1, 0], [1, 0], [1, 0]], atol=1e-6)
    assert np.allclose(frames[:3, 11], -0.5)
    assert np.allclose(frames[:, 12], [0, 0, 0, np.arcsinh(1 - 1 / 16), np.arcsinh(1 - 1 / 16)], atol=1e-6)


def test_a_left_turn_is_a_negative_angle():
    signal = Normalised([line([0, 0], [2, 0], [2, -2])])
    turn = Extractor(spacing=1.0).frames(signal)[2, 8:10]
    assert turn[1] < -0.9


def test_speed_is_relative_and_zero_without_times():
    quick_then_slow = np.stack(
        [np.linspace(0, 100, 101), np.zeros(101), np.r_[np.arange(50), 50 + 4 * np.arange(51)]], 1
    )
    kind = Extractor(speed=True, spacing=0.1)
    speed = kind.frames([quick_then_slow])[:, 13]
    assert speed[2] - speed[-2] == pytest.approx(np.log(4), abs=0.01)
    assert not kind.frames([quick_then_slow[:, :2]])[:, 13].any()
    stopped = quick_then_slow * [1, 1, 0]
    assert not kind.frames([stopped])[:, 13].any()


def test_windows_show_the_ink_around_the_point():
    """A vertical line through the centre, 3 x 3 cells of half a corpus height: the middle column."""
    ink = join([[line([0, -5], [0, 5])]])
    cells = windows(ink, line([0, 0], [10, 0]), np.zeros(2, int), 3)
    assert cells[0].reshape(3, 3).tolist() == [[0, 1, 0]] * 3
    assert cells.shape == (2, 9)


def test_windows_show_only_the_ink_of_their_own_drawing():
    """Some 10000 pixels of drawings, more than go on one sheet: a vertical line, a horizontal one, and so on."""
    lines = [[line([0, -5], [0, 5])], [line([-5, 0], [5, 0])]] * 100
    cells = windows(join(lines), np.zeros((200, 2)), np.arange(200), 3).reshape(-1, 2, 3, 3)
    assert (cells == [[[0, 1, 0]] * 3, [[0, 0, 0], [1, 1, 1], [0, 0, 0]]]).all()


def test_windows_of_far_flung_ink_need_little_memory():
    ink = join([[line([0, 0]), line([1e9, 1e9])]] * 3)
    assert windows(ink, ink.points, ink.drawing, 3).shape == (6, 9)


def test_graves_takes_out_a_delayed_dot_and_leaves_its_hat():
    letters = [line([x, 0], [x, -1], [x + 0.4, 0]) for x in np.arange(0, 6, 0.5)]
    dot = line([2.0, -1.6], [2.1, -1.6])
    kind = Extractor(set="graves", spacing=0.2)
    plain, dotted = kind.frames(Normalised(letters)), kind.frames(Normalised([*letters, dot]))
    assert plain.shape == dotted.shape
    assert not plain[:, 1].any()
    assert 0 < dotted[:, 1].sum() < len(dotted) / 3
    assert np.allclose(np.delete(plain, [1, *range(16, 25)], 1), np.delete(dotted, [1, *range(16, 25)], 1), atol=1e-6)


INKS = st.lists(
    st.lists(
        st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=8), min_size=1, max_size=4
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(inks=INKS, seed=st.integers(0, 1000), kind=st.sampled_from(KINDS))
def test_frames_do_not_depend_on_what_is_computed_with_them(inks, seed, kind):
    """Ink of all sorts, with and without times, normalised and not, far larger and smaller."""
    made = Extractor.parse(kind, "test")
    signals = [[np.array(stroke, np.float64) for stroke in ink] for ink in inks]
    signals += [writing(seed), [1e9 * stroke for stroke in writing(seed + 1)], writing(seed, timed=True)]
    signals += [made.normalise(writing(seed)), [line([5, 5])], [np.zeros((0, 2)), line([1e-9, 0], [0, 0])]]
    together = made.frames_of(signals)
    for alone, among in zip(map(made.frames, signals), together, strict=True):
        np.testing.assert_allclose(among, alone, atol=1e-6)
    assert made.frames_of([]) == []


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    letters=st.integers(1, 12),
    factor=st.floats(1e-3, 1e3),
    right=st.floats(-1e4, 1e4),
    down=st.floats(-1e4, 1e4),
    kind=st.sampled_from(KINDS),
)
def test_place_and_size_do_not_matter(seed, letters, factor, right, down, kind):
    made = Extractor.parse(kind, "test")
    signal = writing(seed, letters)
    moved = [(stroke + np.array([right, down])) * factor for stroke in signal]
    one, other = made.frames(signal), made.frames(moved)
    assert one.shape == other.shape
    points = slice(None, 13)  # beyond these, a pixel may fall to either side of a cell
    assert np.allclose(one[:, points], other[:, points], atol=1e-4)
    assert np.abs(one - other).mean() < 0.01


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), letters=st.integers(1, 12), more=st.integers(2, 5), kind=st.sampled_from(KINDS))
def test_points_added_on_the_same_path_do_not_matter(seed, letters, more, kind):
    made = Extractor.parse(kind, "test")
    signal = writing(seed, letters, rate=30)
    dense = []
    for stroke in signal:
        at = np.arange(len(stroke))
        finer = np.linspace(0, len(stroke) - 1, more * (len(stroke) - 1) + 1)
        dense.append(np.stack([np.interp(finer, at, column) for column in stroke.T], axis=1))
    one, other = made.frames(signal), made.frames(dense)
    assert one.shape == other.shape
    assert np.allclose(one[:, :13], other[:, :13], atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), letters=st.integers(2, 10))
def test_the_tablets_rate_hardly_matters(seed, letters):
    """40 or 100 points a letter: the number of frames within 3 %, height and direction of the pen close."""
    made = Extractor()
    one, other = (made.frames(writing(seed, letters, rate)) for rate in (40, 100))
    assert abs(len(one) - len(other)) <= 1 + 0.03 * len(one)
    place = np.linspace(0, 1, len(one))
    along = np.stack([np.interp(place, np.linspace(0, 1, len(other)), column) for column in other.T], axis=1)
    assert np.abs(one - along)[:, 11].mean() < 0.1


@settings(max_examples=60, deadline=None)
@given(
    strokes=st.lists(
        st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=12), min_size=1, max_size=6
    ),
    kind=st.sampled_from(KINDS),
)
def test_any_ink_gives_finite_frames(strokes, kind):
    made = Extractor.parse(kind, "test")
    signal = [np.array(stroke, dtype=np.float64) for stroke in strokes]
    before = [stroke.copy() for stroke in signal]
    frames = made.frames(signal)
    assert frames.shape == (len(frames), made.dim)
    assert len(frames) >= 1
    assert np.isfinite(frames).all()
    assert np.array_equal(frames, made.frames(signal))
    assert all(np.array_equal(a, b) for a, b in zip(signal, before, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1e11, 1e-100, 1e-160, 1e-300, 5e-324])
def test_ink_of_any_size_gives_finite_frames(size, kind):
    word = np.array([[0, 0], [1, 1], [2, 0], [3, 1], [4, 0]], np.float64)
    frames = Extractor.parse(kind, "test").frames([word * size])
    assert len(frames) == len(Extractor.parse(kind, "test").frames([word]))
    assert np.isfinite(frames).all()


def test_steps_that_hardly_go_down_have_no_slant():
    assert np.isfinite(Extractor().frames([np.array([[1e-9, 0], [1, 1e-200], [1e-9, -1]])])).all()


def test_number_of_frames_is_bounded_by_the_ink_not_by_its_extent():
    tiny = [line([0, 0], [1e-6, 0]), line([1e9, 0], [1e9 + 1e-6, 0])]
    assert len(Extractor().frames(tiny)) < 100
