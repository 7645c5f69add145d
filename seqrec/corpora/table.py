"""Table (TSV or CSV) with a header line: a path and a text column; also id, group, split, start, end.

Columns are found by the names below, in any case, or given. The delimiter (tab, comma or semicolon) is
the one that cuts the header into most columns. Cells are stripped. CSV is quoted as usual; in TSV, where
quoting is rare, a cell counts as quoted only when the whole line can be read so, otherwise its quotation
marks belong to the text.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from seqrec.corpora import NoSplit
from seqrec.errors import DataError
from seqrec.options import suggest
from seqrec.samples import OnError, Sample, parse_sample
from seqrec.splits import PARTS

COLUMNS = {
    "path": ("path", "audio_filepath", "file", "filename", "file_name", "audio", "image", "wav"),
    "text": ("text", "label", "transcript", "transcription", "sentence", "ground_truth"),
    "id": ("id", "utt_id", "utterance_id"),
    "group": ("group", "speaker", "writer", "speaker_id", "client_id"),
    "split": ("split", "set", "subset"),
    "start": ("start",),
    "end": ("end",),
}
_SPLITS = {**{part: part for part in PARTS}, "valid": "dev", "validation": "dev", "val": "dev"}
_SUFFIXES = (".tsv", ".csv", ".txt")
_LONGEST_LINE = 1 << 20  # bytes

Row = tuple[str, dict[str, str]]  # the place in the file; cells by what they mean


def read(
    source: Path, on_error: OnError, *, path_column: str | None = None, text_column: str | None = None
) -> Iterator[Sample]:
    """Samples in the table's order; paths are relative to its folder, ids default to the path without suffix.

    Raises DataError when the file cannot be read or lacks a path or a text column.
    """
    for where, cells in _table(source, on_error, path_column, text_column):
        try:
            yield _sample(cells, where, source.parent)
        except DataError as error:
            on_error(error)


def splits(
    source: Path, on_error: OnError, *, path_column: str | None = None, text_column: str | None = None
) -> Iterator[tuple[str, Sample]]:
    """Samples with the part that the split column names. Raises NoSplit when there is no such column."""
    for where, cells in _table(source, on_error, path_column, text_column, needs_split=True):
        part = _SPLITS.get(cells["split"].lower())
        try:
            if part is None:
                raise DataError(where, f"split is {cells['split']!r:.40}", f"one of {', '.join(_SPLITS)}")
            yield part, _sample(cells, where, source.parent)
        except DataError as error:
            on_error(error)


def _sample(cells: dict[str, str], where: str, folder: Path) -> Sample:
    if not cells["path"]:
        raise DataError(where, "has an empty path", "the path of a sound or an image")
    row: dict[str, Any] = {key: cells[key] for key in ("path", "text")}
    row["id"] = cells.get("id") or _default_id(cells)
    row["group"] = cells.get("group") or None
    for key in ("start", "end"):
        row[key] = _number(cells[key], key, where) if cells.get(key) else None
    sample = parse_sample(row, where, folder)
    if not os.path.isfile(str(sample.path)):
        raise DataError(where, f"there is no file {str(sample.path)!r:.200}", "a path relative to the table's folder")
    return sample


def _default_id(cells: dict[str, str]) -> str:
    stem = Path(cells["path"]).with_suffix("").as_posix() if Path(cells["path"]).name else cells["path"]
    return f"{stem}-{cells['start']}" if cells.get("start") else stem


def _number(cell: str, key: str, where: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(where, f"{key!r} is {cell!r:.40}", "seconds, 0 or more") from None


def _table(
    source: Path, on_error: OnError, path_column: str | None, text_column: str | None, *, needs_split: bool = False
) -> Iterator[Row]:
    """Every row of a table. Rows with too few or too many cells go to `on_error`."""
    if source.suffix.lower() not in _SUFFIXES:
        came = "is a folder" if source.is_dir() else f"ends in {source.suffix!r}"
        raise DataError(source, came, f"a table that ends in {', '.join(_SUFFIXES)}")
    try:
        with open(source, "rb") as stream:
            rows = _rows(stream, source, on_error)
            _, header = next(rows, (1, []))
            places = _places(header, source, {"path": path_column, "text": text_column})
            if needs_split and "split" not in places:
                raise NoSplit(source, "has no split column", f"one of {', '.join(COLUMNS['split'])}")
            for number, row in rows:
                if len(row) == len(header):
                    yield f"{source}:{number}", {key: row[place].strip() for key, place in places.items()}
                else:
                    on_error(DataError(f"{source}:{number}", f"has {len(row)} cells", f"{len(header)} as the header"))
    except OSError as error:
        raise DataError(source, f"cannot be read ({error.strerror})", "a TSV or CSV file") from None


def _places(header: list[str], source: Path, given: dict[str, str | None]) -> dict[str, int]:
    """Where each known column stands."""
    names = [cell.strip().lower() for cell in header]
    places: dict[str, int] = {}
    for key, known in COLUMNS.items():
        wanted = given.get(key)
        found = [name for name in ([wanted.lower()] if wanted else known) if name in names]
        if found:
            places[key] = names.index(found[0])
        elif wanted or key in given:
            came = f"has no column {wanted!r}" if wanted else f"has no {key} column"
            expected = f"one of {', '.join(names if wanted else known)}"
            mend = suggest(wanted, names) if wanted else f"name it with --{key}-column; the header is {header!r:.120}"
            raise DataError(source, came, expected, mend)
    return places


def _rows(stream: IO[bytes], source: Path, on_error: OnError) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells, blank lines left out; the first row is the header."""
    lines = _lines(stream, source, on_error)
    first = next(lines, "")
    delimiter = max("\t,;", key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    lines = chain([first], lines)
    if delimiter == "\t":
        yield from ((number, _tsv(line)) for number, line in enumerate(lines, 1) if line.strip())
        return
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            came = f"lines {start} to {rows.line_num} are no CSV ({error})"
            on_error(DataError(f"{source}:{start}", came, "cells in matching quotation marks"))
            continue
        if row:
            yield start, row


def _tsv(line: str) -> list[str]:
    plain = line.rstrip("\r\n").split("\t")
    try:
        quoted = next(csv.reader([line], delimiter="\t", strict=True))
    except csv.Error:
        return plain
    return quoted


def _lines(stream: IO[bytes], source: Path, on_error: OnError) -> Iterator[str]:
    """Lines of text. One that is too long or not UTF-8 is reported and comes as an empty line."""
    number = 0
    while raw := stream.readline(_LONGEST_LINE):
        number += 1
        where = f"{source}:{number}"
        if len(raw) == _LONGEST_LINE:
            raise DataError(where, f"is longer than {_LONGEST_LINE} bytes", "a table with one sample a line")
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            if number == 1:
                raise DataError(where, "is not UTF-8", "UTF-8 text", "save the table as UTF-8") from None
            on_error(DataError(where, "is not UTF-8", "UTF-8 text", "save the table as UTF-8"))
            line = "\n"
        yield line
