"""The table labels.tsv of `seqrec label`: a row for each sample, for spreadsheets, editors and the page beside it.

Tab-separated UTF-8 with a byte order mark, quoted as CSV is. A cell that a spreadsheet would run as a formula, or
turn into a number, a date or TRUE, has an apostrophe before it that is not part of it. Read are also what
spreadsheets make of it: UTF-16, commas or semicolons, columns moved or added, empty cells missing at the end.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqrec.errors import DataError
from seqrec.files import atomic
from seqrec.samples import OnError, Sample

TABLE, MANIFEST = "labels.tsv", "samples.jsonl"
COLUMNS = ("id", "text", "checked", "confidence", "read", "alternatives", "path")
BETWEEN = " | "  # alternatives
NOT_CHECKED = ("", "no", "n", "0", "false")  # what stands in a cell that somebody, or a check box, has left so

_DELIMITERS = "\t,;"
_NEEDED = ("id", "text", "checked", "read")
_NUMBER = re.compile("[0-9.,]{1,20}")
_MOST_LINES = 100  # of one row
_LETTERS = r"[^\x00-@\x5b-\x60\x7b-\x7f]{1,10}"
_NUMBERS = r"[-+0-9 .,:/()%$\u00a3\u00a5\u20ac]*"
_TRUTHS = (
    "true|false|wahr|falsch|vrai|faux|verdadero|falso|vero|verdadeiro|waar|onwaar|prawda|fałsz|sant|falskt|истина|ложь"
)
_END = r"(?![\s\S])"
# What a spreadsheet takes for something else than text: formulas, a whole cell of numbers with up to two words
# (12 Mar, 1e5, 5 pm), TRUE. An integer stays as it is. In the words that Python and JavaScript share.
RISKY = (
    rf"^'*(?:[=+\-@\t\r\n]|(?!(?:0|[1-9][0-9]{{0,14}}){_END})(?=[^0-9]*[0-9]){_NUMBERS}"
    rf"(?:{_LETTERS}{_NUMBERS}){{0,2}}{_END}|(?:{_TRUTHS}){_END})"
)
_RISKY = re.compile(RISKY, re.IGNORECASE)


class Row(NamedTuple):
    """A row of the table: its cells as they are meant, `others` those of columns that the user added."""

    id: str
    text: str
    checked: str = ""
    confidence: str = ""
    read: str = ""
    alternatives: tuple[str, ...] = ()
    path: str = ""
    others: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether somebody has looked at it: it is checked, or its text is not the one that was read."""
        return self.checked.strip().lower() not in NOT_CHECKED or self.text.strip() != self.read.strip()


class Table(NamedTuple):
    """The rows of a table, each with its line; the names of the columns that the user added."""

    rows: list[tuple[int, Row]]
    others: tuple[str, ...] = ()


def read_table(path: Path, on_error: OnError) -> Table:
    """The table, every row that cannot be read being handed to `on_error`. Raises DataError."""
    lines = list(io.StringIO(_text(path), newline=""))
    begin, delimiter, header = _header(lines, path)
    others = tuple(name for name in header if name and name not in COLUMNS)
    names = [*COLUMNS, *others]
    least = max(header.index(name) for name in ("id", "text", "checked", "confidence") if name in header) + 1
    rows = []
    for number, cells in _records(lines, begin + 1, delimiter, len(header)):
        where = f"{path}:{number}"
        if not least <= len(cells) <= len(header):
            expected = f"{len(header)} as in the header"
            on_error(DataError(where, f"has {len(cells)} cells", expected, "mend the row, or its quotation marks"))
            continue
        found = dict(zip(header, map(unmarked, cells), strict=False))
        row = _row([found.get(name, "") for name in names])
        if row.id:
            rows.append((number, row))
        else:
            on_error(DataError(where, "has no id", "the id that the row had", "see samples.jsonl beside it"))
    return Table(rows, others)


def write_table(path: Path, rows: Iterable[Row], others: tuple[str, ...] = ()) -> None:
    """Write the table, atomically."""
    with atomic(path) as out:
        out.write("\ufeff" + "\t".join(map(_cell, (*COLUMNS, *others))) + "\n")
        for row in rows:
            before, after = map(_cell, (row.id, row.text, row.checked)), (row.read, BETWEEN.join(row.alternatives))
            out.write("\t".join((*before, row.confidence, *map(_cell, (*after, row.path, *row.others)))) + "\n")


