"""InkML (*.inkml), the W3C's pen ink: CROHME, MathWriting, IAMonDo and others; a file, or a folder of them.

Format: https://www.w3.org/TR/InkML/. A sample is a traceGroup or traceView that says what it means and
holds no smaller one that does; a file without any is one sample as a whole. What it means is its annotation
"truth", "transcription" or "label" (or of a like name), as an `annotation` or as a child of an `annotationXML`;
MathML there is no text. The writer is the annotation "writer", else the folder within the source.

MathWriting's "splitTagOriginal", or a "split", is the official split; its symbols and synthetic ink are for training.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from seqrec.corpora import NoSplit, _pages
from seqrec.corpora._pages import children, name
from seqrec.corpora._source import Sign, Source
from seqrec.corpora._traces import Format, format_of, points_of
from seqrec.errors import DataError, SeqrecError
from seqrec.files import below
from seqrec.samples import OnError, Sample

Level = Literal["group", "file"]

_ID = "{http://www.w3.org/XML/1998/namespace}id"
_LABELS = ("truth", "groundtruth", "transcription", "transcript", "normalizedlabel", "label", "text")
_WRITERS = ("writer", "writerid")
_SPLITS = ("split", "splittagoriginal")
_PARTS = {
    **dict.fromkeys(("train", "training", "symbols", "synthetic"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val"), "dev"),
    "test": "test",
}
_GROUPS = ("traceGroup", "traceView")
_Form = tuple[Element, Element | None]  # a traceFormat, and the inkSource that it belongs to
_DEEPEST = 64  # groups within groups, references to references
_MOST_INK = 64 << 20  # characters of traces that the samples of a file may use, counted each time
_VISIT = 100  # characters that looking at a trace or group counts for


def read(source: Path, on_error: OnError, *, level: Level = "group") -> Iterator[Sample]:
    """Samples in the order of the files, one for each labelled group; with the level "file" one for each file.

    y grows downwards, x is brought to y's unit, times are seconds from a sample's first point where all of
    its traces have them. Traces of a lifted pen are left out. A sample with a trace that cannot be read goes
    to `on_error`, and so do files without ink. Raises DataError when the source does not exist.
    """
    return (sample for _, _, sample in _placed(source, on_error, level))


def splits(source: Path, on_error: OnError, *, level: Level = "group") -> Iterator[tuple[str, Sample]]:
    """The same samples with the parts that their files name. Raises NoSplit when the first one names none."""
    first = True
    for file, part, sample in _placed(source, on_error, level):
        if first and part is None:
            raise NoSplit(file, "names no split", 'an annotation "split"', "share the samples out with --split")
        first = False
        if part in _PARTS:
            yield _PARTS[part], sample
        else:
            on_error(DataError(file, f"its split is {part!r:.40}", "train, valid or test"))


def signs(source: Source) -> Sign | None:
    """Files *.inkml, or other XML whose root is `ink`."""
    for file in [*source.with_suffix(".inkml")[:20], *source.with_suffix(".xml")[:20]]:
        if source.root(file) == "ink":
            return Sign(3, f"holds InkML such as {file}", source.path)
    return None


def _placed(source: Path, on_error: OnError, level: Level) -> Iterator[tuple[Path, str | None, Sample]]:
    """Each sample with its file and the part that this names."""
    source = Path(source)
    if not source.exists():
        raise DataError(source, "does not exist", "an InkML file or a folder of them")
    folder = source if source.is_dir() else source.parent
    files = _files(source, on_error)
    if not files:
        on_error(DataError(source, "holds no InkML", "files *.inkml"))
    for file in files:
        try:
            root = _pages.tree(file, "ink", "InkML")
            part = _annotation(root, _SPLITS)
            for sample in _Document(root, file, folder, on_error).samples(level):
                yield file, part and part.lower(), sample
        except SeqrecError as error:
            on_error(error)


def _files(source: Path, on_error: OnError) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = sorted(below(source, on_error, ".inkml", ".xml"))
    return [path for path in found if path.suffix.lower() == ".inkml" or _is_ink(path)]


def _is_ink(path: Path) -> bool:
    try:
        return path.suffix.lower() == ".xml" and _pages.root_name(path) == "ink"
    except SeqrecError:
        return False


class _Labelled(NamedTuple):
    elements: list[Element]  # traces, and groups of them
    id: str | None
    text: str | None
    writer: str | None


class _Document:
    """A file's samples. Memory is bounded by the size of the file, which is bounded."""

    def __init__(self, root: Element, file: Path, folder: Path, on_error: OnError) -> None:
        self.root, self.file, self.on_error, self.left = root, file, on_error, _MOST_INK
        self.name = file.relative_to(folder).with_suffix("").as_posix()
        self.group = None if _annotation(root, _SPLITS) else os.path.dirname(self.name) or None
        self.traces: dict[str, Element] = {}  # by id; traces and groups of one file may have the same ones
        self.others: dict[str, Element] = {}
        for element in root.iter():
            kind = self.traces if name(element) == "trace" else self.others
            kind.setdefault(element.get(_ID) or element.get("id") or "", element)
        self.forms: dict[Element, _Form | None] = {}  # of a trace
        self.contexts: dict[Element, _Form | None] = {}
        self.formats: dict[_Form | None, Format] = {}
        self.texts: dict[Element, list[str]] = {}  # of a trace and those that continue it
        self.heads: dict[Element, Element] = {}  # trace -> the one that it continues
        self.numbers: dict[Element, int] = {}  # from 1, in the order of the file
        self.drawn: list[Element] = []  # the traces outside of the definitions
        self._walk(root, self._only_form(), 0)

    def _walk(self, parent: Element, form: _Form | None, depth: int, defined: bool = False) -> None:
        """Find the traces and what is in force at each: contexts hold for what comes after them."""
        if depth > _DEEPEST:
            raise DataError(self.file, "has groups within groups too deep", f"{_DEEPEST} levels at most")
        for child in parent:
            kind = name(child)
            if kind == "trace":
                self._add(child, self._form(child) or form)
                self.drawn += [] if defined else [child]
            elif kind in ("traceGroup", "definitions"):
                self._walk(child, self._form(child) or form, depth + 1, defined or kind == "definitions")
            elif kind in ("traceFormat", "context") and not defined:
                form = self._form_here(child, set()) or form

    def _add(self, trace: Element, form: _Form | None) -> None:
        self.forms[trace] = form
        self.numbers[trace] = len(self.numbers) + 1
        head = trace
        if trace.get("continuation") in ("middle", "end"):
            prior = trace.get("priorRef", "").removeprefix("#")
            before = self.traces.get(prior) if prior else next(reversed(self.texts), None)
            head = self.heads.get(before, trace) if before is not None else trace
        self.heads[trace] = head
        self.texts.setdefault(head, []).append("".join(trace.itertext()))

    def _only_form(self) -> _Form | None:
        """Where traces name no context, the only traceFormat of the file is theirs."""
        forms = [element for element in self.root.iter() if name(element) == "traceFormat"]
        sources = [element for element in self.root.iter() if name(element) == "inkSource"]
        return (forms[0], sources[0] if len(sources) == 1 else None) if len(forms) == 1 else None

    def _form(self, element: Element) -> _Form | None:
        """The format of the context that a trace or group names."""
        context = self.others.get(element.get("contextRef", "").removeprefix("#") or "#")
        if context is None:
            return None
        if context not in self.contexts:
            self.contexts[context] = self._form_here(context, set())
        return self.contexts[context]

    def _form_here(self, element: Element, seen: set[Element]) -> _Form | None:
        """The format of a traceFormat, inkSource or context: its own, else one that it refers to."""
        if name(element) == "traceFormat":
            return element, None
        seen.add(element)
        found: _Form | None = None
        places = [e for kind in ("traceFormat", "inkSource") for e in children(element, kind)]
        keys = ("traceFormatRef", "inkSourceRef", "contextRef")
        refs = [self.others.get(element.get(key, "").removeprefix("#") or "#") for key in keys]
        for place in (*places, *refs):
            if place is not None and place not in seen and len(seen) < _DEEPEST:
                form = self._form_here(place, seen)
                if form is not None:
                    source = form[1] if found is None or found[1] is None else found[1]
                    found = (found or form)[0], source
        return found if found is None or name(element) != "inkSource" else (found[0], element)

    def samples(self, level: Level) -> Iterator[Sample]:
        labelled = self._labelled(self.root, None, 0) if level == "group" else []
        seen: set[str] = set()
        for number, each in enumerate(labelled or [self._whole()], 1):
            wanted = f"{self.name}#{each.id or number}" if labelled else self.name
            id = _pages.unused(f"{wanted}_{number}" if wanted in seen else wanted, seen)
            strokes = self._strokes(each, id)
            if strokes:
                yield Sample(id=id, text=each.text, strokes=strokes, group=each.writer or self.group)

    def _whole(self) -> _Labelled:
        drawn = self.drawn or list(self.texts)
        return _Labelled(drawn, None, _annotation(self.root, _LABELS), _annotation(self.root, _WRITERS))

    def _labelled(self, element: Element, writer: str | None, depth: int) -> list[_Labelled]:
        """The smallest groups with a label, in the order of the file."""
        if depth > _DEEPEST:
            raise DataError(self.file, "has groups within groups too deep", f"{_DEEPEST} levels at most")
        writer = _annotation(element, _WRITERS) or writer
        below = [child for child in element if name(child) in (*_GROUPS, "definitions")]
        found = [each for child in below for each in self._labelled(child, writer, depth + 1)]
        text = _annotation(element, _LABELS) if name(element) in _GROUPS else None
        if found or text is None:
            return found
        return [_Labelled([element], element.get(_ID) or element.get("id"), text, writer)]

    def _strokes(self, of: _Labelled, id: str) -> tuple[np.ndarray, ...]:
        """The ink of a sample; nothing, and what is wrong is told, when not all of it can be read."""
        strokes: list[np.ndarray] = []
        wrong = False
        try:
            for trace, begin, end in self._members(of.elements):
                try:
                    points = self._points(trace)[begin:end]
                    strokes += [points] if len(points) else []
                except DataError as error:
                    self.on_error(error)
                    wrong = True
            if not strokes and not wrong:
                raise DataError(f"{self.file}, {id}", "has no ink", "a trace of one point or more")
        except DataError as error:
            self.on_error(error)
            wrong = True
        if wrong:
            return ()
        timed = all(stroke.shape[1] == 3 for stroke in strokes)
        start = np.array([0, 0, strokes[0][0, 2]]) if timed else np.zeros(2)
        return tuple(stroke[:, : len(start)] - start for stroke in strokes)

    def _points(self, trace: Element) -> np.ndarray:
        own = trace.get(_ID) or trace.get("id")
        where = f"{self.file}, trace {own}" if own else f"{self.file}, trace number {self.numbers[trace]}"
        self._spend(_VISIT * len(self.texts[trace]))
        text = ",".join(self.texts[trace])
        self._spend(len(text))
        form = self.forms[trace]
        if form not in self.formats:
            self._spend(_VISIT * len(form[0] if form else ()))
            self.formats[form] = Format() if form is None else format_of(*form, where)
        return points_of(text, self.formats[form], where)

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise DataError(self.file, "refers to its traces too often", f"{_MOST_INK >> 20} MB of ink at most")

    def _members(self, elements: Iterable[Element]) -> Iterator[tuple[Element, int, int | None]]:
        """The traces of groups and views, each once, with the first point and the end of what is meant."""
        seen: set[Element] = set()
        waiting = [(element, 0) for element in elements][::-1]
        while waiting:
            element, depth = waiting.pop()
            self._spend(_VISIT)
            if depth > _DEEPEST:
                raise DataError(self.file, "has references too deep, or in a circle", f"{_DEEPEST} levels at most")
            if name(element) == "trace":
                element = self.heads.get(element, element)
            if element in seen:
                continue
            seen.add(element)
            if name(element) == "trace" and element.get("type", "").lower() != "penup":
                yield element, 0, None
            elif name(element) == "traceView" and element.get("traceDataRef") is not None:
                target = self._target(element)
                if element.get("from") or element.get("to"):
                    yield self._part(element, target)
                else:
                    waiting.append((target, depth + 1))
            elif name(element) in _GROUPS:
                inside = [child for child in element if name(child) in ("trace", *_GROUPS)]
                waiting += [(child, depth + 1) for child in inside[::-1]]

    def _target(self, view: Element) -> Element:
        """What a view refers to: "#t1", or as CROHME has it "t1"."""
        named = view.get("traceDataRef", "").strip().removeprefix("#")
        found = self.traces.get(named) if named else None
        found = self.others.get(named) if found is None and named else found
        if found is None or name(found) not in ("trace", *_GROUPS):
            raise DataError(
                self.file, f"refers to a trace {named!r:.40}, which is not there", "the id of a trace or group"
            )
        return found

    def _part(self, view: Element, trace: Element) -> tuple[Element, int, int | None]:
        """Points `from` to `to` of a trace, counted from 1, both included."""
        first, last = view.get("from", "1"), view.get("to", "")
        if name(trace) != "trace" or not first.isdecimal() or int(first) < 1 or not (last.isdecimal() or not last):
            came = f"takes {first!r:.20} to {last!r:.20} of {name(trace)} {view.get('traceDataRef', '')!r:.40}"
            raise DataError(self.file, came, "points of a trace, counted from 1")
        return self.heads.get(trace, trace), int(first) - 1, int(last) if last else None


def _annotation(element: Element, types: tuple[str, ...]) -> str | None:
    """The text of the first of the types that an element is annotated with, its white space made plain."""
    said: dict[str, str] = {}
    for each in element:
        if name(each) == "annotation" or (name(each) == "annotationXML" and not len(each)):
            said.setdefault(_plain(each.get("type", "")), _text(each))
        elif name(each) == "annotationXML":
            for child in each:
                if _plain(name(child)) in types:
                    said.setdefault(_plain(each.get("type", "")) or _plain(name(child)), _text(child))
    return next((said[type] for type in types if said.get(type)), None)


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _plain(type: str) -> str:
    return "".join(letter for letter in type.lower() if letter.isalnum())
