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

from seqrec.augment._amount import OFF, Amount, Changes, both, fixed, skewed, span, upto
from seqrec.features import Extractor
from seqrec.features._page import remap
from seqrec.features.columns import ink

_KNOT = 2.0  # heights between the places where the letters' width changes


class Augmenter(Changes):
    """The amounts are drawn anew for each image."""

    shear: Annotated[Amount, both(60)] = OFF  # slant in degrees
    rotation: Annotated[Amount, both(10)] = OFF  # degrees
    perspective: Annotated[Amount, both(0.5)] = OFF  # one end nearer: larger by up to this share, the other smaller
    scale_x: Annotated[Amount, both(1)] = OFF  # width, as a logarithm
    scale_y: Annotated[Amount, both(1)] = OFF  # height of the writing, as a logarithm; the image keeps its height
    shift: Annotated[Amount, both(1)] = OFF  # up or down
    tempo: Annotated[Amount, fixed(0.45)] = OFF  # letters wider or narrower, changing along the line
    elastic: Annotated[Amount, fixed(1)] = OFF  # displacement of the points of a grid: their standard deviation
    elastic_grid: Annotated[float, Field(gt=0.05, le=10)] = 0.5  # distance of the grid's points
    thickness: Annotated[Amount, skewed(1, 0.5)] = (
        OFF  # to each side of a stroke; thinner by half: thin ones would vanish
    )
    blur: Annotated[Amount, upto(1)] = OFF  # standard deviation
    gamma: Annotated[Amount, both(1)] = OFF  # grey values to a power, as a logarithm
    contrast: Annotated[Amount, upto(1)] = OFF  # ink paler by this share
    background: Annotated[Amount, upto(1)] = OFF  # paper that is darker by up to this share here and there
    noise: Annotated[Amount, upto(1)] = OFF  # standard deviation of what is added to every pixel
    binarise: Annotated[Amount | None, span(0.05, 0.95)] = None  # black above this grey value, white below

    def __call__(self, image: np.ndarray, rng: np.random.Generator, extractor: Extractor) -> np.ndarray:
        """(H, W) float32, ink 1 on paper 0 -> a changed copy (H, W') float32 in [0, 1]."""
        image = self._warp(np.array(image, np.float32), rng)
        if thickness := self.thickness.draw(rng):
            image = thicken(image, thickness * len(image))
        if background := self.background.draw(rng):
            grey = paper(image, background, rng) * (1 - np.clip(image, 0, 1))
            # What the extractor does not clean away of it is what the network will meet.
            image = ink(np.round(255 * grey).astype(np.uint8), None, "dark", getattr(extractor, "flatten", False))
        if blur := self.blur.draw(rng):
            image = blurred(image, blur * len(image))
        if gamma := self.gamma.draw(rng):
            image **= np.float32(math.exp(gamma))
        if contrast := self.contrast.draw(rng):
            image *= np.float32(1 - contrast)
        if noise := self.noise.draw(rng):
            image += rng.standard_normal(image.shape, np.float32) * np.float32(noise)
        if self.binarise and self.binarise.happens(rng):
            image = (image > self.binarise.value(rng)).astype(np.float32)
        return np.asarray(np.clip(image, 0, 1))

    def _warp(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Shear, rotation, perspective, scale, shift, tempo and elastic warp, in one remap."""
        one_map = (self.rotation, self.shear, self.perspective, self.scale_x, self.scale_y, self.shift)
        turn, slant, nearer, by_x, by_y, shift = (amount.draw(rng) for amount in one_map)
        tempo, elastic = self.tempo.draw(rng), self.elastic.draw(rng)
        if not any((turn, slant, nearer, by_x, by_y, shift, tempo, elastic)):
            return image
        height, width = image.shape
        turn, slant = math.tan(math.radians(turn)), math.tan(math.radians(slant))
        reach = abs(slant - turn) * height / 2  # the corners lean out by this
        wide = max(1, round(width * math.exp(by_x) + 2 * reach))
        u = (np.arange(wide, dtype=np.float32)[None, :] - (wide - 1) / 2) / math.exp(by_x)
        v = (np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2 - shift * height) / math.exp(by_y)
        if nearer:
            u, v = _seen_from_the_side(u, v, nearer, width)
        x = u + (slant - turn) * v + (width - 1) / 2
        y = v + turn * u + (height - 1) / 2
        if tempo:
            x = x + self._tempo(tempo, wide, height, rng)
        if elastic:
            x, y = (axis + self._elastic(elastic, (height, wide), rng) for axis in (x, y))
        return remap(image, x, y)

    def _tempo(self, tempo: float, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
        """Displacement (width,) in pixels, its slope drawn anew every two heights and less than 1."""
        knots = np.arange(0, width + _KNOT * height, _KNOT * height)
        slopes = np.interp(np.arange(width), knots, rng.uniform(-tempo, tempo, len(knots)))
        moved = np.cumsum(slopes)
        return (moved - np.linspace(0, moved[-1], width)).astype(np.float32)  # both ends stay

    def _elastic(self, elastic: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Displacement (H, W) in pixels: normal on the points of a grid, smooth between them."""
        return _smooth_noise(shape, self.elastic_grid * shape[0], rng) * np.float32(elastic * shape[0])


def _smooth_noise(shape: tuple[int, int], step: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W): standard normal on the points of a grid, `step` pixels apart, smooth between them."""
    points = rng.standard_normal(tuple(1 + math.ceil(side / step) for side in shape), np.float32)
    return np.asarray(Image.fromarray(points).resize(shape[::-1], Image.Resampling.BICUBIC))


def _seen_from_the_side(u: np.ndarray, v: np.ndarray, nearer: float, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The projective map that keeps both ends of the middle line in their places; u, v are from the centre."""
    along = u / max(width / 2, 1)
    down = np.maximum(1 + nearer * along, 0.1)  # beyond the ends it would reach the horizon
    return (along + nearer) / down * (width / 2), v * math.sqrt(1 - nearer**2) / down


def paper(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness (H, W) in [0, 1] of a paper for the ink `image`: darker than 1 by up to `amount` here and there.

    Light that is not even, grain, printed rules, stains, and the ink itself shining through from behind: each
    as often as not.
    """
    shape, dark = image.shape, np.zeros_like(image)
    for kind in (_shadow, _grain, _rules, _stains, _shining_through):
        if rng.random() < 0.5:
            dark = np.maximum(dark, amount * rng.uniform(0.2, 1) * kind(image, rng))
    assert dark.shape == shape
    return np.asarray(1 - np.clip(dark, 0, 1), np.float32)


def _shadow(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light that changes slowly: (H, W) in [0, 1], as all that follow."""
    rough = _smooth_noise((image.shape[0], image.shape[1]), rng.uniform(1, 4) * len(image), rng)
    return np.asarray(np.clip(0.5 + rough / 3, 0, 1))


def _grain(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fibres: noise that is longer in one direction."""
    height, width = image.shape
    coarse = _smooth_noise((height, width), rng.uniform(0.04, 0.15) * height + 1, rng)
    return np.asarray(np.clip(0.3 + coarse / 5 + rng.standard_normal(image.shape, np.float32) / 10, 0, 1))


def _rules(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Printed lines, sometimes crossed by others."""
    height, width = image.shape
    thick = rng.uniform(0.01, 0.03) * height
    apart = rng.uniform(0.25, 1.0) * height
    slope = rng.uniform(-0.01, 0.01)
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    ruled = _lines(y - slope * x - rng.uniform(0, apart), apart, thick)
    if rng.random() < 0.3:
        ruled = np.maximum(ruled, _lines(x + slope * y - rng.uniform(0, apart), apart, thick))
    return ruled


def _lines(across: np.ndarray, apart: float, thick: float) -> np.ndarray:
    """Lines where `across` is a multiple of `apart`, smooth-edged."""
    off = np.abs((across + apart / 2) % apart - apart / 2)
    return np.asarray(np.clip(thick / 2 + 0.5 - off, 0, min(1, thick)), np.float32)


def _stains(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Up to three spots with a soft and uneven edge."""
    height, width = image.shape
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    edge = _smooth_noise((height, width), 0.3 * height + 1, rng)
    spots = np.zeros_like(image)
    for _ in range(rng.integers(1, 4)):
        reach = rng.uniform(0.15, 0.8, 2) * height
        away = np.hypot((x - rng.uniform(0, width)) / reach[0], (y - rng.uniform(0, height)) / reach[1])
        spots = np.maximum(spots, rng.uniform(0.3, 1) * np.clip(4 * (1 - away) + edge, 0, 1))
    return spots


def _shining_through(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The line itself, mirrored, out of its place and blurred, as if written on the back."""
    height, width = image.shape
    back = np.roll(image[:, ::-1], rng.integers(width), axis=1)
    up = round(rng.uniform(-0.5, 0.5) * height)
    back = np.pad(back, ((max(0, up), max(0, -up)), (0, 0)))[max(0, -up) :][:height]
    return blurred(back, rng.uniform(0.01, 0.04) * height)


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
