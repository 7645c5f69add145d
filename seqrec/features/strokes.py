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

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from seqrec.errors import DataError
from seqrec.features import Extractor as Base
from seqrec.features import Layout
from seqrec.features._ink import Ink, Normalised, join, median, neighbours, normalise, resample, smooth, starts
from seqrec.features._ink_image import windows
from seqrec.samples import Sample

_PARTS = 4  # resampled points per frame: two for each half of its way
_FURTHEST = 1e12  # units; nothing that a tablet gives
_VICINITY = np.arange(-3, 4)  # points
_CORPUS_LINE = -1.0  # its y in corpus heights; the base line's is 0
_OFF_LINE = 0.2  # corpus heights that still count as on a line
_FLAT = 0.8  # corpus heights; dots and bars are no higher
_LEAST_ACTIVITY = 0.2  # of a frame after a jump: so that it is still no rest
_AVERAGE = 4.0  # corpus heights of ink in the moving average of x


class Extractor(Base):
    """Frames (T, dim) of pen ink, one per point; a lone dot gives one. Unchanged by the ink's place,
    size and number of points per second, and, as far as the ink shows them, by slope and slant.
    """

    domain: ClassVar[Literal["sound", "ink", "image"]] = "ink"
    together: ClassVar[int] = 256

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
        if not np.abs(np.concatenate([stroke.ravel() for stroke in strokes])).max() < _FURTHEST:
            raise DataError(sample.id, "holds NaN or goes too far", f"numbers below {_FURTHEST:g}")
        return strokes

    def normalise(self, signal: list[np.ndarray]) -> Normalised:
        """The strokes in corpus heights, base line at y = 0; what is normalised comes back as it is."""
        return signal if isinstance(signal, Normalised) else Normalised(self._normalised(join([signal])).split())

    def _normalised(self, ink: Ink) -> Ink:
        return normalise(ink, level=self.slope, upright=self.slant, widen=self.width)

    def frames(self, signal: list[np.ndarray]) -> np.ndarray:
        return self.frames_of([signal])[0]

    def frames_of(self, signals: Sequence[list[np.ndarray]]) -> list[np.ndarray]:
        """All at once where they are alike: with or without times, normalised or not."""
        alike: dict[tuple[bool, int], list[int]] = {}
        for number, signal in enumerate(signals):
            width = min(stroke.shape[1] for stroke in signal if len(stroke))
            alike.setdefault((isinstance(signal, Normalised), width), []).append(number)
        found = [np.empty(0)] * len(signals)
        for (normalised, _), numbers in alike.items():
            ink = join([signals[number] for number in numbers])
            table, drawing = self._table(ink if normalised else self._normalised(ink))
            for number, frames in zip(numbers, np.split(table, starts(drawing)[1:]), strict=True):
                found[number] = frames
        return found

    def _table(self, ink: Ink) -> tuple[np.ndarray, np.ndarray]:
        """The frames (T, dim) of all drawings, float32, and whose each is (T,)."""
        fine = smooth(resample(ink, np.full(ink.count, self.spacing), _PARTS), 1)
        at = self._framed(fine)
        if self.set == "graves":
            columns, side = _graves(fine, _delayed(fine), at, self.spacing), 3
        else:
            columns, side = _delta(fine, at, self.spacing), self.bitmap
            if self.speed:
                columns.append(_speed(fine)[at])
        table = np.stack(columns, axis=1, dtype=np.float32)
        if side:
            cells = windows(ink, fine.points[at, :2], fine.drawing[at], side)
            table = np.concatenate([table, cells], axis=1, dtype=np.float32)
        return table, fine.drawing[at]

    def _framed(self, fine: Ink) -> np.ndarray:
        """Which points of finely resampled ink have a frame: (T,)."""
        at = np.flatnonzero(_place(fine.stroke) % _PARTS == 0)
        return at[~_delayed(fine)[at]] if self.set == "graves" else at

    def placed(self, sample: Sample) -> tuple[np.ndarray, Layout]:
        """Frames meet half-way between their points, and where one stroke ends and another begins.

        No frame rests; the further the pen has jumped ahead before it, the less active is a frame.
        """
        strokes = self.read(sample)
        return self.frames(strokes), self._layout(strokes)

    def _layout(self, strokes: list[np.ndarray]) -> Layout:
        count = sum(map(len, strokes))
        numbers = np.split(np.arange(count, dtype=np.float64), np.cumsum([len(stroke) for stroke in strokes])[:-1])
        # A point's number stands in the place of its time, and so is resampled with it.
        numbered = [np.column_stack([stroke[:, :2], n]) for stroke, n in zip(strokes, numbers, strict=True)]
        even = resample(self._normalised(join([numbered])), np.full(1, self.spacing), _PARTS)
        at = self._framed(smooth(even, 1))
        x, number, begins = even.points[at, 0], even.points[at, 2], np.diff(even.stroke[at]) > 0
        edges = np.where(begins, number[1:], (number[1:] + number[:-1]) / 2)
        ahead = np.where(begins, np.diff(x), 0).clip(0)
        activity = np.concatenate([[1.0], np.maximum(1 / (1 + ahead), _LEAST_ACTIVITY)])
        return Layout("points", np.concatenate([[0.0], edges, [float(count)]]), activity)


