"""Looking at signals as they lie in their files: what cannot be read, and in what there is nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seqrec.checking import image, ink, sound
from seqrec.errors import DataError
from seqrec.samples import Sample

NOISE = np.random.default_rng(1).normal(0, 0.1, 16_000)  # 2 s
IMAGES = (".png", ".jpg", ".tif", ".xyz", "")


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", NOISE, 8000)
    return tmp_path / "a.wav"


@pytest.fixture
def png(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 255, (30, 40), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def measure(sample: Sample) -> Any:
    assert sample.path is not None
    return (image if sample.path.suffix in IMAGES else sound).measure(sample)


def kinds(problems: Sequence[Any]) -> list[tuple[str, str]]:
    return [(problem.kind, problem.severity) for problem in problems]


@pytest.mark.parametrize(("start", "end"), [(None, None), (0.0, 2.0), (1.9, None), (0.5, 0.6), (0.0, 2.4), (None, 1.0)])
def test_good_regions_of_a_sound(wav: Path, start: float | None, end: float | None) -> None:
    measure(Sample("a", path=wav, start=start, end=end))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(2.0, None, "2 s to the end"), (3.0, 4.0, "3 s to 4 s"), (0.0, 2.6, "to 2.6 s")],
)
def test_regions_outside_of_a_sound(wav: Path, start: float, end: float | None, expected: str) -> None:
    with pytest.raises(DataError, match=rf"a\.wav: lasts 2\.00 s, the region is .*{expected}"):
        measure(Sample("a", path=wav, start=start, end=end))


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_sound_cut_short(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, NOISE, 8000)
    measure(Sample("a", path=path))
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(DataError, match=r"is cut off|is damaged"):
        measure(Sample("a", path=path))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello there", b"\x89PNG\r\n\x1a\n" + bytes(90), bytes(4000)])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.png", "a.jpg", "a.tif", "a.xyz", "a"])
def test_what_is_no_signal(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"^{tmp_path}/{name}: ") as caught:
        measure(Sample("a", path=tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["none.wav", "none.png", "folder.wav", "folder.png", 300 * "x" + ".wav", 300 * "x" + ".png"]
)
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    for folder in ("folder.wav", "folder.png"):
        (tmp_path / folder).mkdir()
    with pytest.raises(DataError, match=r"cannot be read|does not exist|is a folder"):
        measure(Sample("a", path=tmp_path / name))


def test_images(png: Path) -> None:
    inside = ((-5.0, -5.0), (10.0, 0.0), (10.0, 10.0))
    outside = ((40.0, 0.0), (50.0, 0.0), (50.0, 9.0))
    measure(Sample("a", path=png))
    measure(Sample("a", path=png, polygon=inside))
    with pytest.raises(DataError, match="is 40 x 30 pixels; expected a polygon inside of it"):
        measure(Sample("a", path=png, polygon=outside))
    png.write_bytes(png.read_bytes()[:-300])
    with pytest.raises(DataError, match="is a broken image"):
        measure(Sample("a", path=png))


def speech(seconds: float = 2.0, rate: int = 8000, seed: int = 1) -> np.ndarray:
    """Syllables, four a second, of noise in their voice's band: (N,) float64, at most 0.5."""
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    voiced = np.sin(2 * np.pi * 150 * t + rng.uniform(0, 6)) + 0.3 * np.sin(2 * np.pi * 1100 * t)
    loud = np.sin(2 * np.pi * 2 * t) ** 4
    return np.asarray(0.35 * loud * voiced + rng.normal(0, 0.002, len(t)))


def heard(folder: Path, wave: np.ndarray, rate: int = 8000, **more: Any) -> Any:
    soundfile.write(folder / "x.wav", wave, rate, **more)
    return sound.measure(Sample("x", "a", folder / "x.wav"))


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_a_good_sound(tmp_path: Path, rate: int) -> None:
    seconds, its_rate, problems = heard(tmp_path, speech(1.5, rate), rate)
    assert (seconds, its_rate, problems) == (1.5, rate, ())


