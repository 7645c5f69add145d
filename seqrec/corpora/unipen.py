"""UNIPEN 1.0: text files of pen ink (*.dat) with labelled segments; a file, or a folder of them.

Format: I. Guyon et al., "UNIPEN project of on-line data exchange and recognizer benchmarks", ICPR 1994.
Segments name their ink by component number. A component without points is not counted: counting it
would shift every later label against the ink.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError
from seqrec.files import below
from seqrec.samples import OnError, Sample

_LONGEST_LINE = 1 << 20  # bytes
_LARGEST = 256 << 20  # bytes of one file with all that it includes; the real ones have a few MB
_DEEPEST = 4  # includes within includes; the format allows one
_SEGMENT = re.compile(
    r'(?P<level>\S+)\s+(?P<ink>[\d:,\-\s]*\d|\?)?\s*(?P<quality>[A-Za-z]+|\?)?\s*"(?P<label>(?:[^"\\]|\\.)*)"',
    re.DOTALL,
)
_KEYWORD = re.compile(r"^\.(VERSION|INCLUDE|COORD|HIERARCHY|SEGMENT|START_SET|PEN_DOWN|PEN_UP)\b", re.MULTILINE)
_RANGE = re.compile(r"(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?")
_ESCAPES = {"n": " ", "t": " "}


@dataclass
class _Set:
    """What one file has said so far, includes and all."""

    coordinates: list[str] = field(default_factory=lambda: ["X", "Y"])
    resolution: dict[str, float] = field(default_factory=dict)  # points per inch, of X and Y
    rate: float | None = None  # points per second
    clock: float = 0.0  # seconds
    writer: str | None = None
    components: list[tuple[bool, np.ndarray, str | None]] = field(default_factory=list)  # pen down, points, writer
    segments: list[tuple[str, re.Match[str]]] = field(default_factory=list)


def read(source: Path, on_error: OnError, *, level: str = "WORD") -> Iterator[Sample]:
    """A Sample for each labelled segment of the level (WORD, CHARACTER, TEXT ...), in the order of the files.

    y is turned downwards, x brought to y's resolution, times are seconds from the segment's first point
    where the file gives them; the group is the writer. Files that cannot be used go to `on_error`.
    Raises DataError when there is no such source.
    """
    if not source.exists():
        raise DataError(source, "does not exist", "a UNIPEN file or a folder of *.dat")
    root = _root(source)
    found, levels = False, set[str]()
    for path in _files(source, root, on_error):
        try:
            for sample in _Reader(path, root).samples(level.upper(), levels, on_error):
                found = True
                yield sample
        except DataError as error:
            on_error(error)
            found = True
    if not found:
        known = f"segments of {', '.join(sorted(levels))}" if levels else "no segments"
        on_error(DataError(source, f"holds {known}", f"labelled segments of {level}", "choose another level"))


def signs(source: Source) -> Sign | None:
    """Text files *.dat with keywords of UNIPEN."""
    for file in source.with_suffix(".dat")[:20] if source.is_folder else source.files:
        found = _KEYWORD.search(source.head(file, 1 << 14))
        if found:
            return Sign(3, f"holds {file} with lines such as {found[0]}", source.path)
    return None


def _root(source: Path) -> Path:
    """The corpus' folder: what holds `include` and, in `data` or anywhere below, the source."""
    folder = source.resolve() if source.is_dir() else source.resolve().parent
    for parent in (folder, *folder.parents):
        if (parent / "include").is_dir() and (parent == folder or folder.is_relative_to(parent / "data")):
            return parent
    return folder


def _files(source: Path, root: Path, on_error: OnError) -> list[Path]:
    if source.is_file():
        return [source]
    included = root / "include"
    paths = below(source, on_error, ".dat")
    return sorted(path for path in paths if not path.resolve().is_relative_to(included))


class _Reader:
    """One file's samples. Memory is bounded by the size of the file, which is bounded."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self.root, self.left, self.number = path, root, _LARGEST, 0
        self.name = path.resolve().relative_to(root).as_posix().removeprefix("data/")

    def samples(self, level: str, levels: set[str], on_error: OnError) -> Iterator[Sample]:
        """Samples of every set in the file; `levels` gathers the levels met."""
        known, any_keyword = _Set(), False
        for where, keyword, text in self._statements(self.path, 0):
            any_keyword = True
            if keyword == "START_SET":
                yield from self._finish(known, level, levels, on_error)
                known.components, known.segments = [], []
            else:
                _understand(known, where, keyword, text)
        if not any_keyword:
            raise DataError(self.path, "holds no UNIPEN keywords", "a text file with .VERSION, .SEGMENT ...")
        yield from self._finish(known, level, levels, on_error)

    def _statements(self, path: Path, depth: int) -> Iterator[tuple[str, str, str]]:
        """(place, keyword, the text up to the next keyword), includes read in their place."""
        for where, keyword, text in _keywords(self._lines(path), path):
            if keyword == "INCLUDE":
                if depth == _DEEPEST:
                    raise DataError(where, "includes go round in a circle or too deep", f"{_DEEPEST} levels at most")
                yield from self._statements(self._included(text.strip(), path, where), depth + 1)
            else:
                yield where, keyword, text

    def _included(self, name: str, path: Path, where: str) -> Path:
        """The file that .INCLUDE names: beside the including one or in `include`, never outside of the corpus."""
        for folder in (path.parent, self.root / "include"):
            found = Path(os.path.realpath(folder / name)) if "\0" not in name else folder
            if found.is_relative_to(self.root) and os.path.isfile(found):
                return found
        raise DataError(where, f"includes {name!r}, which is not there", f"a file in {self.root / 'include'}")

    def _lines(self, path: Path) -> Iterator[str]:
        try:
            with open(path, "rb") as stream:
                while line := stream.readline(_LONGEST_LINE):
                    self.left -= len(line)
                    if len(line) == _LONGEST_LINE or self.left < 0:
                        raise DataError(
                            path, "is too large", f"lines below 1 MB, {_LARGEST >> 20} MB with all includes"
                        )
                    yield _decoded(line)
        except OSError as error:
            raise DataError(path, f"cannot be read ({error.strerror})", "a UNIPEN file") from None

    def _finish(self, known: _Set, level: str, levels: set[str], on_error: OnError) -> Iterator[Sample]:
        for where, segment in known.segments:
            levels.add(segment["level"])
            if segment["level"].upper() != level:
                continue
            number, self.number = self.number, self.number + 1
            try:
                strokes, writer = _ink(known, where, segment["ink"] or "")
            except DataError as error:
                on_error(error)
                continue
            yield Sample(id=f"{self.name}#{number}", text=_label(segment["label"]), strokes=strokes, group=writer)


def _decoded(line: bytes) -> str:
    """The format is ASCII; what goes beyond is UTF-8 or, in the old files, Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _keywords(lines: Iterator[str], path: Path) -> Iterator[tuple[str, str, str]]:
    """Place, keyword without its dot, and all text up to the next keyword, which starts a line."""
    keyword, where = "", ""
    text: list[str] = []
    for number, line in enumerate(lines, 1):
        if line[0] == "." and line[1:2].isalpha():
            if keyword:
                yield where, keyword, "".join(text)
            word, *text = line.split(maxsplit=1)
            keyword, where = word[1:].upper(), f"{path}:{number}"
        else:
            text.append(line)
    if keyword:
        yield where, keyword, "".join(text)


