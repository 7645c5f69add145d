"""What the machine itself can do: products of float32 matrices, in TensorFlow and in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from seqrec.bench.side import timed


def measure(*, size: int, warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """GFLOP/s of each library's quickest product of two (size, size) matrices."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    a, b = np.random.default_rng(3).standard_normal((2, size, size), np.float32)
    x, y = tf.constant(a), tf.constant(b)
    seconds = {
        "TensorFlow": min(timed(lambda: tf.matmul(x, y), warmup, steps)),
        "NumPy": min(timed(lambda: a @ b, warmup, steps)),
    }
    return {name: 2 * size**3 / 1e9 / each for name, each in seconds.items()}
