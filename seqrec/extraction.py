"""Frames of many samples, on every core: signals read, augmented, and made into frames by worker processes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from seqrec.augment._amount import Changes
from seqrec.errors import DataError, SeqrecError
from seqrec.features import Extractor, Signal, extractor
from seqrec.options import find
from seqrec.probing import identity
from seqrec.processes import Processes, at_once, result
from seqrec.samples import Sample

_FEW = 32  # samples for which no worker is started
_GROUP = 32  # samples whose frames are made together, where that is quicker
_MOST = 1024  # samples in a worker's task
_TASK_SECONDS = 0.3  # that a task should take: it is lost when it is interrupted


@dataclass(frozen=True)
class Recipe:
    """How frames are made: the `[features]` table, and for an augmented copy its table and number.

    Where changes grow during the training, the copy is made as they are when the share `at` of it is done.
    """

    features: dict[str, Any]
    signal: dict[str, Any] | None = None  # options of seqrec/augment/<domain>.py
    copy: int = 0  # 0: the plain frames
    seed: int = 0
    at: float = 1.0


@dataclass
class Made:
    """Frames (T, dim) float32 of some samples together, in `seconds`; failures by place among them."""

    frames: np.ndarray
    n_frames: list[int]
    failures: dict[int, str]
    seconds: float


def signal_of(sample: Sample) -> bytes:
    """16 bytes; those of a signal that cannot be read are of the error, which is kept in its place."""
    try:
        return identity(sample)
    except DataError as error:
        return hashlib.blake2b(str(error).encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Workers(Processes):
    """A process per core, started when there is enough to do and kept for the next set of samples."""

    def map(self, recipe: Recipe, samples: Sequence[Sample], first: int) -> Iterator[Made]:
        """The frames of the samples from `first` on, in order, some whole groups at a time."""
        alone = self.jobs == 1 or len(samples) - first <= _FEW
        submit, ahead = (at_once, 1) if alone else (self.submit, 3 * self.jobs)
        waiting: deque[Future[Made]] = deque()
        size = group = _group_of(extractor(recipe.features, own_files=True))
        while first < len(samples) or waiting:
            while first < len(samples) and len(waiting) < ahead:
                waiting.append(submit(_work, recipe, samples[first : first + size]))
                first += size
            made = result(waiting.popleft())
            fitting = int(_TASK_SECONDS / max(made.seconds, 1e-9) * len(made.n_frames))
            size = max(group, min(fitting, 2 * size, _MOST) // group * group)
            yield made


def _group_of(made_for: Extractor) -> int:
    """Samples whose frames are made together: always the same ones, for their last digits may depend on it."""
    return 1 if type(made_for).frames_of is Extractor.frames_of else _GROUP


def _work(recipe: Recipe, samples: Sequence[Sample]) -> Made:
    return _worker_of(json.dumps(asdict(recipe)))(samples)


@lru_cache(maxsize=1)
def _worker_of(recipe: str) -> _Worker:
    return _Worker(Recipe(**json.loads(recipe)))


class Signals:
    """Reads the signals of samples, and changes them where the recipe is that of an augmented copy."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.extractor = extractor(recipe.features, own_files=True)
        self.augmenter = signal_augmenter(self.extractor, recipe.signal).at(recipe.at) if recipe.copy else None

    def __call__(self, sample: Sample) -> Signal:
        """The signal, the same whenever and wherever it is made. Raises DataError when it cannot be read."""
        signal = self.extractor.read(sample)
        if self.augmenter is None:
            return signal
        entropy = int.from_bytes(signal_of(sample)[:8], "big")
        rng = np.random.default_rng((self.recipe.seed, self.recipe.copy, entropy))
        return self.augmenter(signal, rng, self.extractor)


class _Worker:
    """Extracts some samples at a time; kept from one time to the next, so that filters and caches are made once."""

    def __init__(self, recipe: Recipe) -> None:
        self.signals = Signals(recipe)
        self.extractor = self.signals.extractor

    def __call__(self, samples: Sequence[Sample]) -> Made:
        began = time.monotonic()
        given, made = iter(samples), list[np.ndarray | str]()
        while group := list(islice(given, _group_of(self.extractor))):
            made += self._group(group)
        failures = {i: each for i, each in enumerate(made) if isinstance(each, str)}
        frames = [np.zeros((0, self.extractor.dim)) if isinstance(each, str) else each for each in made]
        together = np.concatenate(frames, dtype=np.float32)
        return Made(together, [len(each) for each in frames], failures, time.monotonic() - began)

    def _group(self, samples: list[Sample]) -> list[np.ndarray | str]:
        """The frames of each sample, or why there are none."""
        made = [self._signal(sample) for sample in samples]
        frames = iter(self.extractor.frames_of([signal for signal, failed in made if not failed]))
        return [failed or self._checked(next(frames)) for _, failed in made]

    def _signal(self, sample: Sample) -> tuple[Signal, str]:
        """The sample's signal, or why there is none."""
        try:
            return self.signals(sample), ""
        except SeqrecError as error:
            return None, str(error)

    def _checked(self, frames: np.ndarray) -> np.ndarray | str:
        if frames.ndim != 2 or frames.shape[1] != self.extractor.dim or not len(frames):
            return f"gives frames of shape {frames.shape}; expected (T, {self.extractor.dim}) with T >= 1"
        return frames if np.isfinite(frames).all() else "gives frames with NaN or infinity"


def signal_augmenter(made_for: Extractor, table: dict[str, Any] | None) -> Any:
    """The augmenter of the extractor's domain with the options of an `[augment.signal]` table, Changes.

    Raises ConfigError, also for files that it names and that cannot be used.
    """
    module = find("seqrec.augment", made_for.domain)
    made: Changes = module.Augmenter.parse(table or {}, "[augment.signal]")
    made.sources()
    return made


def shares_of_copies(augmenter: Changes, copies: int) -> tuple[float, ...]:
    """The share of the training of which each copy is a picture, and from which on it is used; 0 without a ramp.

    The first copy is as it is before the ramps, and used at once, the last one as it is after them.
    """
    if augmenter.ramp is None or not copies:
        return (0.0,) * copies
    return (0.0, *np.linspace(*augmenter.ramp, copies)[1:].tolist())
