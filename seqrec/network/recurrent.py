"""A bidirectional recurrent layer that is quick on CPU: Keras' weights, other loops (the cells: lstm.py, gru.py).

Keras runs a recurrent layer on CPU as a generic while loop over many small operations. Here a compiled
function runs one direction over some rows of the batch, and each core takes such a share: the inputs of
some steps are multiplied at once, the gates of a step are finished while they are in the cache, and the
backward pass is written by hand. True lengths come in, so that nothing is learnt from padding.

Arrays are flat. Outputs are (B, T, 2, H); saved gates (2, B, T, 4 * H), and their gradients (2, B, T,
`stride_of(H)`), with the forward direction first. Directions are called ways: 0 ahead, 1 back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from seqrec.compiling import compiled
from seqrec.files import cores
from seqrec.network.products import ROWS, WIDTH, Floats, packed, panel, product

BLOCK = 128  # rows of inputs that are multiplied together: their sums stay in a core's cache

Task = tuple[Any, ...]  # a function and its arguments


@dataclass(frozen=True)
class Kernel:
    """A cell's two passes, each over some rows of the batch, and how its saved gates belong to its weights.

    ahead(x, n, kernel, recurrent, bias, y, gates, cells, first, last, B, T, F, H, way) writes y, gates, cells;
    back(d_y, n, recurrent, y, gates, cells, d_gates, d_bias, first, last, B, T, H, way) writes d_gates, adds to d_bias.
    The kernel's columns are the gates `of_kernel`, the recurrent kernel's those `of_recurrent`, H columns each.
    """

    ahead: Callable[..., None]
    back: Callable[..., None]
    of_kernel: tuple[int, ...]
    of_recurrent: tuple[int, ...]
    cells: int  # further numbers saved per unit

    def bias(self, d_gates: np.ndarray) -> np.ndarray:
        """Gradient of the bias, (G * H,) or (2, G * H), from the sums of the gates' gradients (4, H)."""
        both = np.stack([d_gates[list(gates)].ravel() for gates in (self.of_kernel, self.of_recurrent)])
        return both[0] if self.of_kernel == self.of_recurrent else both


class QuickBidirectional(keras.layers.Bidirectional):  # type: ignore[misc]
    """`Bidirectional(layer)`: (B, T, F) -> (B, T, 2 * units).

    `call` needs a boolean mask (B, T), true for the real frames, which must come first. Padding gives
    zeros and changes nothing else. A GPU runs Keras' own path (cuDNN), with the same weights.
    """

    kernel: ClassVar[Kernel]
    inner: ClassVar[type[keras.layers.Layer]]

    def __init__(self, units: int, name: str | None = None) -> None:
        super().__init__(self.inner(units, return_sequences=True, name=self.inner.__name__.lower()), name=name)
        self.units = units

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> QuickBidirectional:
        return cls(**config)

    def call(
        self, sequences: tf.Tensor, initial_state: None = None, mask: tf.Tensor = None, training: bool = False
    ) -> tf.Tensor:
        if tf.config.list_physical_devices("GPU"):
            return super().call(sequences, mask=mask, training=training) * tf.cast(mask, sequences.dtype)[:, :, None]
        cells = (self.forward_layer.cell, self.backward_layer.cell)
        weights = [tf.convert_to_tensor(w) for c in cells for w in (c.kernel, c.recurrent_kernel, c.bias)]
        return _run(self.kernel, sequences, tf.reduce_sum(tf.cast(mask, tf.int32), axis=1), weights)

    def compute_mask(self, sequences: tf.Tensor, mask: tf.Tensor = None) -> None:
        """None: masks are passed to every layer, never along with the outputs."""


