"""LJ Speech and what is laid out as it: metadata.csv with {id}|{text}|{normalised text}, and wavs/{id}.wav.

Described in README of the corpus (keithito.com/LJ-Speech-Dataset): a record a line, `|` between the fields,
no quoting and no header. The text is the last field: the third, in which numbers and the like are written
out, or the second where no line has a third. One speaker, so no group; no official split.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora._source import SOUNDS, Sign, Source
from seqrec.corpora._speech import first_time, lines, one_folder, sounds
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample

_LAYOUT = "a folder with metadata.csv and wavs/, or that file"
_RECORD = "{id}|{text}|{normalised text}"


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of metadata.csv. Raises DataError when there is none."""
    table = source / "metadata.csv" if source.is_dir() else source
    if not table.is_file():
        raise DataError(source, "holds no metadata.csv" if source.is_dir() else "does not exist", _LAYOUT)
    folder = table.parent / "wavs"
    there = sounds(folder, sorted(os.listdir(folder)) if folder.is_dir() else [])
    fields, named, seen = 0, set[str](), set[str]()
    for where, line in lines(table, on_error):
        cells = [cell.strip() for cell in line.split("|")]
        fields = fields or len(cells)  # as many as the first has
        name, text = _stem(cells[0]), cells[-1]
        named.add(name)
        try:
            if len(cells) != fields or fields not in (2, 3):
                raise DataError(where, f"has {len(cells)} fields", "{id}|{text}" if fields == 2 else _RECORD)
            if not name or not text:
                raise DataError(where, f"has no {'text' if name else 'id'}", _RECORD)
            if name not in there:
                raise DataError(where, f"there is no sound {name!r:.80}", f"wavs/{name:.80}.wav")
            yield Sample(id=first_time(name, where, seen), text=text, path=there[name])
        except DataError as error:
            on_error(error)
    if not named:
        on_error(DataError(table, "holds no record", _RECORD))
    for name in sorted(there.keys() - named):
        on_error(DataError(there[name], "has no text", f"a line in {table.name}"))


def signs(source: Source) -> Sign | None:
    """`root` is the folder of metadata.csv, or the source where that is a file. Raises DataError for several."""
    tables = [file for file in source.with_suffix(".csv") if file.name == "metadata.csv" or not source.is_folder]
    begins = {file: source.head(file).partition("\n")[0].strip() for file in tables}
    found = [file for file, line in begins.items() if _fits(line, source.at(file.parent / "wavs"))]
    if not found:
        return None
    root = one_folder(source, [file.parent for file in found], "metadata.csv") if source.is_folder else source.path
    return Sign(3, f"holds wavs/ and {found[0]} with lines such as {begins[found[0]]:.40}", root)


def _fits(line: str, wavs: Path) -> bool:
    """Whether a line has the fields, and its sound lies there: a line of headings has none."""
    name = _stem(line.partition("|")[0].strip())
    return (
        line.count("|") in (1, 2) and "/" not in name and any((wavs / f"{name}{suffix}").is_file() for suffix in SOUNDS)
    )


def _stem(name: str) -> str:
    """A name without the suffix that some give it."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in SOUNDS else name