def _place(run: np.ndarray) -> np.ndarray:
    """Each point's number within its run of equal numbers, shape (N,)."""
    first = starts(run)
    place: np.ndarray = np.arange(len(run)) - np.repeat(first, np.diff(first, append=len(run)))
    return place


def _furthest(values: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """The largest of each drawing's values so far, shape (N,)."""
    furthest = np.empty_like(values)
    first = starts(drawing).tolist()
    for begin, end in zip(first, [*first[1:], len(values)], strict=True):
        np.maximum.accumulate(values[begin:end], out=furthest[begin:end])
    return furthest


def _delta(fine: Ink, at: np.ndarray, spacing: float) -> list[np.ndarray]:
    """The 13 columns of set "delta" for the points `at` of finely resampled ink."""
    where = _complex(fine.points)
    here, drawing = where[at], fine.drawing[at]
    begins = starts(drawing)
    before = np.concatenate([here[:1], here[:-1]])
    before[begins] = here[begins]
    first = _place(fine.stroke)[at] == 0
    middle = np.where(first, (here + before) / 2, where[np.maximum(at - _PARTS // 2, 0)])
    one, two = _unit(middle - before), _unit(here - middle)
    following = np.append(one[1:], 0)
    following[begins[1:] - 1] = 0
    bend, turn = _unit(two * one.conj()), _unit(following * two.conj())
    way = (here - before) / spacing
    back = _furthest(here.real, drawing) - here.real
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
    pace = np.zeros(len(ink.points))
    if ink.points.shape[1] < 3:
        return pace
    near = neighbours(ink.stroke, np.array([-_PARTS // 2, _PARTS // 2]))
    dx, dy, dt = (ink.points[near[:, 1]] - ink.points[near[:, 0]]).T
    moves = (dt > 0) & (np.hypot(dx, dy) > 0)
    pace[moves] = np.log(np.hypot(dx, dy)[moves] / dt[moves])
    known, drawing = np.unique(ink.drawing[moves], return_inverse=True)
    if len(known):
        pace[moves] -= median(pace[moves], drawing, len(known))[drawing]
    return np.clip(pace, -3, 3)


def _graves(fine: Ink, delayed: np.ndarray, at: np.ndarray, spacing: float) -> list[np.ndarray]:
    """Columns 0-15 of set "graves" for the points `at`; delayed strokes are left out and leave their hat."""
    points, stroke, drawing = fine.points[at, :2], fine.stroke[at], fine.drawing[at]
    x, y = points.T
    reach = int(np.ceil(_AVERAGE / spacing / 2))
    average = x[neighbours(drawing, np.arange(-reach, reach + 1))].mean(axis=1)
    before, here, after = _complex(points[neighbours(stroke, np.array([-1, 0, 1]))]).T
    direction = _unit(after - before)
    turn = _unit((after - here) * (here - before).conj())
    return [
        (_place(stroke) == 0).astype(float),
        _hat(fine, delayed, x, drawing),
        _speed(fine)[at],
        np.arcsinh(x - average),
        -y - 0.5,
        *(direction.real, direction.imag, turn.real, turn.imag),
        *_vicinity(points, stroke),
        *_lines(points, drawing),
    ]


def _vicinity(points: np.ndarray, stroke: np.ndarray) -> list[np.ndarray]:
    """Columns 9-13 from the three points before to the three after, on one stroke."""
    near = points[neighbours(stroke, _VICINITY)]  # (T, 7, 2)
    wide, high = np.ptp(near, axis=1).T
    side = np.maximum(wide, high)
    steps = np.diff(near, axis=1)
    length = np.hypot(steps[..., 0], steps[..., 1]).sum(axis=1)
    slope = _unit(_complex(near[:, -1] - near[:, 0]))
    off = _complex(near - near[:, :1]) * slope.conj()[:, None]
    return [
        np.where(side > 0, (high - wide) / np.maximum(high + wide, 1e-9), 0),
        slope.real,
        slope.imag,
        np.where(side > 0, length / np.maximum(side, 1e-9) - 1, 0),
        np.mean(off.imag**2, axis=1),
    ]


def _lines(points: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """Columns 14-15 (2, T): log(1 + the ink above the corpus line, below the base line) within one corpus
    height to either side.
    """
    counts = np.empty((2, len(points)))
    first = starts(drawing).tolist()
    for begin, end in zip(first, [*first[1:], len(points)], strict=True):
        x, y = points[begin:end].T
        for row, off in zip(counts, (y < _CORPUS_LINE - _OFF_LINE, y > _OFF_LINE), strict=True):
            others = np.sort(x[off])
            row[begin:end] = np.searchsorted(others, x + 1, "right") - np.searchsorted(others, x - 1, "left")
    return np.log1p(counts)


def _delayed(fine: Ink) -> np.ndarray:
    """Which points (N,) are of dots and bars put over letters already written: flat, high up, drawn going back."""
    first = starts(fine.stroke)
    x, y, drawing = fine.points[:, 0], fine.points[:, 1], fine.drawing[first]
    left, top, low = np.minimum.reduceat(x, first), np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)
    reached = _furthest(np.maximum.reduceat(x, first), drawing)
    back = np.append(False, left[1:] < reached[:-1])
    back[starts(drawing)] = False
    delayed = back & (low - top < _FLAT) & ((low + top) / 2 < _CORPUS_LINE + _OFF_LINE)
    return np.repeat(delayed, np.diff(first, append=len(x)))


def _hat(fine: Ink, delayed: np.ndarray, x: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """1 for each x that a delayed stroke of its drawing lies over, else 0."""
    hat = np.zeros(len(x))
    points, stroke, own = fine.points[delayed, 0], fine.stroke[delayed], fine.drawing[delayed]
    first = starts(stroke)
    for begin, end in zip(first, np.append(first, len(stroke))[1:], strict=True):
        here = slice(*np.searchsorted(drawing, [own[begin], own[begin] + 1]))
        over = points[begin:end]
        hat[here][(x[here] >= over.min() - _OFF_LINE) & (x[here] <= over.max() + _OFF_LINE)] = 1
    return hat


def _complex(points: np.ndarray) -> np.ndarray:
    """x + iy of points (..., 2): angles add by multiplying."""
    numbers: np.ndarray = points[..., 0] + 1j * points[..., 1]
    return numbers
