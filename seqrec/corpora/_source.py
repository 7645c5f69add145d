"""What a reader's `signs` looks at to tell whether a source is of its format, quick whatever the source's size."""

from __future__ import annotations

import codecs
import json
import os
import re
import zlib
from collections import Counter, deque
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from seqrec.corpora import _pages
from seqrec.errors import SeqrecError

SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".sph")
SIGNALS = frozenset(SOUNDS + _pages.IMAGES)

_MOST = 5_000  # files looked at
_MOST_FOLDERS = 2_000
_MOST_ALIKE = 500  # of one suffix in one folder: a table among a million clips is still seen
_PACKED = 1 << 16  # bytes of a gzip file, the least that is read to unpack its beginning
_LONGEST_ROW = 1 << 20  # bytes
_KIND = re.compile(r"(\.[a-z]{2,8})?\.[^.]*$")  # .gt.txt is another kind than .txt
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")


class Sign(NamedTuple):
    """Why a source is of a format.

    `sure` is 3 where only this format has such files, 2 where its layout fits, 1 where it may be. `why`
    completes "SOURCE is read as FORMAT, because it ...". `root` is what to hand to the reader: the source
    itself, or the folder or file in it where the corpus begins.
    """

    sure: int
    why: str
    root: Path


class Source:
    """A look at a source: a folder, or one file, whose `files` then holds its name alone.

    A folder `leave_out` in it is not looked at.
    """

    def __init__(self, path: str | os.PathLike[str], leave_out: Path | None = None) -> None:
        self.path, self._leave_out = Path(path), leave_out and leave_out.resolve()
        self.is_folder = self.path.is_dir()
        self.folder = self.path if self.is_folder else self.path.parent
        self._roots: dict[str, str] = {}

    @cached_property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Paths relative to `folder`, upper folders first, sorted within each, without hidden ones.

        At most 5,000 of 2,000 folders, and of one folder the first 500 of each suffix; folders that cannot
        be read are passed over, links to folders are followed, each folder once.
        """
        if not self.is_folder:
            return (PurePosixPath(self.path.name),) if self.path.is_file() else ()
        found: list[PurePosixPath] = []
        folders, looked, seen = deque([PurePosixPath()]), 0, set[tuple[int, int]]()
        while folders and looked < _MOST_FOLDERS and len(found) < _MOST:
            folder, looked = folders.popleft(), looked + 1
            below, files = _listed(self.path / folder, seen)
            found += (folder / name for name in files)
            folders += (folder / name for name in below if not self._is_left_out(folder / name))
        return tuple(found[:_MOST])

    def _is_left_out(self, folder: PurePosixPath) -> bool:
        return self._leave_out is not None and self.at(folder).resolve() == self._leave_out

    def with_suffix(self, *suffixes: str) -> list[PurePosixPath]:
        """The files whose names end in one of these, in any case: ".wav", ".gt.txt"."""
        return [file for file in self.files if file.name.lower().endswith(suffixes)]

    def named(self, pattern: str) -> list[PurePosixPath]:
        """The files whose relative paths fit a pattern, in any case; `*` stands for slashes, too."""
        return [file for file in self.files if fnmatchcase(str(file).lower(), pattern.lower())]

    def at(self, relative: str | PurePosixPath) -> Path:
        """Where a file or folder among `files` lies; "." of a folder is the source itself."""
        return self.folder / relative

    def head(self, file: str | PurePosixPath, size: int = 4096) -> str:
        """Its first `size` bytes as text (UTF-8, UTF-16 with its mark, else Latin-1), unpacked where it is
        gzip; "" where it cannot be read or is no text. The last line may be cut."""
        raw = self._begin(file, size)
        for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            if raw.startswith(mark):
                return raw[2:].decode(encoding, "ignore")
        if _BINARY.search(raw):
            return ""
        try:
            return codecs.getincrementaldecoder("utf-8-sig")().decode(raw, final=len(raw) < size)
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def row(self, file: str | PurePosixPath) -> dict[str, Any]:
        """The first line of a file of JSON objects; {} where it is none."""
        line = self._begin(file, _LONGEST_ROW).lstrip().partition(b"\n")[0]
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return {}
        return row if isinstance(row, dict) else {}

    def root(self, file: str | PurePosixPath) -> str:
        """The name of an XML file's root, without its namespace; "" where it is no XML."""
        if str(file) not in self._roots:
            try:
                self._roots[str(file)] = _pages.root_name(self.at(file))
            except SeqrecError:
                self._roots[str(file)] = ""
        return self._roots[str(file)]

    def _begin(self, file: str | PurePosixPath, size: int) -> bytes:
        try:
            with open(self.at(file), "rb") as stream:
                raw = stream.read(size)
                packed = raw.startswith(b"\x1f\x8b")
                return zlib.decompressobj(31).decompress(raw + stream.read(_PACKED), size) if packed else raw
        except (OSError, ValueError, zlib.error):
            return b""


def page_signs(source: Source, root: str) -> Sign | None:
    """The sign of pages in XML files with this root: 3 where they explain half of the images, or more."""
    pages = [file for file in source.with_suffix(".xml")[:_MOST_ALIKE] if source.root(file) == root]
    if not pages:
        return None
    images = source.with_suffix(*_pages.IMAGES)
    why = f"holds pages such as {pages[0]}, whose root is <{root}>"
    return Sign(3 if 2 * len(pages) >= len(images) else 1, why, source.path)


def _listed(folder: Path, seen: set[tuple[int, int]]) -> tuple[list[str], list[str]]:
    """The folders in a folder, and its files: of each suffix the first ones. Both sorted, none hidden.

    Nothing where the folder is one of those `seen` before.
    """
    folders: list[str] = []
    files: list[str] = []
    try:
        state = os.stat(folder)
        if (state.st_dev, state.st_ino) in seen:
            return [], []
        seen.add((state.st_dev, state.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.is_file():  # no pipe, which would be waited for
                    files.append(entry.name)
    except OSError:
        return [], []
    alike: Counter[str] = Counter()
    first: list[str] = []
    for name in sorted(files):
        kind = _KIND.search(name.lower())
        suffix = kind[0] if kind else ""
        alike[suffix] += 1
        if alike[suffix] <= _MOST_ALIKE:
            first.append(name)
    return sorted(folders), first
