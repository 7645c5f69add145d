"""IAM Handwriting Database: the lines of ascii/lines.txt and lines/, or the words of words.txt and words/.

    IAM/ascii/lines.txt    a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop|Mr.|Gaitskell|from
    IAM/ascii/forms.txt    a01-000u 000 2 prt 7 5 52 36          the second is the writer
    IAM/lines/a01/a01-000u/a01-000u-00.png

Format: U. Marti and H. Bunke, "The IAM-database", IJDAR 5, 2002, and the heads of these files: id, result of
the segmentation into words, grey level to binarise at, (lines:) number of components, bounding box on the form
x y w h, (words:) grammatical tag, text. The text files may also lie beside `lines`, and the images right in it.

Between the words of a line stands "|", which becomes a space. A line whose segmentation into words is "err" is
read, for its own text and image do not depend on that; a word with "err" may be cut wrongly and is left out.
The group is the writer where forms.txt is there, otherwise the form.

Official split: that of the large writer independent text line recognition task, where its trainset.txt,
validationset1.txt, validationset2.txt (both dev) and testset.txt lie anywhere in the folder, with ids of lines
or forms. What is in no set of the task (of 13,353 lines 3,491) is not in its split either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seqrec.corpora import NoSplit
from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample

_FORM = r"[a-z]\d\d-\d{3}[a-z]?"
_LINE = re.compile(rf"(?P<id>(?P<form>{_FORM})-\d\d)\s+(?P<cut>\S+)\s+\d+\s+\d+(?:\s+-?\d+){{4}}\s+(?P<text>.*)")
_WORD = re.compile(
    rf"(?P<id>(?P<form>{_FORM})-\d\d-\d\d)\s+(?P<cut>\S+)\s+\d+(?:\s+\d+)?(?:\s+-?\d+){{4}}\s+\S+\s+(?P<text>.*)"
)
_KINDS = {"lines": _LINE, "words": _WORD}
_SETS = {"trainset": "train", "validationset1": "dev", "validationset2": "dev", "testset": "test"}
_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
_LAYOUT = "ascii/lines.txt (or lines.txt) and lines/a01/a01-000u/a01-000u-00.png"
_LONGEST_LINE = 1 << 16  # bytes


class _Table(NamedTuple):
    """lines.txt or words.txt."""

    kind: str
    path: Path
    root: Path  # of the corpus


def signs(source: Source) -> Sign | None:
    """Whether there is a lines.txt, or a words.txt, with such lines."""
    for kind, pattern in _KINDS.items():
        for file in source.files:
            if file.name.lower() == f"{kind}.txt":
                lines = (line for line in source.head(file, 1 << 14).splitlines() if not line.startswith("#"))
                example = next(lines, "")
                if pattern.fullmatch(example.strip()):
                    root = _root(source.at(file)) if source.is_folder else source.path
                    return Sign(3, f"holds {file} with lines such as {example:.40}", root)
    return None


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of lines.txt, or else words.txt. `source` is the corpus' folder, or the text file.

    Raises DataError when there is neither.
    """
    table = _table(source)
    writers = _writers(table)
    for number, raw in enumerate(_lines(table.path, on_error), 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            try:
                yield _sample(line, f"{table.path}:{number}", table, writers)
            except DataError as error:
                on_error(error)


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples of the sets with their part. Raises NoSplit where trainset.txt is not there."""
    sets = _sets(_table(source).root, on_error)
    for sample in read(source, on_error):
        line = "-".join(sample.id.split("-")[:3])
        part = sets.get(line) or sets.get(line.rpartition("-")[0])
        if part:
            yield part, sample


def _table(source: Path) -> _Table:
    if source.is_dir():
        for kind in _KINDS:
            for folder in (source / "ascii", source):
                if (folder / f"{kind}.txt").is_file():
                    return _Table(kind, folder / f"{kind}.txt", source)
        raise DataError(source, "holds no lines.txt", _LAYOUT)
    kind = source.stem.lower()
    if kind not in _KINDS or not source.is_file():
        came = "is another file" if source.exists() else "does not exist"
        raise DataError(source, came, f"lines.txt or words.txt, or the folder with {_LAYOUT}")
    return _Table(kind, source, _root(source))


def _root(table: Path) -> Path:
    return table.parent.parent if table.parent.name.lower() == "ascii" else table.parent


def _sample(line: str, where: str, table: _Table, writers: dict[str, str]) -> Sample:
    found = _KINDS[table.kind].fullmatch(line)
    if not found:
        form = "id, ok or err, numbers and the text" + (" (words A|MOVE|to)" if table.kind == "lines" else "")
        raise DataError(where, f"is {line!r:.60}", form)
    id, form, text = found["id"], found["form"], found["text"]
    if table.kind == "words" and found["cut"] != "ok":
        raise DataError(where, f"{id} is {found['cut']}: its segmentation may be bad", "ok")
    return Sample(
        id=id,
        text=" ".join(text.split("|")) if table.kind == "lines" else text,
        path=_image(id, form, where, table),
        group=writers.get(form, form),
    )


def _image(id: str, form: str, where: str, table: _Table) -> Path:
    """Deep in `lines` as in the corpus, or right in it."""
    top = table.root / table.kind
    for folder in (top / form[:3] / form, top / form, top / form[:3], top):
        for suffix in _SUFFIXES:
            if os.path.isfile(folder / (id + suffix)):
                return folder / (id + suffix)
    raise DataError(where, f"there is no image of {id}", f"{top / form[:3] / form / id}.png")


def _writers(table: _Table) -> dict[str, str]:
    """The writer of each form, {} where forms.txt is not there."""
    path = table.path.with_name("forms.txt")
    if not path.is_file():
        return {}
    rows = (line.split() for line in _lines(path, lambda error: None) if not line.startswith("#"))
    return {row[0]: row[1] for row in rows if len(row) > 1}


def _sets(root: Path, on_error: OnError) -> dict[str, str]:
    """The part of each line or form that a set names."""
    parts: dict[str, str] = {}
    for file in Source(root).with_suffix(".txt"):
        if file.stem.lower() in _SETS:
            for line in _lines(root / file, on_error):
                if line.strip():
                    parts[line.split()[0]] = _SETS[file.stem.lower()]
    if "train" not in parts.values():
        raise NoSplit(root, "holds no trainset.txt", "the sets of the text line recognition task")
    return parts


def _lines(path: Path, on_error: OnError) -> Iterator[str]:
    """Lines of text; those that are none go to `on_error` and are empty. Raises DataError."""
    try:
        with open(path, "rb") as stream:
            number = 0
            while raw := stream.readline(_LONGEST_LINE):
                number += 1
                if len(raw) == _LONGEST_LINE:
                    raise DataError(f"{path}:{number}", "is longer than 64 KB", "one line of the database a line")
                try:
                    yield raw.decode("utf-8-sig")
                except UnicodeDecodeError:
                    on_error(DataError(f"{path}:{number}", "is not UTF-8", "ASCII or UTF-8 text"))
                    yield ""
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a text file of the database") from None
