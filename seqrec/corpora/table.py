"""Table (TSV or CSV) of paths and texts; also id, group, split, start, end. One file, or a folder with one.

Columns are found by their names (_columns.COLUMNS, in any case), or given. Where a header has other names, the
column of paths is the one whose cells are files that are there, and that of texts the one that is left. A table
without a header line has a file in its first line; its columns are given by number, from 1.

The delimiter is tab, comma, semicolon or bar; a path and its text may also be parted by a blank. Cells are
stripped. CSV is quoted as usual; in tables cut by tabs or bars, where quoting is rare, a cell counts as quoted
only when the whole line can be read so, otherwise its quotation marks belong to the text. The file is UTF-8, or
UTF-16 with its mark. A JSON object a line with file_name and a text, as Hugging Face has them, is a table, too.

Paths are looked for as _lookup.Lookup says. A folder stands for the tables in the uppermost folders that hold
one: those named after train, dev (valid, validation, val) and test, which are then the official split, or else
the only one of each folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from seqrec.corpora import NoSplit
from seqrec.corpora._columns import COLUMNS, LOOKED_AT, Given, Layout, NoColumns, Unclear, layout_of, named, rows_of
from seqrec.corpora._lookup import Lookup, Signals
from seqrec.corpora._source import SIGNALS, Sign, Source
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import OnError, Sample, parse_sample
from seqrec.splits import PARTS

_SPLITS = {**{part: part for part in PARTS}, "valid": "dev", "validation": "dev", "val": "dev"}
_SUFFIXES = (".tsv", ".csv", ".txt", ".jsonl")
_MOST_NOTES = 50  # files that end in .txt, of which one may be the table


class _Table(NamedTuple):
    path: Path
    part: str | None  # that its name tells
    group: str | None  # that its folder tells
    top: Path  # ids are relative to it
    layout: Layout
    lookup: Lookup


def signs(source: Source) -> Sign | None:
    """Whether there is a table with paths of files that are there; more surely where a header names them.

    Raises DataError where there are tables, but it is unclear which one or what their columns are.
    """
    given: Given = {"path": None, "text": None}
    if not any(_candidates(source)) or (source.is_folder and not source.with_suffix(*SIGNALS)):
        return None
    try:
        tables = _tables_below(source, given) if source.is_folder else _tables(source.path, given)
    except SeqrecError as error:
        if source.path.suffix.lower() == ".txt" and not isinstance(error, Unclear):
            return None
        raise
    if not tables:
        return None
    layout = tables[0].layout
    known = [f"{key} in {layout.header[place]!r}" for key, place in layout.places.items()] if layout.header else []
    said = f" ({', '.join(known)})" if known else " without a header line"
    what = f"holds {tables[0].path.relative_to(source.folder)}," if source.is_folder else "is"
    why = f"{what} a table of files and their texts{said}"
    sure = 2 if {"path", "text"} <= named(layout.header, {}).keys() else 1
    return Sign(sure, why, source.path)


def read(
    source: Path, on_error: OnError, *, path_column: str | None = None, text_column: str | None = None
) -> Iterator[Sample]:
    """Samples in the table's order; ids default to the path without suffix.

    Raises DataError when the file cannot be read or lacks a path or a text column.
    """
    for table in _tables(source, {"path": path_column, "text": text_column}):
        for where, cells in rows_of(table.path, table.layout, on_error):
            try:
                yield _sample(cells, where, table)
            except DataError as error:
                on_error(error)


def splits(
    source: Path, on_error: OnError, *, path_column: str | None = None, text_column: str | None = None
) -> Iterator[tuple[str, Sample]]:
    """Samples with the part that their table's name or the split column tells. Raises NoSplit where none does."""
    tables = _tables(source, {"path": path_column, "text": text_column})
    for table in tables:
        if not table.part and "split" not in table.layout.places:
            raise NoSplit(table.path, "has no split column", f"one of {', '.join(COLUMNS['split'])}")
    for table in tables:
        for where, cells in rows_of(table.path, table.layout, on_error):
            part = table.part or _SPLITS.get(cells["split"].lower())
            try:
                if part is None:
                    raise DataError(where, f"split is {cells['split']!r:.40}", f"one of {', '.join(_SPLITS)}")
                yield part, _sample(cells, where, table)
            except DataError as error:
                on_error(error)


def _sample(cells: dict[str, str], where: str, table: _Table) -> Sample:
    if not cells["path"]:
        raise DataError(where, "has an empty path", "the path of a sound or an image")
    row: dict[str, Any] = {key: cells[key] for key in ("path", "text")}
    row["group"] = cells.get("group") or table.group
    for key in ("start", "end"):
        row[key] = _number(cells[key], key, where) if cells.get(key) else None
    sample = parse_sample(row, where, table.path.parent)
    path = table.lookup.find(cells["path"], where)
    own = cells.get("id") or _default_id(cells)
    folder = table.path.parent.relative_to(table.top).as_posix()
    return replace(sample, id=own if folder == "." else f"{folder}/{own}", path=path)


