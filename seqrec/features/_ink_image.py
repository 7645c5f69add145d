"""The ink around each point as a small picture: drawn once, cut out for all points at a time."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from seqrec.features._ink import Ink

_CELL = 4  # pixels; a cell is half a corpus height
_PIXELS = 2 * _CELL  # per corpus height
_WIDEST, _HIGHEST = 1 << 15, 1 << 9  # pixels; ink beyond is drawn at the edge, so that hostile ink costs no memory


def windows(ink: Ink, centres: np.ndarray, side: int) -> np.ndarray:
    """Blackness of the side x side cells around each centre, shape (T, side * side), rows from the top.

    1 is a cell that one straight line crosses. `ink` and `centres` (T, 2) are in corpus heights.
    """
    margin = side * _CELL // 2 + 1
    origin = ink.points[:, :2].min(axis=0)
    size = np.ceil((ink.points[:, :2].max(axis=0) - origin) * _PIXELS).clip(0, [_WIDEST, _HIGHEST]).astype(int)
    image = Image.new("L", tuple((size + 2 * margin + 1).tolist()))
    draw = ImageDraw.Draw(image)
    for stroke in ink.split():
        pixels = ((stroke[:, :2] - origin) * _PIXELS).clip(0, size) + margin
        draw.line([*pixels.ravel().tolist(), *pixels[-1].tolist()], fill=1)
    sums = np.zeros((image.height + 1, image.width + 1), np.int32)
    sums[1:, 1:] = np.asarray(image).cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    corner = (((centres - origin) * _PIXELS).clip(0, size) + margin + 0.5 - side * _CELL / 2).astype(int)
    grid = np.arange(side + 1) * _CELL
    rows, columns = corner[:, 1, None] + grid, corner[:, 0, None] + grid
    cells: np.ndarray = np.diff(np.diff(sums[rows[:, :, None], columns[:, None, :]], axis=1), axis=2) / _CELL
    return cells.reshape(len(centres), side * side)
