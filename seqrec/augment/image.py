"""Line images as other hands, pens and scanners would have left them.

Lengths are shares of the image's height, so that one setting serves every resolution. All
geometric changes are one bilinear remap. The random warp of a grid over the line is that of
Wigington et al. (2017), "Data augmentation for recognition of handwritten words and lines using a
CNN-LSTM network".
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import Field

from seqrec.features import Extractor
from seqrec.features._page import remap
from seqrec.options import Options

Share = Annotated[float, Field(ge=0, le=1)]


class Augmenter(Options):
    """Each option is the most that its change may reach; the amount is drawn anew, evenly, for each image."""

    shear: Annotated[float, Field(ge=0, le=60)] = 0.0  # slant in degrees, to either side
    rotation: Annotated[float, Field(ge=0, le=10)] = 0.0  # degrees to either side
    scale_x: Share = 0.0  # width, by a factor between exp(-scale_x) and exp(scale_x)
    scale_y: Share = 0.0  # height of the writing, in the same way; the image keeps its height
    shift: Share = 0.0  # up or down
    tempo: Annotated[float, Field(ge=0, le=0.45)] = 0.0  # letters wider or narrower, changing along the line
    elastic: Share = 0.0  # displacement of the points of a grid: their standard deviation
    elastic_grid: Annotated[float, Field(gt=0.05, le=10)] = 0.5  # distance of the grid's points
    thickness: Share = 0.0  # strokes thicker to each side, or thinner by half of that: thin ones would vanish
    blur: Share = 0.0  # standard deviation
    contrast: Share = 0.0  # ink paler by up to this share
    gamma: Share = 0.0  # grey values to a power between exp(-gamma) and exp(gamma)
    noise: Share = 0.0  # standard deviation of what is added to every pixel

    def __call__(self, image: np.ndarray, rng: np.random.Generator, extractor: Extractor) -> np.ndarray:
        """(H, W) float32, ink 1 on paper 0 -> a changed copy (H, W') float32 in [0, 1]."""
        image = np.array(image, np.float32)
        if any((self.shear, self.rotation, self.scale_x, self.scale_y, self.shift, self.tempo, self.elastic)):
            image = self._warp(image, rng)
        if self.thickness:
            image = thicken(image, rng.uniform(-0.5, 1) * self.thickness * len(image))
        if self.blur:
            image = blurred(image, rng.uniform(0, 1) * self.blur * len(image))
        if self.gamma:
            image **= np.float32(math.exp(rng.uniform(-1, 1) * self.gamma))
        if self.contrast:
            image *= np.float32(1 - rng.uniform(0, 1) * self.contrast)
        if self.noise:
            image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0, 1) * self.noise)
        return np.asarray(np.clip(image, 0, 1))

    def _warp(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Shear, rotation, scale, shift, tempo and elastic warp, in one remap."""
        height, width = image.shape
        turn, slant = (math.tan(math.radians(most * rng.uniform(-1, 1))) for most in (self.rotation, self.shear))
        by_x, by_y = (math.exp(most * rng.uniform(-1, 1)) for most in (self.scale_x, self.scale_y))
        shift = self.shift * rng.uniform(-1, 1) * height
        reach = abs(slant - turn) * height / 2  # the corners lean out by this
        wide = max(1, round(width * by_x + 2 * reach))
        u = (np.arange(wide, dtype=np.float32)[None, :] - (wide - 1) / 2) / by_x
        v = (np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2 - shift) / by_y
        x = u + (slant - turn) * v + (width - 1) / 2
        y = v + turn * u + (height - 1) / 2
        if self.tempo:
            x = x + self._tempo(wide, height, rng)
        if self.elastic:
            x, y = (axis + self._elastic((height, wide), rng) for axis in (x, y))
        return remap(image, x, y)

    def _tempo(self, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
        """Displacement (width,) in pixels, its slope drawn anew every two heights and less than 1."""
        knots = np.arange(0, width + 2 * height, 2 * height)
        slopes = np.interp(np.arange(width), knots, rng.uniform(-self.tempo, self.tempo, len(knots)))
        moved = np.cumsum(slopes)
        return (moved - np.linspace(0, moved[-1], width)).astype(np.float32)  # both ends stay

    def _elastic(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Displacement (H, W) in pixels: normal on the points of a grid, smooth between them."""
        step = self.elastic_grid * shape[0]
        grid = tuple(1 + math.ceil(side / step) for side in shape)
        points = rng.standard_normal(grid, np.float32) * np.float32(self.elastic * shape[0])
        return np.asarray(Image.fromarray(points).resize(shape[::-1], Image.Resampling.BICUBIC))


def thicken(image: np.ndarray, amount: float) -> np.ndarray:
    """Grey dilation by `amount` pixels to each side, erosion where it is negative; fractions are blended."""
    choose = np.maximum if amount > 0 else np.minimum
    left = abs(amount)
    while left > 0:
        framed = np.pad(image, 1, mode="edge")
        spread = choose(choose(framed[1:-1, :-2], framed[1:-1, 2:]), choose(framed[:-2, 1:-1], framed[2:, 1:-1]))
        spread = choose(spread, image)
        image = image + np.float32(min(left, 1.0)) * (spread - image)
        left -= 1
    return image


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, edges extended."""
    reach = math.ceil(3 * sigma)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2).astype(np.float32)
    taps /= taps.sum()
    for axis in (0, 1):
        around = [(reach, reach) if axis == a else (0, 0) for a in (0, 1)]
        framed = np.pad(image, around, mode="edge")
        shifted = np.lib.stride_tricks.sliding_window_view(framed, len(taps), axis=axis)
        image = shifted @ taps
    return image
