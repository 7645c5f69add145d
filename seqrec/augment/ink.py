"""Pen ink as other hands would have written it.

The ink is first normalised as the extractor does it, and stays marked so: a slant added before would
be taken out again. Lengths are in corpus heights, the height of a small letter. What remains of
slope, slant, size and base line after normalising real words (spread within one writer: 6 degrees of
slant, a fifth of the size, 0.1 of the base line) is what the first options imitate; `warp` is the
smooth distortion of P. Simard et al., "Best practices for convolutional neural networks applied to
visual document analysis", ICDAR 2003, for ink: a few long waves move nearby points together.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from seqrec.augment._amount import OFF, Amount, Changes, both, fixed
from seqrec.features._ink import Normalised
from seqrec.features.strokes import Extractor

_WAVES = 4
_FULL_TURN_WIDTH = 6.0  # corpus heights; wider ink is turned less, since its slope is known better
_LETTER = 2.0  # corpus heights; strokes of one letter are no longer


class Augmenter(Changes):
    """Each of the first five and `speed` is drawn evenly from both sides of none; the others are as much as is said."""

    slant: Annotated[Amount, both(1)] = OFF  # radians
    rotation: Annotated[Amount, both(1)] = OFF  # radians, for ink up to 6 corpus heights wide; less for wider ink
    scale: Annotated[Amount, both(1)] = OFF  # logarithm of the size
    aspect: Annotated[Amount, both(1)] = OFF  # logarithm of the width
    shift: Annotated[Amount, both(3)] = OFF  # corpus heights, up or down
    warp: Annotated[Amount, fixed(3)] = OFF  # standard deviation of the smooth displacement, corpus heights
    wavelength: Annotated[float, Field(ge=0.5, le=20)] = 4.0  # of the warp's shortest wave, corpus heights
    jitter: Annotated[Amount, fixed(3)] = OFF  # standard deviation of each point's own displacement, corpus heights
    speed: Annotated[Amount, both(1)] = OFF  # logarithm of each stroke's speed; no effect without times
    drop: Annotated[Amount, fixed(1)] = OFF  # share of a stroke's inner points left out
    swap: Annotated[Amount, fixed(1)] = OFF  # chance that two neighbouring strokes of one letter change places
    reverse: Annotated[Amount, fixed(1)] = OFF  # chance that a short stroke is written from its other end

    def __call__(self, strokes: list[np.ndarray], rng: np.random.Generator, extractor: Extractor) -> list[np.ndarray]:
        """A changed copy: Normalised strokes, which `extractor.frames` takes as they are; a plain copy when all is off.

        `strokes` are as `extractor.read` gives them.
        """
        if not any(value for _, value in self if isinstance(value, Amount)):
            return type(strokes)(stroke.copy() for stroke in strokes)
        ink = [stroke.copy() for stroke in extractor.normalise(strokes)]
        if drop := self.drop.draw(rng):
            ink = [_thinned(stroke, drop, rng) for stroke in ink]
        if reverse := self.reverse.draw(rng):
            ink = [_turned(stroke) if _is_short(stroke) and rng.random() < reverse else stroke for stroke in ink]
        if swap := self.swap.draw(rng):
            _exchange(ink, swap, rng)
        count = np.cumsum([len(stroke) for stroke in ink])
        points = np.concatenate(ink)
        points[:, :2] = self._moved(points[:, :2], rng)
        ink = np.split(points, count[:-1])
        if points.shape[1] == 3 and self.speed.happens(rng):
            for stroke in ink:
                stroke[:, 2] *= np.exp(self.speed.value(rng))
        return Normalised(ink)

    def _moved(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Points (N, 2) after the warp, one linear map about the base line's middle, and jitter."""
        five = (self.slant, self.rotation, self.scale, self.aspect, self.shift)
        slant, rotation, size, width, shift = (amount.draw(rng) for amount in five)
        if warp := self.warp.draw(rng):
            points = points + self._waves(points, warp, rng)
        left, right = points[:, 0].min(), points[:, 0].max()
        centre = np.array([(left + right) / 2, 0])
        turn = rotation * min(1.0, _FULL_TURN_WIDTH / max(right - left, 1e-9))
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.array([[1.0, np.tan(slant)], [0.0, 1.0]]) @ np.diag([np.exp(width), 1.0]) * np.exp(size)
        points = (points - centre) @ matrix.T + centre + [0, shift]
        if jitter := self.jitter.draw(rng):
            points = points + rng.normal(0, jitter, points.shape)
        moved: np.ndarray = points
        return moved

    def _waves(self, points: np.ndarray, warp: float, rng: np.random.Generator) -> np.ndarray:
        """Displacements (N, 2): sums of plane waves of random direction, from one to three wavelengths long."""
        angle, phase = rng.uniform(0, 2 * np.pi, (2, _WAVES))
        rate = 2 * np.pi / (self.wavelength * rng.uniform(1, 3, _WAVES))
        waves = np.sin(points @ (np.stack([np.cos(angle), np.sin(angle)]) * rate) + phase)
        moved: np.ndarray = waves @ rng.normal(0, warp * np.sqrt(2 / _WAVES), (_WAVES, 2))
        return moved


def _thinned(stroke: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    kept = rng.random(len(stroke)) >= share
    kept[[0, -1]] = True
    thinned: np.ndarray = stroke[kept]
    return thinned


def _is_short(stroke: np.ndarray) -> bool:
    return bool(np.ptp(stroke[:, :2], axis=0).max() < _LETTER)


def _turned(stroke: np.ndarray) -> np.ndarray:
    """Written from its other end, with times that still ascend."""
    return np.concatenate([stroke[::-1, :2], stroke[:, 2:]], axis=1)


def _exchange(ink: list[np.ndarray], swap: float, rng: np.random.Generator) -> None:
    """Let neighbouring strokes of one letter change places, each by one place only."""
    number = 1
    while number < len(ink):
        if rng.random() < swap and _one_letter(ink[number - 1], ink[number]):
            ink[number - 1], ink[number] = ink[number], ink[number - 1]
            number += 1
        number += 1


def _one_letter(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two strokes are no wider than a letter and half of the narrower one lies over or under the other."""
    left, right = np.array([[stroke[:, 0].min(), stroke[:, 0].max()] for stroke in (one, other)]).T
    shared, widths = right.min() - left.max(), right - left
    return bool(widths.max() < _LETTER and shared >= widths.min() / 2)