def _run(kernel: Kernel, x: tf.Tensor, n: tf.Tensor, weights: list[tf.Tensor]) -> tf.Tensor:
    """x (B, T, F), true lengths n (B,), and kernel, recurrent kernel and bias of each direction."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(*given: tf.Tensor) -> tuple[tf.Tensor, Any]:
        x, *weights = map(tf.stop_gradient, given)
        y, gates, cells = tf.numpy_function(
            lambda *given: _ahead(kernel, *given), (x, n, *weights), (tf.float32,) * 3, stateful=False
        )
        y.set_shape((*x.shape[:2], 2 * weights[1].shape[0]))

        def gradient(d_y: tf.Tensor) -> tuple[tf.Tensor, ...]:
            saved = (d_y, x, n, *weights, y, gates, cells)
            made = tf.numpy_function(lambda *given: _back(kernel, *given), saved, (tf.float32,) * 7, stateful=False)
            for each, like in zip(made, (x, *weights), strict=True):
                each.set_shape(like.shape)
            return tuple(made)

        return y, gradient

    return run(x, *weights)


def _ahead(kernel: Kernel, x: Floats, n: np.ndarray, *weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Outputs (B, T, 2 * H), and what the backward pass needs, flat."""
    (batch, steps, features), units = x.shape, weights[1].shape[0]
    y = _aligned(batch * steps * 2 * units)
    gates, cells = (_aligned(2 * batch * steps * count * units) for count in (4, kernel.cells))
    tasks: list[Task] = []
    for way, (w, u, bias) in enumerate((weights[:3], weights[3:])):
        given = (x.ravel(), n, packed(w), packed(u), bias.ravel(), y, gates, cells)
        for first, last in _shares(batch, 2):
            tasks.append((kernel.ahead, *given, first, last, batch, steps, features, units, way))
    together(tasks)
    return y.reshape(batch, steps, 2 * units), gates, cells


def _back(kernel: Kernel, d_y: Floats, x: Floats, n: np.ndarray, *rest: Floats) -> tuple[Floats, ...]:
    """Gradients of x and of the six weights, which with y, gates and cells are `rest`."""
    weights, (y, gates, cells) = rest[:6], rest[6:]
    batch, steps = x.shape[:2]
    units = weights[1].shape[0]
    d_gates = _aligned(2 * batch * steps * int(stride_of(units)))
    tasks: list[Task] = []
    parts = _shares(batch, 2)
    d_bias = np.zeros((2, len(parts), 4 * units), np.float32)
    for way, u in enumerate((weights[1], weights[4])):
        given = (d_y.ravel(), n, packed(u.T), y.ravel(), gates, cells, d_gates)
        for part, (first, last) in enumerate(parts):
            tasks.append((kernel.back, *given, d_bias[way, part], first, last, batch, steps, units, way))
    together(tasks)
    d_x = _aligned(x.size).reshape(x.shape)
    d_kernels, d_recurrents = ([np.zeros(weights[i + k].shape, np.float32) for i in (0, 3)] for k in (0, 1))
    tasks = _input_tasks(kernel, d_gates, weights[0], weights[3], d_x)
    for way in (0, 1):
        tasks += _weight_tasks(kernel.of_kernel, x, 0, n, d_gates, d_kernels[way], way, 0)
        tasks += _weight_tasks(kernel.of_recurrent, y, way * units, n, d_gates, d_recurrents[way], way, 1)
    together(tasks)
    biases = [kernel.bias(sums.reshape(4, units)) for sums in d_bias.sum(axis=1)]
    return d_x, d_kernels[0], d_recurrents[0], biases[0], d_kernels[1], d_recurrents[1], biases[1]


