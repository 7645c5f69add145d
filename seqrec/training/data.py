"""From samples to what a step needs: stored frames in several augmented versions, labels, batches.

Once loaded, the samples themselves are not needed any more. In memory are ids, texts, labels and where each
sample's frames lie: some hundred bytes a sample, whatever its length.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from seqrec.alphabet import Alphabet, least_frames
from seqrec.augment.frames import Augmenter
from seqrec.batching import FILLER, Batch, Buckets, make_batch
from seqrec.config import Config
from seqrec.errors import DataError, SeqrecError
from seqrec.extraction import Recipe, Workers, shares_of_copies, signal_augmenter
from seqrec.features import extractor
from seqrec.modelfolder import Normalizer
from seqrec.ragged import Ragged, Strings
from seqrec.samples import Sample
from seqrec.store import Frames, signals_of, stored_frames

OnProgress = Callable[[str, int, int], None]  # what is done, how many so far, of how many

_QUICK = 1.0  # seconds in which nobody asks for progress


@dataclass(frozen=True)
class Rejected:
    """A sample that cannot be trained on (or measured), and why."""

    id: str
    reason: str


@dataclass(frozen=True, eq=False)
class DataSet:
    """Samples with their labels and their frames in one or more versions, version 0 being the plain one.

    Of all that were given there are `ids`, `texts` and `signals`, a hash; `positions` (N,) are the places among
    them of those that can be used. `labels` (N rows) are empty where samples are only measured.
    """

    ids: Strings
    texts: Strings
    signals: bytes
    alphabet: Alphabet
    versions: tuple[Frames, ...]
    positions: np.ndarray
    labels: Ragged
    n_frames: np.ndarray  # (versions, N) int64
    rejected: tuple[Rejected, ...]

    def __len__(self) -> int:
        return len(self.positions)

    def id(self, i: int) -> str:
        return self.ids[int(self.positions[i])]

    def text(self, i: int) -> str:
        return self.texts[int(self.positions[i])]

    def frames(self, i: int, version: int = 0) -> np.ndarray:
        """Frames (T, dim) of sample i."""
        return self.versions[version][int(self.positions[i])]


@dataclass
class _Given:
    """What is kept of the samples while they go by. `reasons` says, by place, why one cannot be used."""

    ids: Strings = field(default_factory=Strings)
    texts: Strings = field(default_factory=Strings)
    reasons: dict[int, str] = field(default_factory=dict)

    def pass_by(self, samples: Sequence[Sample], progress: Callable[[int, int], None]) -> Iterator[Sample]:
        began = time.monotonic()
        for i, sample in enumerate(samples):
            self.ids.append(sample.id)
            self.texts.append(sample.text or "")
            if sample.text is None:
                self.reasons[i] = _said(sample.id, "has no text", "", "training and measuring need one of every sample")
            yield sample
            if time.monotonic() - began > _QUICK:
                progress(i + 1, len(samples))


def _said(*of: str) -> str:
    return str(DataError(*of))


def load_data(
    samples: Sequence[Sample],
    config: Config,
    alphabet: Alphabet | None,
    store: Path,
    *,
    what: str,
    training: bool,
    progress: OnProgress,
) -> DataSet:
    """Frames and labels of `samples`; those that cannot be used are in `rejected`, with the reason.

    Without an `alphabet` it is that of their texts. For `training` there are the augmented versions too, and
    the labels must fit. Otherwise samples are only measured: one with unknown characters, or too short for
    its text, counts with its errors. `what` names the set in progress and errors. Raises DataError when
    nothing is left.
    """
    given = _Given()
    signals = signals_of(given.pass_by(samples, partial(progress, f"reading {what}")))
    alphabet = alphabet or Alphabet.of(given.texts, config.text.form)
    if training and len(samples) and not alphabet.symbols:  # TensorFlow's CTC crashes on the blank alone
        raise DataError(what, "all texts are empty", "texts to learn", "see what `seqrec check` says of them")
    versions = _versions(samples, signals, config, store, what, training, progress)
    for frames in versions:
        given.reasons = {i: _said(given.ids[i], said) for i, said in frames.failures.items()} | given.reasons
    unlabelled: Iterator[list[int]] = ([] for i in range(len(samples)) if i not in given.reasons)
    labels = Ragged.of(_fitting(given, versions, config, alphabet) if training else unlabelled)
    positions = np.delete(np.arange(len(samples)), list(given.reasons))
    rejected = tuple(Rejected(given.ids[i], reason) for i, reason in sorted(given.reasons.items()))
    if not len(positions):
        first = f"the first one: {rejected[0].reason}" if rejected else ""
        raise DataError(what, f"none of {len(samples)} samples can be used", "", first)
    return DataSet(
        given.ids, given.texts, signals, alphabet, versions, positions, labels,
        np.stack([frames.n_frames[positions] for frames in versions]), rejected,
    )  # fmt: skip


def _versions(
    samples: Sequence[Sample],
    signals: bytes,
    config: Config,
    store: Path,
    what: str,
    training: bool,
    progress: OnProgress,
) -> tuple[Frames, ...]:
    """Stored frames: the plain ones, and for training one set for each augmented copy."""
    copies = config.augment.copies if training else 0
    shares = _shares(config, copies)
    with Workers() as workers:

        def version(copy: int) -> Frames:
            signal = config.augment.signal if copy else None
            recipe = Recipe(config.features, signal, copy, config.training.seed if copy else 0, shares[copy])
            said = f"features of {what}" + (f", augmented {copy} of {copies}" if copy else "")
            counted = partial(progress, said)
            return stored_frames(samples, recipe, store, signals=signals, workers=workers, progress=counted)

        return tuple(version(copy) for copy in range(copies + 1))


def _shares(config: Config, copies: int) -> tuple[float, ...]:
    """The share of the training from which on each version is used; the plain one comes first."""
    if not copies:
        return (0.0,)
    augmenter = signal_augmenter(extractor(config.features, own_files=True), config.augment.signal)
    return (0.0, *shares_of_copies(augmenter, copies))


def _fitting(given: _Given, versions: tuple[Frames, ...], config: Config, alphabet: Alphabet) -> Iterator[list[int]]:
    """Labels of every sample that can be used, and a reason for each of the others."""
    n_out = -(-np.min([frames.n_frames for frames in versions], axis=0) // config.network.factor)
    for i, text in enumerate(given.texts):
        if i in given.reasons:
            continue
        try:
            labels = alphabet.encode(text, given.ids[i])
        except SeqrecError as error:
            given.reasons[i] = str(error)
            continue
        least = least_frames(labels)
        if n_out[i] < least:
            given.reasons[i] = _said(
                given.ids[i], f"{n_out[i]} frames after subsampling for {len(labels)} labels", f"{least} or more",
                "check that the text belongs to this sample, or lower stack, pool or subsample in [network]",
            )  # fmt: skip
        else:
            yield labels


def normalizer_of(data: DataSet, most: int = 1 << 22) -> Normalizer:
    """Mean and deviation of the plain training frames, of which `most` numbers are in memory at a time.

    A feature that never changes keeps deviation 1.
    """
    plain = data.versions[0]
    used = np.zeros(len(plain), bool)
    used[data.positions] = True
    count, total, squares = 0, np.zeros(plain.dim), np.zeros(plain.dim)
    for first, last, block in plain.blocks(most):
        frames = block[np.repeat(used[first:last], plain.n_frames[first:last])].astype(np.float64)
        count += len(frames)
        total += frames.sum(axis=0)
        squares += np.einsum("tf,tf->f", frames, frames)
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0)
    std = np.sqrt(np.where(variance > 1e-8, variance, 1.0))
    return Normalizer(mean.astype(np.float32), std.astype(np.float32))


@dataclass(frozen=True)
class Feeder:
    """Batches of a training set. Everything random depends only on the seed, the epoch and the batch's number."""

    data: DataSet
    buckets: Buckets
    normalizer: Normalizer
    augmenter: Augmenter
    shares: tuple[float, ...]  # of the training from which on each version is used
    epochs: int
    seed: int

    @classmethod
    def of(cls, data: DataSet, config: Config, normalizer: Normalizer) -> Feeder:
        options = config.training
        assert options.batch_frames, "found before the training begins"
        buckets = Buckets.of(data.n_frames, options.batch_frames, options.buckets, config.network.factor)
        augmenter = Augmenter.parse(config.augment.frames, "[augment.frames]")
        shares = _shares(config, len(data.versions) - 1)
        return cls(data, buckets, normalizer, augmenter, shares, options.epochs, options.seed)

    def plan(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """The epoch's batches as (bucket, sample indices)."""
        return self.buckets.plan(self._n_frames(epoch), np.random.default_rng((self.seed, epoch)))

    def padding(self, epoch: int) -> float:
        """The share of padding among the epoch's frames."""
        return 1 - float(self._n_frames(epoch).sum()) / self.buckets.frames(self.plan(epoch))

    def _n_frames(self, epoch: int) -> np.ndarray:
        n_frames: np.ndarray = self.data.n_frames[self._versions(epoch), np.arange(len(self.data))]
        return n_frames

    def _versions(self, epoch: int) -> np.ndarray:
        """Which version each sample has in an epoch: all those used by now in turn, each sample at another place."""
        used = sum(share * self.epochs <= epoch + 1 for share in self.shares)
        return (np.arange(len(self.data)) + epoch) % used

    def batches(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The epoch's batches from number `first` on, each made while the one before it is used."""
        versions = self._versions(epoch)

        def make(number: int) -> Batch:
            bucket, rows = plan[number]
            samples = rows[rows != FILLER]
            each = [self.data.frames(i, version) for i, version in zip(samples, versions[samples], strict=True)]
            n_frames = np.array([len(frames) for frames in each])
            rng = np.random.default_rng((self.seed, epoch, number + 1))  # with 0 it would be the plan's
            augmenter = self.augmenter.at((epoch + number / len(plan)) / self.epochs)
            frames = augmenter(self.normalizer(np.concatenate(each)), n_frames, rng)
            return make_batch(rows, self.buckets.lengths[bucket], frames, n_frames, self.data.labels)

        plan = self.plan(epoch)
        with ThreadPoolExecutor(1) as pool:
            ready = deque(pool.submit(make, number) for number in range(first, min(first + 2, len(plan))))
            for number in range(first + 2, len(plan)):
                yield ready.popleft().result()
                ready.append(pool.submit(make, number))
            for future in ready:
                yield future.result()
