"""Pen ink to frames: normalised, resampled by arc length, then numbers for each point.

set = "delta", 13 numbers, directions as (cos, sin) with y downwards:
     0-1   way from the previous point, asinh(way / spacing)
     2-5   direction of the first and of the second half of that way
     6-7   curvature: the turn in the middle of that way
     8-9   curvature: the turn at the point
    10     pen-up: 1 where that way led through the air
    11     height above the middle of small letters, in corpus heights
    12     asinh of how far the point lies left of the rightmost ink so far, in corpus heights
    then   with `speed`: logarithm of the pen's speed over its median, 0 without times
    then   with `bitmap = n`: the ink around the point, n x n cells row by row

set = "graves", 25 numbers: M. Liwicki and H. Bunke, "HMM-based on-line recognition of handwritten
whiteboard notes", IWFHR 2006, as used by A. Graves et al., "A novel connectionist system for
unconstrained handwriting recognition", IEEE TPAMI 31(5), 2009:
     0     pen-up                            10-11 slope of the vicinity (cos, sin)
     1     hat: a delayed stroke was here    12    curliness of the vicinity
     2     speed, as above                   13    linearity of the vicinity
     3     x less its moving average         14-15 points above the corpus line, below the base line
     4     height, as 11 above               16-24 3 x 3 cells of the ink around the point
     5-6   direction    7-8 curvature         9    aspect of the vicinity

There is one frame per point. A jump of the lifted pen has no frames of its own: the first point of
the next stroke carries it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from seqrec.errors import DataError
from seqrec.features import Extractor as Base
from seqrec.features._ink import Ink, Normalised, join, neighbours, normalise, resample, smooth
from seqrec.features._ink_image import windows
from seqrec.samples import Sample

_PARTS = 4  # resampled points per frame: two for each half of its way
_FURTHEST = 1e12  # units; nothing that a tablet gives
_VICINITY = np.arange(-3, 4)  # points
_CORPUS_LINE = -1.0  # its y in corpus heights; the base line's is 0
_OFF_LINE = 0.2  # corpus heights that still count as on a line
_FLAT = 0.8  # corpus heights; dots and bars are no higher
_AVERAGE = 4.0  # corpus heights of ink in the moving average of x


class Extractor(Base):
    """Frames (T, dim) of pen ink, one per point; a lone dot gives one. Unchanged by the ink's place,
    size and number of points per second, and, as far as the ink shows them, by slope and slant.
    """

    domain: ClassVar[Literal["sound", "ink", "image"]] = "ink"

    set: Literal["delta", "graves"] = "delta"
    spacing: float = Field(0.5, ge=0.05, le=5)  # corpus heights from frame to frame
    bitmap: int = Field(0, ge=0, le=15)  # cells per side, each half a corpus height; 0: none
    speed: bool = False  # for "delta"; data with and without times do not mix well
    slope: bool = True  # turn the base line horizontal
    slant: bool = True  # shear the down-strokes vertical
    width: bool = True  # bring narrow and wide hands half-way to the usual width

    @property
    def dim(self) -> int:
        return 25 if self.set == "graves" else 13 + self.speed + self.bitmap**2

    def read(self, sample: Sample) -> list[np.ndarray]:
        """Strokes (N, 2|3) float64 with at least one point each; y grows downwards.

        Raises DataError where there is no ink.
        """
        if sample.strokes is None:
            raise DataError(sample.id, f"is a file ({sample.path})", "strokes", "choose a kind of features for files")
        strokes = [np.asarray(stroke, dtype=np.float64) for stroke in sample.strokes]
        strokes = [stroke for stroke in strokes if stroke.size]
        if not strokes:
            raise DataError(sample.id, "has no ink", "one stroke of one point or more")
        for number, stroke in enumerate(strokes):
            if stroke.ndim != 2 or stroke.shape[1] not in (2, 3):
                raise DataError(sample.id, f"stroke {number} has shape {stroke.shape}", "(points, 2 or 3)")
            if not np.abs(stroke).max() < _FURTHEST:
                raise DataError(sample.id, f"stroke {number} holds NaN or goes too far", f"numbers below {_FURTHEST:g}")
        return strokes

    def normalise(self, signal: list[np.ndarray]) -> Normalised:
        """The strokes in corpus heights, base line at y = 0; what is normalised comes back as it is."""
        if isinstance(signal, Normalised):
            return signal
        return normalise(signal, level=self.slope, upright=self.slant, widen=self.width)

    def frames(self, signal: list[np.ndarray]) -> np.ndarray:
        ink = join(self.normalise(signal))
        if self.set == "graves":
            return _graves(ink, self.spacing)
        fine = smooth(resample(ink, self.spacing, _PARTS), 1)
        at = np.flatnonzero(_place(fine.stroke) % _PARTS == 0)
        columns = _delta(fine, at, self.spacing)
        if self.speed:
            columns.append(_speed(fine)[at])
        table = np.stack(columns, axis=1)
        if self.bitmap:
            table = np.concatenate([table, windows(ink, fine.points[at, :2], self.bitmap)], axis=1)
        return table.astype(np.float32)


def _place(stroke: np.ndarray) -> np.ndarray:
    """Each point's number within its stroke, shape (N,)."""
    place: np.ndarray = np.arange(len(stroke)) - np.searchsorted(stroke, stroke)
    return place


