"""Batches of frames and labels with true lengths: little padding, an order that can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqrec.alphabet import BLANK
from seqrec.ragged import Ragged

FILLER = -1  # the index of a row that only fills up a batch

_CANDIDATES = 512  # lengths to choose the buckets' from; bounds the memory


@dataclass(frozen=True)
class Batch:
    """frames (B, T, F) float32 and labels (B, L) int32, padded; n_frames, n_labels (B,) int32 their true lengths.

    `index` (B,) holds each row's sample, FILLER for rows of one zero frame that must count for nothing.
    """

    frames: np.ndarray
    n_frames: np.ndarray
    labels: np.ndarray
    n_labels: np.ndarray
    index: np.ndarray


@dataclass(frozen=True)
class Buckets:
    """Shapes (batch size, frames) by growing length; a sample goes into the first one that holds it."""

    sizes: tuple[int, ...]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, n_frames: np.ndarray, batch_frames: int, count: int, multiple: int = 1) -> Buckets:
        """Buckets for N samples of `n_frames` (N,) or (versions, N), with at most `batch_frames` padded frames a batch.

        A batch has N rows at most. There are `count` lengths at most, each a `multiple`, so chosen that
        the least is padded.
        """
        lengths = _least_padding(n_frames, count, multiple)
        return cls(tuple(min(n_frames.shape[-1], max(1, batch_frames // length)) for length in lengths), tuple(lengths))

    def plan(self, n_frames: np.ndarray, rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
        """One epoch: (bucket, indices (B,) with FILLER) in random order, every sample once.

        What does not fill a batch moves on to the next longer bucket, where that is not so much longer that
        it costs more than the filling.
        """
        order = rng.permutation(len(n_frames))
        bucket_of = np.searchsorted(self.lengths, n_frames[order])
        planned, left = [], np.zeros(0, np.int64)
        for bucket, size in enumerate(self.sizes):
            here = np.concatenate([left, order[bucket_of == bucket]])
            over = len(here) % size
            whole = len(here) - over
            if over and over * self._further(bucket) > (size - over) * self.lengths[bucket]:
                whole += size
            filled = np.concatenate([here, np.full(max(0, whole - len(here)), FILLER)])
            planned += [(bucket, rows) for rows in filled[:whole].reshape(-1, size)]
            left = here[whole:]
        return [planned[i] for i in rng.permutation(len(planned))]

    def _further(self, bucket: int) -> float:
        """Frames by which the next bucket is longer, without end after the last."""
        return np.inf if bucket + 1 == len(self.lengths) else self.lengths[bucket + 1] - self.lengths[bucket]

    def frames(self, plan: list[tuple[int, np.ndarray]]) -> int:
        """Frames of a plan's batches, padding among them."""
        return sum(self.sizes[bucket] * self.lengths[bucket] for bucket, _ in plan)


def _least_padding(n_frames: np.ndarray, count: int, multiple: int) -> list[int]:
    """Up to `count` ascending lengths with the least sum of each sample's own, found by dynamic programming."""
    step = multiple * -(-int(n_frames.max()) // (multiple * _CANDIDATES))
    lengths, number = np.unique(-(-n_frames // step) * step, return_counts=True)
    upto = np.concatenate([[0], np.cumsum(number)])
    one = lengths * (upto[1:] - upto[:-1, None]).astype(float)  # [i, j]: frames when i to j share the length of j
    one[np.tril_indices(len(lengths), -1)] = np.inf
    best = np.full(len(lengths) + 1, np.inf)  # frames of the first j lengths in the borders so far
    best[0] = 0
    cuts = []
    for _ in range(min(count, len(lengths))):
        cost = best[:-1, None] + one
        cuts.append(cost.argmin(axis=0))
        best = np.concatenate([[np.inf], cost.min(axis=0)])
    borders, j = [], len(lengths)
    for cut in reversed(cuts):
        borders.append(int(lengths[j - 1]))
        j = int(cut[j - 1])
    return borders[::-1]


def make_batch(rows: np.ndarray, length: int, frames: np.ndarray, n_frames: np.ndarray, labels: Ragged) -> Batch:
    """The batch of samples `rows` (B,), with FILLER, padded to `length` frames.

    `frames` (N, F) are those of all rows but FILLER one after the other, `n_frames` of each; `labels`
    has a row for every sample there is.
    """
    real = rows != FILLER
    own = np.zeros(len(rows), np.int32)
    own[real] = n_frames
    padded = np.zeros((len(rows), length, frames.shape[1]), np.float32)
    padded[np.arange(length) < own[:, None]] = frames
    found = [labels[i] for i in rows[real]]
    n_labels = np.zeros(len(rows), np.int32)
    n_labels[real] = [len(each) for each in found]
    padded_labels = np.full((len(rows), max(1, int(n_labels.max()))), BLANK, np.int32)
    padded_labels[np.arange(padded_labels.shape[1]) < n_labels[:, None]] = np.concatenate(found)
    return Batch(padded, np.maximum(own, 1), padded_labels, n_labels, rows)
