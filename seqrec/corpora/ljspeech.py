"""LJ Speech and what is laid out as it: metadata.csv with {id}|{text}|{normalised text}, and wavs/{id}.wav.

Described in README of the corpus (keithito.com/LJ-Speech-Dataset): a record a line, `|` between the fields,
no quoting and no header. The text is the last field: the third, in which numbers and the like are written
out, or the second where no line has a third. One speaker, so no group; no official split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora._source import SOUNDS, Sign, Source
from seqrec.corpora._speech import first_time, lines
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample

_LAYOUT = "a folder with metadata.csv and wavs/, or that file"
_RECORD = "{id}|{text}|{normalised text}"


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of metadata.csv. Raises DataError when there is none."""
    table = source / "metadata.csv" if source.is_dir() else source
    if not table.is_file():
        raise DataError(source, "holds no metadata.csv" if source.is_dir() else "does not exist", _LAYOUT)
    fields, records, seen = 0, 0, set[str]()
    for where, line in lines(table, on_error):
        records += 1
        cells = [cell.strip() for cell in line.split("|")]
        fields = fields or len(cells)  # as many as the first has
        try:
            if len(cells) != fields or fields not in (2, 3):
                raise DataError(where, f"has {len(cells)} fields", _RECORD if fields == 3 else "{id}|{text}")
            yield _sample(cells, table.parent / "wavs", where, seen)
        except DataError as error:
            on_error(error)
    if not records:
        on_error(DataError(table, "holds no record", _RECORD))


def signs(source: Source) -> Sign | None:
    for file in source.named("*metadata.csv") + source.named("*.csv" if not source.is_folder else "metadata.csv"):
        line = source.head(file).partition("\n")[0]
        if line.count("|") in (1, 2) and source.at(file.parent / "wavs").is_dir():
            root = source.at(file.parent) if source.is_folder else source.path
            return Sign(3, f"holds {file} with lines such as {line:.40}, and wavs/", root)
    return None


def _sample(cells: list[str], folder: Path, where: str, seen: set[str]) -> Sample:
    name, text = cells[0], cells[-1]
    if not name or not text:
        raise DataError(where, f"has no {'id' if not name else 'text'}", _RECORD)
    names = [name] if name.lower().endswith(SOUNDS) else [name + suffix for suffix in SOUNDS]
    for path in (folder / each for each in names):
        if path.is_file():
            return Sample(id=first_time(name, where, seen), text=text, path=path)
    raise DataError(where, f"there is no sound {name!r:.80}", f"{folder / names[0]}"[:200])
