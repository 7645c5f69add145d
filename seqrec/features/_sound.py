"""Reading sound files: any that soundfile knows, in blocks, to one channel at the rate wanted."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]

from seqrec.errors import DataError, EmptyError

_BLOCK = 1 << 18  # numbers read at once: 1 MB
_RATES = range(100, 1_000_000)  # Hz; what lies outside is a broken header
_LOUDEST = 1e6  # full scale is 1; files of floats in 16-bit scale reach 32768
_OVERSHOOT = 0.5  # seconds that a region may pass the file's end: segment times are rounded (as in Kaldi)
_STREAMED = 0x7FFFF000  # bytes; from here on the size in a WAV header stands for "not known when written"
_COMPRESSED = ("FLAC", "OGG", "MPEG", "MP3")
_SPHERE_COUNT = re.compile(rb"^sample_count -i ([0-9]{1,15})", re.MULTILINE)
_CUT_OFF = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)  # as libsndfile reports it

_FORMATS = "sound: WAV, FLAC, OGG or MP3"
_AGAIN = "fetch it again, or convert it to FLAC"
_CONVERT = "convert it, for instance with: ffmpeg -i FILE out.wav"
_IMAGE = 'for images take [features] kind = "columns"'
_KINDS = (  # first bytes, what they say, the mend
    (rb"\x89PNG|\xff\xd8\xff|II\*\0|MM\0\*|GIF8|BM|RIFF....WEBP", "is an image", _IMAGE),
    (rb"%PDF", "is a PDF document", ""),
    (rb"NIST_1A.*,embedded-", "is compressed SPHERE (shorten)", "unpack it with: sph2pipe -f wav FILE out.wav"),
    (rb"PK\x03\x04|\x1f\x8b", "is an archive", "unpack it"),
    (rb"....ftyp|\x1aE\xdf\xa3|\x30\x26\xb2\x75", "is MP4 (M4A), WebM or WMA", _CONVERT),
    (rb"version https://git-lfs", "is a Git LFS pointer", "fetch the file itself with: git lfs pull"),
    (rb"\s*(?i:<!doctype|<html)", "is an HTML page", "download the sound itself, not the page about it"),
)


def read_sound(path: Path, start: float | None, end: float | None, rate: int, longest: float) -> np.ndarray:
    """All of `sound_blocks`: (N,) float32, N >= 1. Raises DataError."""
    return np.concatenate(list(sound_blocks(path, start, end, rate, longest)))


def sound_blocks(path: Path, start: float | None, end: float | None, rate: int, longest: float) -> Iterator[np.ndarray]:
    """Seconds `start` to `end` of a file in blocks (n,) float32 at `rate`, the mean of its channels.

    Seeks to the region and reads block by block: memory is bounded, and the whole by `longest`
    (seconds), whatever the file's header claims. There is at least one sample. Raises DataError.
    """
    with _open(path) as file:
        try:
            _check_header(path, file)
            begin, count = _region(path, file, start or 0.0, end, longest)
            file.seek(begin)
            yield from _resampled(_blocks(path, file, count), file.samplerate, rate)
        except soundfile.SoundFileError as error:
            raise DataError(path, f"is damaged ({_reason(error)})", "a whole file", _AGAIN) from None


def extent(path: Path, start: float | None, end: float | None, longest: float) -> tuple[float, float]:
    """Where in the file, in seconds, that which `sound_blocks` gives begins and ends. Raises DataError."""
    with _open(path) as file:
        _check_header(path, file)
        begin, count = _region(path, file, start or 0.0, end, longest)
        return begin / file.samplerate, (begin + count) / file.samplerate


def _open(path: Path) -> soundfile.SoundFile:
    head = _head(path)
    try:
        return soundfile.SoundFile(os.fsencode(path))
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: a file without a header (.raw)
        came, mend = _what_is(head, error)
        raise DataError(path, came, _FORMATS, mend) from None


def _head(path: Path) -> bytes:
    """The first bytes of a regular file; opening a pipe would wait for ever."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError(path, "is a folder or device", f"a file of {_FORMATS}")
        with open(path, "rb") as file:
            return file.read(1024)  # a SPHERE header
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        came = getattr(error, "strerror", None) or error
        raise DataError(repr(str(path))[1:-1], f"cannot be read ({came})", f"a file of {_FORMATS}") from None