def _understand(known: _Set, where: str, keyword: str, text: str) -> None:
    """Take in one statement; those that say nothing about ink, labels or writer are passed over."""
    if keyword in ("PEN_DOWN", "PEN_UP"):
        _component(known, where, keyword == "PEN_DOWN", text)
    elif keyword == "SEGMENT":
        segment = _SEGMENT.match(text.strip())
        if segment:  # a segment may go without a label: then it teaches nothing
            known.segments.append((where, segment))
    elif keyword == "COORD":
        known.coordinates = text.upper().split()
        if not {"X", "Y"} <= set(known.coordinates):
            raise DataError(where, f".COORD is {text.strip()!r:.40}", "X and Y among the coordinates")
    elif keyword == "WRITER_ID":
        known.writer = text.strip() or None
    elif keyword == "DT":
        known.clock += _number(text, where) / 1000
    elif keyword == "POINTS_PER_SECOND":
        known.rate = _number(text, where) or None
    elif match := re.fullmatch(r"([XY])_POINTS_PER_(INCH|MM)", keyword):
        known.resolution[match[1]] = _number(text, where) * (25.4 if match[2] == "MM" else 1)


def _number(text: str, where: str) -> float:
    try:
        value = float(text.split()[0])
    except (ValueError, IndexError):
        value = -1.0
    if not 0 <= value < 1e9:
        raise DataError(where, f"says {text.strip()!r:.40}", "a number from 0")
    return value


def _component(known: _Set, where: str, down: bool, text: str) -> None:
    """Add a component (N, 2|3) of x, y downwards and t in seconds; one without points is not counted."""
    width = len(known.coordinates)
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError:
        raise DataError(where, "holds something that is no number", "coordinates as .COORD declares them") from None
    if not len(numbers):
        return
    if len(numbers) % width or not np.abs(numbers).max() < 1e12:
        raise DataError(where, f"holds {len(numbers)} numbers", f"finite ones, {width} for each point")
    table = dict(zip(known.coordinates, numbers.reshape(-1, width).T, strict=False))
    across, along = known.resolution.get("X", 0), known.resolution.get("Y", 0)
    columns = [table["X"] * (along / across if across and along else 1), -table["Y"]]
    if "T" in table:
        columns.append(table["T"] / 1000)
    elif known.rate:
        columns.append(known.clock + np.arange(len(columns[0])) / known.rate)
        known.clock += len(columns[0]) / known.rate
    known.components.append((down, np.stack(columns, axis=1), known.writer))


def _ink(known: _Set, where: str, delineation: str) -> tuple[tuple[np.ndarray, ...], str | None]:
    """The strokes that "0:10-2:45,5" stands for, and who wrote them."""
    strokes: list[np.ndarray] = []
    writers: list[str | None] = []
    for text in re.sub(r"\s", "", delineation).split(","):
        part = _RANGE.fullmatch(text)
        if part is None:
            raise DataError(where, f"names its ink by {delineation!r:.40}", "component numbers as in 0:10-2:45,5")
        first, last = int(part[1]), int(part[3] or part[1])
        if not first <= last < len(known.components):
            came = f"names components {first}-{last} of {len(known.components)}"
            raise DataError(where, came, "components with points, counted from 0")
        for number in range(first, last + 1):
            down, points, writer = known.components[number]
            begin = int(part[2] or 0) if number == first else 0
            end = int(part[4]) + 1 if number == last and part[4] else len(points)
            if down and len(points[begin:end]):
                strokes.append(points[begin:end])
                writers.append(writer)
    if not strokes:
        raise DataError(where, f"has no ink in components {delineation}", "a component with the pen down")
    origin = np.array([0, 0, strokes[0][0, 2]]) if all(s.shape[1] == 3 for s in strokes) else np.zeros(2)
    return tuple(stroke[:, : len(origin)] - origin for stroke in strokes), writers[0]


def _label(text: str) -> str:
    """The label without its escapes; line breaks and tabulators count as blanks."""
    plain = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text, flags=re.DOTALL)
    return " ".join(plain.split())
