"""Pen ink of made-up writers: letter skeletons bent by a hand's habits, joined, and timed.

A letter is one or more strokes, each a row of points that a smooth curve passes through. Every
writer has forms of his own: a choice among the skeletons below, each moved a little, for good. Each
time a letter is written it is moved a little again. The pen follows the two-thirds power law, slow
where the line is bent (Lacquaniti, Terzuolo and Viviani 1983).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

# Per letter its forms, per form its strokes, per stroke "x,y" points: y grows upwards, 0 is the base
# line, 10 the corpus line; "*" marks a corner, where one smooth piece ends and the next begins.
_SKELETONS = {
    "a": ["8,8 5,10 1,8 0,4 3,0 7,3 9,10* 9,3 10,0 12,1"],
    "b": ["1,17* 1,0* 1,6 5,10 9,5 5,0 1,1", "1,17* 1,4 3,0 7,2 8,7 5,9 8,8 11,9"],
    "c": ["8,8 5,10 1,8 0,4 2,1 5,0 9,2"],
    "d": ["8,8 5,10 1,8 0,4 3,0 7,3 9,17* 9,3 10,0 12,1"],
    "e": ["1,4 7,6 6,9 4,10 1,7 1,3 4,0 9,2"],
    "f": ["9,15 7,17 4,16 3,12 3,0 / 0,9 7,9", "1,2 6,12 6,16 4,17 3,13 3,-4 5,-7 6,-3 4,1 8,2"],
    "g": ["8,8 5,10 1,8 0,4 3,0 7,3 9,10* 9,-3 6,-7 1,-5"],
    "h": ["1,17* 1,0* 1,5 5,10 8,7 8,2 9,0 11,1"],
    "i": ["1,10* 1,3 2,0 4,1 / 1,14 1.3,14.4"],
    "j": ["4,10* 4,-3 2,-7 -2,-5 / 4,14 4.3,14.4"],
    "k": ["1,17* 1,0 / 8,10 1,4* 9,0", "1,17* 1,0* 1,5 5,10 7,8 2,5* 5,4 7,1 10,1"],
    "l": ["1,17* 1,3 2,0 4,1", "1,3 5,13 4,17 1,13 1,3 3,0 6,1"],
    "m": ["1,10* 1,0* 1,6 4,10 6,7 6,0* 6,6 9,10 11,7 11,2 12,0 14,1"],
    "n": ["1,10* 1,0* 1,6 5,10 8,7 8,2 9,0 11,1"],
    "o": ["5,10 1,8 0,4 4,0 8,4 7,8 5,10", "5,10 1,8 0,4 4,0 8,4 7,9 5,9 8,8 11,9"],
    "p": ["1,10* 1,-7* 1,6 5,10 9,5 5,0 1,2"],
    "q": ["8,8 5,10 1,8 0,4 3,0 7,3 9,10* 9,-7* 12,-3"],
    "r": ["1,10* 1,0* 1,6 4,10 7,9", "0,7 2,11* 3,9 7,9* 7,3 8,0 10,1"],
    "s": ["7,9 4,10 1,8 4,5 7,2 4,0 0,1"],
    "t": ["3,15* 3,3 5,0 8,1 / 0,10 7,10"],
    "u": ["1,10* 1,3 4,0 7,3 9,10* 9,3 10,0 12,1"],
    "v": ["0,10* 4,0* 8,10", "0,9 1,10 2,8 4,0* 7,6 8,10 10,9"],
    "w": ["0,10* 3,0* 6,9* 9,0* 12,10", "1,10* 1,3 3,0 6,3 6,9* 6,3 8,0 11,3 11,10"],
    "x": ["0,10* 8,0 / 8,10 0,0"],
    "y": ["1,10* 1,5 4,2 7,4 9,10* 9,-3 6,-7 1,-5", "0,10* 5,1 / 9,10 2,-7"],
    "z": ["0,10* 8,10* 0,0* 8,0", "0,10* 8,10* 0,0* 8,0 / 2,5 7,5"],
}
LETTERS = "".join(_SKELETONS)
_LIFT_AFTER = set("bpsxz")  # forms that end away from the next letter

_RATE = 100  # points per second, as of a good tablet
_STEP = 0.2  # spacing of the drawn curve; the corpus is 10 high

Form = tuple[np.ndarray, ...]  # strokes, each (K, 3): x, y, 1 where a corner is


@dataclass(frozen=True)
class Writer:
    """The habits of one hand."""

    forms: Mapping[str, Form]
    size: float  # corpus height in the units of the result
    aspect: float  # width over height
    slant: float  # shear to the right, 0 upright
    slope: float  # rise of the base line, radians
    reach: float  # length of ascenders and descenders, 1 as drawn
    spacing: float  # between letters; the corpus is 10 high
    joining: float  # how often the pen stays down between two letters, 0 to 1
    unrest: float  # standard deviation of a letter's points from one time to the next
    speed: float  # corpus heights per second on a gentle curve


def make_writer(rng: np.random.Generator) -> Writer:
    """A writer drawn at random."""
    habit = rng.uniform(0.2, 0.5)
    return Writer(
        forms={letter: _own_form(drawn, habit, rng) for letter, drawn in _SKELETONS.items()},
        size=rng.uniform(15, 60),
        aspect=rng.uniform(0.7, 1.2),
        slant=rng.uniform(-0.15, 0.5),
        slope=rng.normal(0, 0.04),
        reach=rng.uniform(0.75, 1.2),
        spacing=rng.uniform(1, 4),
        joining=rng.choice([0.0, 0.5, 0.95]),
        unrest=rng.uniform(0.15, 0.4),
        speed=rng.uniform(10, 25),
    )


def write(text: str, writer: Writer, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """The strokes of a word of LETTERS, each (N, 3) float64: x, y (downwards), t in seconds.

    Raises KeyError for other characters.
    """
    drift = rng.uniform(0.3, 1.0) * np.sin(rng.uniform(0, 6.3) + np.arange(len(text)))
    left, clock = 0.0, 0.0
    strokes: list[np.ndarray] = []
    later: list[np.ndarray] = []
    before = ""
    for letter, up in zip(text, drift, strict=True):
        main, *marks = (_moved(stroke, writer.unrest, rng) + np.array([left, up, 0]) for stroke in writer.forms[letter])
        if before and before not in _LIFT_AFTER and rng.random() < writer.joining:
            strokes[-1] = np.concatenate([strokes[-1], main])
        else:
            strokes, later = [*strokes, *later, main], []
        later += marks  # dots and bars wait until the pen is lifted
        left = max(stroke[:, 0].max() for stroke in (main, *marks)) + writer.spacing * rng.uniform(0.7, 1.3)
        before = letter
    ink = []
    for stroke in [*strokes, *later]:
        ink.append(_timed(_curve(stroke), writer, clock + rng.uniform(0.08, 0.2)))
        clock = ink[-1][-1, 2]
    return tuple(_placed(stroke, writer) for stroke in ink)


def _own_form(drawn: list[str], habit: float, rng: np.random.Generator) -> Form:
    chosen = drawn[rng.integers(len(drawn))]
    return tuple(_moved(_points(stroke), habit, rng) for stroke in chosen.split("/"))


def _points(stroke: str) -> np.ndarray:
    """(K, 3) from "x,y x,y* ..."."""
    return np.array([[*map(float, p.rstrip("*").split(",")), p.endswith("*")] for p in stroke.split()])


def _moved(stroke: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """The whole stroke shifted, and each of its points, by normal noise; corners stay corners."""
    shift = rng.normal(0, deviation, (1, 2)) + rng.normal(0, deviation, (len(stroke), 2))
    return stroke + np.pad(shift, [(0, 0), (0, 1)])


def _curve(stroke: np.ndarray) -> np.ndarray:
    """(N, 2) points every _STEP along the smooth pieces between the corners."""
    ends = [0, *(np.flatnonzero(stroke[1:-1, 2]) + 1), len(stroke) - 1]
    drawn = np.concatenate([_smooth(stroke[a : b + 1, :2]) for a, b in pairwise(ends)])
    along = _distance(drawn)
    even = np.linspace(0, along[-1], max(2, round(along[-1] / _STEP)))
    return np.stack([np.interp(even, along, axis) for axis in drawn.T], axis=1)


def _smooth(points: np.ndarray) -> np.ndarray:
    """A centripetal Catmull-Rom curve through the points (Barry and Goldman 1988), as cubic Hermite pieces."""
    knots = np.cumsum([0.0, *np.sqrt(np.hypot(*np.diff(points, axis=0).T) + 1e-9)])
    slopes = np.gradient(points, knots, axis=0)
    s = np.linspace(0, 1, 16)[:, None]
    pieces = []
    for p, q, v, w, length in zip(points, points[1:], slopes, slopes[1:], np.diff(knots), strict=False):
        pieces.append(
            (1 + 2 * s) * (1 - s) ** 2 * p
            + s**2 * (3 - 2 * s) * q
            + length * (s * (1 - s) ** 2 * v - s**2 * (1 - s) * w)
        )
    return np.concatenate(pieces)


def _distance(line: np.ndarray) -> np.ndarray:
    """(N,) length of the line up to each of its points."""
    return np.cumsum([0.0, *np.hypot(*np.diff(line, axis=0).T)])


def _timed(line: np.ndarray, writer: Writer, start: float) -> np.ndarray:
    """(M, 3): the line as the pen passes along it, sampled at _RATE, from `start` seconds on."""
    along = _distance(line)
    heading = np.unwrap(np.arctan2(*np.gradient(line, axis=0).T[::-1]))
    bend = np.convolve(np.pad(np.abs(np.gradient(heading)), 4, mode="edge"), np.full(9, 1 / 9), "valid") / _STEP
    ends = np.minimum(along, along[-1] - along)
    speed = 10 * writer.speed * (1 + 10 * bend) ** (-1 / 3) * np.clip(0.3 + ends / 4, 0.3, 1)
    seconds = np.cumsum([0.0, *(np.diff(along) / ((speed[1:] + speed[:-1]) / 2))])
    ticks = np.linspace(0, seconds[-1], max(2, round(seconds[-1] * _RATE)))
    return np.stack([*(np.interp(ticks, seconds, axis) for axis in line.T), start + ticks], axis=1)


def _placed(stroke: np.ndarray, writer: Writer) -> np.ndarray:
    """From letter units to the writer's size, slant and slope; y downwards."""
    x, y, t = stroke.T
    y = np.where(y > 10, 10 + (y - 10) * writer.reach, np.where(y < 0, y * writer.reach, y))
    x = x * writer.aspect + y * writer.slant
    cos, sin = np.cos(writer.slope), np.sin(writer.slope)
    unit = writer.size / 10
    return np.stack([unit * (cos * x - sin * y), -unit * (sin * x + cos * y), t], axis=1).round(2)
