"""A bidirectional LSTM that is quick on CPU: Keras' layer and weights, other loops.

Keras runs an LSTM on CPU as a generic while loop, one direction after the other. Here the inputs of
all steps and both directions are multiplied at once, both directions advance in one compiled loop,
and the backward pass is written by hand: weight gradients are single products after the loop.
Equations: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("seqrec")
class BidirectionalLSTM(keras.layers.Bidirectional):  # type: ignore[misc]
    """`Bidirectional(LSTM(units, return_sequences=True))`: (B, T, F) -> (B, T, 2 * units).

    `call` needs a boolean mask (B, T), true for the real frames, which must come first. Padding gives
    zeros and changes nothing else. A GPU runs Keras' own path (cuDNN), with the same weights.
    """

    def __init__(self, units: int, name: str | None = None) -> None:
        super().__init__(keras.layers.LSTM(units, return_sequences=True, name="lstm"), name=name)
        self.units = units

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> BidirectionalLSTM:
        return cls(**config)

    def call(
        self, sequences: tf.Tensor, initial_state: None = None, mask: tf.Tensor = None, training: bool = False
    ) -> tf.Tensor:
        real = tf.cast(mask, sequences.dtype)[:, :, None]
        if tf.config.list_physical_devices("GPU"):
            return super().call(sequences, mask=mask, training=training) * real
        cells = (self.forward_layer.cell, self.backward_layer.cell)
        kernel = keras.ops.concatenate([cell.kernel for cell in cells], axis=1)  # (F, 8H)
        bias = keras.ops.concatenate([cell.bias for cell in cells], axis=0)
        recurrent = tf.stack([tf.convert_to_tensor(cell.recurrent_kernel) for cell in cells])  # (2, H, 4H)
        inputs = tf.tensordot(tf.transpose(sequences, (1, 0, 2)), kernel, 1) + bias  # (T, B, 8H)
        ahead, back = _recur(inputs, tf.transpose(real, (1, 0, 2)), recurrent)
        return tf.transpose(tf.concat([ahead, back], axis=2), (1, 0, 2))


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _recur(inputs: tf.Tensor, real: tf.Tensor, recurrent: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Any]:
    """Outputs (T, B, H) of both directions.

    inputs (T, B, 8H): input products, forward direction first; gates in Keras' order i, f, g, o.
    real (T, B, 1): 1 for real frames, 0 for padding. recurrent (2, H, 4H).
    """
    # Without this a tape would trace a second, much slower backward pass through the loop.
    inputs, real, recurrent = (tf.stop_gradient(x) for x in (inputs, real, recurrent))
    states, cells, gates = _forward(inputs, real, recurrent)

    def gradient(d_ahead: tf.Tensor, d_back: tf.Tensor) -> tuple[tf.Tensor, None, tf.Tensor]:
        d_gates = _backward(d_ahead, d_back, real, recurrent, cells, gates)  # (T, 2, B, 4H), in steps
        before = tf.pad(states[:-1], ((1, 0), (0, 0), (0, 0), (0, 0)))
        d_recurrent = tf.stack([_weight_gradient(before[:, d], d_gates[:, d]) for d in (0, 1)])
        d_inputs = tf.concat([d_gates[:, 0], tf.reverse(d_gates[:, 1], [0])], axis=2)
        return d_inputs, None, d_recurrent

    return (states[:, 0], tf.reverse(states[:, 1], [0])), gradient


def _weight_gradient(before: tf.Tensor, d_gates: tf.Tensor) -> tf.Tensor:
    """(T, B, H), (T, B, 4H) -> (H, 4H), summed over time and batch."""
    flat = tf.reshape(before, (-1, before.shape[-1]))
    return tf.matmul(flat, tf.reshape(d_gates, (-1, d_gates.shape[-1])), transpose_a=True)


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _forward(inputs: tf.Tensor, real: tf.Tensor, recurrent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """States, cells (T, 2, B, H) and gates (T, 2, B, 4H), by step: step t is frame T-1-t of the backward direction."""
    steps, batch, units = tf.shape(inputs)[0], tf.shape(inputs)[1], recurrent.shape[1]

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *saved: tf.TensorArray) -> tuple[Any, ...]:
        here = _both(tf.gather(inputs, t)[:, : 4 * units], tf.gather(inputs, steps - 1 - t)[:, 4 * units :])
        i, f, g, o = tf.split(here + tf.matmul(h, recurrent), 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        kept = _both(tf.gather(real, t), tf.gather(real, steps - 1 - t))
        c = kept * (f * c + i * g)
        h = kept * (o * tf.tanh(c))
        values = (h, c, tf.concat([i, f, g, o], axis=-1))
        return t + 1, h, c, *(array.write(t, value) for array, value in zip(saved, values, strict=True))

    zero = tf.zeros((2, batch, units), inputs.dtype)
    loop = (0, zero, zero, *(_array(inputs, steps, width) for width in (units, units, 4 * units)))
    _, _, _, *saved = tf.while_loop(lambda t, *_: t < steps, step, loop)
    states, cells, gates = (array.stack() for array in saved)
    return states, cells, gates


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _backward(
    d_ahead: tf.Tensor, d_back: tf.Tensor, real: tf.Tensor, recurrent: tf.Tensor, cells: tf.Tensor, gates: tf.Tensor
) -> tf.Tensor:
    """Gradients (T, 2, B, 4H) of the gates' inputs, by step, from those of the outputs (T, B, H) in frame order."""
    steps, batch, units = tf.shape(real)[0], tf.shape(real)[1], recurrent.shape[1]
    transposed = tf.transpose(recurrent, (0, 2, 1))

    def step(t: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, saved: tf.TensorArray) -> tuple[Any, ...]:
        i, f, g, o = tf.split(tf.gather(gates, t), 4, axis=-1)
        kept = _both(tf.gather(real, t), tf.gather(real, steps - 1 - t))
        squashed = tf.tanh(tf.gather(cells, t))
        before = tf.gather(cells, tf.maximum(t - 1, 0)) * tf.cast(t > 0, cells.dtype)
        d_h = kept * (d_h + _both(tf.gather(d_ahead, t), tf.gather(d_back, steps - 1 - t)))
        d_c = kept * d_c + d_h * o * (1 - squashed * squashed)
        parts = (d_c * g * i * (1 - i), d_c * before * f * (1 - f), d_c * i * (1 - g * g), d_h * squashed * o * (1 - o))
        d_gates = tf.concat(parts, axis=-1)
        return t - 1, tf.matmul(d_gates, transposed), d_c * f, saved.write(t, d_gates)

    zero = tf.zeros((2, batch, units), real.dtype)
    loop = (steps - 1, zero, zero, _array(d_ahead, steps, 4 * units))
    *_, saved = tf.while_loop(lambda t, *_: t >= 0, step, loop)
    return saved.stack()


def _array(like: tf.Tensor, steps: tf.Tensor, width: int) -> tf.TensorArray:
    """Room for a (2, B, width) value per step; `like` is (T, B, ...)."""
    return tf.TensorArray(like.dtype, steps, element_shape=(2, like.shape[1], width))


def _both(ahead: tf.Tensor, back: tf.Tensor) -> tf.Tensor:
    return tf.stack([ahead, back])
