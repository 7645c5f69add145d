"""PAGE XML, versions 2009 to 2019: every TextLine a sample, cut out of its page's image.

    seqrec prepare page scans/ -o data/      # scans/**/*.xml with their images

The image is the file named in imageFilename, or the one with the XML file's own stem, in the same
folder or one above it. An id is the page's stem and the line's id, the group is the page's stem.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

from seqrec.corpora import _pages
from seqrec.corpora._pages import Page, children, descendants, number
from seqrec.corpora._source import Sign, Source, page_signs
from seqrec.errors import DataError
from seqrec.samples import OnError, Points, Sample, raise_error


def signs(source: Source) -> Sign | None:
    """Whether there are PAGE files; surely where most images are of such pages."""
    return page_signs(source, "PcGts")


def read(source: str | os.PathLike[str], on_error: OnError = raise_error) -> Iterator[Sample]:
    """The lines of a PAGE file, or of all PAGE files below a folder, in the order of their names.

    Text is None where a line has none. What cannot be used goes to `on_error`, the rest is yielded;
    other kinds of XML in a folder are passed over. Raises DataError when the source does not exist.
    """
    return _pages.read(source, on_error, "PAGE", load)


def load(file: Path, folder: Path) -> Page:
    """The page of a file, whose image is nowhere but in `folder`. Raises DataError."""
    root = _pages.parsed(file, "PAGE")
    page, others = _pages.one_page(root, file, "PAGE")
    image = _pages.image(page.get("imageFilename", "").strip(), file, folder)
    width, height = number(page, "imageWidth", file), number(page, "imageHeight", file)
    sample = partial(_sample, image=image, group=file.stem)
    return Page(
        root=root,
        image=image,
        scale=1.0,
        size=(width, height) if width and height else None,
        lines=others + list(_pages.samples_of(descendants(page, "TextLine"), file, folder, "id", sample)),
    )


def _sample(line: Element, id: str, where: str, *, image: Path, group: str) -> Sample:
    coords = children(line, "Coords")
    if not coords:
        raise DataError(where, "has no Coords", "the line's polygon")
    baselines = [_points(e, where, "Baseline", 2) for e in children(line, "Baseline")[:1]]
    return Sample(
        id=id,
        text=text_of(line),
        path=image,
        polygon=_points(coords[0], where, "Coords", 3),
        baseline=baselines[0] if baselines else None,
        group=group,
    )


def _points(element: Element, where: str, key: str, least: int) -> Points:
    """The attribute `points`; Point elements in versions 2009 and 2010."""
    text = element.get("points") or " ".join(f"{p.get('x')},{p.get('y')}" for p in children(element, "Point"))
    return _pages.points(text, where, key, 1.0, least)


def text_of(line: Element) -> str | None:
    """The line's own text, else that of its words."""
    own = _equivalent(line)
    words = own or " ".join(text for text in map(_equivalent, children(line, "Word")) if text)
    return words or None


def _equivalent(element: Element) -> str:
    """The first of the texts that an element is given, by their index, its white space made plain."""
    texts = children(element, "TextEquiv")
    first = min(texts, key=_index, default=None)
    unicode = children(first, "Unicode") if first is not None else []
    return " ".join((unicode[0].text or "").split()) if unicode else ""


def _index(text: Element) -> float:
    try:
        return float(text.get("index", "0"))
    except ValueError:
        return 0.0
