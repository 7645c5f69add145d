"""ALTO XML, versions 2 to 4: every TextLine a sample, cut out of its page's image.

    seqrec prepare alto scans/ -o data/      # scans/**/*.xml with their images beside them

The image is the file named in sourceImageInformation, or the one with the XML file's own stem. An
id is the page's stem and the line's ID, the group is the page's stem.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import iterparse, parse  # type: ignore[import-untyped]

from seqrec.errors import DataError, SeqrecError
from seqrec.features._page import header
from seqrec.samples import OnError, Points, Sample, raise_error

_LARGEST = 32 << 20  # bytes of XML; a page of a newspaper is some 5 MB
_IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".pbm", ".pgm", ".ppm")
_UNITS = {"pixel": 0.0, "mm10": 254.0, "inch1200": 1200.0}  # units per inch


def read(source: str | os.PathLike[str], on_error: OnError = raise_error) -> Iterator[Sample]:
    """The lines of an ALTO file, or of all ALTO files below a folder, in the order of their names.

    Text is None where a line has none. What cannot be used goes to `on_error`, the rest is yielded;
    other kinds of XML in a folder are passed over. Raises DataError when the source does not exist.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(source, "does not exist", "an ALTO file or a folder of them")
    files = [source] if not source.is_dir() else sorted(p for p in source.rglob("*") if p.suffix.lower() == ".xml")
    root = source if source.is_dir() else source.parent
    if not files:
        on_error(DataError(source, "holds no XML file", "ALTO files (*.xml) beside their images"))
    seen: set[str] = set()
    for file in files:
        try:
            alto = _parse(file)
            if _name(alto) == "alto":
                yield from _lines(alto, file, root, seen, on_error)
            elif file == source:
                raise DataError(file, f"is XML of another kind, <{_name(alto)}>", "ALTO, whose root is <alto>")
        except SeqrecError as error:
            on_error(error)


def _parse(file: Path) -> Element:
    """The root; only the root's own tag where it is not <alto>. Raises DataError."""
    try:
        if file.stat().st_size > _LARGEST:
            raise DataError(file, f"holds {file.stat().st_size >> 20} MB", f"ALTO of at most {_LARGEST >> 20} MB")
        with open(file, "rb") as stream:
            root: Element = next(iter(iterparse(stream, events=("start",))))[1]
            if _name(root) != "alto":
                return root
            stream.seek(0)
            whole: Element = parse(stream).getroot()
            return whole
    except OSError as error:
        raise DataError(file, f"cannot be read ({error.strerror})", "an ALTO file") from None
    except DefusedXmlException:
        raise DataError(file, "declares entities of its own", "plain ALTO without a DTD's entities") from None
    except (ParseError, ValueError, LookupError) as error:
        raise DataError(file, f"is not complete XML ({error})", "an ALTO file") from None


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]


def _all(element: Element, name: str) -> list[Element]:
    space, brace, _ = str(element.tag).rpartition("}")
    return list(element.iter(f"{space}{brace}{name}"))


def _lines(alto: Element, file: Path, root: Path, seen: set[str], on_error: OnError) -> Iterator[Sample]:
    pages = _all(alto, "Page")
    if not pages:
        raise DataError(file, "has no Page", "ALTO with a Layout and a Page")
    if len(pages) > 1:
        on_error(DataError(file, f"has {len(pages)} pages", "one page per file, as there is one image", "split it"))
    image = _image(alto, file, root)
    scale = _scale(alto, pages[0], file, image)
    page = file.relative_to(root).with_suffix("").as_posix().replace("/", "_")
    for number, line in enumerate(_all(pages[0], "TextLine"), 1):
        name = line.get("ID") or f"line{number}"
        try:
            yield _sample(line, _unused(f"{page}_{name}", seen), scale, image, file)
        except SeqrecError as error:
            on_error(error)


def _unused(name: str, seen: set[str]) -> str:
    unique, number = name, 1
    while unique in seen:
        number += 1
        unique = f"{name}_{number}"
    seen.add(unique)
    return unique


