"""Frames: masks over time and features, warping of time, noise (SpecAugment: Park et al. 2019)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from seqrec.options import Options

Amount = Annotated[float, Field(ge=0)]
Number = Annotated[int, Field(ge=0)]


class Augmenter(Options):
    """Frames in, changed frames out: their number stays, so that labels still fit."""

    time_masks: Number = 0  # how many stretches of frames are set to the mean, 0
    time_mask: Number = 10  # each up to this many frames, and up to a fifth of the sample
    feature_masks: Number = 0  # how many bands of neighbouring features are set to 0
    feature_mask: Number = 4  # each up to this many features
    warp: Annotated[float, Field(ge=0, lt=1)] = 0.0  # a point is moved by up to this share of the length
    noise: Amount = 0.0  # standard deviation of added white noise

    def __call__(self, frames: np.ndarray, n_frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames (N, F) float32 of some samples one after the other, `n_frames` (B,) of each, changed sample by sample.

        They are normalised (mean 0, deviation 1), and not changed in place.
        """
        sample = np.repeat(np.arange(len(n_frames)), n_frames)  # of each frame
        place = np.arange(len(frames)) - (np.cumsum(n_frames) - n_frames)[sample]  # in it
        frames = self._warped(frames, n_frames, sample, place, rng) if self.warp else frames.copy()
        if self.noise:
            frames += np.float32(self.noise) * rng.standard_normal(frames.shape, np.float32)
        for _ in range(self.time_masks):
            start, end = _stretches(np.minimum(self.time_mask, n_frames // 5), n_frames, rng)
            frames[(start[sample] <= place) & (place < end[sample])] = 0
        column, features = np.arange(frames.shape[1]), np.full(len(n_frames), frames.shape[1])
        for _ in range(self.feature_masks):
            start, end = _stretches(np.minimum(self.feature_mask, features), features, rng)
            frames[((start[:, None] <= column) & (column < end[:, None]))[sample]] = 0
        return frames

    def _warped(
        self, frames: np.ndarray, n_frames: np.ndarray, sample: np.ndarray, place: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Moves a random inner point; the time on either side is stretched or squeezed linearly."""
        end = n_frames - 1
        point = rng.uniform(0.2, 0.8, len(end)) * end
        target = np.clip(point + rng.uniform(-self.warp, self.warp, len(end)) * end, 0.1 * end, 0.9 * end)
        point, target = np.where(end > 1, (point, target), 0.5)[:, sample]  # without an inner frame, nothing moves
        end = end[sample]
        late = point + (place - target) * (end - point) / (end - target)
        source = np.where(place < target, place * point / target, late)
        low = np.minimum(source.astype(np.int64), np.maximum(end - 1, 0))
        share = (source - low)[:, None].astype(np.float32)
        first = np.arange(len(frames)) - place
        warped: np.ndarray = frames[first + low] * (1 - share) + frames[first + np.minimum(low + 1, end)] * share
        return warped


def _stretches(longest: np.ndarray, of: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random stretch within each range(of), up to `longest`: starts and ends, each (B,)."""
    width = rng.integers(0, longest + 1)
    start = rng.integers(0, of - width + 1)
    return start, start + width