def is_header(line: str) -> bool:
    """Whether a line is the header of such a table."""
    return any(set(_NEEDED) <= set(_names(line, delimiter)) for delimiter in _DELIMITERS)


def _cell(text: str) -> str:
    marked = "'" + text if _RISKY.search(text) else text
    return '"' + marked.replace('"', '""') + '"' if re.search('[\t\r\n"]', marked) else marked


def unmarked(cell: str) -> str:
    """A cell without the apostrophe that only keeps spreadsheets from changing it."""
    return cell[1:] if cell.startswith("'") and _RISKY.search(cell) else cell


def _row(cells: list[str]) -> Row:
    id, text, checked, confidence, read, alternatives, path, *others = cells
    number = confidence.strip() if _NUMBER.fullmatch(confidence.strip()) else ""
    return Row(id, text, checked, number, read, tuple(filter(None, alternatives.split(BETWEEN))), path, tuple(others))


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", f"the {TABLE} of seqrec label") from None
    if raw.startswith(b"PK\x03\x04"):
        raise DataError(path, "is a workbook", "text", "save it as text: CSV UTF-8, or Unicode text")
    try:
        return raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        mend = "save it as UTF-8, in Excel as CSV UTF-8 or Unicode text"
        raise DataError(path, "is not UTF-8", "UTF-8 or UTF-16 text", mend) from None


def _names(line: str, delimiter: str) -> list[str]:
    return [unmarked(cell.strip()) for cell in _quoted([line], delimiter) or line.split(delimiter)]


def _header(lines: list[str], path: Path) -> tuple[int, str, list[str]]:
    """The place of the header among the lines, its delimiter, the names of the columns. Raises DataError."""
    place = next((place for place, line in enumerate(lines) if line.strip()), None)
    if place is None:
        raise DataError(path, "is empty", f"the {TABLE} of seqrec label", f"remove it and {MANIFEST} to begin anew")
    for delimiter in _DELIMITERS:
        names = _names(lines[place], delimiter)
        if set(_NEEDED) <= set(names):
            return place, delimiter, names
    came = f"begins with {lines[place].strip()!r:.60}"
    raise DataError(path, came, f"a header with the columns {', '.join(COLUMNS)}", "put the header back")


def _records(lines: list[str], place: int, delimiter: str, n: int) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells. A row may be of several lines, where a cell in quotation marks holds line breaks;
    quotation marks that open and never close are part of the text, and take no other row with them."""
    while place < len(lines):
        cells, used = _record(lines, place, delimiter, n)
        if any(cells):
            yield place + 1, cells
        place += used


def _record(lines: list[str], place: int, delimiter: str, n: int) -> tuple[list[str], int]:
    """The cells of the row that begins at a line, and how many lines it has."""
    plain = lines[place].rstrip("\r\n").split(delimiter)
    if '"' in lines[place]:
        for used in range(1, min(_MOST_LINES, len(lines) - place) + 1):
            found = _quoted(lines[place : place + used], delimiter)
            cells = None if found is None else _trimmed(found, n)
            if cells is not None and (used == 1 or len(cells) == n):
                return cells, used
    return _trimmed(plain, n), 1


def _quoted(lines: list[str], delimiter: str) -> list[str] | None:
    """The cells of one row that these lines are, None where they are no row, or more than one."""
    try:
        rows = list(islice(csv.reader(lines, delimiter=delimiter, strict=True), 2))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _trimmed(cells: list[str], n: int) -> list[str]:
    """Without the empty cells behind the last column, which spreadsheets add."""
    while len(cells) > n and not cells[-1]:
        cells = cells[:-1]
    return cells


def signal_key(sample: Sample) -> bytes:
    """What tells a signal from others: its file and region, or its points as a manifest keeps them."""
    digest = hashlib.sha1()
    for stroke in sample.strokes or ():
        digest.update(repr(stroke.shape).encode() + np.round(stroke, 4).tobytes())
    if sample.path is not None:
        digest.update(os.fsencode(os.path.realpath(sample.path)))
        digest.update(repr((sample.start, sample.end, sample.polygon, sample.baseline)).encode())
    return digest.digest()
