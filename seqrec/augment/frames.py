"""Frames: masks over time and features, warping of time, noise (SpecAugment: Park et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from seqrec.augment._amount import OFF, Amount, Changes, both, by_default, fixed, widths


class Augmenter(Changes):
    """Frames in, changed frames out: their number stays, so that labels still fit. Drawn anew for each sample."""

    time_masks: Annotated[Amount, fixed(100, whole=True)] = by_default(0)  # stretches of frames set to the mean, 0
    time_mask: Annotated[Amount, widths(10_000)] = by_default(10)  # frames, up to a fifth of the sample
    feature_masks: Annotated[Amount, fixed(100, whole=True)] = by_default(0)  # bands set to 0
    feature_mask: Annotated[Amount, widths(10_000)] = by_default(4)  # neighbouring features
    warp: Annotated[Amount, both(0.99)] = OFF  # a point is moved by up to this share of the length
    noise: Annotated[Amount, fixed(100)] = OFF  # standard deviation of added white noise

    def __call__(self, frames: np.ndarray, n_frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames (N, F) float32 of some samples one after the other, `n_frames` (B,) of each, changed sample by sample.

        They are normalised (mean 0, deviation 1), and not changed in place.
        """
        sample = np.repeat(np.arange(len(n_frames)), n_frames)  # of each frame
        place = np.arange(len(frames)) - (np.cumsum(n_frames) - n_frames)[sample]  # in it
        frames = self._warped(frames, n_frames, sample, place, rng) if self.warp else frames.copy()
        if self.noise:
            loud = self.noise.draws(rng, len(n_frames)).astype(np.float32)
            frames += loud[sample, None] * rng.standard_normal(frames.shape, np.float32)
        for start, end in _stretches(self.time_masks, self.time_mask, n_frames, n_frames // 5, rng):
            frames[(start[sample] <= place) & (place < end[sample])] = 0
        column, features = np.arange(frames.shape[1]), np.full(len(n_frames), frames.shape[1])
        for start, end in _stretches(self.feature_masks, self.feature_mask, features, features, rng):
            frames[((start[:, None] <= column) & (column < end[:, None]))[sample]] = 0
        return frames

    def _warped(
        self, frames: np.ndarray, n_frames: np.ndarray, sample: np.ndarray, place: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Moves a random inner point; the time on either side is stretched or squeezed linearly."""
        end = n_frames - 1
        point = rng.uniform(0.2, 0.8, len(end)) * end
        target = np.clip(point + self.warp.draws(rng, len(end)) * end, 0.1 * end, 0.9 * end)
        point, target = np.where(end > 1, (point, target), 0.5)[:, sample]  # without an inner frame, nothing moves
        end = end[sample]
        late = point + (place - target) * (end - point) / (end - target)
        source = np.where(place < target, place * point / target, late)
        low = np.minimum(source.astype(np.int64), np.maximum(end - 1, 0))
        share = (source - low)[:, None].astype(np.float32)
        first = np.arange(len(frames)) - place
        warped: np.ndarray = frames[first + low] * (1 - share) + frames[first + np.minimum(low + 1, end)] * share
        return warped


def _stretches(
    number: Amount, wide: Amount, of: np.ndarray, longest: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random stretches within each range(of), as many as `number` says: starts and ends, each (B,)."""
    if not number:
        return
    count = np.floor(number.draws(rng, len(of)) + rng.random(len(of)))  # of 1.3, three in ten have two
    low, high = (np.minimum(round(edge), longest) for edge in (wide.low, wide.high))
    for i in range(int(count.max(initial=0))):
        width = np.where(i < count, rng.integers(low, high + 1), 0)
        if wide.p < 1:
            width[rng.random(len(of)) >= wide.p] = 0
        start = rng.integers(0, of - width + 1)
        yield start, start + width
