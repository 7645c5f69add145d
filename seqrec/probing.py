"""Telling signals apart without reading them: is one the same as another?"""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b
from stat import S_ISREG

import numpy as np

from seqrec.errors import DataError
from seqrec.samples import Sample


def identity(sample: Sample) -> bytes:
    """16 bytes that samples share only when their signals are the same: contents and region, or strokes.

    Raises DataError when the file cannot be read.
    """
    made = blake2b(digest_size=16)
    if sample.path is not None:
        try:
            state = sample.path.stat()
            if not S_ISREG(state.st_mode):  # a device or a pipe may never end
                raise DataError(sample.path, "is no regular file", "a sound or an image")
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
