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

from seqrec.features._ink import Normalised
from seqrec.features.strokes import Extractor
from seqrec.options import Options

_WAVES = 4
_FULL_TURN_WIDTH = 6.0  # corpus heights; wider ink is turned less, since its slope is known better
_LETTER = 2.0  # corpus heights; strokes of one letter are no longer

Angle = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[float, Field(ge=0, le=3)]


class Augmenter(Options):
    """Each of the first five and `speed` is the most of a change drawn evenly from both sides of none."""

    slant: Angle = 0.0  # radians
    rotation: Angle = 0.0  # radians, for ink up to 6 corpus heights wide; less for wider ink
    scale: Share = 0.0  # logarithm of the size
    aspect: Share = 0.0  # logarithm of the width
    shift: Length = 0.0  # corpus heights, up or down
    warp: Length = 0.0  # standard deviation of the smooth displacement, corpus heights
    wavelength: Annotated[float, Field(ge=0.5, le=20)] = 4.0  # of the warp's shortest wave, corpus heights
    jitter: Length = 0.0  # standard deviation of each point's own displacement, corpus heights
    speed: Share = 0.0  # logarithm of each stroke's speed; no effect without times
    drop: Share = 0.0  # share of a stroke's inner points left out
    swap: Share = 0.0  # chance that two neighbouring strokes of one letter change places
    reverse: Share = 0.0  # chance that a short stroke is written from its other end

    def __call__(self, strokes: list[np.ndarray], rng: np.random.Generator, extractor: Extractor) -> list[np.ndarray]:
        """A changed copy: Normalised strokes, which `extractor.frames` takes as they are; a plain copy when all is off.

        `strokes` are as `extractor.read` gives them.
        """
        if not any(value for name, value in self if name != "wavelength"):
            return type(strokes)(stroke.copy() for stroke in strokes)
        ink = [stroke.copy() for stroke in extractor.normalise(strokes)]
        if self.drop:
            ink = [_thinned(stroke, self.drop, rng) for stroke in ink]
        if self.swap or self.reverse:
            ink = self._reordered(ink, rng)
        count = np.cumsum([len(stroke) for stroke in ink])
        points = np.concatenate(ink)
        points[:, :2] = self._moved(points[:, :2], rng)
        ink = np.split(points, count[:-1])
        if self.speed and points.shape[1] == 3:
            for stroke in ink:
                stroke[:, 2] *= np.exp(rng.uniform(-self.speed, self.speed))
        return Normalised(ink)

    def _moved(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Points (N, 2) after the warp, one linear map about the base line's middle, and jitter."""
        slant, rotation, size, width, shift = rng.uniform(-1, 1, 5) * (
            (self.slant, self.rotation, self.scale, self.aspect, self.shift)
        )
        if self.warp:
            points = points + self._waves(points, rng)
        left, right = points[:, 0].min(), points[:, 0].max()
        centre = np.array([(left + right) / 2, 0])
        turn = rotation * min(1.0, _FULL_TURN_WIDTH / max(right - left, 1e-9))
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.array([[1.0, np.tan(slant)], [0.0, 1.0]]) @ np.diag([np.exp(width), 1.0]) * np.exp(size)
        points = (points - centre) @ matrix.T + centre + [0, shift]
        if self.jitter:
            points = points + rng.normal(0, self.jitter, points.shape)
        moved: np.ndarray = points
        return moved

    def _waves(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Displacements (N, 2): sums of plane waves of random direction, from one to three wavelengths long."""
        angle, phase = rng.uniform(0, 2 * np.pi, (2, _WAVES))
        rate = 2 * np.pi / (self.wavelength * rng.uniform(1, 3, _WAVES))
        waves = np.sin(points @ (np.stack([np.cos(angle), np.sin(angle)]) * rate) + phase)
        moved: np.ndarray = waves @ rng.normal(0, self.warp * np.sqrt(2 / _WAVES), (_WAVES, 2))
        return moved

    def _reordered(self, ink: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Short strokes turned round, strokes of one letter exchanged; a turned stroke keeps its times ascending."""
        for number, stroke in enumerate(ink):
            if rng.random() < self.reverse and np.ptp(stroke[:, :2], axis=0).max() < _LETTER:
                ink[number] = np.concatenate([stroke[::-1, :2], stroke[:, 2:]], axis=1)
        number = 1
        while number < len(ink):
            if rng.random() < self.swap and _one_letter(ink[number - 1], ink[number]):
                ink[number - 1], ink[number] = ink[number], ink[number - 1]
                number += 1  # a stroke moves by one place only
            number += 1
        return ink


def _thinned(stroke: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    kept = rng.random(len(stroke)) >= share
    kept[[0, -1]] = True
    thinned: np.ndarray = stroke[kept]
    return thinned


def _one_letter(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two strokes are no wider than a letter and half of the narrower one lies over or under the other."""
    left, right = np.array([[stroke[:, 0].min(), stroke[:, 0].max()] for stroke in (one, other)]).T
    shared, widths = right.min() - left.max(), right - left
    return bool(widths.max() < _LETTER and shared >= widths.min() / 2)
