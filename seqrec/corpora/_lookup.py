"""Signals by the names that tables give them: paths of another place or system, names without folder or suffix."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cached_property
from pathlib import Path

from seqrec.corpora._pages import IMAGES
from seqrec.corpora._source import SIGNALS, SOUNDS
from seqrec.errors import DataError
from seqrec.files import walk

_MOST = 2_000_000  # files looked through
_ABOVE = 2  # folders above the table that its paths may begin in
_ABSOLUTE = re.compile(r"/|[A-Za-z]:")


class Signals:
    """The sounds and images below a folder, looked through when first one is asked for."""

    def __init__(self, top: Path) -> None:
        self.top = top

    @cached_property
    def _of_stem(self) -> dict[str, list[str]]:
        """Paths relative to `top`, with slashes, by their names without suffix."""
        found: dict[str, list[str]] = {}
        looked = 0
        for folder, names in walk(self.top, lambda locked: None):
            place = folder.relative_to(self.top).as_posix()
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in SIGNALS:
                    found.setdefault(_plain(stem), []).append(name if place == "." else f"{place}/{name}")
            looked += len(names)
            if looked > _MOST:
                break
        return found

    def ending_in(self, wanted: str) -> list[str]:
        """Those whose path below `top` ends like `wanted`: as it stands, or with a suffix more, or with another
        one of sounds or images; the case of letters and the form of accents do not count."""
        end = "/" + "/".join(_plain(part) for part in wanted.split("/") if part not in ("", "."))
        bare, suffix = os.path.splitext(end)
        kinds = [(bare, (suffix,)), (end, SIGNALS), *((bare, kind) for kind in (SOUNDS, IMAGES) if suffix in kind)]
        for without, suffixes in kinds:
            found = []
            for path in self._of_stem.get(without.rpartition("/")[2], ()):
                stem, own = os.path.splitext(path)
                if own.lower() in suffixes and f"/{_plain(stem)}".endswith(without):
                    found.append(path)
            if found:
                exact = [path for path in found if f"/{path}".endswith(f"/{wanted}")]
                return sorted(exact or found)
        return []


class Lookup:
    """Finds the files that the cells of one table name.

    As it stands below the table's folder or one of the two above; otherwise as the one signal whose path
    ends like the cell's. Of an absolute path that is not there the name alone counts, and two of them that
    come to one file are an error.
    """

    def __init__(self, folder: Path, signals: Signals) -> None:
        self.signals = signals
        self.places = [os.fspath(place) for place in (folder, *list(folder.resolve().parents)[:_ABOVE])]
        self._came: dict[str, str] = {}  # absolute paths that are not there: the file -> the first cell for it

    def find(self, cell: str, where: str) -> Path:
        """The file that a cell names. Raises DataError, which `where` begins."""
        path = self._as_given(cell)
        if path:
            return Path(path)
        wanted = cell.replace("\\", "/")
        absolute = _ABSOLUTE.match(wanted)
        if absolute:
            wanted = wanted.rpartition("/")[2]
        found = self.signals.ending_in(wanted) if wanted else []
        if not found:
            raise DataError(where, f"there is no file {cell!r:.200}", "a path relative to the table's folder")
        if len(found) > 1:
            came = f"{cell!r:.200} may be {found[0]} or {found[1]}"
            raise DataError(where, came, "a path that only one file has")
        if absolute and self._came.setdefault(found[0], cell) != cell:
            came = f"{cell!r:.200} may be {found[0]}, and so may {self._came[found[0]]!r:.200}"
            raise DataError(where, came, "paths relative to the table's folder")
        return self.signals.top / found[0]

    def finds(self, cell: str) -> bool:
        """Whether a cell names a sound or an image."""
        try:
            return bool(cell) and self.find(cell, "").suffix.lower() in SIGNALS
        except DataError:
            return False

    def _as_given(self, cell: str) -> str | None:
        for name in (cell, cell.replace("\\", "/")) if "\\" in cell else (cell,):
            for folder in self.places:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    return path
        return None


def _plain(name: str) -> str:
    return (name if name.isascii() else unicodedata.normalize("NFC", name)).casefold()
