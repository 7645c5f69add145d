"""Looking at a sample's signal without an extractor: can it be read, and is it the same as another?"""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from seqrec.errors import DataError
from seqrec.inputs import SUFFIXES
from seqrec.samples import Sample

_OVERSHOOT = 0.5  # seconds that a region may pass the end of its sound, as in features/mfcc.py


def probe(sample: Sample) -> None:
    """Open the signal by its file's suffix. Raises DataError when it is missing, unreadable, cut short or empty."""
    if sample.path is None:
        if not any(len(stroke) for stroke in sample.strokes or ()):
            raise DataError(f"sample {sample.id!r}", "has no points", "strokes with points")
        return
    suffix = sample.path.suffix.lower()
    if suffix in SUFFIXES["sound"]:
        _probe_sound(sample.path, sample.start or 0.0, sample.end)
    elif suffix in SUFFIXES["image"]:
        _probe_image(sample)
    else:
        known = " ".join(sorted(SUFFIXES["sound"] | SUFFIXES["image"]))
        raise DataError(sample.path, f"ends in {suffix!r}", f"one of {known}", "check it with --features")


def _probe_sound(path: Path, start: float, end: float | None) -> None:
    import soundfile  # type: ignore[import-untyped]

    _state(path)
    try:
        with soundfile.SoundFile(path) as sound:
            seconds = sound.frames / sound.samplerate
            if not sound.frames:
                raise DataError(path, "holds no sound", "one audio frame or more")
            if start >= seconds or (end is not None and end > seconds + _OVERSHOOT):
                region = f"{start:g} s to {'the end' if end is None else f'{end:g} s'}"
                raise DataError(path, f"is {seconds:.2f} s long", f"sound from {region}")
            sound.seek(sound.frames - 1)
            complete = len(sound.read(1)) == 1
    except soundfile.SoundFileError as error:
        raise DataError(path, f"cannot be read as sound ({error!s:.120})", "a sound file") from None
    if not complete:
        raise DataError(path, "is cut short", "as much sound as its header says", "copy it anew")


def _probe_image(sample: Sample) -> None:
    from seqrec.features._page import open_page

    assert sample.path
    height, width = open_page(sample.path).shape
    if sample.polygon is not None:
        left, top = np.min(sample.polygon, axis=0)
        right, bottom = np.max(sample.polygon, axis=0)
        if left >= width or top >= height or right <= 0 or bottom <= 0:
            raise DataError(sample.path, f"is {width} x {height} pixels", "a polygon inside of it")


def _state(path: Path) -> tuple[str, int, int]:
    """What names the present contents of a file. Raises DataError when there is no such file, or an empty one."""
    try:
        if not path.is_file():
            raise DataError(path, "is a folder" if path.is_dir() else "does not exist", "a sound or an image")
        state = path.stat()
    except (OSError, ValueError) as error:
        raise DataError(path, f"cannot be read ({error})", "a sound or an image") from None
    if not state.st_size:
        raise DataError(path, "is empty", "a sound or an image")
    return os.fspath(path), state.st_mtime_ns, state.st_size


def identity(sample: Sample) -> bytes:
    """16 bytes that samples share only when their signals are the same: contents and region, or strokes.

    Raises DataError when the file cannot be read.
    """
    made = blake2b(digest_size=16)
    if sample.path is not None:
        made.update(_contents(*_state(sample.path)))
        made.update(repr((sample.start or 0.0, sample.end, sample.polygon, sample.baseline)).encode())
    for stroke in sample.strokes or ():
        made.update(repr(stroke.shape).encode())
        made.update(np.ascontiguousarray(stroke, np.float64).tobytes())
    return made.digest()


@lru_cache(1024)  # many lines come from one page, many utterances from one recording
def _contents(path: str, modified: int, size: int) -> bytes:
    made = blake2b(digest_size=16)
    try:
        with open(path, "rb") as stream:
            while block := stream.read(1 << 20):
                made.update(block)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a sound or an image") from None
    return made.digest()
