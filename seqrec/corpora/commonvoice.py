"""Mozilla Common Voice, one language: clips/*.mp3 with train.tsv, dev.tsv and test.tsv, or validated.tsv.

Described in the README of github.com/common-voice/cv-dataset. Tables have a header and no quoting: quotation
marks belong to the sentence. The group is `client_id`, a voice. Official split: train.tsv, dev.tsv, test.tsv,
in which no sentence comes twice and no voice is in two parts. They leave out most of what was validated: give
validated.tsv (or any other of the tables) itself as the source to have it all, and seqrec's own split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from seqrec.corpora import NoSplit
from seqrec.corpora._source import SOUNDS, Sign, Source
from seqrec.corpora._speech import first_time, lines, one_folder
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample
from seqrec.splits import PARTS

_LAYOUT = "a language's folder, with clips/ and train.tsv, dev.tsv, test.tsv or validated.tsv; or one of these"
_TEXTS = ("sentence", "text")


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of the tables: train, dev and test, or validated where there is none of them.

    Raises DataError when there is no table.
    """
    seen: set[str] = set()
    for table in _tables(source):
        yield from _samples(table, on_error, seen)


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples with the part that their table names. Raises NoSplit where there is none of the three."""
    tables, seen = _tables(source), set[str]()
    if source.is_file() or any(table.stem not in PARTS for table in tables):
        raise NoSplit(source, "has no split", "a folder with train.tsv, dev.tsv, test.tsv")
    for table in tables:
        yield from ((table.stem, sample) for sample in _samples(table, on_error, seen))


def signs(source: Source) -> Sign | None:
    """`root` is the language's folder, or the source where that is a table. Raises DataError for several."""
    tables = [file for file in source.with_suffix(".tsv") if source.at(file.parent / "clips").is_dir()]
    found = [file for file in tables if source.head(file).startswith("client_id\t")]
    if not found:
        return None
    root = one_folder(source, [file.parent for file in found], "languages") if source.is_folder else source.path
    return Sign(3, f"holds clips/ and {found[0]}, whose columns begin with client_id", root)


def _tables(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    parts = [source / f"{part}.tsv" for part in PARTS]
    tables = [table for table in parts if table.is_file()] or [source / "validated.tsv"]
    if not tables[0].is_file():
        languages = sorted(path.parent.name for path in source.glob("*/clips") if path.is_dir())
        mend = f"give one of its languages: {', '.join(languages)}"[:200] if languages else ""
        raise DataError(source, "holds no table" if source.is_dir() else "does not exist", _LAYOUT, mend)
    return tables


def _samples(table: Path, on_error: OnError, seen: set[str]) -> Iterator[Sample]:
    rows = lines(table, on_error)
    header = [cell.strip() for cell in next(rows, ("", ""))[1].split("\t")]
    text = next((name for name in _TEXTS if name in header), "")
    if not text or "path" not in header:
        on_error(
            DataError(table, f"begins with {', '.join(header)!r:.120}", "the columns client_id, path, sentence, ...")
        )
        return
    for where, line in rows:
        cells = line.split("\t")
        try:
            if len(cells) != len(header):
                raise DataError(where, f"has {len(cells)} cells", f"{len(header)} as the header")
            row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            yield _sample(row, text, table.parent / "clips", where, seen)
        except DataError as error:
            on_error(error)


def _sample(row: dict[str, str], text: str, folder: Path, where: str, seen: set[str]) -> Sample:
    if not row[text] or not row["path"]:
        raise DataError(where, f"has no {text if row['path'] else 'path'}", "a clip and what it says")
    # The first releases left the suffix out.
    name = row["path"] if row["path"].lower().endswith(SOUNDS) else f"{row['path']}.mp3"
    path = folder / name
    if not path.is_file():
        raise DataError(where, f"there is no clip {row['path']!r:.80}", f"it in {folder}")
    stem = PurePosixPath(name).with_suffix("").as_posix()
    return Sample(id=first_time(stem, where, seen), text=row[text], path=path, group=row.get("client_id") or None)
