"""What the readers of speech corpora share: lines of text files, folders, and the sounds in them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from seqrec import files
from seqrec.corpora._source import SOUNDS, Source
from seqrec.errors import DataError
from seqrec.samples import OnError

_LONGEST = 1 << 20  # bytes of a line
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TEXT = "UTF-8 text"
_SAVE = "save the file as UTF-8"


def lines(path: Path, on_error: OnError) -> Iterator[tuple[str, str]]:
    """The place and the text of each line that is not blank, without what ends it.

    Lines that are no UTF-8, hold NUL or are longer than 1 MB go to `on_error`, as does a file that
    cannot be read or is no text.
    """
    try:
        with open_file(path) as stream:
            head = stream.read(4096)
            if head[:2] in _WIDE or head.count(0) > len(head) / 20:
                came = "is UTF-16" if head[:2] in _WIDE else "is no text: it holds NUL characters"
                on_error(DataError(path, came, _TEXT, _SAVE))
                return
            stream.seek(0)
            for number, raw in enumerate(_raw_lines(stream), 1):
                where = f"{path}:{number}"
                try:
                    text = _decoded(raw, where, "utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except DataError as error:
                    on_error(error)
                    continue
                if text.strip():
                    yield where, text
    except DataError as error:
        on_error(error)
    except OSError as error:
        on_error(DataError(path, f"cannot be read ({error.strerror})", "a text file"))


def open_file(path: Path) -> IO[bytes]:
    """A file, open to be read; a pipe, which would be waited for, is none. Raises DataError."""
    try:
        if path.exists() and not path.is_file():
            raise DataError(path, "is a folder, pipe or device", "a text file")
        return open(path, "rb")
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a text file") from None


def _raw_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines; of one that is too long, the first bytes, one more than are allowed."""
    while raw := stream.readline(_LONGEST + 1):
        yield raw
        while len(raw) > _LONGEST and not raw.endswith(b"\n"):
            raw = stream.readline(_LONGEST + 1) or b"\n"


def _decoded(raw: bytes, where: str, encoding: str) -> str:
    if len(raw) > _LONGEST:
        raise DataError(where, f"is longer than {_LONGEST} bytes", "one sample a line")
    if b"\0" in raw:
        raise DataError(where, "holds NUL characters", _TEXT, _SAVE)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(where, f"is not UTF-8 (byte {error.start})", _TEXT, _SAVE) from None


def walk(source: Path, on_error: OnError, expected: str) -> Iterator[tuple[Path, list[str]]]:
    """As `files.walk`. Raises DataError when `source` is no folder; `expected` says what should be there."""
    if not source.is_dir():
        raise DataError(source, "is a file" if source.exists() else "does not exist", expected)
    yield from files.walk(source, on_error)


def sounds(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """The sounds among the files of a folder by their stems; of one stem, the suffix that SOUNDS names first."""
    found: dict[str, Path] = {}
    for suffix in SOUNDS:
        for name in names:
            if name.lower().endswith(suffix):
                found.setdefault(name[: -len(suffix)], folder / name)
    return found


def one_folder(source: Source, folders: Iterable[PurePosixPath], what: str) -> Path:
    """Where a corpus begins, of the folders in `source` that look so. Raises DataError when there are several."""
    found = list(dict.fromkeys(folders))
    if len(found) > 1:
        names = ", ".join(map(str, found[:5]))
        raise DataError(source.path, f"holds {what} in {len(found)} folders: {names}", "one", "name it")
    return source.at(found[0])


def first_time(name: str, where: str, seen: set[str]) -> str:
    """The id of a sample. Raises DataError when it came before."""
    if name in seen:
        raise DataError(where, f"the id {name!r:.80} came before", "an id for each sample", "remove one of the two")
    seen.add(name)
    return name
