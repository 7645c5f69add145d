"""How a table is cut into cells and what its columns are, found out from its first lines; and its cells."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from seqrec.corpora._lookup import Lookup
from seqrec.errors import DataError, SeqrecError
from seqrec.options import suggest
from seqrec.samples import OnError

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
_DELIMITERS = "\t,;| "
_JSON = "{"  # in the place of a delimiter: a JSON object a line, whose keys are the header
_LONGEST_LINE = 1 << 20  # bytes
LOOKED_AT = 20  # rows, to find out what the columns are

Given = dict[str, str | None]  # names of columns, or their numbers from 1: "path" and "text"
Row = tuple[str, dict[str, str]]  # the place in the file; cells by what they mean


class Layout(NamedTuple):
    delimiter: str
    header: list[str]  # [] where there is none
    width: int
    places: dict[str, int]  # where the known columns stand


class Unclear(DataError):
    """It is a table without a header line, but which column is the text is not clear."""


class NoColumns(DataError):
    """It may be a table of other things: its paths or texts are not found."""


def layout_of(path: Path, given: Given, lookup: Lookup) -> Layout:
    """The layout of a table. Raises DataError, also where a line that is not UTF-8 may be the cause."""
    wrong: list[SeqrecError] = []
    with _opened(path) as stream:
        lines = [line for line in islice(_lines(stream, path, wrong.append), LOOKED_AT + 1) if line.strip()]
    try:
        return _layout(lines or [""], path, given, lookup)
    except DataError as error:
        raise (wrong[0] if wrong else error) from None


def rows_of(path: Path, layout: Layout, on_error: OnError) -> Iterator[Row]:
    """Every row of a table. Rows with too few or too many cells go to `on_error`."""
    with _opened(path) as stream:
        lines = _lines(stream, path, on_error)
        if layout.delimiter == _JSON:
            rows, above = _objects(lines, layout.header, path, on_error), 0
        else:
            rows, above = _rows(lines, layout.delimiter, path, on_error), 1 if layout.header else 0
        number = 0
        for number, row in islice(rows, above, None):
            if len(row) == layout.width:
                yield f"{path}:{number}", {key: row[place] for key, place in layout.places.items()}
                continue
            expected = f"{layout.width} as the {'header' if layout.header else 'first line'}"
            mend = "put texts that hold the delimiter into quotation marks" if len(row) > layout.width else ""
            on_error(DataError(f"{path}:{number}", f"has {len(row)} cells", expected, mend))
        if not number:
            on_error(DataError(path, "holds a header and no rows", "a path and a text in each row"))


def _layout(lines: list[str], path: Path, given: Given, lookup: Lookup) -> Layout:
    """How a table is cut and what its columns are, from its first lines. Raises DataError."""
    if lines[0].lstrip().startswith(_JSON):
        header = list(_object(lines[0]))
        places = named(header, given)
        if {"path", "text"} <= places.keys():
            return Layout(_JSON, header, len(header), places)
        raise _without_columns(header, path, given)
    first = {mark: _row(lines[0].rstrip("\r\n"), mark) for mark in _DELIMITERS}
    marks = sorted(_DELIMITERS, key=lambda mark: -len(first[mark]))  # of as many columns, tab comes first
    for mark in marks:
        places = named(first[mark], given)
        if {"path", "text"} <= places.keys():
            return Layout(mark, first[mark], len(first[mark]), places)
    for mark in marks:
        rows = [_row(line, mark) for line in lines]
        column = _column_of_files(rows, lookup)
        if column is None:
            continue
        headless = lookup.finds(rows[0][column])
        places = {} if headless else named(rows[0], given)
        for key, wanted in given.items():
            if wanted and headless:
                places[key] = _numbered(wanted, key, len(rows[0]), path)
            elif wanted and key not in places:
                raise _without_columns(rows[0], path, {key: wanted})
        places.setdefault("path", column)
        if "text" not in places:
            places["text"] = _last_left(rows[0], places, path, headless)
        return Layout(mark, [] if headless else rows[0], len(rows[0]), places)
    raise _without_columns(first[marks[0]], path, given)


def named(header: list[str], given: Given) -> dict[str, int]:
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
    raise Unclear(path, f"has no header line to name {wanted!r} in", f"--{key}-column as a number from 1 to {width}")


def _last_left(header: list[str], places: dict[str, int], path: Path, headless: bool) -> int:
    """The only column of which it is not known what it is."""
    left = [place for place in range(len(header)) if place not in places.values()]
    if len(left) == 1:
        return left[0]
    if headless:
        came = f"has no header line and {len(header)} columns"
        raise Unclear(path, came, "a path and a text", f"say which is the text with --text-column {left[-1] + 1}")
    raise _without_columns(header, path, {"text": None})


def _without_columns(header: list[str], path: Path, given: Given) -> NoColumns:
    """What is missing of the columns that a table must have."""
    places = named(header, given)
    key = next((key for key in given if key not in places), "text")
    wanted, known = given.get(key), COLUMNS[key]
    names = [cell.lower() for cell in header]
    came = f"has no column {wanted!r}" if wanted else f"has no {key} column"
    expected = f"one of {', '.join(names if wanted else known)}"
    mend = suggest(wanted, names) if wanted else f"name it with --{key}-column; the header is {header!r:.120}"
    return NoColumns(path, came, expected, mend)


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


def _objects(
    lines: Iterator[str], header: list[str], source: Path, on_error: OnError
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and the values of the header's keys, as text."""
    for number, line in enumerate(lines, 1):
        row = _object(line)
        if row:
            values = (row.get(key) for key in header)
            yield number, ["" if value is None else str(value).strip() for value in values]
        elif line.strip():
            on_error(
                DataError(f"{source}:{number}", f"is no JSON object: {line.strip()!r:.40}", "one as in the first line")
            )


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


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
