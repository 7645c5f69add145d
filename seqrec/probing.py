"""Looking at a sample's signal without an extractor: can it be read, and is it the same as another?"""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from seqrec.errors import DataError
from seqrec.inputs import SUFFIXES
from seqrec.samples import Points, Sample

_SOUNDS = SUFFIXES["sound"] | {".oga"}
_PAGED = {".tif", ".tiff", ".gif", ".webp"}
_TAIL, _RATE = 1.0, 16_000  # seconds to read, and samples per second to read them at


def probe(sample: Sample) -> None:
    """Open the signal as what its suffix says. Raises DataError when it is missing, unreadable, cut short or empty."""
    if sample.path is None:
        if not any(len(stroke) for stroke in sample.strokes or ()):
            raise DataError(f"sample {sample.id!r}", "has no points", "strokes with points")
        return
    if sample.path.suffix.lower() in _SOUNDS:
        _probe_sound(sample.path, sample.start or 0.0, sample.end)
    else:
        _probe_image(sample.path, sample.polygon)


def _probe_sound(path: Path, start: float, end: float | None) -> None:
    """Read the header and the last second of the region: what is cut short ends before it."""
    import soundfile  # type: ignore[import-untyped]

    from seqrec.features._sound import read_sound

    try:
        lasts = soundfile.info(path).duration
    except (OSError, ValueError, TypeError, ArithmeticError, soundfile.SoundFileError):
        lasts = 0.0  # read_sound says why
    stop = lasts if end is None else min(end, lasts)
    read_sound(path, max(start, stop - _TAIL), end, rate=_RATE, longest=_TAIL + 1)


def _probe_image(path: Path, polygon: Points | None) -> None:
    from seqrec.features._page import open_page

    height, width = open_page(path).shape
    if polygon is not None:
        left, top = np.min(polygon, axis=0)
        right, bottom = np.max(polygon, axis=0)
        if left >= width or top >= height or right <= 0 or bottom <= 0:
            raise DataError(path, f"is {width} x {height} pixels", "a polygon inside of it")


def more_pages(sample: Sample) -> int:
    """Pages of the sample's image beyond the first, which are not read. Raises DataError."""
    if sample.path is None or sample.path.suffix.lower() not in _PAGED:
        return 0
    from seqrec.features._page import pages

    return pages(sample.path) - 1


def identity(sample: Sample) -> bytes:
    """16 bytes that samples share only when their signals are the same: contents and region, or strokes.

    Raises DataError when the file cannot be read.
    """
    made = blake2b(digest_size=16)
    if sample.path is not None:
        try:
            state = sample.path.stat()
            made.update(_contents(os.fspath(sample.path), state.st_mtime_ns, state.st_size))
        except (OSError, ValueError) as error:
            raise DataError(sample.path, f"cannot be read ({error})", "a sound or an image") from None
        made.update(repr((sample.start or 0.0, sample.end, sample.polygon, sample.baseline)).encode())
    for stroke in sample.strokes or ():
        made.update(repr(stroke.shape).encode())
        made.update(np.ascontiguousarray(stroke, np.float64).tobytes())
    return made.digest()


@lru_cache(1024)  # many lines come from one page, many utterances from one recording
def _contents(path: str, modified: int, size: int) -> bytes:
    made = blake2b(digest_size=16)
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            made.update(block)
    return made.digest()
