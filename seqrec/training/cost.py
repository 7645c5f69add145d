"""What a training will cost, from some trial updates that leave no trace: time, memory, and a batch that fits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import tensorflow as tf

from seqrec.batching import Batch
from seqrec.training.data import Feeder
from seqrec.training.step import Trainer

MOST_FRAMES = 6000  # padded frames of a batch that nobody asked for: more rows are hardly quicker
LEAST_UPDATES = 100  # of an epoch, for which smaller batches are made where data are few

_TRIALS = 20
_SHARE = 0.5  # of the free memory that a training may take
_SAMPLING = 0.002  # seconds between two looks at the memory


@dataclass(frozen=True)
class Cost:
    """Expected seconds of an epoch's updates, and bytes of memory of the process while it is trained."""

    epoch_seconds: float
    memory: int


def batch_frames(n_frames: np.ndarray) -> int:
    """Padded frames per batch for samples of `n_frames`, where the recipe does not say."""
    wanted = int(n_frames.sum()) // LEAST_UPDATES
    return int(min(MOST_FRAMES, max(wanted, n_frames.max())))


def fitting(trainer: Trainer, longest: int, frames: int, free: int) -> int:
    """`frames` per batch, or as many fewer as fit `free` bytes of memory; one sample of `longest` frames at least.

    What a frame takes is measured with one batch of at most MOST_FRAMES. The memory of GPUs and of several
    machines, which must agree, is not looked at.
    """
    if tf.config.list_physical_devices("GPU") or trainer.replicas > 1:
        return frames
    rows = max(1, min(frames, MOST_FRAMES) // longest)
    with _undone(trainer):
        _update(trainer, _blank_batch(1, 1, trainer.network.dim))  # compiles
        with Memory() as memory:
            _update(trainer, _blank_batch(rows, longest, trainer.network.dim))
    per_frame = max(1.0, memory.grown / (rows * longest))
    return min(frames, max(longest, int(_SHARE * free / per_frame)))


def measure(trainer: Trainer, feeder: Feeder) -> Cost:
    """Time `_TRIALS` updates on batches of the first epoch, after one that is not counted."""
    seconds, frames = 0.0, 0
    with _undone(trainer), Memory() as memory:
        for trial, batch in enumerate(islice(feeder.batches(0), 1 + _TRIALS)):
            took = _update(trainer, batch)
            if trial or len(feeder.plan(0)) == 1:
                seconds += took
                frames += batch.frames[:, :, 0].size
    in_all = feeder.buckets.frames(feeder.plan(0))
    return Cost(seconds / frames * in_all / trainer.replicas, memory.highest)


def _update(trainer: Trainer, batch: Batch) -> float:
    """Seconds of an update with this batch on every replica."""
    began = time.perf_counter()
    trainer.update([batch] * trainer.replicas, 0.0)
    return time.perf_counter() - began


def _blank_batch(rows: int, length: int, dim: int) -> Batch:
    n_frames, one = np.full(rows, length, np.int32), np.ones(rows, np.int32)
    return Batch(np.zeros((rows, length, dim), np.float32), n_frames, one[:, None], one, np.arange(rows))


@contextmanager
def _undone(trainer: Trainer) -> Iterator[None]:
    """Put every variable back in the end: weights, optimizer, seeds of dropout."""
    before = [np.array(variable.numpy()) for variable in trainer.variables]
    try:
        yield
    finally:
        for variable, value in zip(trainer.variables, before, strict=True):
            variable.assign(value)


class Memory:
    """Watches the memory of this process: bytes at the `start` and at the `highest`."""

    def __enter__(self) -> Memory:
        self._process, self._over = psutil.Process(), threading.Event()
        self.start = self.highest = self._process.memory_info().rss
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(_SAMPLING):
            self.highest = max(self.highest, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    @property
    def grown(self) -> int:
        return int(self.highest - self.start)


def free_memory(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process can still take, within the limit of its container, the control group `group`."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((group / f"memory.{name}").read_text("ascii")) for name in ("max", "current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
    except (OSError, ValueError):  # no container, or no limit
        return free
    return min(free, max(0, limit - used + int(stat.get("inactive_file", 0))))  # files' pages are given back
