"""The network: [convolutions] -> frame stacking -> recurrent layers with subsampling -> dense output.

Lengths travel beside the frames: every stage gives zeros beyond a sample's true length, so that a
sample's output depends neither on its padding nor on its neighbours in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqrec.config import Network
from seqrec.network.gru import BidirectionalGRU
from seqrec.network.lstm import BidirectionalLSTM
from seqrec.network.recurrent import QuickBidirectional

_QUICK = {"lstm": BidirectionalLSTM, "gru": BidirectionalGRU}


class Encoder(keras.Model):  # type: ignore[misc]
    """frames (B, T, dim), n_frames (B,) -> logits (B, ceil(T / factor), classes), n_out (B,)."""

    def __init__(self, config: Network, dim: int, classes: int, seed: int = 0) -> None:
        super().__init__(name="network")
        self.config, self.dim = config, dim
        self.convolutions = [
            keras.layers.Conv2D(c.filters, c.kernel, padding="same", activation="relu", name=f"conv{i}")
            for i, c in enumerate(config.conv)
        ]
        self.stack_layers = [_layer(config, i) for i in range(config.layers)]
        self.norms = [
            keras.layers.LayerNormalization(name=f"norm{i}") if config.layer_norm else None
            for i in range(config.layers)
        ]
        shares = [config.input_dropout, *[config.dropout] * config.layers]
        self.dropouts = [Dropout(share, seed + i) for i, share in enumerate(shares)]
        self.output_layer = keras.layers.Dense(classes, name="output")
        self(tf.zeros((1, config.factor, dim)), tf.constant([config.factor]))

    def call(self, frames: tf.Tensor, n_frames: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        x, n = frames * tf.cast(real_frames(frames, n_frames), frames.dtype)[:, :, None], n_frames
        if self.convolutions:
            x, n = self._front_end(x, n)
        x, n = join_frames(x, n, self.config.stack)
        x = self.dropouts[0](x, training=training)
        for i, layer in enumerate(self.stack_layers):
            mask = real_frames(x, n)
            x = _apply(layer, x, mask, training)
            if (norm := self.norms[i]) is not None:
                x = norm(x) * tf.cast(mask, x.dtype)[:, :, None]
            if i < len(self.config.subsample):
                x, n = join_frames(x, n, self.config.subsample[i])
            x = self.dropouts[i + 1](x, training=training)
        return self.output_layer(x), n

    def _front_end(self, frames: tf.Tensor, n: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(B, T, height) -> (B, T', height' * filters): an image whose columns are the frames."""
        x = frames[..., None]
        for conv, layer in zip(self.config.conv, self.convolutions, strict=True):
            x = layer(x) * tf.cast(real_frames(x, n), x.dtype)[:, :, None, None]
            if conv.pool != (1, 1):
                x = tf.nn.max_pool2d(_pad_to(x, conv.pool), conv.pool, conv.pool, "VALID")
                n = -(-n // conv.pool[0])
        return tf.reshape(x, (tf.shape(x)[0], tf.shape(x)[1], x.shape[2] * x.shape[3])), n


class Dropout(keras.layers.Layer):  # type: ignore[misc]
    """Keras' dropout with a byte of chance for each number, not four: three times as quick.

    The share of numbers that are set to 0 is `rate` to the nearest 256th.
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.dropped = round(256 * rate)
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or not self.dropped:
            return x
        size = tf.size(x)
        chance = tf.random.stateless_uniform([-(-size // 4)], self.seeds.next(), None, None, tf.uint32)
        kept = tf.reshape(tf.bitcast(chance, tf.uint8), [-1])[:size] >= self.dropped
        return x * tf.cast(tf.reshape(kept, tf.shape(x)), x.dtype) * (256 / (256 - self.dropped))


def _layer(config: Network, i: int) -> Any:
    name = f"layer{i}"
    if config.cell in _QUICK:
        return _QUICK[config.cell](config.units, name=name)
    if config.cell == "dense":
        window = config.context if i == 0 else 1
        return keras.layers.Conv1D(2 * config.units, window, padding="same", activation="relu", name=name)
    cell = keras.layers.SimpleRNN(config.units, return_sequences=True, name=config.cell)
    return keras.layers.Bidirectional(cell, name=name)


def _apply(layer: Any, x: tf.Tensor, mask: tf.Tensor, training: bool) -> tf.Tensor:
    if isinstance(layer, QuickBidirectional):
        return layer(x, mask=mask, training=training)  # zeros beyond the end already
    recurrent = isinstance(layer, keras.layers.Bidirectional)
    y = layer(x, mask=mask, training=training) if recurrent else layer(x)
    return y * tf.cast(mask, y.dtype)[:, :, None]


def real_frames(x: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
    """Mask (B, T): true for a sample's own frames."""
    return tf.sequence_mask(n, tf.shape(x)[1])


def join_frames(x: tf.Tensor, n: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """(B, T, F) -> (B, ceil(T / count), count * F): neighbours side by side, zeros after the end."""
    if count == 1:
        return x, n
    x = tf.pad(x, ((0, 0), (0, -tf.shape(x)[1] % count), (0, 0)))
    return tf.reshape(x, (tf.shape(x)[0], tf.shape(x)[1] // count, count * x.shape[2])), -(-n // count)


def _pad_to(x: tf.Tensor, pool: tuple[int, int]) -> tf.Tensor:
    """Zeros after the end of time and height, up to multiples of the pool."""
    return tf.pad(x, ((0, 0), (0, -tf.shape(x)[1] % pool[0]), (0, -x.shape[2] % pool[1]), (0, 0)))


def weights_of(network: Encoder) -> dict[str, np.ndarray]:
    """The trained numbers by name, such as "layer0/forward_lstm/lstm_cell/kernel"."""
    return {name_of(v): v.numpy() for v in network.trainable_variables}


def set_weights(network: Encoder, weights: Mapping[str, np.ndarray]) -> None:
    """Put named numbers into a network of the same shape. Raises KeyError or ValueError."""
    for variable in network.trainable_variables:
        variable.assign(weights[name_of(variable)])


def name_of(variable: keras.Variable) -> str:
    """A weight's name in `weights_of` and in model.onnx."""
    return str(variable.path).removeprefix("network/")
