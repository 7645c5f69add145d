"""From samples to what a step needs: stored frames in several augmented versions, labels, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from seqrec.alphabet import Alphabet, least_frames
from seqrec.augment.frames import Augmenter
from seqrec.batching import Batch, Buckets, make_batch
from seqrec.config import Config
from seqrec.errors import DataError, SeqrecError
from seqrec.modelfolder import Normalizer
from seqrec.samples import Sample
from seqrec.store import Frames, Recipe, Workers, stored_frames

OnProgress = Callable[[str, int, int], None]  # what is done, how many so far, of how many


@dataclass(frozen=True)
class Rejected:
    """A sample that cannot be trained on (or measured), and why."""

    sample: Sample
    reason: str


@dataclass(frozen=True)
class DataSet:
    """Samples with their labels and their frames in one or more versions, version 0 being the plain one."""

    samples: tuple[Sample, ...]
    labels: tuple[np.ndarray, ...]
    versions: tuple[Frames, ...]
    positions: np.ndarray  # of each sample in the stored frames
    rejected: tuple[Rejected, ...]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def n_frames(self) -> np.ndarray:
        """(versions, N) int64."""
        return np.stack([frames.n_frames[self.positions] for frames in self.versions])

    def frames(self, i: int, version: int = 0) -> np.ndarray:
        """Frames (T, dim) of sample i."""
        return self.versions[version][int(self.positions[i])]


def load_data(
    samples: Sequence[Sample],
    config: Config,
    alphabet: Alphabet,
    store: Path,
    *,
    what: str,
    training: bool,
    progress: OnProgress,
) -> DataSet:
    """Frames and labels of `samples`; those that cannot be used are in `rejected`, with the reason.

    For `training` there are the augmented versions too, and the labels must fit. Otherwise samples are
    only measured: one with unknown characters, or too short for its text, counts with its errors.
    `what` names the set in progress and errors. Raises DataError when nothing is left.
    """
    versions = []
    copies = config.augment.copies if training else 0
    with Workers() as workers:
        for copy in range(copies + 1):
            signal = config.augment.signal if copy else None
            recipe = Recipe(config.features, signal, copy, config.training.seed if copy else 0)
            said = f"features of {what}" + (f", augmented {copy} of {copies}" if copy else "")
            counted = partial(progress, said)
            versions.append(stored_frames(samples, recipe, store, workers=workers, progress=counted))
    labels, positions, rejected = [], [], []
    for i, sample in enumerate(samples):
        try:
            _check_sample(sample, i, versions)
            encoded = _fitting_labels(sample, i, versions, config, alphabet) if training else []
        except SeqrecError as error:
            rejected.append(Rejected(sample, str(error)))
            continue
        labels.append(np.array(encoded, np.int32))
        positions.append(i)
    if not labels:
        first = f"the first one: {rejected[0].reason}" if rejected else ""
        raise DataError(what, f"none of {len(samples)} samples can be used", "", first)
    kept = tuple(samples[i] for i in positions)
    return DataSet(kept, tuple(labels), tuple(versions), np.array(positions), tuple(rejected))


def _check_sample(sample: Sample, i: int, versions: list[Frames]) -> None:
    for frames in versions:
        if i in frames.failures:
            raise DataError(sample.id, frames.failures[i])
    if sample.text is None:
        raise DataError(sample.id, "has no text", "", "training and measuring need a transcript of every sample")


def _fitting_labels(sample: Sample, i: int, versions: list[Frames], config: Config, alphabet: Alphabet) -> list[int]:
    encoded = alphabet.encode(sample.text or "", sample.id)
    least = least_frames(encoded)
    n_out = min(config.network.n_out(int(frames.n_frames[i])) for frames in versions)
    if n_out < least:
        raise DataError(
            sample.id, f"{n_out} frames after subsampling for {len(encoded)} labels", f"{least} or more",
            "check that the text belongs to this sample, or lower stack, pool or subsample in [network]",
        )  # fmt: skip
    return encoded


def normalizer_of(data: DataSet) -> Normalizer:
    """Mean and deviation of the plain training frames. A feature that never changes keeps deviation 1."""
    count, total, squares = 0, 0.0, 0.0
    for i in range(len(data)):
        frames = data.frames(i).astype(np.float64)
        count += len(frames)
        total = total + frames.sum(axis=0)
        squares = squares + (frames**2).sum(axis=0)
    mean = np.asarray(total) / count
    variance = np.maximum(np.asarray(squares) / count - mean**2, 0)
    std = np.sqrt(np.where(variance > 1e-8, variance, 1.0))
    return Normalizer(mean.astype(np.float32), std.astype(np.float32))


@dataclass(frozen=True)
class Feeder:
    """Batches of a training set. Everything random depends only on the seed, the epoch and the sample."""

    data: DataSet
    buckets: Buckets
    normalizer: Normalizer
    augmenter: Augmenter
    seed: int

    @classmethod
    def of(cls, data: DataSet, config: Config, normalizer: Normalizer) -> Feeder:
        multiple = 8 * config.network.factor
        buckets = Buckets.of(data.n_frames.ravel(), config.training.batch_frames, config.training.buckets, multiple)
        augmenter = Augmenter.parse(config.augment.frames, "[augment.frames]")
        return cls(data, buckets, normalizer, augmenter, config.training.seed)

    def plan(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """The epoch's batches as (bucket, sample indices)."""
        rng = np.random.default_rng((self.seed, epoch))
        n_frames = self.data.n_frames[self._versions(epoch), np.arange(len(self.data))]
        return self.buckets.plan(n_frames, rng)

    def _versions(self, epoch: int) -> np.ndarray:
        """Which version each sample has in an epoch: all of them in turn, each sample at another place."""
        return (np.arange(len(self.data)) + epoch) % len(self.data.versions)

    def batches(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The epoch's batches from number `first` on, each made while the one before it is used."""
        versions = self._versions(epoch)

        def make(planned: tuple[int, np.ndarray]) -> Batch:
            bucket, rows = planned
            return make_batch(
                rows, self.buckets.lengths[bucket], lambda i: self._frames(i, epoch, int(versions[i])),
                self.data.labels, len(self.normalizer.mean),
            )  # fmt: skip

        plan = self.plan(epoch)[first:]
        with ThreadPoolExecutor(1) as pool:
            ready = [pool.submit(make, planned) for planned in plan[:2]]
            for planned in plan[2:]:
                yield ready.pop(0).result()
                ready.append(pool.submit(make, planned))
            for future in ready:
                yield future.result()

    def _frames(self, i: int, epoch: int, version: int) -> np.ndarray:
        rng = np.random.default_rng((self.seed, epoch, i))
        return self.augmenter(self.normalizer(self.data.frames(i, version)), rng)
