"""Pen ink as JSONL or JSONL.GZ: id, label, writer, split and strokes, each a flat list x, y, x, y with y upwards.

A stroke may also be seqrec's own list of points, [x, y] or [x, y, t] with y downwards; `text` and
`group` may stand for `label` and `writer`. A line that names its split belongs to that part.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from seqrec.corpora import NoSplit
from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample, array_of, parse_sample
from seqrec.splits import PARTS

_LONGEST_LINE = 16 << 20  # bytes; a page of ink is some 1 MB
_LAYOUT = '{"id": ..., "label": ..., "writer": ..., "split": ..., "strokes": [[x, y, x, y, ...], ...]}'


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the file's order, y turned downwards; the group is the writer.

    Raises DataError when the file cannot be read.
    """
    for where, row in _rows(source, on_error):
        try:
            yield _sample(row, where)
        except DataError as error:
            on_error(error)


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The same samples with the part that each line names. Raises NoSplit when the first line names none."""
    first = True
    for where, row in _rows(source, on_error):
        part = row.get("split")
        if first and part is None:
            raise NoSplit(where, "has no 'split'", f"one of {', '.join(PARTS)}", "share the samples out with --split")
        first = False
        try:
            if part not in PARTS:
                raise DataError(where, f"'split' is {part!r:.40}", f"one of {', '.join(PARTS)}")
            yield part, _sample(row, where)
        except DataError as error:
            on_error(error)


def splits_with(source: Path, more: Iterable[Path], on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The splits of `source`, and to learn from also the training samples in `more`, but for those of
    writers whom dev or test of `source` hold: these stay unseen."""
    unseen: set[str | None] = set()
    for part, sample in splits(source, on_error):
        if part != "train":
            unseen.add(sample.group)
        yield part, sample
    for path in more:
        for part, sample in splits(path, on_error):
            if part == "train" and sample.group not in unseen:
                yield part, sample


def signs(source: Source) -> Sign | None:
    """A file of such lines. Raises DataError where there are several, each of which may be meant."""
    found = [file for file in source.with_suffix(".jsonl", ".jsonl.gz") if _is_ink(source.row(file))]
    if len(found) > 1:
        names = ", ".join(map(str, found[:5]))
        raise DataError(source.path, f"holds {len(found)} files of ink: {names}", "one", "name it")
    return Sign(3, f"holds pen ink such as the first line of {found[0]}", source.at(found[0])) if found else None


def _is_ink(row: dict[str, Any]) -> bool:
    """Whether an object is ink as it is here, and not as in a manifest."""
    strokes = row.get("strokes")
    if not isinstance(strokes, list):
        return False
    return "label" in row or any(isinstance(s, list) and s and not isinstance(s[0], list) for s in strokes)


def _rows(source: Path, on_error: OnError) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's place and object; a line that is none goes to `on_error`, and so does a file cut short."""
    number = 0
    try:
        for number, line in enumerate(_lines(source), 1):
            if line.strip():
                try:
                    yield f"{source}:{number}", _row(line, f"{source}:{number}")
                except DataError as error:
                    on_error(error)
    except DataError as error:
        if not number:
            raise
        on_error(error)
    if not number:
        on_error(DataError(source, "is empty", f"one JSON object a line: {_LAYOUT}"))


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError(where, "is not UTF-8", "UTF-8 text") from None
    except (ValueError, RecursionError):
        raise DataError(where, f"is not JSON: {line[:40].decode('utf-8', 'replace')!r}", _LAYOUT) from None
    if not isinstance(row, dict):
        raise DataError(where, f"is a JSON {type(row).__name__}", _LAYOUT)
    return row


def _lines(source: Path) -> Iterator[bytes]:
    """Lines of a plain or compressed file, a bounded piece of it in memory at a time."""
    try:
        with _open(source) as stream:
            while line := stream.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    raise DataError(source, f"has a line beyond {_LONGEST_LINE >> 20} MB", "one sample a line")
                yield line
    except (EOFError, zlib.error):
        raise DataError(source, "is a broken gzip file", "a complete one", "copy it again") from None
    except OSError as error:
        raise DataError(source, f"cannot be read ({error.strerror or error})", "a JSONL or JSONL.GZ file") from None


def _open(source: Path) -> IO[bytes]:
    with open(source, "rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(source)) if packed else open(source, "rb")


def _sample(row: dict[str, Any], where: str) -> Sample:
    strokes = row.get("strokes")
    if not isinstance(strokes, list):
        raise DataError(where, f"'strokes' is a {type(strokes).__name__}", "a list of strokes")
    plain = {
        "id": row.get("id"),
        "text": row.get("label", row.get("text")),
        "group": row.get("writer", row.get("group")),
        "strokes": [_points(stroke, where) for stroke in strokes if stroke],
    }
    if not plain["strokes"]:
        raise DataError(where, "has no ink", "one stroke of one point or more")
    return parse_sample(plain, where, Path())


def _points(stroke: Any, where: str) -> Any:
    """A flat stroke as points with y downwards; a list of points as it is."""
    if not isinstance(stroke, list) or isinstance(stroke[0], list):
        return stroke
    if len(stroke) % 2:
        raise DataError(where, f"a stroke holds {len(stroke)} numbers", "an even count: x, y, x, y, ...")
    return array_of([stroke], where, "strokes").reshape(-1, 2) * (1.0, -1.0)
