"""IAM On-Line Handwriting Database: lineStrokes (pen ink of lines on a whiteboard) with ascii (their texts).

    IAM-OnDB/lineStrokes/a01/a01-000/a01-000u-01.xml          a line: Stroke, Point x y time (y downwards, seconds)
    IAM-OnDB/ascii/a01/a01-000/a01-000u.txt                   all lines of a form, below "CSR:"
    IAM-OnDB/original/a01/a01-000/strokesu.xml                where it is there: Form with its writerID
    IAM-OnDB/forms.txt                                        where it is there: forms and their writers
    IAM-OnDB/trainset.txt testset_v.txt testset_t.txt testset_f.txt

Format: M. Liwicki and H. Bunke, "IAM-OnDB", ICDAR 2005, and the pages of the database ("Download", "Data format").
The folders may lie in those that the archives are called after (lineStrokes-all/lineStrokes, ...), and the sets
in one of their own (task1). The group is the writer, or the form where no writer is known.

Official split: the task IAM-OnDB-t1. trainset is train, the first and the second validation set (testset_v,
testset_t) are dev, the final test set (testset_f) is test.

Known faults, each handled: z01-000z has ink of eight lines and no text, so these are named and left out. A text
file may have two lines in one, "%%%%%%%%%%%" between them: they are taken apart. Strokes without points are passed
over. Where a form has more lines of ink than of text, nobody knows which text is missing: all its lines are named
and left out. Where times run backwards within a line, it is named, and keeps its ink without the times.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import unescape

import numpy as np
from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]

from seqrec.corpora import NoSplit, _pages
from seqrec.corpora._pages import children, descendants
from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import OnError, Sample

_LINE = re.compile(r"(?P<form>(?P<base>(?P<book>[a-z]\d\d)-\d{3})(?P<letter>[a-z]?))-(?P<number>\d{2,3})\.xml")
_FORM = re.compile(r"[a-z]\d\d-\d{3}[a-z]?(-\d{2,3})?")
_SETS = {"trainset": "train", "testset_v": "dev", "testset_t": "dev", "testset_f": "test"}
_LAYOUT = "lineStrokes/a01/a01-000/a01-000u-01.xml and ascii/a01/a01-000/a01-000u.txt"
_LARGEST = 1 << 20  # bytes of a text file; the real ones have some 2 KB
_FOLDERS = ("lineStrokes", "ascii", "original")
_TWO_LINES = re.compile(r"%{5,}")
_ENTITIES = {"&quot;": '"', "&apos;": "'"}


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """A Sample for each line, in the order of their names; times are seconds from its first point.

    Raises DataError when the source has no lineStrokes.
    """
    source = Path(source)
    strokes, texts, writers = _folder(source, "lineStrokes"), _folder(source, "ascii"), _Writers(source, on_error)
    if strokes is None:
        came = "holds no lineStrokes" if source.exists() else "does not exist"
        raise DataError(source, came, f"the corpus' folder, with {_LAYOUT}")
    forms: dict[tuple[Path, str], list[re.Match[str]]] = {}
    for path in sorted(strokes.glob("*/*/*.xml")):
        found = _LINE.fullmatch(path.name)
        if found:
            forms.setdefault((path.parent, found["form"]), []).append(found)
    if not forms:
        on_error(DataError(source, "holds no lines of ink", f"files such as {_LAYOUT}"))
    for (folder, form), lines in forms.items():
        try:
            of = _texts(texts, lines)
            group = writers.of(lines[0])
        except DataError as error:
            on_error(error)
            continue
        for line in lines:
            try:
                ink = _strokes(folder / line[0], on_error)
                yield Sample(id=Path(line[0]).stem, text=of[int(line["number"]) - 1], strokes=ink, group=group or form)
            except DataError as error:
                on_error(error)


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples of the sets with their part. Raises NoSplit where trainset.txt is not there."""
    parts = _sets(Path(source), on_error)
    strange: set[str] = set()
    for sample in read(source, on_error):
        form = sample.id.rpartition("-")[0]
        part = parts.get(form) or parts.get(sample.id)
        if part:
            yield part, sample
        elif form not in strange:
            strange.add(form)
            on_error(DataError(source, f"{form} is in none of its sets", f"{', '.join(_SETS)} to name every form"))


def signs(source: Source) -> Sign | None:
    """Whether there are such lines of a whiteboard."""
    for file in source.files:
        above = source.at(file).absolute().parents  # a01-000, a01, lineStrokes
        if _LINE.fullmatch(file.name) and len(above) > 2 and above[2].name == "lineStrokes":
            strokes = above[2]
            root = _base(strokes) if _base(strokes).is_relative_to(source.path.absolute()) else source.path
            return Sign(3, f"holds lines of IAM-OnDB such as {file}", root)
    return None


def _folder(source: Path, name: str) -> Path | None:
    """The folder of that name, in the corpus' or in a folder of it."""
    base = _base(source)
    found = [base / name, *(folder / name for folder in sorted(base.glob("*")))]
    return next((folder for folder in found if folder.is_dir()), None)


def _base(source: Path) -> Path:
    """The corpus' folder; the source, or what holds it when that is one of its parts."""
    base = source.parent if source.name in _FOLDERS else source
    return base.parent if base.name in {f"{name}-all" for name in _FOLDERS} else base