def _default_id(cells: dict[str, str]) -> str:
    """The path as the table has it, without its suffix; of an absolute one the name."""
    given = PurePosixPath(cells["path"].replace("\\", "/"))
    if given.is_absolute() or ":" in given.parts[0]:
        given = PurePosixPath(given.name)
    stem = given.with_suffix("") if given.suffix.lower() in SIGNALS else given
    return f"{stem}-{cells['start']}" if cells.get("start") else str(stem)


def _number(cell: str, key: str, where: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(where, f"{key!r} is {cell!r:.40}", "seconds, 0 or more") from None


def _tables(source: Path, given: Given) -> list[_Table]:
    """The tables that a source stands for. Raises DataError."""
    if not source.is_dir():
        if source.suffix.lower() not in _SUFFIXES:
            raise DataError(source, f"ends in {source.suffix!r}", f"a table that ends in {', '.join(_SUFFIXES)}")
        return [_table(source, source.parent, given, Signals(source.parent))]
    tables = _tables_below(Source(source), given)
    if not tables:
        raise DataError(source, "holds no table", "a CSV or TSV file with a column of paths and one of texts")
    return tables


def _tables_below(source: Source, given: Given) -> list[_Table]:
    """Of all tables with files that are there, those in the uppermost folders. Raises DataError."""
    signals, found = Signals(source.path), list[_Table]()
    wrong: list[SeqrecError] = []
    lost: list[SeqrecError] = []
    for file in _candidates(source):
        if found and len(file.parts) > len(found[0].path.relative_to(source.path).parts):
            break
        try:
            table = _table(source.at(file), source.path, given, signals)
            _check_files(table)
            found.append(table)
        except SeqrecError as error:
            if file.suffix.lower() != ".txt" or isinstance(error, Unclear):
                wrong.append(error)
                if not isinstance(error, NoColumns) or _part_of(file.stem):
                    lost.append(error)
    if lost or (wrong and not found):  # beside others, a table of other things is passed over
        raise (lost or wrong)[0]
    return _chosen(found, source.path)


def _candidates(source: Source) -> Iterator[PurePosixPath]:
    """Files that may be tables: those that end in .txt are mostly the texts of signals, or notes."""
    stems = {file.with_suffix("") for file in source.files if file.suffix.lower() in SIGNALS}
    notes = 0
    for file in source.with_suffix(*_SUFFIXES):
        if file.suffix.lower() == ".jsonl" and "file_name" not in source.row(file):
            continue
        if file.suffix.lower() == ".txt":
            notes += 1
            if notes > _MOST_NOTES or file.with_suffix("") in stems or file.name.lower().endswith(".gt.txt"):
                continue
        yield file


def _chosen(found: list[_Table], top: Path) -> list[_Table]:
    """Of each folder the tables named after parts, or else the only one. The folders' names tell the part where
    all do, otherwise the group."""
    of_folder: dict[Path, list[_Table]] = {}
    for table in found:
        of_folder.setdefault(table.path.parent, []).append(table)
    chosen: list[_Table] = []
    for folder, tables in of_folder.items():
        named = [table._replace(part=_part_of(table.path.stem)) for table in tables if _part_of(table.path.stem)]
        if len(tables) > 1 and "train" not in {table.part for table in named} and len(named) < len(tables):
            names = ", ".join(table.path.name for table in tables[:5])
            raise DataError(folder, f"holds {len(tables)} tables: {names}", "one, or train, dev and test", "name one")
        chosen += named or [tables[0]._replace(part=_part_of(folder.name) if folder != top else None)]
    if not all(table.part for table in chosen):
        chosen = [table._replace(part=None) for table in chosen]
    if len(of_folder) > 1 and not chosen[0].part:
        chosen = [table._replace(group=table.path.parent.relative_to(top).as_posix()) for table in chosen]
    return chosen


def _part_of(name: str) -> str | None:
    """The part that a name such as "train" or "metadata_val" tells."""
    parts = {_SPLITS[word] for word in re.findall("[a-z]+", name.lower()) if word in _SPLITS}
    return parts.pop() if len(parts) == 1 else None


def _table(path: Path, top: Path, given: Given, signals: Signals) -> _Table:
    """Raises DataError."""
    lookup = Lookup(path.parent, signals)
    return _Table(path, None, None, top, layout_of(path, given, lookup), lookup)


def _check_files(table: _Table) -> None:
    """Raises DataError unless one of the first rows names a sound or an image that is there."""
    wrong: list[SeqrecError] = []
    for _, cells in islice(rows_of(table.path, table.layout, wrong.append), LOOKED_AT):
        if table.lookup.finds(cells["path"]):
            return
    if wrong:
        raise wrong[0]
    came = "names no sound or image that is there in its first lines"
    raise DataError(table.path, came, "paths relative to its folder", "put the files beside it")
