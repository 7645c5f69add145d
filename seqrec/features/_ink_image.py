"""The ink around each point as a small picture: drawn once, cut out for all points at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from seqrec.features._ink import Ink, starts

_CELL = 4  # pixels; a cell is half a corpus height
_PIXELS = 2 * _CELL  # per corpus height
_WIDEST, _HIGHEST = 1 << 15, 1 << 9  # pixels; ink beyond is drawn at the edge, so that hostile ink costs no memory
_SHEET = 1 << 13  # pixels; drawings share an image as wide, for NumPy is slow on many small ones


def windows(ink: Ink, centres: np.ndarray, drawing: np.ndarray, side: int) -> np.ndarray:
    """Blackness of the side x side cells around each centre, shape (T, side * side), rows from the top.

    1 is a cell that one straight line crosses. `ink` and `centres` (T, 2) are in corpus heights;
    `drawing` (T,), ascending, says whose ink is around a centre.
    """
    margin = side * _CELL // 2 + 1
    first = starts(ink.drawing)
    origin = np.minimum.reduceat(ink.points[:, :2], first)
    size = np.ceil((np.maximum.reduceat(ink.points[:, :2], first) - origin) * _PIXELS)
    size = size.clip(0, [_WIDEST, _HIGHEST]).astype(int)
    room = size + 2 * margin + 1
    sheets = list(_sheets(room[:, 0]))
    left = np.zeros_like(size)
    for begin, end in sheets:
        left[begin + 1 : end, 0] = np.cumsum(room[begin : end - 1, 0])

    def placed(points: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) on the sheet of each point's drawing."""
        pixels: np.ndarray = ((points - origin[of]) * _PIXELS).clip(0, size[of]) + margin + left[of]
        return pixels

    pixels = placed(ink.points[:, :2], ink.drawing)
    column, row = (placed(centres, drawing) + 0.5 - side * _CELL / 2).astype(int).T
    grid = np.arange(side) * _CELL
    found = np.empty((len(centres), side, side), np.uint8)
    for begin, end in sheets:
        drawn, around = (slice(*np.searchsorted(of, [begin, end])) for of in (ink.drawing, drawing))
        image = Image.new("L", (int(room[begin:end, 0].sum()), int(room[begin:end, 1].max())))
        _draw(image, pixels[drawn], ink.stroke[drawn])
        cells = _cells(np.asarray(image))
        found[around] = cells[row[around, None, None] + grid[:, None], column[around, None, None] + grid]
    return found.reshape(len(centres), side * side) / _CELL


def _sheets(widths: np.ndarray) -> Iterator[tuple[int, int]]:
    """Drawings, from one to before another, that are together no wider than a sheet; one at least."""
    begin = filled = 0
    for number, width in enumerate(widths.tolist()):
        if filled and filled + width > _SHEET:
            yield begin, number
            begin, filled = number, 0
        filled += width
    yield begin, len(widths)


def _draw(image: Image.Image, pixels: np.ndarray, stroke: np.ndarray) -> None:
    """Lines one pixel wide; a stroke ends with its last point twice, so that a lone point shows."""
    draw = ImageDraw.Draw(image)
    flat = pixels.ravel().tolist()
    begins = (2 * starts(stroke)).tolist()
    for begin, end in zip(begins, [*begins[1:], len(flat)], strict=True):
        draw.line(flat[begin:end] + flat[end - 2 : end], fill=1)


def _cells(image: np.ndarray) -> np.ndarray:
    """Black pixels in the cell that begins at each pixel: (H, W) uint8 of 0 and 1 -> (H - 3, W - 3) uint8."""
    high, wide = image.shape[0] - _CELL + 1, image.shape[1] - _CELL + 1
    rows = np.zeros((high, image.shape[1]), np.uint8)
    for i in range(_CELL):
        rows += image[i : i + high]
    cells = np.zeros((high, wide), np.uint8)
    for i in range(_CELL):
        cells += rows[:, i : i + wide]
    return cells
