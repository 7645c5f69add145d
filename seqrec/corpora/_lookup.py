"""Signals by the names that tables give them: paths of another place or system, names without folder or suffix."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cached_property
from pathlib import Path, PurePosixPath

from seqrec.corpora._pages import IMAGES
from seqrec.corpora._source import SIGNALS, SOUNDS
from seqrec.errors import DataError

_MOST = 2_000_000  # files looked through
_ABSOLUTE = re.compile(r"/|[A-Za-z]:")
_ABOVE = 2  # folders above the table that its paths may begin in


class Signals:
    """The sounds and images below a folder, looked through when first one is asked for."""

    def __init__(self, top: Path) -> None:
        self.top = top

    @cached_property
    def _of_stem(self) -> dict[str, list[PurePosixPath]]:
        found: dict[str, list[PurePosixPath]] = {}
        looked = 0
        for folder, folders, names in os.walk(self.top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            place = PurePosixPath(Path(folder).relative_to(self.top).as_posix())
            for name in sorted(names):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in SIGNALS and not name.startswith("."):
                    found.setdefault(_plain(stem), []).append(place / name)
            looked += len(names)
            if looked > _MOST:
                break
        return found

    def ending_in(self, wanted: PurePosixPath) -> list[PurePosixPath]:
        """Those whose path below `top` ends like `wanted`: as it stands, or with a suffix more, or with another
        one of sounds or images; the case of letters and the form of accents do not count."""
        *folders, name = (_plain(part) for part in wanted.parts if part != ".")
        stem, suffix = os.path.splitext(name)
        kinds = [(stem, [suffix]), (name, SIGNALS), *((stem, kind) for kind in (SOUNDS, IMAGES) if suffix in kind)]
        for stem, suffixes in kinds:
            alike = [path for path in self._of_stem.get(stem, ()) if path.suffix.lower() in suffixes]
            found = [
                path for path in alike if _plain(str(path.parent)).split("/")[-len(folders) :] == folders or not folders
            ]
            if found:
                exact = [path for path in found if path.name == wanted.name]
                return sorted(exact or found)
        return []


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


class Lookup:
    """Finds the files that the cells of one table name.

    As it stands below the table's folder or one of the two above; otherwise as the one signal whose path
    ends like the cell's. Of an absolute path that is not there the name alone counts, and two of them that
    come to one file are an error.
    """

    def __init__(self, folder: Path, signals: Signals) -> None:
        self.signals = signals
        self.places = (folder, *list(folder.resolve().parents)[:_ABOVE])
        self._came: dict[Path, str] = {}  # absolute paths that are not there: the file -> the first cell for it

    def find(self, cell: str, where: str) -> Path:
        """The file that a cell names. Raises DataError, which `where` begins."""
        place = self._as_given(cell)
        if place:
            return place
        plain = cell.replace("\\", "/")
        wanted = PurePosixPath(plain)
        foreign = _ABSOLUTE.match(plain)
        if foreign:
            wanted = PurePosixPath(wanted.name)
        found = self.signals.ending_in(wanted) if wanted.name else []
        if not found:
            raise DataError(where, f"there is no file {cell!r:.200}", "a path relative to the table's folder")
        if len(found) > 1:
            came = f"{cell!r:.200} may be {found[0]} or {found[1]}"
            raise DataError(where, came, "a path that only one file has")
        path = self.signals.top / found[0]
        if foreign and self._came.setdefault(path, cell) != cell:
            came = f"{cell!r:.200} may be {found[0]}, and so may {self._came[path]!r:.200}"
            raise DataError(where, came, "paths relative to the table's folder")
        return path

    def finds(self, cell: str) -> bool:
        """Whether a cell names a sound or an image."""
        try:
            return bool(cell) and self.find(cell, "").suffix.lower() in SIGNALS
        except DataError:
            return False

    def _as_given(self, cell: str) -> Path | None:
        for name in dict.fromkeys((cell, cell.replace("\\", "/"))):
            for folder in self.places:
                if os.path.isfile(folder / name):
                    return folder / name
        return None