@pytest.mark.parametrize("gain", [3.0, 10.0])
@pytest.mark.parametrize("after", [1.0, 0.5])  # turned down after it was clipped
def test_a_clipped_sound(tmp_path: Path, gain: float, after: float) -> None:
    assert kinds(heard(tmp_path, after * np.clip(gain * speech(), -1, 1))[2]) == [("clipped", "warning")]


def test_how_much_is_clipped_is_counted_by_hand(tmp_path: Path) -> None:
    wave = np.tile([0.0, 0.1, 0.9, 0.9, 0.9, 0.1, -0.1, -0.8, -0.8, 0.05], 400)  # rows of 3 at the top, of 2 below
    wave *= np.repeat([1.0, 0.1], 2000)
    (problem,) = heard(tmp_path, wave)[2]
    assert problem.message == "is clipped: 15.00% of it stays at its highest or lowest value, 0.90 of full scale"


def test_loud_is_not_clipped(tmp_path: Path) -> None:
    wave = speech()
    assert heard(tmp_path, 0.9999 * wave / np.abs(wave).max())[2] == ()
    low = np.sin(2 * np.pi * 50 * np.arange(16_000) / 16_000) * np.repeat([1.0, 0.2], 8000)
    assert heard(tmp_path, low, 16_000)[2] == ()


def test_clipping_is_found_across_blocks(tmp_path: Path) -> None:
    """The highest value is known only at the end: what was the top of an earlier block may be none."""
    quiet, loud = np.clip(3 * speech(40.0), -0.4, 0.4), speech(40.0)
    assert heard(tmp_path, np.concatenate([quiet, loud]))[2] == ()
    assert kinds(heard(tmp_path, np.concatenate([loud / 9, np.clip(3 * loud, -1, 1)]))[2]) == [("clipped", "warning")]


@pytest.mark.parametrize(
    ("wave", "severity", "said"),
    [
        (np.zeros(8000), "error", "is silent: all 8000 samples are 0"),
        (np.full(8000, 0.25), "error", "is silent: all 8000 samples are 0.25"),
        (0.0005 * speech(), "warning", "is all but silent: its loudest is -7"),
        (0.1 * NOISE, "warning", "is as loud throughout"),
        (np.sin(np.arange(16_000) / 5), "warning", "is as loud throughout"),
    ],
)
def test_sounds_with_nothing_in_them(tmp_path: Path, wave: np.ndarray, severity: str, said: str) -> None:
    (problem,) = heard(tmp_path, wave, subtype="PCM_24")[2]
    assert (problem.kind, problem.severity) == ("silent", severity)
    assert problem.message.startswith(said)


def test_the_region_is_judged_and_not_the_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.concatenate([np.zeros(8000), speech()]), 8000)
    whole, silence, rest = (
        sound.measure(Sample("x", "a", tmp_path / "x.wav", start=start, end=end))
        for start, end in ((None, None), (0.0, 1.0), (1.0, None))
    )
    assert [kinds(each[2]) for each in (whole, silence, rest)] == [[], [("silent", "error")], []]
    assert [each[0] for each in (whole, silence, rest)] == [3.0, 1.0, 2.0]


def written(folder: Path, pixels: np.ndarray, suffix: str = ".png") -> Any:
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"x{suffix}")
    return image.measure(Sample("x", "a", folder / f"x{suffix}"))


def line(paper: float = 230, ink_: float = 30, noise: float = 3, seed: int = 1) -> np.ndarray:
    """(48, 400): a line of strokes on paper with noise."""
    rng = np.random.default_rng(seed)
    pixels = paper + rng.normal(0, noise, (48, 400)) if noise else np.full((48, 400), float(paper))
    for left in range(20, 380, 12):
        pixels[12:36, left : left + 2] = ink_
    return np.asarray(pixels)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(("paper", "ink_"), [(230, 30), (255, 0), (200, 160), (128, 90)])
@pytest.mark.parametrize("noise", [0, 3])
def test_a_good_image(tmp_path: Path, paper: float, ink_: float, noise: float, suffix: str) -> None:
    width, dark, problems = written(tmp_path, line(paper, ink_, noise), suffix)
    assert problems == ()
    assert width == 400 / 48
    assert 0.03 < dark < 0.15


def test_light_writing_is_dark_paper(tmp_path: Path) -> None:
    _, dark, problems = written(tmp_path, 255 - line())
    assert problems == ()
    assert dark > 0.9


