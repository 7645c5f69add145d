"""Pen ink brought to one slope, slant, width and size, as pure functions over joined strokes.

The size is the *corpus height*, the height of a small letter without ascender or descender. Each
estimate was chosen by its spread over the words of one writer, whose true value hardly changes, and
is drawn towards "leave it as it is" where the ink is too short to tell.
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
    """All strokes in one array: `points` (N, 2|3) and `stroke` (N,), each point's stroke, ascending."""

    points: np.ndarray
    stroke: np.ndarray

    @property
    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Displacements (M, 2) between neighbours on one stroke, and their lengths (M,)."""
        same = self.stroke[1:] == self.stroke[:-1]
        steps = np.diff(self.points[:, :2], axis=0)[same]
        return steps, np.hypot(steps[:, 0], steps[:, 1])

    def moved(self, matrix: np.ndarray) -> Ink:
        points = self.points.copy()
        points[:, :2] = points[:, :2] @ matrix.T
        return replace(self, points=points)

    def split(self) -> list[np.ndarray]:
        return np.split(self.points, np.flatnonzero(np.diff(self.stroke)) + 1)


def join(strokes: Sequence[np.ndarray]) -> Ink:
    """Strokes without their empty ones and repeated points; times stay only where all points have one."""
    strokes = [stroke for stroke in strokes if len(stroke)]
    width = min(stroke.shape[1] for stroke in strokes)
    points = np.concatenate([stroke[:, :width] for stroke in strokes])
    stroke = np.repeat(np.arange(len(strokes)), [len(s) for s in strokes])
    new = np.ones(len(points), bool)
    new[1:] = (np.diff(points[:, :2], axis=0) != 0).any(axis=1) | (np.diff(stroke) != 0)
    return Ink(points[new], stroke[new])


def resample(ink: Ink, step: float, parts: int = 1) -> Ink:
    """Points at equal distances along each stroke, about `step` apart, both ends kept; then `parts` times as many.

    A stroke shorter than half a step becomes its first point.
    """
    same = ink.stroke[1:] == ink.stroke[:-1]
    lengths = np.hypot(*np.diff(ink.points[:, :2], axis=0).T)
    # A jump counts one step, so that one rising axis holds all strokes and no stroke reaches into the next.
    axis = np.concatenate([[0.0], np.cumsum(np.where(same, lengths, step))])
    first = np.concatenate([[0], np.flatnonzero(~same) + 1])
    last = np.concatenate([first[1:] - 1, [len(axis) - 1]])
    total = axis[last] - axis[first]
    count = np.floor(total / step + 0.5 - 1e-6).clip(0).astype(int) * parts + 1  # the hair keeps exact halves stable
    stroke = np.repeat(np.arange(len(first)), count)
    place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    where = axis[first][stroke] + place * (total / np.maximum(count - 1, 1))[stroke]
    points = np.stack([np.interp(where, axis, column) for column in ink.points.T], axis=1)
    return Ink(points, stroke)


def smooth(ink: Ink, reach: int) -> Ink:
    """Each point the triangle-weighted mean of its neighbours on the stroke, up to `reach` to either side."""
    offsets = np.arange(-reach, reach + 1)
    weights = reach + 1.0 - np.abs(offsets)
    near = neighbours(ink.stroke, offsets)
    return replace(ink, points=np.einsum("nkd,k->nd", ink.points[near], weights / weights.sum()))


def neighbours(stroke: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Indices (N, K) of the points `offsets` away, held within each point's own stroke."""
    first = np.searchsorted(stroke, stroke, side="left")
    last = np.searchsorted(stroke, stroke, side="right") - 1
    index = np.arange(len(stroke))[:, None] + offsets
    held: np.ndarray = np.clip(index, first[:, None], last[:, None])
    return held


