"""Pen ink brought to one slope, slant, width and size, as pure functions over the joined strokes of many drawings.

The size is the *corpus height*, the height of a small letter without ascender or descender. Each
estimate was chosen by its spread over the words of one writer, whose true value hardly changes, and
is drawn towards "leave it as it is" where the ink is too short to tell. All take and give a number per
drawing: NumPy's own time for a call is far above that for the points of one word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

_HEIGHT_PER_TURN = 0.63  # corpus height over ink length per half turn, median over handwritten words
_FLATTEST = 10  # no writing is more than this many corpus heights high
_USUAL_WIDTH = 0.75  # horizontal over vertical pen travel, median over writers
_SLOPE_WIDTH = 8.0  # corpus heights; ink that wide shows half of its slope for certain
_SLANT_TRAVEL = 5.0  # corpus heights of downward travel; likewise for slant and width
_MOST_SLOPE, _MOST_SLANT, _MOST_WIDTH = 0.6, 1.0, 2.0  # tangents and a factor
_BASE_TO_CENTRE = 0.5  # corpus heights from the ink's centre down to the base line


class Normalised(list[np.ndarray]):
    """Strokes in corpus heights, the base line at y = 0; made by `normalise`, never normalised again."""


@dataclass(frozen=True, slots=True)
class Ink:
    """All strokes of D drawings in one array: `points` (N, 2|3), each point's `stroke` (N,) and `drawing` (N,).

    Both ascend; drawings are numbered from 0 and none is empty.
    """

    points: np.ndarray
    stroke: np.ndarray
    drawing: np.ndarray

    @property
    def count(self) -> int:
        return int(self.drawing[-1]) + 1

    @property
    def steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Displacements (M, 2) between neighbours on one stroke, their lengths (M,) and their drawings (M,)."""
        same = self.stroke[1:] == self.stroke[:-1]
        steps = (self.points[1:, :2] - self.points[:-1, :2])[same]
        return steps, np.hypot(steps[:, 0], steps[:, 1]), self.drawing[1:][same]

    def moved(self, matrix: np.ndarray) -> Ink:
        """Every point times the matrix (D, 2, 2) of its drawing."""
        points = self.points.copy()
        points[:, :2] = np.einsum("nij,nj->ni", matrix[self.drawing], points[:, :2])
        return replace(self, points=points)

    def split(self) -> list[np.ndarray]:
        """The strokes."""
        return np.split(self.points, starts(self.stroke)[1:])


def starts(numbers: np.ndarray) -> np.ndarray:
    """Where each run of equal numbers begins."""
    new = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=new[1:])
    return np.flatnonzero(new)


