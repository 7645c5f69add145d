from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqrec.errors import DataError
from seqrec.probing import identity, probe
from seqrec.samples import Sample

NOISE = np.random.default_rng(1).normal(0, 0.1, 16_000)  # 2 s


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", NOISE, 8000)
    return tmp_path / "a.wav"


@pytest.fixture
def png(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 255, (30, 40), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize(("start", "end"), [(None, None), (0.0, 2.0), (1.9, None), (0.5, 0.6), (0.0, 2.4), (None, 1.0)])
def test_good_regions_of_a_sound(wav: Path, start: float | None, end: float | None) -> None:
    probe(Sample("a", path=wav, start=start, end=end))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(2.0, None, "2 s to the end"), (3.0, 4.0, "3 s to 4 s"), (0.0, 2.6, "to 2.6 s")],
)
def test_regions_outside_of_a_sound(wav: Path, start: float, end: float | None, expected: str) -> None:
    with pytest.raises(DataError, match=rf"a\.wav: lasts 2\.00 s, the region is .*{expected}"):
        probe(Sample("a", path=wav, start=start, end=end))


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_sound_cut_short(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, NOISE, 8000)
    probe(Sample("a", path=path))
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(DataError, match=r"is cut off|is damaged"):
        probe(Sample("a", path=path))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello there", b"\x89PNG\r\n\x1a\n" + bytes(90), bytes(4000)])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.png", "a.jpg", "a.tif", "a.xyz", "a"])
def test_what_is_no_signal(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"^{tmp_path}/{name}: ") as caught:
        probe(Sample("a", path=tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["none.wav", "none.png", "folder.wav", "folder.png", 300 * "x" + ".wav", 300 * "x" + ".png"]
)
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    for folder in ("folder.wav", "folder.png"):
        (tmp_path / folder).mkdir()
    with pytest.raises(DataError, match=r"cannot be read|does not exist|is a folder"):
        probe(Sample("a", path=tmp_path / name))
    if "folder" not in name:
        with pytest.raises(DataError, match="cannot be read"):
            identity(Sample("a", path=tmp_path / name))


def test_images(png: Path) -> None:
    inside = ((-5.0, -5.0), (10.0, 0.0), (10.0, 10.0))
    outside = ((40.0, 0.0), (50.0, 0.0), (50.0, 9.0))
    probe(Sample("a", path=png))
    probe(Sample("a", path=png, polygon=inside))
    with pytest.raises(DataError, match="is 40 x 30 pixels; expected a polygon inside of it"):
        probe(Sample("a", path=png, polygon=outside))
    png.write_bytes(png.read_bytes()[:-300])
    with pytest.raises(DataError, match="is a broken image"):
        probe(Sample("a", path=png))


@pytest.mark.parametrize("strokes", [(), (np.zeros((0, 2)),)])
def test_ink_without_points(strokes: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(DataError, match="sample 'a': has no points"):
        probe(Sample("a", strokes=strokes))
    probe(Sample("a", strokes=(*strokes, np.zeros((1, 2)))))


def test_copies_of_a_file_are_the_same_signal(wav: Path, png: Path) -> None:
    copy = wav.with_name("b.wav")
    copy.write_bytes(wav.read_bytes())
    one, other = Sample("a", "x", wav), Sample("b", "y", copy, group="g")
    assert identity(one) == identity(other)
    assert identity(one) == identity(replace(one, start=0.0))
    different = [
        one,
        replace(one, path=png),
        replace(one, start=1.0),
        replace(one, end=1.0),
        replace(one, polygon=((0, 0), (1, 1), (1, 0))),
        replace(one, baseline=((0, 0), (1, 1))),
    ]
    assert len({identity(sample) for sample in different}) == len(different)


def test_a_changed_file_is_another_signal(wav: Path) -> None:
    before = identity(Sample("a", path=wav))
    state = wav.stat()
    wav.write_bytes(wav.read_bytes()[::-1])
    os.utime(wav, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert identity(Sample("a", path=wav)) != before


def test_ink_is_the_same_by_its_points() -> None:
    def ink(*strokes: list[list[float]]) -> bytes:
        return identity(Sample("any", strokes=tuple(np.array(stroke) for stroke in strokes)))

    assert ink([[0, 0], [1, 2]]) == ink([[0, 0], [1, 2]])
    different = [
        ink([[0, 0], [1, 2]]),
        ink([[0, 0]], [[1, 2]]),
        ink([[0, 0], [2, 1]]),
        ink([[0, 0, 1], [2, 0, 1]]),
        ink([[0, 0], [1, 2], [0, 1]]),
    ]
    assert len(set(different)) == len(different)
