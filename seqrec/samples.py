"""Sample, and the JSONL manifests that hold one Sample a line.

    {"id": "a1", "text": "hello", "path": "a1.wav", "start": 0.5, "end": 2.0, "group": "anna"}
    {"id": "b1", "text": "hello", "strokes": [[[0, 0], [10, 12]], [[30, 5]]]}

Paths are relative to the manifest's folder. NeMo's `audio_filepath` (with `offset` and `duration`)
is read too.
"""

from __future__ import annotations

import json
import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import IO, Any, overload

import numpy as np

from seqrec.errors import DataError, SeqrecError
from seqrec.files import atomic

Points = tuple[tuple[float, float], ...]
OnError = Callable[[SeqrecError], None]

_KEYS = {"id", "text", "path", "strokes", "start", "end", "polygon", "baseline", "group"}
LONGEST_LINE = 64 << 20  # bytes; a page of ink is some 1 MB
_LONGEST = 1e12  # seconds
_HALF = re.compile(r"[\ud800-\udfff]")  # of a UTF-16 pair: JSON can escape it, UTF-8 cannot hold it


@dataclass(frozen=True, slots=True)
class Sample:
    """A signal and its text.

    Exactly one of `path` (sound or image) and `strokes` (ink) is set. Strokes are arrays (N, 2) of
    x, y or (N, 3) of x, y, t; y grows downwards, t is in seconds. `start` and `end` are seconds into
    a sound; `polygon` and `baseline` are pixels of an image. `text` is None where it is not known.
    """

    id: str
    text: str | None = None
    path: Path | None = None
    strokes: tuple[np.ndarray, ...] | None = None
    start: float | None = None
    end: float | None = None
    polygon: Points | None = None
    baseline: Points | None = None
    group: str | None = None

    def with_text(self, text: str | None) -> Sample:
        return replace(self, text=text)


def raise_error(error: SeqrecError) -> None:
    """The `on_error` of a caller for whom the first error is the last."""
    raise error


def read_manifest(path: str | PathLike[str], on_error: OnError = raise_error) -> Iterator[Sample]:
    """Samples of a manifest, in order. Every bad line goes to `on_error`, the others are yielded.

    Raises DataError when the file itself cannot be read.
    """
    return (sample for _, _, sample in _placed(Path(path), on_error))


class Manifest(Sequence[Sample]):
    """The readable samples of a manifest, in order, each parsed when it is asked for; slices are Manifests.

    In memory are the places of the lines alone, 16 bytes a sample. When the manifest is opened it is read
    once, and every bad line goes to `on_error`. Raises DataError when the file cannot be read, and later
    when it has changed.
    """

    def __init__(self, path: str | PathLike[str], on_error: OnError = raise_error) -> None:
        self.path = Path(path)
        self._starts, self._numbers = array("q"), array("q")  # of the lines: bytes from the file's begin; 1, 2, ...
        with open_manifest(self.path) as lines:
            self._state = _state(lines)
        for start, number, _ in _placed(self.path, on_error):
            self._starts.append(start)
            self._numbers.append(number)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[Sample]:
        with open_manifest(self.path) as lines:
            if _state(lines) != self._state:
                raise DataError(self.path, "has changed since it was opened", "", "begin again")
            for start, number in zip(self._starts, self._numbers, strict=True):
                lines.seek(start)
                yield parse_line(lines.readline(LONGEST_LINE), self.path, number)

    @overload
    def __getitem__(self, i: int) -> Sample: ...
    @overload
    def __getitem__(self, i: slice) -> Manifest: ...
    def __getitem__(self, i: int | slice) -> Sample | Manifest:
        if isinstance(i, slice):
            return self._part(self._starts[i], self._numbers[i])
        place = range(len(self))[i]
        (sample,) = self[place : place + 1]
        return sample

    def without(self, places: Set[int]) -> Manifest:
        """All samples but those at `places`."""
        kept = [i for i in range(len(self)) if i not in places]
        starts, numbers = (array("q", map(of.__getitem__, kept)) for of in (self._starts, self._numbers))
        return self._part(starts, numbers)

    def _part(self, starts: array[int], numbers: array[int]) -> Manifest:
        part = copy(self)
        part._starts, part._numbers = starts, numbers
        return part