def _image(alto: Element, file: Path, root: Path) -> Path:
    """The page's image, never outside of the source's folder."""
    named = [
        (e.text or "").strip() for info in _all(alto, "sourceImageInformation") for e in _children(info, "fileName")
    ]
    name = next((n for n in named if n), "")
    tries = [Path(name), Path(re.split(r"[/\\]", name)[-1])] if name else []
    tries += [Path(file.stem + suffix) for suffix in _IMAGES]
    for path in (file.parent / each for each in tries if "\0" not in name):
        if os.path.isfile(path) and path.resolve().is_relative_to(root.resolve()) and path != file:
            return path
    said = f"its image {name!r} is not there" if name else "it names no image"
    raise DataError(file, said, f"that file, or one such as {file.stem}.jpg, in the same folder", "put it there")


def _scale(alto: Element, page: Element, file: Path, image: Path) -> float:
    """Pixels per unit: from the page's width in units, else from the image's own resolution."""
    unit = next(((e.text or "").strip() for e in _all(alto, "MeasurementUnit")), "pixel")
    if unit not in _UNITS:
        raise DataError(file, f"MeasurementUnit is {unit!r:.40}", f"one of {', '.join(_UNITS)}")
    if unit == "pixel":
        return 1.0
    pixels, dpi = header(image)
    width = _number(page, "WIDTH", file)
    if width and width > 0:
        return pixels / width
    if dpi:
        return dpi / _UNITS[unit]
    mend = "give the Page a WIDTH or write the resolution into the image"
    raise DataError(file, f"measures in {unit}, and the DPI of {image.name} is unknown", "a known DPI", mend)


def _number(element: Element, key: str, where: Any) -> float | None:
    value = element.get(key)
    if value is None or not value.strip():
        return None
    return _numbers(value, where, key)[0]


def _numbers(text: str, where: Any, key: str) -> list[float]:
    try:
        values = [float(part) for part in re.split(r"[\s,]+", text.strip(" \t\r\n,"))]
    except ValueError:
        raise DataError(where, f"{key} is {text!r:.60}", "numbers") from None
    if not all(math.isfinite(value) for value in values):
        raise DataError(where, f"{key} holds NaN or infinity", "numbers")
    return values


def _points(text: str, where: str, key: str, scale: float, least: int) -> Points:
    """Both "x,y x,y" and "x y x y"."""
    values = [value * scale for value in _numbers(text, where, key)]
    if len(values) % 2 or len(values) < 2 * least:
        raise DataError(where, f"{key} holds {len(values)} numbers", f"{least} or more pairs of x and y")
    return tuple(zip(values[::2], values[1::2], strict=True))


def _sample(line: Element, name: str, scale: float, image: Path, file: Path) -> Sample:
    where = f"{file}, line {line.get('ID') or name}"
    polygon = _polygon(line, where, scale)
    return Sample(
        id=name,
        text=_text(line),
        path=image,
        polygon=polygon,
        baseline=_baseline(line, where, scale, polygon),
        group=file.stem,
    )


def _polygon(line: Element, where: str, scale: float) -> Points:
    for shape in _children(line, "Shape"):
        for polygon in _children(shape, "Polygon"):
            return _points(polygon.get("POINTS", ""), where, "POINTS", scale, 3)
    box = [_number(line, key, where) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    x, y, w, h = (math.nan if side is None else side * scale for side in box)
    if math.isnan(x + y + w + h):
        raise DataError(where, "has neither a polygon nor a box", "a Shape, or HPOS, VPOS, WIDTH and HEIGHT")
    return (x, y), (x + w, y), (x + w, y + h), (x, y + h)


def _baseline(line: Element, where: str, scale: float, polygon: Points) -> Points | None:
    """Points, or the one y of ALTO 2 and 3 along the whole line."""
    text = line.get("BASELINE", "")
    if not text.strip():
        return None
    values = _numbers(text, where, "BASELINE")
    if len(values) == 1:
        across = [x for x, _ in polygon]
        return (min(across), values[0] * scale), (max(across), values[0] * scale)
    return _points(text, where, "BASELINE", scale, 2)


def _text(line: Element) -> str | None:
    """Strings, SP as a space (between all Strings where a line has no SP), the hyphen at the end."""
    spaced = bool(_children(line, "SP"))
    text = ""
    for child in line:
        name, content = _name(child), child.get("CONTENT", "")
        if name == "String":
            text += (" " if text and not spaced else "") + content
        elif name == "SP":
            text += " "
        elif name == "HYP" and not text.endswith(content or "-"):
            text += content or "-"
    return text.replace("\u00ad", "-").strip() or None