def _delta(fine: Ink, at: np.ndarray, spacing: float) -> list[np.ndarray]:
    """The 13 columns of set "delta" for the points `at` of finely resampled ink."""
    where = _complex(fine.points)
    here = where[at]
    before = np.concatenate([here[:1], here[:-1]])
    first = _place(fine.stroke)[at] == 0
    middle = np.where(first, (here + before) / 2, where[np.maximum(at - _PARTS // 2, 0)])
    one, two = _unit(middle - before), _unit(here - middle)
    bend = _unit(two * one.conj())
    turn = _unit(np.append(one[1:], 0) * two.conj())
    way = (here - before) / spacing
    back = np.maximum.accumulate(here.real) - here.real
    return [
        *(np.arcsinh(way.real), np.arcsinh(way.imag)),
        *(one.real, one.imag, two.real, two.imag),
        *(bend.real, bend.imag, turn.real, turn.imag),
        first.astype(float),
        -here.imag - 0.5,
        np.arcsinh(back),
    ]


def _unit(numbers: np.ndarray) -> np.ndarray:
    size = np.abs(numbers)
    return np.where(size > 1e-9, numbers / np.maximum(size, 1e-9), 0)


def _speed(ink: Ink) -> np.ndarray:
    """log(speed / median speed) at each point, within -3..3; zeros without times or where time stands still."""
    if ink.points.shape[1] < 3:
        return np.zeros(len(ink.points))
    near = neighbours(ink.stroke, np.array([-_PARTS // 2, _PARTS // 2]))
    dx, dy, dt = (ink.points[near[:, 1]] - ink.points[near[:, 0]]).T
    moves = (dt > 0) & (np.hypot(dx, dy) > 0)
    if not moves.any():
        return np.zeros(len(ink.points))
    pace = np.zeros(len(ink.points))
    pace[moves] = np.log(np.hypot(dx, dy)[moves] / dt[moves])
    pace[moves] -= np.median(pace[moves])
    return np.clip(pace, -3, 3)


def _graves(ink: Ink, spacing: float) -> np.ndarray:
    """The 25 features, shape (T, 25) float32; delayed strokes are left out and leave their hat."""
    fine = smooth(resample(ink, spacing, _PARTS), 1)
    delayed = _delayed(fine)
    at = np.flatnonzero((_place(fine.stroke) % _PARTS == 0) & ~delayed[fine.stroke])
    points, stroke = fine.points[at, :2], fine.stroke[at]
    x, y = points.T
    pad = int(np.ceil(_AVERAGE / spacing / 2))
    average = np.convolve(np.pad(x, pad, mode="edge"), np.full(2 * pad + 1, 1 / (2 * pad + 1)), mode="valid")
    before, here, after = _complex(points[neighbours(stroke, np.array([-1, 0, 1]))]).T
    direction = _unit(after - before)
    turn = _unit((after - here) * (here - before).conj())
    columns = [
        (_place(stroke) == 0).astype(float),
        _hat(fine, delayed, x),
        _speed(fine)[at],
        np.arcsinh(x - average),
        -y - 0.5,
        *(direction.real, direction.imag, turn.real, turn.imag),
        *_vicinity(points, stroke),
    ]
    return np.concatenate([np.stack(columns, axis=1), windows(ink, points, 3)], axis=1).astype(np.float32)


def _vicinity(points: np.ndarray, stroke: np.ndarray) -> list[np.ndarray]:
    """Columns 9-15 from the three points before to the three after, on one stroke; 14-15 from all ink
    within one corpus height to either side.
    """
    near = points[neighbours(stroke, _VICINITY)]  # (T, 7, 2)
    wide, high = np.ptp(near, axis=1).T
    side = np.maximum(wide, high)
    steps = np.diff(near, axis=1)
    length = np.hypot(steps[..., 0], steps[..., 1]).sum(axis=1)
    slope = _unit(_complex(near[:, -1] - near[:, 0]))
    off = _complex(near - near[:, :1]) * slope.conj()[:, None]
    x, y = points.T
    return [
        np.where(side > 0, (high - wide) / np.maximum(high + wide, 1e-9), 0),
        slope.real,
        slope.imag,
        np.where(side > 0, length / np.maximum(side, 1e-9) - 1, 0),
        np.mean(off.imag**2, axis=1),
        _beside(x, x[y < _CORPUS_LINE - _OFF_LINE]),
        _beside(x, x[y > _OFF_LINE]),
    ]


def _beside(x: np.ndarray, others: np.ndarray) -> np.ndarray:
    """log(1 + how many `others` lie within one corpus height of each x)."""
    others = np.sort(others)
    counts: np.ndarray = np.log1p(np.searchsorted(others, x + 1, "right") - np.searchsorted(others, x - 1, "left"))
    return counts


def _delayed(ink: Ink) -> np.ndarray:
    """Which strokes (S,) are dots and bars put over letters already written: flat, high up, drawn going back."""
    first = np.flatnonzero(np.diff(ink.stroke, prepend=-1))
    x, y = ink.points[:, 0], ink.points[:, 1]
    left, top, low = np.minimum.reduceat(x, first), np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)
    reached = np.maximum.accumulate(np.maximum.reduceat(x, first))
    back = np.append(False, left[1:] < reached[:-1])
    delayed: np.ndarray = back & (low - top < _FLAT) & ((low + top) / 2 < _CORPUS_LINE + _OFF_LINE)
    return delayed


def _hat(ink: Ink, delayed: np.ndarray, x: np.ndarray) -> np.ndarray:
    """1 for each x that a delayed stroke lies over, else 0."""
    hat = np.zeros(len(x))
    for number in np.flatnonzero(delayed):
        over = ink.points[ink.stroke == number, 0]
        hat[(x >= over.min() - _OFF_LINE) & (x <= over.max() + _OFF_LINE)] = 1
    return hat


def _complex(points: np.ndarray) -> np.ndarray:
    """x + iy of points (..., 2): angles add by multiplying."""
    numbers: np.ndarray = points[..., 0] + 1j * points[..., 1]
    return numbers
