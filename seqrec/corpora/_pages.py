"""What the readers of page formats share: XML within limits, the page's image, points, ids of lines."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import iterparse, parse  # type: ignore[import-untyped]

from seqrec.errors import DataError, SeqrecError
from seqrec.files import below
from seqrec.samples import OnError, Points, Sample

KINDS = {"alto": "alto", "PcGts": "page"}  # the name of the root -> that of the reader
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".pbm", ".pgm", ".ppm")
_LARGEST = 32 << 20  # bytes of XML; a page of a newspaper is some 5 MB


class Page(NamedTuple):
    """A page of an XML file: its lines in the order of the file, each a sample or what is wrong with it."""

    root: Element  # of the whole file
    image: Path
    scale: float  # pixels of the image per unit of the file
    size: tuple[float, float] | None  # width and height in pixels, where the file tells
    lines: list[tuple[Element, Sample | SeqrecError]]


def kind(file: Path) -> str | None:
    """The reader that an XML file is for, None for XML of another kind. Raises DataError."""
    return KINDS.get(root_name(file))


def root_name(file: Path) -> str:
    """The name of an XML file's root, without its namespace. Raises DataError."""
    return name(_root(file))


def read(
    source: str | os.PathLike[str], on_error: OnError, form: str, load: Callable[[Path, Path], Page]
) -> Iterator[Sample]:
    """The lines of a file, or of all files of the format below a folder, in the order of their names.

    What cannot be used goes to `on_error`, the rest is yielded; other kinds of XML in a folder are passed
    over. Raises DataError when the source does not exist.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(source, "does not exist", f"a file of {form} or a folder of them")
    files = sorted(below(source, on_error, ".xml")) if source.is_dir() else [source]
    folder = source if source.is_dir() else source.parent
    if not files:
        on_error(DataError(source, "holds no XML file", f"files of {form} (*.xml) beside their images"))
    seen: set[str] = set()
    for file in files:
        try:
            if file != source and KINDS.get(name(_root(file))) != form.lower():
                continue
            for _, sample in load(file, folder).lines:
                if isinstance(sample, SeqrecError):
                    on_error(sample)
                else:
                    yield replace(sample, id=unused(sample.id, seen))
        except SeqrecError as error:
            on_error(error)


def parsed(file: Path, form: str) -> Element:
    """The root of a file of "ALTO" or "PAGE". Raises DataError."""
    return tree(file, next(tag for tag, known in KINDS.items() if known == form.lower()), form)


def tree(file: Path, tag: str, form: str) -> Element:
    """The root, a `tag`, of an XML file of a format that messages call `form`. Raises DataError."""
    try:
        if file.stat().st_size > _LARGEST:
            raise DataError(file, f"holds {file.stat().st_size >> 20} MB", f"{form} of at most {_LARGEST >> 20} MB")
        found = root_name(file)
        if found != tag:
            raise DataError(file, f"is XML of another kind, <{found}>", f"{form}, whose root is <{tag}>")
        with open(file, "rb") as stream:
            return _checked(file, lambda: parse(stream).getroot())
    except OSError as error:
        raise DataError(file, f"cannot be read ({error.strerror})", f"a file of {form}") from None


def _root(file: Path) -> Element:
    """The root's own tag, without what is in it. Raises DataError."""
    try:
        with open(file, "rb") as stream:
            return _checked(file, lambda: next(iter(iterparse(stream, events=("start",))))[1])
    except OSError as error:
        raise DataError(file, f"cannot be read ({error.strerror})", "an XML file") from None


def _checked(file: Path, step: Callable[[], Element]) -> Element:
    try:
        return step()
    except DefusedXmlException:
        raise DataError(file, "declares entities of its own", "XML without a DTD's entities") from None
    except (ParseError, ValueError, LookupError) as error:
        raise DataError(file, f"is not complete XML ({error})", "an XML file") from None


def name(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element, named: str) -> list[Element]:
    return [child for child in element if name(child) == named]


def descendants(element: Element, named: str) -> list[Element]:
    """All below an element, in its namespace, in the order of the file."""
    space, brace, _ = str(element.tag).rpartition("}")
    return list(element.iter(f"{space}{brace}{named}"))


def one_page(root: Element, file: Path, form: str) -> tuple[Element, list[tuple[Element, SeqrecError]]]:
    """The first page, and what is wrong when there are others. Raises DataError."""
    pages = descendants(root, "Page")
    if not pages:
        raise DataError(file, "has no Page", f"{form} with a Page")
    more = f"has {len(pages)} pages"
    wrong = DataError(file, more, "one page per file, as there is one image", "split it")
    return pages[0], [(page, wrong) for page in pages[1:2]]


def samples_of(
    lines: list[Element], file: Path, folder: Path, key: str, sample: Callable[[Element, str, str], Sample]
) -> Iterator[tuple[Element, Sample | SeqrecError]]:
    """Each line and its sample, made by `sample` of the line, its id and its place in errors.

    An id is the file's path below `folder` and the line's own, which is its attribute `key`.
    """
    page, seen = file.relative_to(folder).with_suffix("").as_posix().replace("/", "_"), set[str]()
    for number, line in enumerate(lines, 1):
        own = line.get(key) or f"line{number}"
        try:
            yield line, sample(line, unused(f"{page}_{own}", seen), f"{file}, line {own}")
        except SeqrecError as error:
            yield line, error


def unused(wanted: str, seen: set[str]) -> str:
    """A name that was not seen before."""
    unique, number = wanted, 1
    while unique in seen:
        number += 1
        unique = f"{wanted}_{number}"
    seen.add(unique)
    return unique


def image(named: str, file: Path, folder: Path) -> Path:
    """The page's image, looked for in the file's folder and those above it, never outside of `folder`."""
    tries = [Path(named), Path(re.split(r"[/\\]", named)[-1])] if named else []
    tries += [Path(file.stem + suffix) for suffix in IMAGES]
    top = folder.resolve()
    for place in (file.parent, *file.parent.parents):
        if not place.resolve().is_relative_to(top):
            break
        for path in (place / each for each in tries if "\0" not in named):
            if os.path.isfile(path) and path.resolve().is_relative_to(top) and path != file:
                return path
    said = f"its image {named!r} is not there" if named else "it names no image"
    mend = "put it there, or give the folder that holds both"
    raise DataError(file, said, f"that file, or one such as {file.stem}.jpg, in the same folder", mend)


def number(element: Element, key: str, where: Any) -> float | None:
    value = element.get(key)
    if value is None or not value.strip():
        return None
    return numbers(value, where, key)[0]


def numbers(text: str, where: Any, key: str) -> list[float]:
    try:
        values = [float(part) for part in re.split(r"[\s,]+", text.strip(" \t\r\n,"))]
    except ValueError:
        raise DataError(where, f"{key} is {text!r:.60}", "numbers") from None
    if not all(math.isfinite(value) for value in values):
        raise DataError(where, f"{key} holds NaN or infinity", "numbers")
    return values


def points(text: str, where: str, key: str, scale: float, least: int) -> Points:
    """Both "x,y x,y" and "x y x y"."""
    values = [value * scale for value in numbers(text, where, key)]
    if len(values) % 2 or len(values) < 2 * least:
        raise DataError(where, f"{key} holds {len(values)} numbers", f"{least} or more pairs of x and y")
    return tuple(zip(values[::2], values[1::2], strict=True))