def _texts(folder: Path | None, lines: list[re.Match[str]]) -> list[str]:
    """The texts of a form's lines. Raises DataError where they do not fit the ink."""
    first = lines[0]
    many = f"{len(lines)} lines of ink are left out: "
    path = (folder or Path("ascii")) / first["book"] / first["base"] / f"{first['form']}.txt"
    try:
        with open(path, "rb") as stream:
            content = stream.read(_LARGEST)
    except OSError as error:
        raise DataError(path, f"{many}their text cannot be read ({error.strerror})", f"{_LAYOUT}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    rows = [row.strip() for row in _TWO_LINES.sub("\n", text).splitlines()]
    if "CSR:" not in rows or not any(rows[rows.index("CSR:") + 1 :]):
        raise DataError(path, f'{many}it has no text below "CSR:"', "a line of text for each of ink")
    texts = [" ".join(unescape(row, _ENTITIES).split()) for row in rows[rows.index("CSR:") + 1 :] if row]
    last = max(int(line["number"]) for line in lines)
    if last > len(texts):
        raise DataError(path, f"{many}it has {len(texts)} lines of text, of ink {last}", "a line of text for each")
    return texts


def _strokes(path: Path, on_error: OnError) -> tuple[np.ndarray, ...]:
    """The ink of a line; without times where these run backwards. Raises DataError."""
    root = _pages.tree(path, "WhiteboardCaptureSession", "IAM-OnDB")
    strokes = [[_point(point, path) for point in children(stroke, "Point")] for stroke in descendants(root, "Stroke")]
    made = [np.array(stroke, dtype=np.float64) for stroke in strokes if stroke]
    if not made:
        raise DataError(path, "has no ink", "a Stroke with a Point")
    times = np.concatenate(made)[:, 2]
    if np.isnan(times).any():
        return tuple(stroke[:, :2] for stroke in made)
    if (np.diff(times) < 0).any():
        back = -np.diff(times).min()
        on_error(DataError(path, f"its times run backwards, by up to {back:.4g} s", "", "it is read without times"))
        return tuple(stroke[:, :2] for stroke in made)
    return tuple(stroke - (0, 0, times[0]) for stroke in made)


def _point(point: Element, path: Path) -> tuple[float, float, float]:
    """x, y and time; NaN for a time that is not given."""
    values = [point.get(key) for key in ("x", "y", "time")]
    try:
        x, y, time = (float(value) if value is not None else math.nan for value in values)
    except ValueError:
        x = y = time = math.nan
    if not (abs(x) < 1e12 and abs(y) < 1e12) or abs(time) >= 1e12 or (math.isnan(time) and values[2] is not None):
        raise DataError(path, f"has a Point with x, y and time {values!r:.60}", "numbers")
    return x, y, time


def _sets(source: Path, on_error: OnError) -> dict[str, str]:
    """Form, or line, -> part."""
    base = _base(source)
    folder = next((place for place in (base, *sorted(base.glob("*"))) if (place / "trainset.txt").is_file()), None)
    if folder is None:
        raise NoSplit(source, "has no trainset.txt", ", ".join(f"{name}.txt" for name in _SETS))
    parts: dict[str, str] = {}
    for name, part in _SETS.items():
        try:
            with open(folder / f"{name}.txt", encoding="latin-1") as stream:
                named = [found[0] for line in stream if (found := _FORM.match(line.strip()))]
        except OSError as error:
            on_error(DataError(folder / f"{name}.txt", f"cannot be read ({error.strerror})", "a form a line"))
            continue
        for form in named:
            if parts.setdefault(form, part) != part:
                on_error(DataError(folder / f"{name}.txt", f"{form} is in {parts[form]}, too", "each form once"))
    return parts


class _Writers:
    """Who wrote the forms: by forms.txt, or by the original files."""

    def __init__(self, source: Path, on_error: OnError) -> None:
        self.folder, self.on_error = _folder(source, "original"), on_error
        self.known: dict[str, str] = {}
        for table in [*sorted(_base(source).glob("forms.txt")), *sorted(_base(source).glob("*/forms.txt"))][:1]:
            try:
                rows = [line.split() for line in table.read_text(encoding="latin-1").splitlines()]
            except OSError as error:
                on_error(DataError(table, f"cannot be read ({error.strerror})", "forms and their writers"))
                continue
            self.known = {row[0]: row[1] for row in rows if len(row) > 1 and _FORM.fullmatch(row[0])}

    def of(self, line: re.Match[str]) -> str | None:
        if line["form"] in self.known:
            return self.known[line["form"]]
        if self.folder is None:
            return None
        path = self.folder / line["book"] / line["base"] / f"strokes{line['letter']}.xml"
        if not path.is_file():
            return None
        try:
            return _writer_in(path)
        except SeqrecError as error:
            self.on_error(error)
            return None


def _writer_in(path: Path) -> str | None:
    """The writerID, which comes before the ink: no more of the file is read. Raises DataError."""
    try:
        with open(path, "rb") as stream:
            for _, element in iterparse(stream, events=("start",)):
                if element.get("writerID"):
                    return str(element.get("writerID"))
                if _pages.name(element) == "StrokeSet":
                    break
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "the writer of its form") from None
    except (DefusedXmlException, ParseError, ValueError, LookupError) as error:
        raise DataError(path, f"is not complete XML ({error})", "the writer of its form") from None
    return None
