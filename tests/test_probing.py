from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqrec.errors import DataError
from seqrec.probing import identity
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


def test_what_may_never_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/zero"), tmp_path):
        with pytest.raises(DataError, match="is no regular file"):
            identity(Sample("a", path=path))


@pytest.mark.parametrize("name", ["none.wav", "none.png", 300 * "x" + ".wav", 300 * "x" + ".png"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        identity(Sample("a", path=tmp_path / name))


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