def corpus_height(ink: Ink) -> float:
    """The corpus height: ink length per half turn of the pen, a lift counting as one half turn.

    It needs no lines, so neither slope nor a single letter mislead it. Within one writer's words its
    logarithm spreads 0.22; that of the bounding box 0.35, of the quartiles of y 0.27.
    """
    _, lengths = ink.steps
    length = float(lengths.sum())
    box = np.ptp(ink.points[:, :2], axis=0)
    if length <= 0:  # dots only
        return float(box.max()) or 1.0
    coarse = resample(ink, max(_noise_free_step(ink, lengths), length / 4000))
    steps, _ = coarse.steps
    within = np.diff(coarse.stroke[1:][coarse.stroke[1:] == coarse.stroke[:-1]]) == 0
    angles = np.diff(np.arctan2(steps[:, 1], steps[:, 0]))[within]
    turns = np.abs((angles + np.pi) % (2 * np.pi) - np.pi).sum() / np.pi + ink.stroke[-1] + 1
    return float(max(_HEIGHT_PER_TURN * length / turns, box[1] / _FLATTEST))


def _noise_free_step(ink: Ink, lengths: np.ndarray) -> float:
    """A step too long for the tablet's grid and tremor to show as turns.

    0.4 standard deviations of y along the path; along a nearly straight stroke, whose y holds nothing
    but noise, a tenth of that stroke.
    """
    same = ink.stroke[1:] == ink.stroke[:-1]
    y = ink.points[:, 1] - ink.points[:, 1].mean()
    one, two = y[:-1][same], y[1:][same]
    mean = np.average((one + two) / 2, weights=lengths)
    square = np.average((one * one + one * two + two * two) / 3, weights=lengths)  # the integral, at any rate
    first = np.flatnonzero(np.diff(ink.stroke, prepend=-1))
    last = np.append(first[1:] - 1, len(ink.stroke) - 1)
    chord = np.hypot(*(ink.points[last, :2] - ink.points[first, :2]).T)
    own = np.bincount(ink.stroke[1:][same], lengths, minlength=len(first))
    chord, own = chord[own > 0], own[own > 0]
    straight = float((chord * (chord / own) ** 3).max())  # of a cursive word about 1/40 of its length
    return max(0.4 * float(np.sqrt(max(square - mean * mean, 0))), straight / 10)


def lower_ends(ink: Ink) -> np.ndarray:
    """Points (K, 2) where the pen turns from down to up, begins upwards or ends downwards (y grows downwards)."""
    y = ink.points[:, 1]
    same = ink.stroke[1:] == ink.stroke[:-1]
    lower = np.ones(len(y), bool)
    lower[1:] &= ~same | (y[1:] > y[:-1])
    lower[:-1] &= ~same | (y[:-1] >= y[1:])
    return ink.points[lower, :2]


def slope(ink: Ink, height: float) -> float:
    """Tangent of the base line: a line through the lower ends that forgets descenders (Cauchy weights).

    Drawn towards 0 for narrow ink: three letters tell little about their base line.
    """
    points = ink.points[:, :2]
    width = np.ptp(points[:, 0]) / height
    trust = width**4 / (width**4 + _SLOPE_WIDTH**4)
    ends = lower_ends(ink)
    if len(ends) < 3 or trust < 0.01:
        return 0.0
    tangent, _ = _line(points, np.ones(len(points)))
    tangent *= trust
    offset = float(np.median(ends[:, 1] - tangent * ends[:, 0]))
    for _ in range(5):
        tangent, offset = _line(ends, _near(ends[:, 1] - tangent * ends[:, 0] - offset, height))
    return float(np.clip(tangent, -_MOST_SLOPE, _MOST_SLOPE) * trust)


