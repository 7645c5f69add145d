"""Line images as frames: a window that slides over the columns of a line of normalised height.

Two outputs: the window's grey values, or the nine geometric features of Marti and Bunke (2001),
"Using a statistical language model to improve the performance of an HMM-based cursive handwriting
recognition system". Slant is estimated after Pastor, Toselli and Vidal (2004), "Projection profile
based algorithm for slant removal".
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import Field

import seqrec.features
from seqrec.errors import DataError
from seqrec.features import Layout, _page
from seqrec.samples import Sample

_LEAST_CONTRAST = 0.1  # ink fainter than this share of the paper's brightness is not stretched to full black
_DARKEST_PAPER = 64  # of 255; what is darker has more noise than writing
_FULL = 95  # percentile of the frames' ink that counts as full
_SLANTS = np.tan(np.radians(np.arange(-45, 46, 3)))

Window = Annotated[int, Field(ge=1, le=256)]


class Extractor(seqrec.features.Extractor):
    """Image or ink -> signal (H, W) float32, ink 1 on paper 0 -> frames (T, dim).

    Images are read with Pillow (the first page of a file of several), cut out along `polygon` and
    levelled along `baseline` where the sample has them. Ink is drawn with a round pen.
    """

    domain: ClassVar[Literal["sound", "ink", "image"]] = "image"

    height: Annotated[int, Field(ge=8, le=512)] = 48  # rows of a normalised line
    window: Window = 1  # columns per frame
    shift: Window = 1  # columns from one frame to the next
    output: Literal["pixels", "geometric"] = "pixels"
    polarity: Literal["auto", "dark", "light"] = "auto"  # of the ink; "auto": the rarer brightness is ink
    flatten: bool = True  # even out illumination and stretch contrast
    deslant: bool = False  # make slanted writing upright
    crop_ink: bool = False  # cut empty rows above and below, so that writing fills the height
    pen: Annotated[float, Field(gt=0, le=0.5)] = 0.05  # width of the pen that draws ink, in heights
    max_width: Annotated[int, Field(ge=1)] = 8000  # columns at normalised height

    @property
    def dim(self) -> int:
        return self.height * self.window if self.output == "pixels" else 9

    def read(self, sample: Sample) -> np.ndarray:
        """(H, W) float32 in [0, 1]; H is at most 1.5 times `height`. Raises DataError."""
        if sample.strokes is not None:
            image, _ = self._drawn(sample)
        else:
            image, _ = self._cut(sample)
        return self._finished(image, lean(image) if self.deslant else 0.0)

    def placed(self, sample: Sample) -> tuple[np.ndarray, Layout]:
        """Frames lie where they are half-way up the line; activity is the share of ink.

        Ink that is drawn has frames in the order of its points as far as it was written from left to right.
        """
        unit: Literal["px", "points"] = "px" if sample.strokes is None else "points"
        if sample.strokes is None:
            image, line = self._cut(sample)
            source = line.to_page
        else:
            image, across = self._drawn(sample)
            source = partial(_passed, across)
        slant = lean(image) if self.deslant else 0.0
        signal = self._finished(image, slant)
        ink = np.append(0.0, np.cumsum(signal.sum(axis=0, dtype=np.float64)))
        borders = self._borders(signal.shape)
        share = np.diff(np.interp(borders, np.arange(len(ink)), ink)) / np.maximum(np.diff(borders), 1e-9)
        activity = np.clip(share / max(float(np.percentile(share, _FULL)), 1e-9), 0, 1)
        columns = np.clip(borders - _reach(image, slant), 0, image.shape[1])
        return self.frames(signal), Layout(unit, source(columns), activity)

    def _drawn(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """The image of ink, and each point's column."""
        assert sample.strokes is not None
        return _page.draw(sample.strokes, self.height, self.pen, self.max_width / self.height, sample.id)

    def _cut(self, sample: Sample) -> tuple[np.ndarray, _page.Line]:
        """The image of a line of a page, and where that line is."""
        if sample.path is None:
            raise DataError(sample.id, "has neither 'path' nor 'strokes'", "an image or ink")
        page, where = _page.open_page(sample.path), f"{sample.path} ({sample.id})"
        tallest, widest = 3 * self.height // 2, self.max_width / self.height
        line = _page.line(page.shape, sample.polygon, sample.baseline, tallest, widest, where)
        grey, mask = _page.cut(page, line, bool(sample.polygon))
        return ink(grey, mask, self.polarity, self.flatten), line

    def _finished(self, image: np.ndarray, slant: float) -> np.ndarray:
        image = shear(image, slant)
        return crop(image) if self.crop_ink else image

    def _borders(self, shape: tuple[int, ...]) -> np.ndarray:
        """Where the frames of a signal (H, W) meet, in its columns: (T + 1,), from 0 to W.

        Half-way between the middles of two windows.
        """
        width = _width(shape, self.height)
        count = 1 + -(-max(0, width - self.window) // self.shift)
        inner = np.arange(1, count) * self.shift + (self.window - self.shift) / 2
        return np.concatenate([[0.0], inner.clip(0, width), [float(width)]]) * (shape[1] / width)

    def frames(self, signal: np.ndarray) -> np.ndarray:
        """(T, dim) float32; T = 1 + ceil((W' - window) / shift) for a line W' columns wide at `height` rows.

        Pixels run down the columns of the window, one column after the other. Geometric features
        are those of single columns, averaged over the window.
        """
        columns = _resized(signal, self.height).T
        if self.output == "geometric":
            columns = geometric(columns)
        count = 1 + -(-max(0, len(columns) - self.window) // self.shift)
        filled = self.window + (count - 1) * self.shift
        edge = "constant" if self.output == "pixels" else "edge"
        columns = np.pad(columns, ((0, filled - len(columns)), (0, 0)), mode=edge)  # type: ignore[call-overload]
        windows = np.lib.stride_tricks.sliding_window_view(columns, self.window, axis=0)[:: self.shift]
        # [T, F, window] -> [T, window * F] or [T, F]
        if self.output == "geometric":
            return np.asarray(windows.mean(axis=2, dtype=np.float32))
        return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(count, self.dim)


def _resized(image: np.ndarray, height: int) -> np.ndarray:
    if image.shape[0] == height:
        return image.astype(np.float32, copy=False)
    size = _width(image.shape, height), height
    scaled = Image.fromarray(np.ascontiguousarray(image, np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(scaled)


def _width(shape: tuple[int, ...], height: int) -> int:
    """Columns of an image (H, W) that is scaled to a height."""
    return shape[1] if shape[0] == height else max(1, round(shape[1] * height / shape[0]))


def _passed(across: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """How many points the pen has drawn when it passes each of some ascending columns (n,): 0 first, all at last.

    That number after which fewest points lie on the wrong side, so that a dot put in later moves nothing.
    `across` (N,) are the columns of the points.
    """
    passed = np.zeros(len(columns))
    for i, column in enumerate(columns[1:-1].tolist(), 1):
        wrong = np.concatenate([[0], np.cumsum(np.where(across < column, -1, 1))])
        fewest = np.flatnonzero(wrong == wrong.min())
        passed[i] = (fewest[0] + fewest[-1]) / 2
    passed[-1] = len(across)
    return np.maximum.accumulate(passed)


def ink(grey: np.ndarray, mask: np.ndarray | None, polarity: str, flatten: bool) -> np.ndarray:
    """Grey (H, W) uint8 -> (H, W) float32, ink 1 on paper 0, and 0 outside of the mask.

    With `flatten`, brightness is taken relative to the paper around it, the paper's own grain
    becomes 0 and the typical ink 1.
    """
    if polarity == "light" or (polarity == "auto" and _light_ink(grey, mask)):
        grey = 255 - grey
    if not flatten:
        image = (255 - grey).astype(np.float32) / 255
    else:
        paper = _paper(grey)
        image = np.maximum(0, paper - grey) / np.maximum(paper, _DARKEST_PAPER)
        levels = (image * 255).astype(np.uint8)
        grain, middle, top = _quantiles(levels if mask is None else levels[mask], (0.16, 0.5, 0.999))
        low = middle + 2 * (middle - grain)
        dark = levels[levels > (low + top) / 2] if mask is None else levels[mask & (levels > (low + top) / 2)]
        high = float(_quantiles(dark, (0.5,))[0]) if len(dark) else top
        image = np.clip((image * 255 - low) / max(high - low, 255 * _LEAST_CONTRAST), 0, 1).astype(np.float32)
    return image if mask is None else image * mask


def _light_ink(grey: np.ndarray, mask: np.ndarray | None) -> bool:
    """Ink is rarer than paper: brightness about its local mean leans to the ink's side."""
    small = _reduced(grey)
    inside = 1.0 if mask is None else _reduced(mask.astype(np.uint8))
    return bool(((small - _smooth(small)) ** 3 * inside).sum() > 0)


def _quantiles(levels: np.ndarray, shares: tuple[float, ...]) -> list[float]:
    """Quantiles of uint8 values, from their histogram."""
    counts = np.cumsum(np.bincount(levels.ravel(), minlength=256))
    return [float(np.searchsorted(counts, share * counts[-1])) for share in shares]


def _paper(grey: np.ndarray) -> np.ndarray:
    """The brightness of the paper around every pixel: the brightest within half a line's height, smoothed."""
    small = _reduced(grey)
    for axis in (0, 1):
        small = _slide(small, axis).max(axis=2)
    return np.asarray(Image.fromarray(_smooth(small)).resize(grey.shape[::-1], Image.Resampling.BILINEAR))


def _reduced(grey: np.ndarray) -> np.ndarray:
    """Scaled down to some 16 rows, float32."""
    return np.asarray(Image.fromarray(grey).reduce(max(1, len(grey) // 16)), np.float32)


def _smooth(small: np.ndarray) -> np.ndarray:
    for axis in (0, 1):
        small = _slide(small, axis).mean(axis=2)
    return small


def _slide(small: np.ndarray, axis: int) -> np.ndarray:
    """Every pixel's neighbours along an axis, half the image's height to each side: (h, w, n)."""
    reach = len(small) // 2
    around = [(reach, reach) if axis == a else (0, 0) for a in (0, 1)]
    return np.lib.stride_tricks.sliding_window_view(np.pad(small, around, mode="edge"), 2 * reach + 1, axis=axis)


def lean(image: np.ndarray) -> float:
    """The slant for `shear` that makes writing upright: the one whose column sums of ink vary most."""
    y, x = np.nonzero(image > 0.5)
    if not len(y):
        return 0.0
    height = len(image)
    sums = [np.bincount((x + slant * (y - height) + height).astype(np.intp)) for slant in _SLANTS]
    return float(_SLANTS[int(np.argmax([float((s.astype(np.float64) ** 2).sum()) for s in sums]))])


def shear(image: np.ndarray, slant: float) -> np.ndarray:
    """Move every row to the right by slant * (its y - the middle); wider by what moves beyond the edges."""
    height, width = image.shape
    if slant == 0:
        return image
    reach = _reach(image, slant)
    columns = np.arange(width + 2 * reach, dtype=np.float32) - reach
    rows = np.arange(height, dtype=np.float32)[:, None]
    x = columns[None, :] - slant * (rows - (height - 1) / 2)
    return _page.remap(image, x, np.broadcast_to(rows, x.shape))


def _reach(image: np.ndarray, slant: float) -> int:
    """Columns by which an image grows on both sides when it is sheared."""
    return round(abs(slant) * len(image) / 2)


def crop(image: np.ndarray) -> np.ndarray:
    """Cut rows without ink above and below, with a little margin; at least a third of the rows stay."""
    height = image.shape[0]
    mass = np.cumsum(image.sum(axis=1, dtype=np.float64))
    if mass[-1] <= 0:
        return image
    top, bottom = np.searchsorted(mass, (0.002 * mass[-1], 0.998 * mass[-1]))
    rows = min(height, max(round((bottom + 1 - top) * 1.08), -(-height // 3)))
    first = min(max(0, round((top + bottom + 1 - rows) / 2)), height - rows)
    return image[first : first + rows]


def geometric(columns: np.ndarray) -> np.ndarray:
    """The nine features of Marti and Bunke (2001) of each column: (W, H) -> (W, 9) float32.

    Black weight, centre of gravity, second moment, upper and lower contour, their gradients,
    black-white transitions, share of black between the contours. Positions are y / H from the top;
    columns without ink take the positions of their neighbours in between, a blank image 0.5.
    """
    width, height = columns.shape
    black = columns > 0.5
    count = black.sum(axis=1)
    inked = np.flatnonzero(count)
    y = (np.arange(height) + 0.5) / height
    positions = np.full((4, width), 0.5)
    if len(inked):
        some = black[inked]
        centre, moment = some @ y / count[inked], some @ y**2 / count[inked]
        upper, lower = y[some.argmax(axis=1)], y[height - 1 - some[:, ::-1].argmax(axis=1)]
        positions = np.stack([np.interp(np.arange(width), inked, p) for p in (centre, moment, upper, lower)])
    centre, moment, upper, lower = positions
    slopes = np.gradient(np.stack([upper, lower]), axis=1) if width > 1 else np.zeros((2, width))
    turns = (np.diff(black, axis=1, prepend=False, append=False)).sum(axis=1) / 2
    between = count / ((lower - upper) * height + 1)
    nine = [count / height, centre, moment, upper, lower, slopes[0] * height, slopes[1] * height, turns, between]
    return np.stack(nine, axis=1).astype(np.float32)
