"""Table (TSV or CSV) of paths and texts; also id, group, split, start, end. One file, or a folder with one.

Columns are found by the names below, in any case, or given. Where a header has other names, the column of
paths is the one whose cells are files that are there, and the column of texts the one that is left. A table
without a header line has a file in its first line; its columns are given by number, from 1.

The delimiter is tab, comma, semicolon or bar; a file in the first line and its text may also be parted by blanks.
Cells are stripped. CSV is quoted as usual; in tables cut by
tabs or bars, where quoting is rare, a cell counts as quoted only when the whole line can be read so,
otherwise its quotation marks belong to the text.

Paths are looked for as _lookup.Lookup says. A folder stands for the tables in the uppermost folders that hold
one: the ones named train, dev (valid, validation, val) and test, which are then the official split, or else
the only one in each folder.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from seqrec.corpora import NoSplit
from seqrec.corpora._lookup import Lookup, Signals
from seqrec.corpora._source import SIGNALS, Sign, Source
from seqrec.errors import DataError, SeqrecError
from seqrec.options import suggest
from seqrec.samples import OnError, Sample, parse_sample
from seqrec.splits import PARTS

COLUMNS = {
    "path": (
        "path", "audio_filepath", "file", "filename", "file_name", "filepath", "file_path", "audio", "audio_path",
        "audio_file", "image", "image_path", "image_file", "img", "img_path", "wav", "wav_path", "wav_file",
        "wav_filename", "clip", "recording",
    ),
    "text": (
        "text", "label", "transcript", "transcription", "sentence", "ground_truth", "gt", "target", "utterance",
        "words", "word", "normalized_text", "content",
    ),
    "id": ("id", "utt_id", "utterance_id"),
    "group": ("group", "speaker", "writer", "speaker_id", "writer_id", "client_id"),
    "split": ("split", "set", "subset", "partition"),
    "start": ("start",),
    "end": ("end",),
}  # fmt: skip
_SPLITS = {**{part: part for part in PARTS}, "valid": "dev", "validation": "dev", "val": "dev"}
_SUFFIXES = (".tsv", ".csv", ".txt")
_DELIMITERS = "\t,;| "
_LONGEST_LINE = 1 << 20  # bytes
_LOOKED_AT = 20  # rows, to find out what the columns are
_MOST_NOTES = 50  # files that end in .txt, of which one may be the table

Given = dict[str, str | None]  # names of columns, or their numbers from 1: "path" and "text"
Row = tuple[str, dict[str, str]]  # the place in the file; cells by what they mean


class _Layout(NamedTuple):
    delimiter: str
    header: list[str]  # [] where there is none
    width: int
    places: dict[str, int]  # where the known columns stand


class _Unclear(DataError):
    """It is a table without a header line, but which column is the text is not clear."""


class _Table(NamedTuple):
    path: Path
    part: str | None  # that its name tells
    group: str | None  # that its folder tells
    top: Path  # ids are relative to it
    layout: _Layout
    lookup: Lookup


def signs(source: Source) -> Sign | None:
    """Whether there is a table with paths of files that are there; more surely where a header names them.

    Raises DataError where there are tables, but it is unclear which one or what their columns are.
    """
    given: Given = {"path": None, "text": None}
    if not source.with_suffix(*(_SUFFIXES if source.is_folder else _SUFFIXES[:2])):
        return None
    if source.is_folder and not source.with_suffix(*SIGNALS):
        return None
    tables = _tables_below(source, given) if source.is_folder else _tables(source.path, given)
    if not tables:
        return None
    layout = tables[0].layout
    known = [f"{key} in {layout.header[place]!r}" for key, place in layout.places.items()] if layout.header else []
    said = f" ({', '.join(known)})" if known else " without a header line"
    why = f"holds {tables[0].path.relative_to(source.folder)}, a table of files and their texts{said}"
    named = {"path", "text"} <= _named(layout.header, {}).keys()
    return Sign(2 if named else 1, why, source.path)


def read(
    source: Path, on_error: OnError, *, path_column: str | None = None, text_column: str | None = None
) -> Iterator[Sample]:
    """Samples in the table's order; ids default to the path without suffix.

    Raises DataError when the file cannot be read or lacks a path or a text column.
    """
    for table in _tables(source, {"path": path_column, "text": text_column}):
        for where, cells in _cells(table, on_error):
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
        for where, cells in _cells(table, on_error):
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
    for file in _candidates(source):
        if found and len(file.parts) > len(found[0].path.relative_to(source.path).parts):
            break
        try:
            table = _table(source.at(file), source.path, given, signals)
            _check_files(table)
            found.append(table)
        except SeqrecError as error:
            if file.suffix.lower() != ".txt" or isinstance(error, _Unclear):
                wrong.append(error)
    if wrong and not found:
        raise wrong[0]
    return _chosen(found, source.path)


def _candidates(source: Source) -> Iterator[PurePosixPath]:
    """Files that may be tables: those that end in .txt are mostly the texts of signals, or notes."""
    stems = {file.with_suffix("") for file in source.files if file.suffix.lower() in SIGNALS}
    notes = 0
    for file in source.with_suffix(*_SUFFIXES):
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
        if not named and len(tables) > 1:
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
    with _opened(path) as stream:
        wrong: list[SeqrecError] = []
        lines = [line for line in islice(_lines(stream, path, wrong.append), _LOOKED_AT + 1) if line.strip()]
    try:
        return _Table(path, None, None, top, _layout(lines, path, given, lookup), lookup)
    except DataError as error:
        raise (wrong[0] if wrong else error) from None


def _check_files(table: _Table) -> None:
    """Raises DataError unless one of the first rows names a sound or an image that is there."""
    for _, cells in islice(_cells(table, lambda error: None), _LOOKED_AT):
        if table.lookup.finds(cells["path"]):
            return
    came = "names no sound or image that is there in its first lines"
    raise DataError(table.path, came, "paths relative to its folder", "put the files beside it")


def _layout(lines: list[str], path: Path, given: Given, lookup: Lookup) -> _Layout:
    """How a table is cut and what its columns are, from its first lines. Raises DataError."""
    lines = lines or [""]
    first = {mark: _row(lines[0].rstrip("\r\n"), mark) for mark in _DELIMITERS}
    marks = sorted(_DELIMITERS, key=lambda mark: -len(first[mark]))  # of as many columns, tab comes first
    for mark in marks:
        places = _named(first[mark], given)
        if {"path", "text"} <= places.keys():
            return _Layout(mark, first[mark], len(first[mark]), places)
    for mark in marks:
        rows = [_row(line, mark) for line in lines]
        column = _column_of_files(rows, lookup)
        if column is None:
            continue
        headless = lookup.finds(rows[0][column])
        places = {} if headless else _named(rows[0], given)
        for key, wanted in given.items():
            if wanted and headless:
                places[key] = _numbered(wanted, key, len(rows[0]), path)
        places.setdefault("path", column)
        if "text" not in places:
            places["text"] = _last_left(rows[0], places, path, headless)
        return _Layout(mark, [] if headless else rows[0], len(rows[0]), places)
    raise _without_columns(first[marks[0]], path, given)


def _named(header: list[str], given: Given) -> dict[str, int]:
    """Where the columns stand that are known by name."""
    names = [cell.lower() for cell in header]
    places: dict[str, int] = {}
    for key, known in COLUMNS.items():
        wanted = given.get(key)
        found = [name for name in ([wanted.lower()] if wanted else known) if name in names]
        if found:
            places[key] = names.index(found[0])
    return places


def _column_of_files(rows: list[list[str]], lookup: Lookup) -> int | None:
    """The column in which most rows, but for a header, name a file that is there."""
    body = rows[1:] or rows
    for column in range(len(rows[0])) if len(rows[0]) > 1 else ():
        cells = [row[column] for row in body if len(row) > column]
        if 2 * sum(map(lookup.finds, cells)) > len(cells):
            return column
    return None


def _numbered(wanted: str, key: str, width: int, path: Path) -> int:
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= width:
        return int(wanted) - 1
    raise _Unclear(path, f"has no header line to name {wanted!r} in", f"--{key}-column as a number from 1 to {width}")


def _last_left(header: list[str], places: dict[str, int], path: Path, headless: bool) -> int:
    """The only column of which it is not known what it is."""
    left = [place for place in range(len(header)) if place not in places.values()]
    if len(left) == 1:
        return left[0]
    if headless:
        came = f"has no header line and {len(header)} columns"
        raise _Unclear(path, came, "a path and a text", f"say which is the text with --text-column {left[-1] + 1}")
    raise _without_columns(header, path, {"text": None})


def _without_columns(header: list[str], path: Path, given: Given) -> DataError:
    """What is missing of the columns that a table must have."""
    places = _named(header, given)
    key = next((key for key in given if key not in places), "text")
    wanted, known = given.get(key), COLUMNS[key]
    names = [cell.lower() for cell in header]
    came = f"has no column {wanted!r}" if wanted else f"has no {key} column"
    expected = f"one of {', '.join(names if wanted else known)}"
    mend = suggest(wanted, names) if wanted else f"name it with --{key}-column; the header is {header!r:.120}"
    return DataError(path, came, expected, mend)


def _cells(table: _Table, on_error: OnError) -> Iterator[Row]:
    """Every row of a table. Rows with too few or too many cells go to `on_error`."""
    path, layout = table.path, table.layout
    with _opened(path) as stream:
        rows = _rows(_lines(stream, path, on_error), layout.delimiter, path, on_error)
        number = 0
        for number, row in islice(rows, 1 if layout.header else 0, None):
            if len(row) == layout.width:
                yield f"{path}:{number}", {key: row[place] for key, place in layout.places.items()}
                continue
            expected = f"{layout.width} as the {'header' if layout.header else 'first line'}"
            mend = "put texts that hold the delimiter into quotation marks" if len(row) > layout.width else ""
            on_error(DataError(f"{path}:{number}", f"has {len(row)} cells", expected, mend))
        if not number:
            on_error(DataError(path, "holds a header and no rows", "a path and a text in each row"))


def _rows(lines: Iterator[str], delimiter: str, source: Path, on_error: OnError) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells, blank lines left out."""
    if delimiter in "\t| ":
        yield from ((number, _row(line, delimiter)) for number, line in enumerate(lines, 1) if line.strip())
        return
    rows = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
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
            yield start, [cell.strip() for cell in row]


