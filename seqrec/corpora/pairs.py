"""Images or sounds beside a text file of the same stem: line.png with line.gt.txt or line.txt.

    seqrec prepare pairs lines/ -o data/      # folders within are read too

An id is the path below the source, without its suffix; the group is the folder that a file lies in,
or None right in the source. Where both text files exist, `.gt.txt` is taken.

Of the images that OCR programs leave of one line beside its one text, line.nrm.png and line.bin.png for
instance, the first of line.png, .nrm, .dew, .raw and .bin is read. What such programs have read,
`.pred.txt`, is passed over, and so is, where there are `.gt.txt`, a `.txt` without image or sound; a readme.txt
or license.txt always.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import TypeVar

from seqrec.corpora._source import SIGNALS, Sign, Source
from seqrec.errors import DataError, SeqrecError
from seqrec.files import below
from seqrec.samples import OnError, Sample, raise_error

_TRUTH = ".gt.txt"
_TEXTS = (_TRUTH, ".txt")  # in order of preference
_READ = ".pred.txt"
_NOTES = ("readme", "license", "licence")
_VERSIONS = ("", ".nrm", ".dew", ".raw", ".bin")  # of one line's image, in order of preference
_VERSION = re.compile(r"\.[A-Za-z]{2,8}")
_LARGEST = 1 << 20  # bytes of one line of text
_EXPECTED = "images or sounds, each with a .txt or .gt.txt of the same stem"

P = TypeVar("P", bound=PurePath)


def signs(source: Source) -> Sign | None:
    """Whether half of the images and sounds, or more, have a text."""
    signals, texts = _sorted_out(source.files)
    stems = {_stem(path, texts) for path in signals}
    paired = len(stems & texts.keys())
    if not source.is_folder or not paired or 2 * paired < len(stems):
        return None
    truths = sum(text.name.lower().endswith(_TRUTH) for stem, text in texts.items() if stem in stems)
    example = min(stems & texts.keys())
    why = f"holds images or sounds with a text beside each, such as {texts[example]}"
    return Sign(2 if truths == paired else 1, why, source.path)


def read(source: str | os.PathLike[str], on_error: OnError = raise_error) -> Iterator[Sample]:
    """The pairs below a folder, in the order of their paths; other kinds of file are passed over.

    Every file without a partner, every text that is not one line of UTF-8, and every second signal
    to one text goes to `on_error`. Raises DataError when the source is not a folder.
    """
    source = Path(source)
    if not source.is_dir():
        came = "is a file" if source.exists() else "does not exist"
        raise DataError(source, came, f"a folder of {_EXPECTED}")
    signals, texts = _sorted_out(below(source, on_error))
    if not signals and not texts:
        on_error(DataError(source, "holds no pairs", _EXPECTED))
    of_stem: dict[Path, list[Path]] = {}
    for path in sorted(signals):
        of_stem.setdefault(_stem(path, texts), []).append(path)
    for stem, paths in of_stem.items():
        best, *others = _without_versions(stem, paths)
        try:
            yield _sample(best, stem, texts.get(stem), source)
        except SeqrecError as error:
            on_error(error)
        for path in others:
            came = f"has the same text file as {best.name}"
            on_error(DataError(path, came, "one image or sound per text", "rename one"))
    truths = any(text.name.lower().endswith(_TRUTH) for text in texts.values())
    for stem in sorted(texts.keys() - of_stem.keys()):
        if stem.name.lower() in _NOTES:
            continue
        if not truths or texts[stem].name.lower().endswith(_TRUTH):
            on_error(DataError(texts[stem], "has no image or sound", f"one such as {stem.name}.png beside it"))


def _sorted_out(files: Iterable[P]) -> tuple[list[P], dict[P, P]]:
    """The signals, and the text file of each stem."""
    signals: list[P] = []
    texts: dict[P, P] = {}
    for path in files:
        name = path.name.lower()
        if path.suffix.lower() in SIGNALS:
            signals.append(path)
        suffix = next((suffix for suffix in _TEXTS if name.endswith(suffix)), None)
        if suffix and not name.endswith(_READ) and len(name) > len(suffix):
            stem = path.with_name(path.name[: -len(suffix)])
            if suffix == _TRUTH or stem not in texts:
                texts[stem] = path
    return signals, texts


def _stem(path: P, texts: dict[P, P]) -> P:
    """The path without its suffix, or, where only that has a text, without the two of line.nrm.png."""
    stem = path.with_suffix("")
    shorter = stem.with_suffix("")
    return shorter if stem not in texts and shorter in texts and _VERSION.fullmatch(stem.suffix) else stem


def _without_versions(stem: Path, paths: list[Path]) -> list[Path]:
    """The signals of one text, the one to be read first, without other versions of that image."""
    versions = [path.with_suffix("").name[len(stem.name) :] for path in paths]
    if len(set(versions)) == len(paths) and set(versions) <= set(_VERSIONS):
        return [paths[min(range(len(paths)), key=lambda i: _VERSIONS.index(versions[i]))]]
    return paths


def _sample(path: Path, stem: Path, text: Path | None, source: Path) -> Sample:
    if text is None:
        raise DataError(path, "has no text", f"{path.stem}.gt.txt or {path.stem}.txt beside it")
    below = stem.relative_to(source)
    group = below.parent.as_posix()
    return Sample(id=below.as_posix(), text=_line(text), path=path, group=None if group == "." else group)


def _line(path: Path) -> str:
    """The one line of a text file, without the newline at its end. Raises DataError."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "one line of text") from None
    if len(content) > _LARGEST:
        raise DataError(path, "is larger than 1 MB", "one line of text")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        where = f"is not UTF-8 (byte {error.start})"
        raise DataError(path, where, "one line of UTF-8 text", "save it as UTF-8") from None
    if not text.strip():
        raise DataError(path, "is empty", "one line of text")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    if lines > 1:
        raise DataError(path, f"holds {lines} lines", "one line of text", "cut the signal into lines, too")
    return text