def test_one_full_stop_is_no_blank(tmp_path: Path) -> None:
    pixels = line(ink_=230)
    pixels[33:36, 200:203] = 40
    assert written(tmp_path, pixels)[2] == ()


@pytest.mark.parametrize(
    ("pixels", "severity"),
    [
        (np.full((48, 400), 255.0), "error"),
        (np.zeros((48, 400)), "error"),
        (np.full((48, 400), 250.0) + np.eye(48, 400), "error"),
        (line(200, 200, 1.5), "error"),
        (line(200, 200, 8), "warning"),
        (np.full((1, 1), 9.0), "error"),
    ],
)
def test_blank_images(tmp_path: Path, pixels: np.ndarray, severity: str) -> None:
    _, dark, problems = written(tmp_path, pixels)
    assert kinds(problems) == [("blank", severity)]
    assert math.isnan(dark)


def test_the_polygon_is_judged_and_not_the_page(tmp_path: Path) -> None:
    Image.fromarray(np.concatenate([line(), np.full((48, 400), 230.0)]).astype(np.uint8)).save(tmp_path / "p.png")

    def at(top: int, bottom: int) -> Any:
        corners = ((0, top), (400, top), (400, bottom), (0, bottom))
        return image.measure(Sample("x", "a", tmp_path / "p.png", polygon=corners))

    assert kinds(at(0, 48)[2]) == []
    assert kinds(at(50, 96)[2]) == [("blank", "error")]
    assert at(50, 96)[0] == 400 / 46


def stroke_problems(*strokes: Any, text: str = "ab") -> list[tuple[str, str]]:
    return kinds(list(ink.problems(Sample("x", text, strokes=tuple(np.array(s, float) for s in strokes)))))


@pytest.mark.parametrize(
    ("strokes", "text", "expected"),
    [
        ([], "ab", ["error"]),
        ([np.zeros((0, 2))], "ab", ["error"]),
        ([[[1, 2]]], "ab", ["error"]),
        ([[[1, 2]]], "i", ["warning"]),
        ([[[1, 2]]], ".", []),
        ([[[1, 2]] * 5, [[1, 2]]], "ab", ["error"]),
        ([[[1, 2], [3, 4]]], "ab", []),
        ([[[1, 2]], [[3, 4]]], "ab", []),
        ([[[1, 2, 0], [3, 4, 0.1]], [[3, 4, 0.1], [5, 5, 0.4]]], "ab", []),
        ([[[1, 2, 0], [3, 4, -0.1]]], "ab", ["warning"]),
        ([[[1, 2, 0], [3, 4, 0.5]], [[3, 4, 0.1], [5, 5, 0.4]]], "ab", ["warning"]),
    ],
)
def test_strokes(strokes: list[Any], text: str, expected: list[str]) -> None:
    assert stroke_problems(*strokes, text=text) == [("stroke", severity) for severity in expected]


def test_where_time_runs_backwards_is_told() -> None:
    strokes = (np.array([[0, 0, 0.0], [1, 1, 0.5]]), np.array([[2, 2, 0.25], [3, 3, 0.3]]))
    (problem,) = ink.problems(Sample("x", "ab", strokes=strokes))
    assert problem.message == "its time runs backwards, by 0.25 s at point 2"


@given(st.floats(0.01, 100), st.floats(-1e3, 1e3), st.integers(0, 3))
def test_the_way_of_the_pen_knows_no_size_nor_place(scale: float, shift: float, before: int) -> None:
    t = np.linspace(0, 6 * np.pi, 100)
    word = [np.stack([t, np.sin(t)], axis=1)]
    moved = [word[0] * scale + shift]
    others = [[np.zeros((0, 2))], [np.ones((1, 2))], [np.full((2, 2), 1e300)]][:before]
    assert ink.lengths([*others, moved])[-1] == pytest.approx(ink.lengths([word])[0], rel=1e-3)


def test_ink_without_a_way() -> None:
    assert ink.lengths([]).tolist() == []
    assert ink.lengths([(), [np.ones((1, 2))], [np.full((2, 2), 1e300)]]).tolist() == [0, 0, 0]
