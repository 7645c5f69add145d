"""A training step of seqrec, as `seqrec train` makes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from seqrec.batching import Batch
from seqrec.bench.shapes import Shape
from seqrec.bench.side import timed
from seqrec.config import Training
from seqrec.network.encoder import Encoder, set_weights
from seqrec.training.step import Trainer


def measure(*, shape: dict[str, Any], warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds of each step on one batch; `result` is the loss per label before the first."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    given, options = Shape(**shape), Training()
    network = Encoder(given.network, given.dim, given.classes)
    set_weights(network, given.weights())
    trainer = Trainer(network, options, tf.distribute.get_strategy())
    frames, labels = given.arrays()
    lengths = (np.full(given.batch, count, np.int32) for count in (given.frames, given.labels))
    n_frames, n_labels = lengths
    batch = Batch(frames, n_frames, labels, n_labels, np.arange(given.batch))
    losses, _, _ = trainer.update([batch], options.learning_rate)
    seconds = timed(lambda: trainer.update([batch], options.learning_rate), warmup, steps)
    return {"seconds": seconds, "result": float(losses.mean())}