@compiled
def multiply_inputs(
    x: Floats, kernel: Floats, z: Floats, first: int, rows: int, begin: int, count: int,
    steps: int, features: int, width: int, way: int,
) -> None:  # fmt: skip
    """The products z (count, rows, width in whole tiles) of the inputs of `count` steps from `begin` on."""
    panels = -(-width // WIDTH)
    for j in range(panels):
        for s in range(count):
            t = steps - 1 - begin - s if way else begin + s
            panel(
                x, (first * steps + t) * features, steps * features, 1, rows,
                kernel, j * features * WIDTH, WIDTH, features, z, (s * rows * panels + j) * WIDTH, panels * WIDTH, 0,
            )  # fmt: skip


@compiled
def stride_of(units: int) -> int:
    """From one frame's gates to the next: whole tiles, and one more, as strides of 4 KiB share few lines of a cache."""
    return (-(-4 * units // WIDTH) + 1) * WIDTH


def _input_tasks(kernel: Kernel, d_gates: Floats, ahead: Floats, back: Floats, d_x: Floats) -> list[Task]:
    """The gradient of x (B, T, F), from those of both directions' gates, by ranges of frames."""
    features, width = ahead.shape
    by_gate = np.argsort(kernel.of_kernel)
    packs = [
        packed(w.reshape(features, len(by_gate), -1)[:, by_gate].reshape(features, width).T) for w in (ahead, back)
    ]
    units, frames = width // len(by_gate), d_x.size // features
    given = (d_gates, *packs, d_x.reshape(-1))
    return [(_input_gradient, *given, *share, frames, features, units, width) for share in _shares(frames)]


@compiled
def _input_gradient(
    d_gates: Floats, ahead: Floats, back: Floats, out: Floats,
    first: int, last: int, frames: int, features: int, units: int, width: int,
) -> None:  # fmt: skip
    stride = stride_of(units)
    for begin in range(first, last, BLOCK):
        rows = min(BLOCK, last - begin)
        for way in range(2):
            product(
                d_gates, (way * frames + begin) * stride, stride, 1, rows,
                back if way else ahead, 0, width * WIDTH, WIDTH, width, features, out, begin * features, features, way,
            )  # fmt: skip


def _weight_tasks(
    gates: tuple[int, ...], x: Floats, at: int, n: np.ndarray, d_gates: Floats, out: Floats, way: int, late: int
) -> list[Task]:
    """The gradient `out` (rows, G * H) of a kernel, by ranges of its rows.

    Its inputs are the numbers from `at` on of the frames x (B, T, F), with `late` 1 those of the step before.
    """
    (batch, steps, features), (rows, width) = x.shape, out.shape
    units = width // len(gates)
    return [
        (_weight_gradient, x.reshape(-1), at, n, d_gates, gate * units, out.reshape(-1), to * units,
         first, last, batch, steps, features, units, width, way, late)
        for first, last in _shares(rows, 2)
        for to, gate in enumerate(gates)
    ]  # fmt: skip


@compiled
def _weight_gradient(
    x: Floats, x_at: int, n: np.ndarray, d_gates: Floats, gate_at: int, out: Floats, out_at: int,
    first: int, last: int, batch: int, steps: int, features: int, units: int, width: int, way: int, late: int,
) -> None:  # fmt: skip
    stride = stride_of(units)
    for b in range(batch):
        if n[b] > late:
            frame = b * steps + late * way
            place = way * batch * steps + b * steps + late * (1 - way)
            product(
                x, frame * features + x_at + first, 1, features, last - first,
                d_gates, place * stride + gate_at, WIDTH, stride, n[b] - late, units,
                out, first * width + out_at, width, 1,
            )  # fmt: skip


def _aligned(size: int) -> Floats:
    """Room for numbers, placed so that TensorFlow takes it without a copy."""
    raw = np.empty(size + 16, np.float32)
    skip = -raw.ctypes.data % 64 // 4
    return raw[skip : skip + size]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "seqrec-network")


def together(tasks: Sequence[Task]) -> None:
    """Do all of the tasks, on all cores."""
    if cores() == 1:
        for function, *given in tasks:
            function(*given)
    else:
        list(_pool().map(lambda task: task[0](*task[1:]), tasks))


def _shares(count: int, ways: int = 1) -> list[tuple[int, int]]:
    """Ranges of `count` rows, so that with `ways` tasks for each every core has one; whole tiles where possible."""
    parts = max(1, min(-(-cores() // ways), -(-count // ROWS)))
    size = -(-count // (parts * ROWS)) * ROWS
    return [(first, min(first + size, count)) for first in range(0, count, size)]


_LOG2_E, _LN_2_HIGH, _LN_2_LOW = (np.float32(x) for x in (1.44269504, 0.693359375, -2.12194440e-4))
_TERMS = tuple(np.float32(1 / f) for f in (720, 120, 24, 6, 2, 1, 1))


@compiled
def exp(x: Any) -> Any:
    """e^x, within 3e-7 of it, for |x| <= 87; a series on [-ln 2 / 2, ln 2 / 2], so that loops use vectors."""
    x = np.float32(-87) if x < np.float32(-87) else x  # in this order NaN stays NaN
    x = np.float32(87) if x > np.float32(87) else x
    whole = np.floor(x * _LOG2_E + np.float32(0.5))
    rest = x - whole * _LN_2_HIGH - whole * _LN_2_LOW
    value = _TERMS[0]
    for term in _TERMS[1:]:
        value = value * rest + term
    return value * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def sigmoid(x: Any) -> Any:
    return np.float32(1) / (np.float32(1) + exp(-x))


@compiled
def tanh(x: Any) -> Any:
    return np.float32(2) / (np.float32(1) + exp(np.float32(-2) * x)) - np.float32(1)