def median(values: np.ndarray, drawing: np.ndarray, count: int) -> np.ndarray:
    """The median (count,) of each drawing's values; every drawing has one."""
    number = np.bincount(drawing, minlength=count)
    first = np.cumsum(number) - number
    ranked = values[np.lexsort((values, drawing))]
    middle: np.ndarray = (ranked[first + (number - 1) // 2] + ranked[first + number // 2]) / 2
    return middle


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, both sums of numbers of 0 or more per drawing: 0 where there was nothing to add."""
    ratio: np.ndarray = part / np.where(whole > 0, whole, 1.0)
    return ratio


def join(drawings: Sequence[Sequence[np.ndarray]]) -> Ink:
    """Strokes without their empty ones and repeated points; times stay only where all points have one."""
    strokes = [stroke for strokes in drawings for stroke in strokes if len(stroke)]
    width = min(stroke.shape[1] for stroke in strokes)
    points = np.concatenate([stroke[:, :width] for stroke in strokes])
    stroke = np.repeat(np.arange(len(strokes)), [len(stroke) for stroke in strokes])
    drawing = np.repeat(np.arange(len(drawings)), [sum(map(len, strokes)) for strokes in drawings])
    new = np.ones(len(points), bool)
    new[1:] = (points[1:, :2] != points[:-1, :2]).any(axis=1) | (stroke[1:] != stroke[:-1])
    return Ink(points[new], stroke[new], drawing[new])


def resample(ink: Ink, step: np.ndarray, parts: int = 1) -> Ink:
    """Points at equal distances along each stroke, about `step` (D,) apart, both ends kept; then `parts` times as many.

    A stroke shorter than half a step becomes its first point.
    """
    first = starts(ink.stroke)
    last = np.append(first[1:], len(ink.stroke)) - 1
    lengths = np.hypot(*(ink.points[1:, :2] - ink.points[:-1, :2]).T) / step[ink.drawing[1:]]
    lengths[last[:-1]] = 1.0  # a jump counts one step: one rising axis for all, no stroke reaches into the next
    axis = np.concatenate([[0.0], np.cumsum(lengths)])
    total = axis[last] - axis[first]
    count = np.floor(total + 0.5 - 1e-6).clip(0).astype(int) * parts + 1  # the hair keeps exact halves stable
    stroke = np.repeat(np.arange(len(first)), count)
    place = np.arange(len(stroke)) - np.repeat(np.cumsum(count) - count, count)
    where = axis[first][stroke] + place * (total / np.maximum(count - 1, 1))[stroke]
    where = np.minimum(where, axis[last][stroke])  # rounding must not reach into the jump
    points = np.stack([np.interp(where, axis, column) for column in ink.points.T], axis=1)
    return Ink(points, stroke, ink.drawing[first][stroke])


def smooth(ink: Ink, reach: int) -> Ink:
    """Each point the triangle-weighted mean of its neighbours on the stroke, up to `reach` to either side."""
    offsets = np.arange(-reach, reach + 1)
    weights = reach + 1.0 - np.abs(offsets)
    near = neighbours(ink.stroke, offsets)
    return replace(ink, points=np.einsum("nkd,k->nd", ink.points[near], weights / weights.sum()))


def neighbours(run: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Indices (N, K) of the points `offsets` away, held within each point's own run of equal numbers."""
    first = starts(run)
    number = np.diff(first, append=len(run))
    index = np.arange(len(run))[:, None] + offsets
    held: np.ndarray = np.clip(index, np.repeat(first, number)[:, None], np.repeat(first + number - 1, number)[:, None])
    return held


def corpus_height(ink: Ink) -> np.ndarray:
    """The corpus heights (D,): ink length per half turn of the pen, a lift counting as one half turn.

    They need no lines, so neither slope nor a single letter mislead them. Within one writer's words its
    logarithm spreads 0.22; that of the bounding box 0.35, of the quartiles of y 0.27.
    """
    _, lengths, drawing = ink.steps
    length = np.bincount(drawing, lengths, ink.count)
    box = _box(ink)
    inked = length > 0
    step = np.maximum(_noise_free_step(ink, lengths, drawing), length / 4000)
    coarse = resample(ink, np.where(inked, step, 1.0))
    steps, _, drawing = coarse.steps
    within = np.diff(coarse.stroke[1:][coarse.stroke[1:] == coarse.stroke[:-1]]) == 0
    angles = np.diff(np.arctan2(steps[:, 1], steps[:, 0]))[within]
    turns = np.abs((angles + np.pi) % (2 * np.pi) - np.pi)
    strokes = np.bincount(ink.drawing[starts(ink.stroke)])
    half_turns = np.bincount(drawing[1:][within], turns, ink.count) / np.pi + strokes
    height = np.maximum(_HEIGHT_PER_TURN * length / half_turns, box[:, 1] / _FLATTEST)
    dots = box.max(axis=1)
    return np.where(inked, height, np.where(dots > 0, dots, 1.0))


def _box(ink: Ink) -> np.ndarray:
    """Width and height (D, 2) of each drawing."""
    first, points = starts(ink.drawing), ink.points[:, :2]
    return np.maximum.reduceat(points, first) - np.minimum.reduceat(points, first)


def _noise_free_step(ink: Ink, lengths: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """Steps (D,) too long for the tablet's grid and tremor to show as turns.

    0.4 standard deviations of y along the path; along a nearly straight stroke, whose y holds nothing
    but noise, a tenth of that stroke.
    """
    same = ink.stroke[1:] == ink.stroke[:-1]
    y = ink.points[:, 1] - _mean(ink.points[:, 1], ink)[ink.drawing]
    one, two = y[:-1][same], y[1:][same]
    whole = np.bincount(drawing, lengths, ink.count)
    mean = _ratio(np.bincount(drawing, lengths * (one + two) / 2, ink.count), whole)
    squares = (one * one + one * two + two * two) / 3  # the integral, at any rate
    variance = _ratio(np.bincount(drawing, lengths * squares, ink.count), whole) - mean * mean
    first = starts(ink.stroke)
    last = np.append(first[1:], len(ink.stroke)) - 1
    chord = np.hypot(*(ink.points[last, :2] - ink.points[first, :2]).T)
    own = np.bincount(np.repeat(np.arange(len(first)), last - first), lengths, len(first))
    straight = chord * _ratio(chord, own) ** 3  # of a cursive word about 1/40 of its length
    longest = np.maximum.reduceat(straight, starts(ink.drawing[first]))
    step: np.ndarray = np.maximum(0.4 * np.sqrt(np.maximum(variance, 0)), longest / 10)
    return step


def _mean(values: np.ndarray, ink: Ink) -> np.ndarray:
    mean: np.ndarray = np.bincount(ink.drawing, values) / np.bincount(ink.drawing)
    return mean


def lower_ends(ink: Ink) -> np.ndarray:
    """Points (K,) where the pen turns from down to up, begins upwards or ends downwards (y grows downwards)."""
    y = ink.points[:, 1]
    other = ink.stroke[1:] != ink.stroke[:-1]
    lower = np.ones(len(y), bool)
    lower[1:] &= other | (y[1:] > y[:-1])
    lower[:-1] &= other | (y[:-1] >= y[1:])
    return np.flatnonzero(lower)


def slope(ink: Ink, height: np.ndarray) -> np.ndarray:
    """Tangents (D,) of the base lines: lines through the lower ends that forget descenders (Cauchy weights).

    Drawn towards 0 for narrow ink: three letters tell little about their base line.
    """
    width = _box(ink)[:, 0] / height
    trust = width**4 / (width**4 + _SLOPE_WIDTH**4)
    at = lower_ends(ink)
    ends, drawing = ink.points[at, :2], ink.drawing[at]
    tangent, _ = _line(ink.points[:, :2], np.ones(len(ink.points)), ink.drawing)
    tangent = tangent * trust
    offset = median(ends[:, 1] - tangent[drawing] * ends[:, 0], drawing, ink.count)
    for _ in range(5):
        residuals = ends[:, 1] - tangent[drawing] * ends[:, 0] - offset[drawing]
        tangent, offset = _line(ends, _near(residuals, height[drawing]), drawing)
    known = (np.bincount(drawing) >= 3) & (trust >= 0.01)
    return np.where(known, np.clip(tangent, -_MOST_SLOPE, _MOST_SLOPE) * trust, 0.0)


def _line(points: np.ndarray, weights: np.ndarray, drawing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tangents and offsets (D,) of the weighted least-squares lines."""
    whole = np.bincount(drawing, weights)
    centre = np.stack([np.bincount(drawing, weights * column) / whole for column in points.T])
    x, y = points.T - centre[:, drawing]
    tangent = _ratio(np.bincount(drawing, weights * x * y), np.bincount(drawing, weights * x * x))
    return tangent, centre[1] - tangent * centre[0]


def _near(residuals: np.ndarray, height: np.ndarray) -> np.ndarray:
    weights: np.ndarray = 1 / (1 + (residuals / (0.5 * height)) ** 2)
    return weights


def slant(ink: Ink, height: np.ndarray) -> np.ndarray:
    """Tangents (D,) of the down-strokes against the vertical, positive where they run to the right.

    The mean angle of downward steps, weighted by dy^2 / length: down-strokes carry the letters' form,
    up-strokes join them. Twice, because the angle's mean falls short of a strong slant.
    """
    steps, _, drawing = ink.steps
    down = steps[:, 1] > 1e-9 * height[drawing]
    (dx, dy), drawing = steps[down].T, drawing[down]
    tangent = np.zeros(ink.count)
    for _ in range(2):
        lean = dx - tangent[drawing] * dy
        weights = dy * dy / np.hypot(lean, dy)
        angles = np.bincount(drawing, weights * np.arctan2(lean, dy), ink.count)
        tangent = tangent + np.tan(_ratio(angles, np.bincount(drawing, weights, ink.count)))
    trust = _trust(np.bincount(drawing, dy, ink.count), height)
    return trust * np.clip(tangent, -_MOST_SLANT, _MOST_SLANT)


def width_factor(ink: Ink, height: np.ndarray) -> np.ndarray:
    """What to multiply x with (D,): half-way (in logarithms) to the usual ratio of horizontal and vertical travel."""
    steps, _, drawing = ink.steps
    across, along = (np.bincount(drawing, column, ink.count) for column in np.abs(steps).T)
    trust = _trust(np.bincount(drawing, steps[:, 1].clip(0), ink.count), height)
    known = (along > 0) & (across > 0)
    usual = np.where(known, _USUAL_WIDTH * _ratio(along, across), 1.0)
    return np.clip(np.clip(usual, 0.25, 4) ** (0.5 * trust), 1 / _MOST_WIDTH, _MOST_WIDTH)


def _trust(travel: np.ndarray, height: np.ndarray) -> np.ndarray:
    trust: np.ndarray = travel / (travel + _SLANT_TRAVEL * height)
    return trust


def base_line(ink: Ink, height: np.ndarray) -> np.ndarray:
    """y of the base lines (D,) of level ink: where most lower ends lie.

    The ink's centre, half a corpus height above it, counts as two more ends: a single letter has few.
    """
    centre = _mean(ink.points[:, 1], ink) + _BASE_TO_CENTRE * height
    at, every = lower_ends(ink), np.arange(ink.count)
    ends = np.concatenate([ink.points[at, 1], centre, centre])
    drawing = np.concatenate([ink.drawing[at], every, every])
    base = median(ends, drawing, ink.count)
    for _ in range(5):
        weights = _near(ends - base[drawing], height[drawing])
        base = np.bincount(drawing, weights * ends) / np.bincount(drawing, weights)
    return base


def _unit_sized(ink: Ink) -> Ink:
    """The drawings from (0, 0), their extent below 1: squares of far smaller numbers would vanish.

    Their size changes by a power of two, so exactly.
    """
    first = starts(ink.drawing)
    points = ink.points - ink.points[first][ink.drawing]
    _, exponent = np.frexp(np.maximum.reduceat(np.abs(points[:, :2]).max(axis=1), first))
    points[:, :2] = np.ldexp(points[:, :2], -exponent[ink.drawing, None])
    return replace(ink, points=points)


def normalise(ink: Ink, *, level: bool = True, upright: bool = True, widen: bool = True) -> Ink:
    """The ink in corpus heights, base lines at y = 0, x from 0.

    `level` turns base lines horizontal, `upright` shears down-strokes vertical, `widen` brings
    narrow and wide hands half-way to the usual width. Times become seconds from the first point.
    """
    ink = _unit_sized(ink)
    height = corpus_height(ink)
    work = resample(ink, height / 3)
    none, one = np.zeros(ink.count), np.ones(ink.count)
    if level:
        angle = np.arctan(slope(work, height))
        turn = _matrices(np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle))
        ink, work = ink.moved(turn), work.moved(turn)
    if upright:
        shear = _matrices(one, -slant(work, height), none, one)
        ink, work = ink.moved(shear), work.moved(shear)
    if widen:
        stretch = _matrices(width_factor(work, height), none, none, one)
        ink, work = ink.moved(stretch), work.moved(stretch)
    height = corpus_height(ink)
    origin = np.stack([np.minimum.reduceat(ink.points[:, 0], starts(ink.drawing)), base_line(work, height)], axis=1)
    points = ink.points.copy()
    points[:, :2] = (points[:, :2] - origin[ink.drawing]) / height[ink.drawing, None]
    return replace(ink, points=points)


def _matrices(*numbers: np.ndarray) -> np.ndarray:
    """Matrices (D, 2, 2) from their four numbers (D,), row by row."""
    return np.stack(numbers, axis=1).reshape(-1, 2, 2)
