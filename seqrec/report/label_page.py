"""labels.html: hear or see each sample and correct its text, in a browser, without a server or foreign parts.

The page is one file; sounds and images are linked, ink is drawn from the page's own data. What a browser cannot
play or show, such as TIFF, is converted into the folder `.shown` beside the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from PIL import Image

from seqrec.corpora._labels import BETWEEN, COLUMNS, NOT_CHECKED, RISKY, Row, signal_key
from seqrec.errors import SeqrecError
from seqrec.features import Extractor
from seqrec.features._page import open_page
from seqrec.files import atomic
from seqrec.report._label_parts import SCRIPT, STYLE
from seqrec.samples import Sample, to_row

_FOLDER = ".shown"
_HEIGHT, _WIDEST = 88.0, 1400.0  # of ink, in pixels
_FINE = 4  # units of a pixel, so that coordinates are integers
_FLAT = 0.6  # of the median height: what is lower, such as a dash, is not enlarged as if it were as high
_EDGE = 6  # pixels around a line of a page
_TALLEST = 240  # pixels of a converted line
_RATE, _LONGEST = 16_000, 3600.0  # Hz and seconds of a converted sound
_PLAYED = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff")
_SHOWN = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")


class Shown(NamedTuple):
    """A row of the table and its sample."""

    row: Row
    sample: Sample


def write_label_page(page: Path, shown: Sequence[Shown], others: Sequence[str], extractor: Extractor) -> None:
    """Write the page; `others` are the columns of the table that the user added. Raises DataError."""
    unit = _unit([each.sample for each in shown])
    data = {
        "columns": [*COLUMNS, *others],
        "between": BETWEEN,
        "risky": RISKY,
        "unchecked": NOT_CHECKED,
        "rows": [_row(each, unit, page.parent, extractor.domain) for each in shown],
    }
    with atomic(page) as out:
        out.write(_html(data))


def _html(data: dict[str, Any]) -> str:
    policy = (
        f"default-src 'none'; script-src {_digest(SCRIPT)}; style-src {_digest(STYLE)}; img-src 'self' file:; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )
    return (
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
        f'<meta http-equiv=Content-Security-Policy content="{policy}">\n'
        f"<meta name=viewport content='width=device-width'>\n<title>Labels</title>\n<style>{STYLE}</style>\n"
        "<body>\n<noscript>This page needs JavaScript. labels.tsv opens in a spreadsheet, too.</noscript>\n"
        f"<script type=application/json id=data>{_json(data)}</script>\n<script>{SCRIPT}</script>\n"
    )


def _digest(part: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"


def _json(data: Any) -> str:
    """JSON that closes no element, whatever the texts hold."""
    found = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        found = found.replace(sign, f"\\u{ord(sign):04x}")
    return found


def _row(shown: Shown, unit: float, folder: Path, domain: str) -> dict[str, Any]:
    row, sample = shown
    signal = _ink(sample, unit) if domain == "ink" else _linked(sample, folder, domain)
    return {"cells": [*row[:5], row.alternatives, row.path, *row.others], "key": _key(sample), **signal}


def _key(sample: Sample) -> str:
    """Under which the browser keeps what was typed; another file in the same place has another size, mostly."""
    size = sample.path.stat().st_size if sample.path and sample.path.is_file() else 0
    return hashlib.sha1(signal_key(sample) + str(size).encode()).hexdigest()[:16]


def _points(sample: Sample) -> np.ndarray:
    """x and y of all points, (N, 2)."""
    return np.concatenate([np.empty((0, 2)), *(stroke[:, :2] for stroke in sample.strokes or ())])


def _unit(samples: Sequence[Sample]) -> float:
    """The median height of ink, in its own units."""
    heights = [float(np.ptp(points[:, 1])) for points in map(_points, samples) if len(points)]
    return float(np.median(heights)) if heights else 1.0


def _ink(sample: Sample, unit: float) -> dict[str, Any]:
    """Strokes as lists of x, y, x, y, ... in units of which _FINE are a pixel, and the size of the whole."""
    points = _points(sample)
    if not len(points):
        return {}
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = (high - low).tolist()
    scale = _FINE * min(_HEIGHT / max(height, _FLAT * unit, 1e-9), _WIDEST / max(width, 1e-9))
    moved = (np.rint((stroke[:, :2] - low) * scale) for stroke in sample.strokes or () if len(stroke))
    strokes = [stroke.astype(int).ravel().tolist() for stroke in moved]
    return {"strokes": strokes, "size": [round(width * scale), round(height * scale)]}


def _linked(sample: Sample, folder: Path, domain: str) -> dict[str, Any]:
    """Where the sound or image is, relative to the page, and which part of it the sample is; {} where it is not."""
    assert sample.path
    if not sample.path.is_file():
        return {}
    try:
        with open(sample.path, "rb") as stream:
            head = stream.read(4)
        if not head.startswith(_PLAYED if domain == "sound" else _SHOWN):
            return {domain: _quoted(_converted(sample, folder / _FOLDER, domain).relative_to(folder).as_posix())}
    except (OSError, ValueError, SeqrecError):  # ValueError: a region outside of the page
        return {}
    found: dict[str, Any] = {domain: _quoted(to_row(sample, folder)["path"])}
    if domain == "sound" and (sample.start or sample.end is not None):
        found["part"] = [sample.start or 0, sample.end]
    if domain == "image" and sample.polygon:
        found["polygon"] = np.rint(np.array(sample.polygon)).astype(int).ravel().tolist()
        found["box"] = _box(sample)
    return found


def _quoted(path: str) -> str:
    """A path as a URL that is relative, or of a file: a colon in it makes no scheme."""
    return ("file://" if path.startswith("/") else "") + quote(path, safe="/")


def _box(sample: Sample) -> list[int]:
    """x, y, width and height of a line and what is around it."""
    points = np.array(sample.polygon)
    low, high = np.floor(points.min(axis=0)) - _EDGE, np.ceil(points.max(axis=0)) + _EDGE
    low = np.maximum(low, 0)
    return [int(value) for value in (*low, *(high - low))]


def _converted(sample: Sample, folder: Path, domain: str) -> Path:
    """The signal alone in a file that browsers know. Raises DataError."""
    assert sample.path
    made = folder / f"{_key(sample)}{'.flac' if domain == 'sound' else '.png'}"
    if made.exists():
        return made
    if domain == "sound":
        import soundfile  # type: ignore[import-untyped]

        from seqrec.features._sound import read_sound

        sound = read_sound(sample.path, sample.start, sample.end, _RATE, _LONGEST)
        with atomic(made, "wb") as out:
            soundfile.write(out, np.clip(sound, -1, 1), _RATE, format="FLAC", subtype="PCM_16")
        return made
    image = Image.fromarray(open_page(sample.path))
    if sample.polygon:
        x, y, width, height = _box(sample)
        image = image.crop((x, y, min(x + width, image.width), min(y + height, image.height)))
    image.thumbnail((int(_WIDEST) * 2, _TALLEST))
    with atomic(made, "wb") as out:
        image.save(out, "PNG")
    return made
