"""A training step in stock Keras: Bidirectional(LSTM), its own CTC, train_on_batch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqrec.bench.shapes import Shape
from seqrec.bench.side import timed
from seqrec.config import Training


def measure(*, shape: dict[str, Any], warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds of each step on one batch; `result` is the loss per label before the first."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    given, options = Shape(**shape), Training()
    model = _model(given)
    frames, labels = given.arrays()
    optimizer = keras.optimizers.Adam(options.learning_rate, global_clipnorm=options.clip)
    # Compiled by XLA (jit_compile=True) the very step takes three times as long.
    model.compile(optimizer, keras.losses.CTC(), jit_compile=False)
    first = float(np.asarray(model.train_on_batch(frames, labels)))
    seconds = timed(lambda: model.train_on_batch(frames, labels), warmup, steps)
    return {"seconds": seconds, "result": first / given.labels}


def _model(given: Shape) -> Any:
    made, weights = [], given.weights()
    for i in range(given.layers):
        layer = keras.layers.Bidirectional(keras.layers.LSTM(given.units, return_sequences=True))
        made.append((layer, [f"layer{i}/{way}_lstm/lstm_cell" for way in ("forward", "backward")]))
    dense = keras.layers.Dense(given.classes)
    model = keras.Sequential([keras.Input((given.frames, given.dim)), *(layer for layer, _ in made), dense])
    for layer, cells in made:
        layer.set_weights([weights[f"{cell}/{part}"] for cell in cells for part in _PARTS])
    dense.set_weights([weights["output/kernel"], weights["output/bias"]])
    return model


_PARTS = ("kernel", "recurrent_kernel", "bias")
