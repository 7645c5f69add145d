"""Trial updates before a training: they leave no trace, and say what fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from seqrec.batching import Batch
from seqrec.config import Network, Training
from seqrec.network.encoder import Encoder
from seqrec.training.cost import MOST_FRAMES, Memory, batch_frames, fitting, free_memory, measure
from seqrec.training.step import Trainer
from tests.test_training_data import feeder, ink, load

DIM = 13  # of strokes


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    network = Encoder(Network(layers=1, units=64, dropout=0.5), DIM, 5)
    return Trainer(network, Training(), tf.distribute.get_strategy())


@pytest.mark.parametrize(
    ("lengths", "frames"),
    [
        ([500] * 120, 600),  # 60,000 frames in 100 updates
        ([500] * 10_000, MOST_FRAMES),
        ([400, 20, 10], 400),  # the longest sample at least
        ([9000] * 3, MOST_FRAMES),
    ],
)
def test_frames_of_a_batch_that_nobody_asked_for(lengths: list[int], frames: int) -> None:
    assert batch_frames(np.array(lengths)) == frames


def test_what_fits(trainer: Trainer) -> None:
    assert fitting(trainer, 100, 4000, free=1 << 50) == 4000
    assert fitting(trainer, 100, 4000, free=1) == 100
    # 64 units take 4 bytes for 2 x (4 gates, 4 gradients, a cell, an output): some 5 kB for a frame, and little else
    some = fitting(trainer, 100, 1_000_000, free=1 << 30)
    assert 10_000 < some < 900_000  # what is given back to the process before is not seen to grow


def test_trial_updates_leave_no_trace(trainer: Trainer, tmp_path: Path) -> None:
    before = [np.array(v.numpy()) for v in trainer.variables]
    cost = measure(trainer, feeder(load(tmp_path, ink())))
    fitting(trainer, 50, 1000, free=1 << 30)
    assert all(np.array_equal(a, b) for a, b in zip(before, (v.numpy() for v in trainer.variables), strict=True))
    assert cost.epoch_seconds > 0
    assert cost.memory > 50 << 20
    batch = Batch(np.ones((1, 9, DIM), np.float32), *(np.array(x, np.int32) for x in ([9], [[1]], [1], [0])))
    trainer.update([batch], 1e-3)
    assert not all(np.array_equal(a, b) for a, b in zip(before, (v.numpy() for v in trainer.variables), strict=True))


def test_memory_is_watched() -> None:
    with Memory() as memory:
        held = np.ones(10_000_000)
        seen = held.sum()
        while memory.grown < held.nbytes // 2:
            pass
    assert seen == len(held)
    assert memory.grown < 3 * held.nbytes


def test_memory_within_the_limit_of_a_container(tmp_path: Path) -> None:
    free = free_memory(tmp_path / "none")
    assert free > 1 << 20
    for name, text in {"max": "3000\n", "current": "2500\n", "stat": "anon 1\ninactive_file 200\n"}.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_memory(tmp_path) == 700
    (tmp_path / "memory.max").write_text("max\n")
    assert abs(free_memory(tmp_path) - free) < free / 2
