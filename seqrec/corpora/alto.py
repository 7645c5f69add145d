"""ALTO XML, versions 2 to 4: every TextLine a sample, cut out of its page's image.

    seqrec prepare alto scans/ -o data/      # scans/**/*.xml with their images

The image is the file named in sourceImageInformation, or the one with the XML file's own stem, in the
same folder or one above it. An id is the page's stem and the line's ID, the group is the page's stem.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

from seqrec.corpora import _pages
from seqrec.corpora._pages import Page, children, descendants, name, number
from seqrec.corpora._source import Sign, Source, page_signs
from seqrec.errors import DataError
from seqrec.features._page import header
from seqrec.samples import OnError, Points, Sample, raise_error

_UNITS = {"pixel": 0.0, "mm10": 254.0, "inch1200": 1200.0}  # units per inch


def signs(source: Source) -> Sign | None:
    """Whether there are ALTO files; surely where most images are of such pages."""
    return page_signs(source, "alto")


def read(source: str | os.PathLike[str], on_error: OnError = raise_error) -> Iterator[Sample]:
    """The lines of an ALTO file, or of all ALTO files below a folder, in the order of their names.

    Text is None where a line has none. What cannot be used goes to `on_error`, the rest is yielded;
    other kinds of XML in a folder are passed over. Raises DataError when the source does not exist.
    """
    return _pages.read(source, on_error, "ALTO", load)


def load(file: Path, folder: Path) -> Page:
    """The page of a file, whose image is nowhere but in `folder`. Raises DataError."""
    alto = _pages.parsed(file, "ALTO")
    page, others = _pages.one_page(alto, file, "ALTO")
    image = _pages.image(_named(alto), file, folder)
    scale = _scale(alto, page, file, image)
    size = number(page, "WIDTH", file), number(page, "HEIGHT", file)
    sample = partial(_sample, scale=scale, image=image, group=file.stem)
    return Page(
        root=alto,
        image=image,
        scale=scale,
        size=(size[0] * scale, size[1] * scale) if size[0] and size[1] else None,
        lines=others + list(_pages.samples_of(descendants(page, "TextLine"), file, folder, "ID", sample)),
    )


def _named(alto: Element) -> str:
    """The file name of the image, or ""."""
    names = [
        (e.text or "").strip() for i in descendants(alto, "sourceImageInformation") for e in children(i, "fileName")
    ]
    return next((each for each in names if each), "")


def _scale(alto: Element, page: Element, file: Path, image: Path) -> float:
    """Pixels per unit: from the page's width in units, else from the image's own resolution."""
    unit = next(((e.text or "").strip() for e in descendants(alto, "MeasurementUnit")), "pixel")
    if unit not in _UNITS:
        raise DataError(file, f"MeasurementUnit is {unit!r:.40}", f"one of {', '.join(_UNITS)}")
    if unit == "pixel":
        return 1.0
    pixels, dpi = header(image)
    width = number(page, "WIDTH", file)
    if width and width > 0:
        return pixels / width
    if dpi:
        return dpi / _UNITS[unit]
    mend = "give the Page a WIDTH or write the resolution into the image"
    raise DataError(file, f"measures in {unit}, and the DPI of {image.name} is unknown", "a known DPI", mend)


def _sample(line: Element, id: str, where: str, *, scale: float, image: Path, group: str) -> Sample:
    polygon = _polygon(line, where, scale)
    baseline = _baseline(line, where, scale, polygon)
    return Sample(id=id, text=_text(line), path=image, polygon=polygon, baseline=baseline, group=group)


def _polygon(line: Element, where: str, scale: float) -> Points:
    for shape in children(line, "Shape"):
        for polygon in children(shape, "Polygon"):
            return _pages.points(polygon.get("POINTS", ""), where, "POINTS", scale, 3)
    box = [number(line, key, where) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    x, y, w, h = (math.nan if side is None else side * scale for side in box)
    if math.isnan(x + y + w + h):
        raise DataError(where, "has neither a polygon nor a box", "a Shape, or HPOS, VPOS, WIDTH and HEIGHT")
    return (x, y), (x + w, y), (x + w, y + h), (x, y + h)


def _baseline(line: Element, where: str, scale: float, polygon: Points) -> Points | None:
    """Points, or the one y of ALTO 2 and 3 along the whole line."""
    text = line.get("BASELINE", "")
    if not text.strip():
        return None
    values = _pages.numbers(text, where, "BASELINE")
    if len(values) == 1:
        across = [x for x, _ in polygon]
        return (min(across), values[0] * scale), (max(across), values[0] * scale)
    return _pages.points(text, where, "BASELINE", scale, 2)


def _text(line: Element) -> str | None:
    """Strings, SP as a space (between all Strings where a line has no SP), the hyphen at the end."""
    spaced = bool(children(line, "SP"))
    text = ""
    for child in line:
        part, content = name(child), child.get("CONTENT", "")
        if part == "String":
            text += (" " if text and not spaced else "") + content
        elif part == "SP":
            text += " "
        elif part == "HYP" and not text.endswith(content or "-"):
            text += content or "-"
    return text.replace("\u00ad", "-").strip() or None
