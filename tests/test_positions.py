"""Where frames lie in their source: seconds, pixels, points, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seqrec.errors import ConfigError
from seqrec.features import Extractor, Layout, extractor, mfcc
from seqrec.samples import Sample
from tests.test_strokes import writing


def placed(kind: Extractor, sample: Sample) -> tuple[np.ndarray, Layout]:
    """Frames and layout, which keep what is promised of them."""
    frames, layout = kind.placed(sample)
    np.testing.assert_array_equal(frames, kind(sample))
    assert (layout.edges.shape, layout.activity.shape) == ((len(frames) + 1,), (len(frames),))
    assert (layout.edges.dtype, layout.activity.dtype) == (np.float64, np.float64)
    assert (np.diff(layout.edges) >= 0).all()
    assert ((layout.activity >= 0) & (layout.activity <= 1)).all()
    return frames, layout


def full(layout: Layout) -> tuple[float, float]:
    """From the first to the last frame that is full of activity."""
    [active] = np.nonzero(layout.activity > 0.5)
    return float(layout.edges[active[0]]), float(layout.edges[active[-1] + 1])


def test_a_kind_that_cannot_say_where_says_so() -> None:
    class Mine(Extractor):
        domain = "ink"

        @property
        def dim(self) -> int:
            return 1

        def read(self, sample: Sample) -> Any:
            return None

        def frames(self, signal: Any) -> np.ndarray:
            return np.zeros((1, 1), np.float32)

    with pytest.raises(ConfigError, match="do not say where their frames lie"):
        Mine().placed(Sample("x"))


# Sound

MFCC = {"kind": "mfcc", "rate": 8000}
SOUNDS: list[dict[str, Any]] = [
    MFCC,
    MFCC | {"trim_silence": 30.0},
    MFCC | {"rate": 16_000, "hop": 0.016, "window": 0.032},
    MFCC | {"rate": 11_025, "trim_silence": 40.0},
]


def tone_at(path: Path, begin: float, end: float, lasts: float, rate: int) -> Path:
    """Hardly audible noise with a tone from one second to another."""
    time = np.arange(round(lasts * rate)) / rate
    sound = 1e-4 * np.random.default_rng(1).standard_normal(len(time))
    sound += np.where((time >= begin) & (time < end), 0.4 * np.sin(2 * np.pi * 700 * time), 0)
    soundfile.write(path, sound, rate)
    return path


@pytest.mark.parametrize("options", SOUNDS)
@pytest.mark.parametrize("rate", [8000, 22_050])
def test_a_tone_at_a_known_second(tmp_path: Path, options: dict[str, Any], rate: int) -> None:
    path = tone_at(tmp_path / "x.wav", 1.2, 1.7, 3.0, rate)
    kind = extractor(options)
    trimmed, near = "trim_silence" in options, 1.3 * options.get("hop", 0.01)
    for start, end in ((None, None), (0.5, None), (0.25, 2.5)):
        _, layout = placed(kind, Sample("x", path=path, start=start, end=end))
        assert layout.unit == "s"
        assert full(layout) == pytest.approx((1.2, 1.7), abs=near)
        whole = (1.2, 1.7) if trimmed else (start or 0.0, end or 3.0)
        assert (layout.edges[0], layout.edges[-1]) == pytest.approx(whole, abs=near if trimmed else 1e-3)
        assert layout.edges[0] >= (start or 0.0) - 0.5 / rate  # a region begins with a sample
        assert layout.edges[-1] <= (end or 3.0) + 0.5 / rate


def test_frames_of_sound_lie_around_their_centres(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.full(250, 0.1), 8000)
    _, layout = placed(extractor(MFCC), Sample("x", path=tmp_path / "x.wav"))
    np.testing.assert_allclose(layout.edges, [0, 0.005, 0.015, 0.025, 0.03125])


def test_a_kind_of_ones_own_lies_in_stretches_of_a_hop(tmp_path: Path) -> None:
    class Loudness(mfcc.Sound):
        @property
        def dim(self) -> int:
            return 1

        def frames(self, signal: np.ndarray) -> np.ndarray:
            return np.zeros((-(-len(signal) // 80), 1), np.float32)

    soundfile.write(tmp_path / "x.wav", np.full(250, 0.1), 8000)
    _, layout = placed(Loudness(rate=8000), Sample("x", path=tmp_path / "x.wav"))
    np.testing.assert_allclose(layout.edges, [0, 0.01, 0.02, 0.03, 0.03125])


@settings(max_examples=40)
@given(st.integers(1, 3000), st.sampled_from(SOUNDS), st.integers(0, 9), st.booleans())
def test_any_sound_is_laid_out(
    tmp_path_factory: pytest.TempPathFactory, count: int, options: dict[str, Any], seed: int, silent: bool
) -> None:
    path = tmp_path_factory.mktemp("sound") / "x.wav"
    soundfile.write(path, np.zeros(count) if silent else np.random.default_rng(seed).normal(0, 0.1, count), 8000)
    _, layout = placed(extractor(options), Sample("x", path=path))
    assert 0 <= layout.edges[0] <= layout.edges[-1] <= count / 8000


# Images

LINE = {"kind": "columns", "polarity": "dark", "flatten": False}
IMAGES: list[dict[str, Any]] = [
    LINE | {"height": 32},
    LINE | {"height": 20, "window": 6, "shift": 2},
    LINE | {"height": 20, "window": 2, "shift": 5},
    LINE | {"height": 48, "deslant": True, "crop_ink": True},
    LINE | {"height": 32, "output": "geometric"},
]


def page_with(bars: list[tuple[int, int]], slope: float = 0.0) -> Image.Image:
    """A page of 600 x 300 with upright bars, 40 high, around a line from (0, 150) that may climb."""
    page = np.full((300, 600), 255, np.uint8)
    for left, right in bars:
        for x in range(left, right):
            y = round(150 + slope * x)
            page[y - 20 : y + 20, x] = 0
    return Image.fromarray(page)


def polygon(left: float, right: float, slope: float = 0.0) -> tuple[tuple[float, float], ...]:
    return tuple((x, 150 + slope * x + y) for x, y in ((left, -25), (right, -25), (right, 25), (left, 25)))


@pytest.mark.parametrize("options", IMAGES)
@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_stroke_at_a_known_x_in_a_page(tmp_path: Path, options: dict[str, Any], slope: float) -> None:
    page_with([(230, 260)], slope).save(tmp_path / "p.png")
    baseline = ((600.0, 150 + slope * 600), (0.0, 150.0)) if slope else None
    sample = Sample("x", path=tmp_path / "p.png", polygon=polygon(150, 400, slope), baseline=baseline)
    _, layout = placed(extractor(options), sample)
    assert layout.unit == "px"
    assert full(layout) == pytest.approx((230, 260), abs=2 + 2 * options.get("shift", 1) + options.get("window", 1) / 2)
    across = 25 * slope  # the corners of a climbing line's box
    assert layout.edges[[0, -1]] == pytest.approx([150, 400], abs=3 + 2 * across)


def test_the_pixels_are_those_of_the_upright_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    page_with([(230, 260)]).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "p.png", exif=exif)
    _, layout = placed(extractor(LINE), Sample("x", path=tmp_path / "p.png"))
    assert full(layout) == pytest.approx((230, 260), abs=6)  # 300 rows in 48


def test_slant_is_taken_out_about_the_middle_of_the_line(tmp_path: Path) -> None:
    page = np.full((40, 300), 255, np.uint8)
    for x in (60, 100, 200):
        for y in range(40):
            page[y, x + (20 - y) // 2 : x + (20 - y) // 2 + 5] = 0
    Image.fromarray(page).save(tmp_path / "x.png")
    _, layout = placed(extractor(LINE | {"height": 40, "deslant": True}), Sample("x", path=tmp_path / "x.png"))
    assert full(layout) == pytest.approx((60, 205), abs=2)
    assert (layout.edges[0], layout.edges[-1]) == (0, 300)


def test_an_upright_line_is_laid_out_along_its_x(tmp_path: Path) -> None:
    page_with([(230, 260)]).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "p.png")
    sample = Sample("x", path=tmp_path / "p.png", baseline=((170.0, 600.0), (170.0, 0.0)))
    _, layout = placed(extractor(LINE), sample)
    assert ((layout.edges >= 0) & (layout.edges <= 300)).all()


@settings(max_examples=40)
@given(
    st.integers(1, 90), st.integers(1, 60), st.sampled_from(IMAGES), st.floats(-40, 80), st.floats(5, 60),
    st.floats(-0.5, 0.5),
)  # fmt: skip
def test_any_line_is_laid_out_inside_of_its_image(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, options: dict[str, Any],
    left: float, wide: float, slope: float,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("image") / "x.png"
    noise = np.random.default_rng(width).integers(0, 256, (height, width), np.uint8)
    Image.fromarray(noise).save(path)
    corners = ((left, -5.0), (left + wide, -5.0), (left + wide, 70.0), (left, 70.0))
    inside = left < width and left + wide > 0
    sample = Sample(
        "x", path=path, polygon=corners if inside else None, baseline=((0.0, 9.0), (90.0, 9.0 + slope * 90))
    )
    _, layout = placed(extractor(options), sample)
    assert 0 <= layout.edges[0] <= layout.edges[-1] <= width


# Ink

INK: list[dict[str, Any]] = [{"kind": "strokes"}, {"kind": "strokes", "set": "graves"}]


def dashes(points: int) -> tuple[np.ndarray, ...]:
    """Three zigzags of some points each, side by side, with a wide gap before the third."""
    x = np.linspace(0, 20, points)
    y = np.where(np.arange(points) % 2, 10.0, 0.0)
    return tuple(np.stack([x + left, y], axis=1) for left in (0, 22, 70))


@pytest.mark.parametrize("options", INK)
def test_points_of_ink(options: dict[str, Any]) -> None:
    _, layout = placed(extractor(options), Sample("x", strokes=dashes(9)))
    assert layout.unit == "points"
    assert (layout.edges[0], layout.edges[-1]) == (0, 27)
    assert {9.0, 18.0} <= set(layout.edges)  # a frame never reaches from one stroke into the next
    assert layout.edges[layout.activity.argmin()] == 18  # after the widest jump


def test_points_between_those_of_the_tablet() -> None:
    # One straight stroke: 11 points of it far more than its frames, so that these lie at even places between them.
    stroke = np.stack([np.linspace(0, 100, 11), np.zeros(11)], axis=1)
    frames, layout = placed(extractor({"kind": "strokes", "width": False}), Sample("x", strokes=(stroke,)))
    count = len(frames)
    middles = (np.arange(count - 1) + 0.5) * 10 / (count - 1)
    np.testing.assert_allclose(layout.edges, [0, *middles, 11], atol=1e-6)


def test_a_pen_that_rests_and_repeats_points_is_counted() -> None:
    stroke = np.array([[0, 0], [0, 0], [0, 0], [30, 40]], float)
    empty = np.zeros((0, 2))
    _, layout = placed(extractor({"kind": "strokes"}), Sample("x", strokes=(empty, stroke, empty, stroke + 50)))
    assert (layout.edges[0], layout.edges[-1]) == (0, 8)
    assert 4.0 in layout.edges


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 10), st.booleans(), st.sampled_from([*INK, {"kind": "columns"}]))
def test_any_ink_is_laid_out(seed: int, letters: int, timed: bool, options: dict[str, Any]) -> None:
    strokes = tuple(writing(seed, letters, timed=timed))
    _, layout = placed(extractor(options), Sample("x", strokes=strokes))
    assert layout.unit == "points"
    assert (layout.edges[0], layout.edges[-1]) == (0, sum(map(len, strokes)))


def test_ink_that_is_drawn_has_points_too() -> None:
    # Upright strokes of 10 points each, drawn from left to right, and last a dot over the second one.
    strokes = [np.stack([np.full(10, x), np.linspace(0, 40, 10)], axis=1) for x in (0.0, 40.0, 80.0, 120.0)]
    strokes.append(np.array([[40.0, -10.0]]))
    _, layout = placed(extractor({"kind": "columns", "height": 48}), Sample("x", strokes=tuple(strokes)))
    assert set(layout.edges) == {0, 10, 20, 30, 41}
