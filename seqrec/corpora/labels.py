"""The folder that `seqrec label` leaves: the samples of its labels.tsv that somebody has looked at.

    seqrec label MODEL recordings/ -o labels/      # then correct labels/labels.html or labels/labels.tsv
    seqrec prepare labels labels/

A row counts when its `checked` holds something other than no, n, 0 or false, or when its text is no longer the
one that was read. A row that counts but has no text is left out: it says that there is nothing to read. The
signals are those of the samples.jsonl beside the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora._labels import MANIFEST, TABLE, Row, is_header, read_table
from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample, read_manifest


def signs(source: Source) -> Sign | None:
    """Whether there is a table of labels, be its header broken. Raises DataError where there are several."""
    tables = [file for file in source.files if file.name == TABLE]
    found = [
        file
        for file in tables
        if source.at(file.parent / MANIFEST).is_file() or is_header(source.head(file).partition("\n")[0])
    ]
    if len(found) > 1:
        names = ", ".join(str(file) for file in found[:5])
        raise DataError(source.path, f"holds {len(found)} tables of labels: {names}", "one", "name its folder")
    return Sign(3, f"holds {found[0]} of seqrec label", source.at(found[0].parent)) if found else None


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """The samples with their corrected texts, in the order of samples.jsonl; `source` is the folder or its table.

    Rows that are broken, doubled or of an unknown id go to `on_error`. Raises DataError when one of the two files
    cannot be read.
    """
    table = source / TABLE if source.is_dir() else source
    rows = unique_rows(table, on_error)
    for sample in read_manifest(table.parent / MANIFEST, on_error):
        _, row = rows.pop(sample.id, (0, None))
        if row is None or not row.is_done or not row.text.strip():
            continue
        if sample.path is None or sample.path.is_file():
            yield sample.with_text(row.text.strip())
        else:
            mend = "put it back where it was"
            on_error(DataError(sample.id, f"there is no file {str(sample.path)!r:.200}", "its sound or image", mend))
    for number, row in rows.values():
        on_error(unknown(table, number, row))


def unique_rows(table: Path, on_error: OnError) -> dict[str, tuple[int, Row]]:
    """The rows of a table by id, each with its line; the first where an id comes twice. Raises DataError."""
    rows: dict[str, tuple[int, Row]] = {}
    for number, row in read_table(table, on_error).rows:
        first, _ = rows.setdefault(row.id, (number, row))
        if first != number:
            on_error(doubled(table, number, row, first))
    return rows


def doubled(table: Path, number: int, row: Row, first: int) -> DataError:
    """What is said of a row whose id another has, too."""
    came = f"has the id {row.id!r:.80} of line {first}"
    return DataError(f"{table}:{number}", came, "each id once", "remove one of the two")


def unknown(table: Path, number: int, row: Row) -> DataError:
    """What is said of a row whose id is in no manifest."""
    mend = "give the id that it had, or remove the row"
    return DataError(f"{table}:{number}", f"has an unknown id {row.id!r:.80}", f"one of {MANIFEST}", mend)