def _what_is(head: bytes, error: Exception) -> tuple[str, str]:
    """What a file that is no sound holds, and the mend."""
    if not head:
        return "is empty", ""
    for pattern, came, mend in _KINDS:
        if re.match(pattern, head, re.DOTALL):
            return came, mend
    if not re.search(rb"[\0-\x08\x0e-\x1f]", head):
        return "is text", ""
    return f"cannot be read as sound ({_reason(error)})", ""


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).removeprefix("Error : ").rstrip(".")


def _check_header(path: Path, file: soundfile.SoundFile) -> None:
    if file.samplerate not in _RATES:
        raise DataError(path, f"claims {file.samplerate} samples a second", f"{_RATES[0]} to {_RATES[-1]}")
    cut = _CUT_OFF.search(file.extra_info)
    if cut and int(cut[2]) < int(cut[1]) < _STREAMED:
        came = f"is cut off: {cut[2]} of {cut[1]} bytes of sound are there"
        raise DataError(path, came, "a whole file", _AGAIN)
    if file.format == "NIST" and (claimed := _SPHERE_COUNT.search(_head(path))) and file.frames < int(claimed[1]):
        came = f"is cut off: {file.frames} of {int(claimed[1])} samples are there"
        raise DataError(path, came, "a whole file", _AGAIN)
    if not file.frames:
        # Of what is compressed, so much may be all that is left of a damaged file.
        kind = DataError if file.format in _COMPRESSED else EmptyError
        raise kind(path, "holds no sound: 0 samples", "at least one")


def _region(path: Path, file: soundfile.SoundFile, start: float, end: float | None, longest: float) -> tuple[int, int]:
    """First sample of the region and their count, in the file's own rate."""
    lasts = file.frames / file.samplerate
    stop = lasts if end is None else min(end, lasts)
    if start >= lasts or (end is not None and end > lasts + _OVERSHOOT):
        given = f"{start:g} s to {'the end' if end is None else f'{end:g} s'}"
        raise DataError(path, f"lasts {lasts:.2f} s, the region is {given}", "a region inside the file")
    begin = round(start * file.samplerate)
    count = round(stop * file.samplerate) - begin
    if count < 1:
        raise DataError(path, f"region from {start:g} s to {stop:g} s holds no sample", "an end after the start")
    if stop - start > longest:
        mend = "cut it into regions with start and end, or raise longest in [features]"
        raise DataError(path, f"{stop - start:.0f} s in one sample", f"at most {longest:g} s", mend)
    return begin, count


def _blocks(path: Path, file: soundfile.SoundFile, count: int) -> Iterator[np.ndarray]:
    """`count` samples in blocks (n,) float32, the mean of the channels."""
    size = max(1, _BLOCK // file.channels)
    while count > 0:
        block = file.read(min(size, count), dtype="float32", always_2d=True)  # [n, channels]
        if not len(block):
            break
        if not np.abs(block).max() <= _LOUDEST:  # also where it is NaN
            raise DataError(path, "holds NaN, infinite or absurdly loud samples", "samples between -1 and 1")
        count -= len(block)
        yield block.mean(axis=1)
    if count > _OVERSHOOT * file.samplerate:
        raise DataError(path, f"breaks off {count / file.samplerate:.2f} s before its end", "a whole file", _AGAIN)


def _resampled(blocks: Iterator[np.ndarray], came: int, wanted: int) -> Iterator[np.ndarray]:
    if came == wanted:
        yield from blocks
        return
    stream = soxr.ResampleStream(came, wanted, 1, dtype="float32")
    count = 0
    for block in chain(blocks, [None]):
        made = stream.resample_chunk(np.empty(0, np.float32) if block is None else block, last=block is None)
        count += len(made)
        yield made
    if not count:  # less than one sample at the rate wanted
        yield np.zeros(1, np.float32)
