"""A line image as it lies in its file: can it be read, and is there writing on it?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from seqrec.checking.report import Problem
from seqrec.errors import DataError
from seqrec.features._page import open_page, pages
from seqrec.samples import Points, Sample

_PAGED = {".tif", ".tiff", ".gif", ".webp"}
_SPECKS = 1e-4  # share of the pixels that may be brighter or darker than what counts as an extreme
_INVISIBLE = 12  # of 255 levels between paper and ink; faint pencil has some 30
_VISIBLE = 64  # levels that are writing, however noisy the paper
_NOISE = 6.0  # deviations of the paper's noise; noise alone reaches 4 in a line, ink more than 10


def measure(sample: Sample) -> tuple[float, float, tuple[Problem, ...]]:
    """A line's width in heights, the share of its pixels that are dark (NaN where it is blank), and what is wrong.

    Of a line with a polygon, the box around that is looked at. Raises DataError when the image cannot be read.
    """
    assert sample.path is not None
    page = open_page(sample.path)
    part = _box(sample.path, page, sample.polygon)
    problems = list(_more_pages(sample.path))
    count = np.bincount(part.ravel(), minlength=256)
    low, paper, high = _quantiles(count, (_SPECKS, 0.5, 1 - _SPECKS))
    blank = list(_blank(count, low, paper, high))
    problems += blank
    dark = float("nan") if blank else float(count[: (low + high + 1) // 2].sum() / part.size)
    return part.shape[1] / part.shape[0], dark, tuple(problems)


def _box(path: Path, page: np.ndarray, polygon: Points | None) -> np.ndarray:
    """What of a page (H, W) lies around the polygon."""
    if polygon is None:
        return page
    height, width = page.shape
    left, top = (int(n) for n in np.floor(np.clip(np.min(polygon, axis=0), 0, None)))
    right, bottom = (int(n) for n in np.ceil(np.clip(np.max(polygon, axis=0), 0, (width, height))))
    part = page[top:bottom, left:right]
    if not part.size:
        raise DataError(path, f"is {width} x {height} pixels", "a polygon inside of it")
    return part


def _quantiles(count: np.ndarray, shares: tuple[float, ...]) -> list[int]:
    """The levels below or at which these shares of all pixels lie."""
    return [int(level) for level in np.searchsorted(count.cumsum(), np.array(shares) * count.sum())]


def _blank(count: np.ndarray, low: int, paper: int, high: int) -> Iterator[Problem]:
    contrast = max(paper - low, high - paper)
    if contrast < _INVISIBLE:
        said = f"is blank: all of it is within {high - low} of 255 levels of brightness"
        yield Problem("blank", said, "error")
    elif contrast < _VISIBLE:
        away = np.bincount(np.abs(np.arange(256) - paper), count)
        noise = 1.4826 * max(_quantiles(away, (0.5,))[0], 1)
        if contrast < _NOISE * noise:
            said = f"is blank but for noise: the darkest and the brightest are {contrast / noise:.1f} deviations away"
            yield Problem("blank", said, "warning")


def _more_pages(path: Path) -> Iterator[Problem]:
    if path.suffix.lower() in _PAGED and (count := _pages(str(path), path.stat().st_mtime_ns)) > 1:
        yield Problem("pages", f"{path} has {count} pages; only the first is read", "warning")


@lru_cache(64)  # many lines come from one file
def _pages(path: str, modified: int) -> int:
    return pages(Path(path))
