"""A page's XML changed in place: every byte outside of what is replaced stays as it was."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from seqrec.corpora._pages import Page, name
from seqrec.decoding import Hypothesis
from seqrec.errors import DataError
from seqrec.samples import Points, Sample
from seqrec.writers import Place, visible

_TOKEN = re.compile(  # without possessive quantifiers, which Python 3.11.2 gets wrong
    r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>"
    r"|<(?P<end>/)?(?P<name>[^\s/>!?]+)[^'\"/>]*(?:(?:'[^']*'|\"[^\"]*\"|/(?!>))[^'\"/>]*)*(?P<empty>/)?>",
    re.DOTALL,
)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(r"""(<\?xml\s[^>]*?encoding\s*=\s*["'])([\w.:-]+)""")
_NO_XML = re.compile("[\ufffe\uffff]")  # what XML cannot hold, beside what `visible` escapes


class Extent(NamedTuple):
    """Where an element stands in the text: its start tag is [start, inside), its content [inside, close)."""

    start: int
    inside: int
    close: int
    end: int
    prefix: str  # of its namespace, with the colon


class Text:
    """The text of an XML file that was parsed, and what is to change in it."""

    def __init__(self, file: Path, root: Element) -> None:
        self._file, self._text = file, _decoded(file)
        elements, extents = list(root.iter()), _extents(self._text)
        if [name(e) for e in elements] != [tag.rpartition(":")[2] for tag, _ in extents]:
            raise DataError(file, "has another content than when it was read", "", "leave it alone meanwhile")
        self._extents = {element: extent for element, (_, extent) in zip(elements, extents, strict=True)}
        self._edits: list[tuple[int, int, str]] = []

    def prefix(self, element: Element) -> str:
        """The prefix with which an element's namespace is named there, with its colon, or ""."""
        return self._extents[element].prefix

    def replace(self, parent: Element, old: set[str], after: set[str], new: Iterable[str]) -> None:
        """In a parent, remove the children named in `old` and put new ones after those named in `after`.

        Each new child stands on a line of its own, as far in as the parent's first child stood.
        """
        extent, children = self._extents[parent], [(child, self._extents[child]) for child in parent]
        ends = [extent.inside, *(child.end for _, child in children)]
        gaps = [_blank(self._text[end : child.start]) for end, (_, child) in zip(ends, children, strict=False)]
        place = max((child.end for e, child in children if name(e) in after), default=extent.inside)
        added = "".join((gaps[0] if gaps else "") + each for each in new)
        if extent.inside == extent.end:  # <parent/>
            tag = re.match(r"<([^\s/>]+)", self._text[extent.start :])
            assert tag
            slash = self._text.rindex("/", extent.start, extent.end)
            self._edits.append((slash, extent.end, f">{added}</{tag[1]}>"))
            return
        self._edits.append((place, place, added))
        for gap, (child, removed) in zip(gaps, children, strict=True):
            if name(child) in old:
                self._edits.append((removed.start - len(gap), removed.end, ""))

    def changed(self) -> str:
        """The whole text with all changes, in UTF-8."""
        parts, at = [], 0
        for start, end, new in sorted(self._edits, key=lambda edit: edit[:2]):
            parts += [self._text[at:start], new]
            at = end
        said = "".join([*parts, self._text[at:]])
        declared = _DECLARED.match(said)
        known = declared is None or declared[2].lower() == "utf-8"
        return said if known else _DECLARED.sub(r"\g<1>UTF-8", said, count=1)


def _blank(gap: str) -> str:
    """The line's end and indent before an element, where nothing but white space stands before it."""
    found = re.fullmatch(r"\s*?((?:\r?\n)?[ \t]*)", gap)
    return found[1] if found else ""


def _decoded(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(file, f"cannot be read ({error.strerror})", "an XML file") from None
    encoding = next((encoding for bom, encoding in _BOMS if raw.startswith(bom)), "")
    if not encoding:
        declared = _DECLARED.match(raw[:200].decode("latin-1"))
        encoding = declared[2] if declared else "utf-8"
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        raise DataError(file, f"is not {encoding}", "", "save it in UTF-8") from None


def _extents(text: str) -> list[tuple[str, Extent]]:
    """Every element's tag and extent, in the order of their start tags. The text is complete XML."""
    found: list[tuple[str, Extent]] = []
    opened: list[int] = []
    for token in _TOKEN.finditer(text):
        tag, start, end = token["name"], token.start(), token.end()
        if tag is None:
            continue
        if not token["end"]:
            prefix = tag[: tag.rfind(":") + 1]
            if not token["empty"]:
                opened.append(len(found))
            found.append((tag, Extent(start, end, end, end, prefix)))
        elif opened:
            number = opened.pop()
            found[number] = found[number][0], found[number][1]._replace(close=start, end=end)
    return found


def element(tag: str, attributes: Mapping[str, str | float], *inside: str) -> str:
    """An XML element as text; what is `inside` is XML already."""
    shown = "".join(f" {key}={quoteattr(clean(str(value)))}" for key, value in attributes.items())
    return f"<{tag}{shown}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{shown}/>"


def content(text: str) -> str:
    """A text as the content of an XML element."""
    return escape(clean(text))


def clean(text: str) -> str:
    """Without what XML cannot hold."""
    return _NO_XML.sub("\ufffd", visible(text))


def recognised(page: Page, hypotheses: Iterable[Hypothesis]) -> list[tuple[Element, Sample, Hypothesis]]:
    """The lines of a page that have a hypothesis, in the page's order."""
    by_id = {hypothesis.id: hypothesis for hypothesis in hypotheses}
    return [
        (line, sample, by_id[sample.id])
        for line, sample in page.lines
        if isinstance(sample, Sample) and sample.id in by_id
    ]


def outline(line: Sample, word: Place) -> Points:
    """The part of a line's polygon between the begin and the end of a word, in pixels; a box where it has none."""
    assert line.polygon
    start, end = word.start, max(word.end, word.start + 1)
    part = _beside(_beside(list(line.polygon), start, 1), end, -1)
    if len(part) >= 3 and (at := box(tuple(part)))[0] < at[2] and at[1] < at[3]:
        return tuple(part)
    _, top, _, bottom = box(line.polygon)
    return (start, top), (end, top), (end, bottom), (start, bottom)


def _beside(polygon: list[tuple[float, float]], edge: float, side: int) -> list[tuple[float, float]]:
    """The part of a polygon right (side 1) or left (-1) of x = edge (Sutherland and Hodgman 1974)."""
    part: list[tuple[float, float]] = []
    for (x0, y0), (x1, y1) in zip(polygon[-1:] + polygon[:-1], polygon, strict=True):
        if (side * (x0 - edge) < 0) != (side * (x1 - edge) < 0):
            part.append((edge, y0 + (y1 - y0) * (edge - x0) / (x1 - x0)))
        if side * (x1 - edge) >= 0:
            part.append((x1, y1))
    return part


def box(points: Points) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)