def open_manifest(path: Path) -> IO[bytes]:
    """The file, to read its lines. Raises DataError."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a JSONL manifest") from None


def _state(stream: IO[bytes]) -> tuple[int, int]:
    state = os.fstat(stream.fileno())
    return state.st_size, state.st_mtime_ns


def _placed(path: Path, on_error: OnError) -> Iterator[tuple[int, int, Sample]]:
    """Where each good line begins, in bytes, its number and its sample."""
    start, empty = 0, True
    try:
        with open_manifest(path) as lines:
            for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), b""), 1):
                if line.strip():
                    empty = False
                    try:
                        yield start, number, parse_line(line, path, number)
                    except SeqrecError as error:
                        on_error(error)
                start += len(line)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a JSONL manifest") from None
    if empty:
        on_error(DataError(path, "is empty", "one JSON object a line, each a sample"))


def parse_line(line: bytes, path: Path, number: int) -> Sample:
    """The sample in one line, the `number`th, of the manifest at `path`. Raises DataError."""
    where = f"{path}:{number}"
    return parse_sample(_json_line(line, where), where, path.parent)


def _json_line(line: bytes, where: str) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError(where, "is not UTF-8", "UTF-8 text", "save the manifest as UTF-8") from None
    except (ValueError, RecursionError):
        came = line[:40].decode("utf-8", "replace").strip()
        raise DataError(where, f"is not JSON: {came!r}", "one JSON object a line") from None


def parse_sample(row: Any, where: str, folder: Path) -> Sample:
    """A Sample from one manifest object; `where` names it in errors, paths are relative to `folder`.

    Raises DataError.
    """
    if not isinstance(row, dict):
        raise DataError(
            where, f"is a JSON {type(row).__name__}", 'an object such as {"id": ..., "text": ..., "path": ...}'
        )
    row = _from_nemo(row, where)
    path, strokes = row.get("path"), row.get("strokes")
    if (path is None) == (strokes is None):
        came = "neither 'path' nor 'strokes'" if path is None else "both 'path' and 'strokes'"
        raise DataError(where, f"has {came}", "exactly one of them")
    return Sample(
        id=_text(row, "id", where) or (f"{Path(path).stem}" if isinstance(path, str) else where),
        text=_text(row, "text", where),
        path=None if path is None else folder / (_text(row, "path", where) or ""),
        strokes=None if strokes is None else _strokes(strokes, where),
        start=_seconds(row, "start", where),
        end=_seconds(row, "end", where),
        polygon=_points(row, "polygon", where, 3),
        baseline=_points(row, "baseline", where, 2),
        group=_text(row, "group", where),
    )


def _from_nemo(row: dict[str, Any], where: str) -> dict[str, Any]:
    if "audio_filepath" not in row:
        return row
    known = {key: row[key] for key in _KEYS & row.keys()}
    known.setdefault("path", row["audio_filepath"])
    known.setdefault("group", row.get("speaker"))
    offset, duration = _seconds(row, "offset", where), _seconds(row, "duration", where)
    if offset is not None:
        known["start"] = offset
        if duration is not None:
            known["end"] = offset + duration
    return known


def _text(row: dict[str, Any], key: str, where: str) -> str | None:
    value = row.get(key)
    if isinstance(value, str) and (_HALF.search(value) or (key == "path" and "\0" in value)):
        raise DataError(where, f"{key!r} is {value!a:.40}", "whole characters, and in a path no NUL")
    if value is None or isinstance(value, str):
        return value
    if key in ("id", "group") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise DataError(where, f"{key!r} is {value!r:.40}", "text in quotes")


def _seconds(row: dict[str, Any], key: str, where: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST:
        raise DataError(where, f"{key!r} is {value!r:.40}", "seconds, 0 or more")
    return float(value)


def _points(row: dict[str, Any], key: str, where: str, least: int) -> Points | None:
    value = row.get(key)
    if value is None:
        return None
    array = array_of(value, where, key)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < least:
        raise DataError(where, f"{key!r} has shape {array.shape}", f"{least} or more [x, y] pairs in pixels")
    return tuple((float(x), float(y)) for x, y in array)


def _strokes(value: Any, where: str) -> tuple[np.ndarray, ...]:
    if not isinstance(value, list):
        raise DataError(where, f"'strokes' is a {type(value).__name__}", "a list of strokes, each a list of points")
    strokes = tuple(array_of(stroke, where, "strokes") for stroke in value)
    for number, stroke in enumerate(strokes):
        if stroke.ndim != 2 or stroke.shape[1] not in (2, 3):
            raise DataError(where, f"stroke {number} has shape {stroke.shape}", "points [x, y] or [x, y, t]")
    return strokes


def array_of(value: Any, where: str, key: str) -> np.ndarray:
    """Points, a list or array of them, as float64: "1", true and null are no numbers. Raises DataError."""
    try:
        if not _is_numeric(value):
            raise TypeError
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            where, f"{key!r} holds something that is no number", "numbers of the same count per point"
        ) from None
    if not np.isfinite(array).all():
        raise DataError(where, f"{key!r} holds NaN or infinity", "finite numbers")
    return array


def _is_numeric(points: Any) -> bool:
    """Whether NumPy would convert nothing but numbers; it takes "1" and true for 1.0, null for NaN."""
    if isinstance(points, np.ndarray):
        return points.dtype.kind in "fiu"
    try:
        kinds = set(map(type, chain.from_iterable(points))) - {int, float}
    except TypeError:  # no points, but numbers: of a shape that is refused
        return True
    return not any(issubclass(kind, str | bool | None) for kind in kinds)


def to_row(sample: Sample, folder: Path) -> dict[str, Any]:
    """The manifest object of a sample, its path relative to `folder` where that is possible."""
    row: dict[str, Any] = {"id": sample.id}
    if sample.text is not None:
        row["text"] = sample.text
    if sample.path is not None:
        row["path"] = _relative(sample.path, folder)
    if sample.strokes is not None:
        row["strokes"] = [np.round(stroke, 4).tolist() for stroke in sample.strokes]
    for key in ("start", "end", "polygon", "baseline", "group"):
        value = getattr(sample, key)
        if value is not None:
            row[key] = value
    return row


def _relative(path: Path, folder: Path) -> str:
    """As given when relative paths cross no drive; forward slashes, so that manifests travel."""
    whole = os.path.join(_real(os.path.abspath(path.parent)), path.name)
    try:
        return Path(os.path.relpath(whole, _real(os.path.abspath(folder)))).as_posix()
    except ValueError:
        return Path(whole).as_posix()


@lru_cache(1024)  # many samples lie in few folders
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def write_manifest(path: str | PathLike[str], samples: Iterable[Sample]) -> int:
    """Write samples as JSONL, atomically; returns how many."""
    path, count = Path(path), 0
    with atomic(path) as out:
        for sample in samples:
            count += 1
            out.write(json.dumps(to_row(sample, path.parent), ensure_ascii=False) + "\n")
    return count