def _line(points: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Tangent and offset of the weighted least-squares line."""
    centre = weights @ points / weights.sum()
    x, y = (points - centre).T
    spread = float(weights @ (x * x))
    tangent = float(weights @ (x * y)) / spread if spread > 0 else 0.0
    return tangent, float(centre[1] - tangent * centre[0])


def _near(residuals: np.ndarray, height: float) -> np.ndarray:
    weights: np.ndarray = 1 / (1 + (residuals / (0.5 * height)) ** 2)
    return weights


def slant(ink: Ink, height: float) -> float:
    """Tangent of the down-strokes against the vertical, positive where they run to the right.

    The mean angle of downward steps, weighted by dy^2 / length: down-strokes carry the letters' form,
    up-strokes join them. Twice, because the angle's mean falls short of a strong slant.
    """
    steps, _ = ink.steps
    down = steps[steps[:, 1] > 1e-9 * height]
    if not len(down):
        return 0.0
    tangent, (dx, dy) = 0.0, down.T
    for _ in range(2):
        lean = dx - tangent * dy
        weights = dy * dy / np.hypot(lean, dy)
        tangent += float(np.tan(weights @ np.arctan2(lean, dy) / weights.sum()))
    return float(np.clip(tangent, -_MOST_SLANT, _MOST_SLANT)) * _trust(float(dy.sum()), height)


def width_factor(ink: Ink, height: float) -> float:
    """What to multiply x with: half-way (in logarithms) to the usual ratio of horizontal and vertical travel."""
    steps, _ = ink.steps
    across, along = np.abs(steps).sum(axis=0)
    if along <= 0 or across <= 0:
        return 1.0
    trust = _trust(float(steps[:, 1].clip(0).sum()), height)
    factor = float(np.clip(_USUAL_WIDTH * along / across, 0.25, 4)) ** (0.5 * trust)
    return float(np.clip(factor, 1 / _MOST_WIDTH, _MOST_WIDTH))


def _trust(travel: float, height: float) -> float:
    return travel / (travel + _SLANT_TRAVEL * height)


def base_line(ink: Ink, height: float) -> float:
    """y of the base line of level ink: where most lower ends lie.

    The ink's centre, half a corpus height above it, counts as two more ends: a single letter has few.
    """
    centre = float(ink.points[:, 1].mean()) + _BASE_TO_CENTRE * height
    ends = np.append(lower_ends(ink)[:, 1], [centre, centre])
    base = float(np.median(ends))
    for _ in range(5):
        weights = _near(ends - base, height)
        base = float(weights @ ends / weights.sum())
    return base


def _unit_sized(ink: Ink) -> Ink:
    """The ink from (0, 0), its extent below 1: squares of far smaller numbers would vanish.

    Its size changes by a power of two, so exactly.
    """
    points = ink.points - ink.points[0]
    _, exponent = np.frexp(np.abs(points[:, :2]).max())
    points[:, :2] = np.ldexp(points[:, :2], -exponent)
    return replace(ink, points=points)


def normalise(
    strokes: Sequence[np.ndarray], *, level: bool = True, upright: bool = True, widen: bool = True
) -> Normalised:
    """Strokes in corpus heights, base line at y = 0, x from 0; one or more of them must hold a point.

    `level` turns the base line horizontal, `upright` shears down-strokes vertical, `widen` brings
    narrow and wide hands half-way to the usual width. Times become seconds from the first point.
    """
    ink = _unit_sized(join(strokes))
    height = corpus_height(ink)
    work = resample(ink, height / 3)
    if level:
        angle = np.arctan(slope(work, height))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        ink, work = ink.moved(turn), work.moved(turn)
    if upright:
        shear = np.array([[1.0, -slant(work, height)], [0.0, 1.0]])
        ink, work = ink.moved(shear), work.moved(shear)
    if widen:
        stretch = np.diag([width_factor(work, height), 1.0])
        ink, work = ink.moved(stretch), work.moved(stretch)
    height = corpus_height(ink)
    points = ink.points.copy()
    points[:, :2] -= points[:, 0].min(), base_line(work, height)
    points[:, :2] /= height
    return Normalised(replace(ink, points=points).split())
