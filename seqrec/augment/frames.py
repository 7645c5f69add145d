"""Frames: masks over time and features, warping of time, noise (SpecAugment: Park et al. 2019)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from seqrec.options import Options

Amount = Annotated[float, Field(ge=0)]
Number = Annotated[int, Field(ge=0)]


class Augmenter(Options):
    """Frames (T, F) in, changed frames (T, F) out: their number stays, so that labels still fit."""

    time_masks: Number = 0  # how many stretches of frames are set to the mean, 0
    time_mask: Number = 10  # each up to this many frames, and up to a fifth of the sample
    feature_masks: Number = 0  # how many bands of neighbouring features are set to 0
    feature_mask: Number = 4  # each up to this many features
    warp: Annotated[float, Field(ge=0, lt=1)] = 0.0  # a point is moved by up to this share of the length
    noise: Amount = 0.0  # standard deviation of added white noise

    def __call__(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """`frames` are normalised (mean 0, deviation 1); they are not changed in place."""
        frames = self._warped(frames, rng) if self.warp and len(frames) > 2 else frames.copy()
        if self.noise:
            frames += rng.normal(0, self.noise, frames.shape).astype(np.float32)
        for _ in range(self.time_masks):
            _mask(frames, min(self.time_mask, len(frames) // 5), rng)
        for _ in range(self.feature_masks):
            _mask(frames.T, min(self.feature_mask, frames.shape[1]), rng)
        return frames

    def _warped(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Moves a random inner point; the time on either side is stretched or squeezed linearly."""
        end = len(frames) - 1
        point = rng.uniform(0.2, 0.8) * end
        target = np.clip(point + rng.uniform(-self.warp, self.warp) * end, 0.1 * end, 0.9 * end)
        source = np.interp(np.arange(end + 1), (0, target, end), (0, point, end))
        low = np.minimum(source.astype(np.int64), end - 1)
        share = (source - low)[:, None].astype(np.float32)
        warped: np.ndarray = frames[low] * (1 - share) + frames[low + 1] * share
        return warped


def _mask(rows: np.ndarray, longest: int, rng: np.random.Generator) -> None:
    width = int(rng.integers(0, longest + 1))
    start = int(rng.integers(0, len(rows) - width + 1))
    rows[start : start + width] = 0
