"""Training under a tf.distribute strategy: two replicas take the step that one takes on both batches."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import numpy as np
import keras
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from seqrec.batching import Batch
from seqrec.config import Network, Training
from seqrec.network.encoder import Encoder
from seqrec.training.step import Trainer

rng = np.random.default_rng(0)


def batch(rows):
    frames = rng.normal(size=(rows, 12, 5)).astype(np.float32)
    labels = rng.integers(1, 4, (rows, 3)).astype(np.int32)
    return Batch(frames, np.full(rows, 12, np.int32), labels, np.full(rows, 3, np.int32), np.arange(rows))


def joined(a, b):
    return Batch(*(np.concatenate([getattr(a, k), getattr(b, k)]) for k in a.__dataclass_fields__))


def trained(strategy, groups):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        network = Encoder(Network(layers=1, units=6, dropout=0.0), 5, 4)
        trainer = Trainer(network, Training(clip=1e9), strategy)
    for group in groups:
        losses, index, applied = trainer.update(group, 0.01)
        assert applied, "not applied"
        assert np.isfinite(losses[index >= 0]).all()
        assert (index >= 0).sum() == sum(len(b.index) for b in group)
    return [v.numpy() for v in network.trainable_variables]


groups = [[batch(4), batch(4)] for _ in range(3)]
uneven = [[batch(4)]]  # the last batches of an epoch may be fewer than the replicas
two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), groups)
one = trained(tf.distribute.get_strategy(), [[joined(*group)] for group in groups])
for a, b in zip(one, two):
    np.testing.assert_allclose(a, b, atol=2e-5)
trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), uneven)
print("alike")
"""


def test_two_replicas_take_the_same_steps_as_one() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("alike")