def _row(line: str, delimiter: str) -> list[str]:
    """The cells of one line that is a row of its own."""
    if delimiter == " ":
        return [cell.strip() for cell in line.split(maxsplit=1)]
    strict = delimiter in "\t|"
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=strict, skipinitialspace=not strict), [])
    except csv.Error:
        cells = line.rstrip("\r\n").split(delimiter)
    return [cell.strip() for cell in cells]


def _opened(path: Path) -> IO[bytes]:
    try:
        return open(path, "rb")
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a TSV or CSV file") from None


def _recoded(stream: IO[bytes], source: Path) -> Iterator[bytes]:
    """The lines of UTF-16, which spreadsheets call Unicode text, in UTF-8. Raises DataError."""
    decoder, rest = codecs.getincrementaldecoder("utf-16")(), ""
    try:
        for chunk in chain(iter(partial(stream.read, _LONGEST_LINE), b""), [b""]):
            *lines, rest = (rest + decoder.decode(chunk, final=not chunk)).split("\n")
            yield from (f"{line}\n".encode("utf-8", "surrogatepass") for line in lines)
            if len(rest) > _LONGEST_LINE:
                break
    except UnicodeDecodeError:
        raise DataError(source, "is broken UTF-16", "UTF-8 text", "save the table as UTF-8") from None
    yield rest.encode("utf-8", "surrogatepass")


def _lines(stream: IO[bytes], source: Path, on_error: OnError) -> Iterator[str]:
    """Lines of text. One that is too long or not UTF-8 is reported and comes as an empty line."""
    utf16 = stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    stream.seek(0)
    lines = _recoded(stream, source) if utf16 else iter(partial(stream.readline, _LONGEST_LINE), b"")
    for number, raw in enumerate(lines, 1):
        where = f"{source}:{number}"
        if len(raw) >= _LONGEST_LINE:
            raise DataError(where, f"is longer than {_LONGEST_LINE} bytes", "a table with one sample a line")
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            if number == 1:
                raise DataError(where, "is not UTF-8", "UTF-8 text", "save the table as UTF-8") from None
            on_error(DataError(where, "is not UTF-8", "UTF-8 text", "save the table as UTF-8"))
            line = "\n"
        yield line
