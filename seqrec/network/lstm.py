"""The LSTM: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.

Gates are saved in Keras' order, i, f, g, o. A loop that writes one array is compiled to vectors; where
it writes two, too many pairs of arrays might overlap.
"""

from __future__ import annotations

import keras
import numpy as np

from seqrec.compiling import compiled
from seqrec.network.products import WIDTH, Floats, product
from seqrec.network.recurrent import BLOCK, Kernel, QuickBidirectional, multiply_inputs, sigmoid, stride_of, tanh


@compiled
def _ahead(
    x: Floats, n: np.ndarray, kernel: Floats, recurrent: Floats, bias: Floats, y: Floats, gates: Floats, cells: Floats,
    first: int, last: int, batch: int, steps: int, features: int, units: int, way: int,
) -> None:  # fmt: skip
    rows, width = last - first, 4 * units
    stride = -(-width // WIDTH) * WIDTH
    block = max(1, BLOCK // rows)
    z = np.empty(block * rows * stride, np.float32)
    h, c = np.zeros(rows * units, np.float32), np.zeros(rows * units, np.float32)
    for begin in range(0, steps, block):
        count = min(block, steps - begin)
        multiply_inputs(x, kernel, z, first, rows, begin, count, steps, features, width, way)
        for s in range(count):
            t = steps - 1 - begin - s if way else begin + s
            z_at = s * rows * stride
            product(h, 0, units, 1, rows, recurrent, 0, units * WIDTH, WIDTH, units, stride, z, z_at, stride, 1)
            for r in range(rows):
                frame = (first + r) * steps + t
                saved = way * batch * steps + frame
                g = gates[saved * width : (saved + 1) * width]
                c_r, h_r = c[r * units : (r + 1) * units], h[r * units : (r + 1) * units]
                if t < n[first + r]:
                    _cell(z[z_at + r * stride : z_at + r * stride + width], bias, c_r, h_r, g)
                else:
                    c_r[:] = 0
                    h_r[:] = 0
                cells[saved * units : (saved + 1) * units] = c_r
                y[(2 * frame + way) * units : (2 * frame + way + 1) * units] = h_r


@compiled
def _cell(z: Floats, bias: Floats, c: Floats, h: Floats, gates: Floats) -> None:
    """One sample, one step: c and h (H,) go on; z (4 * H,) without bias."""
    units = len(c)
    i, f, g, o = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units], gates[3 * units :]
    z_g, b_g, z_o, b_o = z[2 * units : 3 * units], bias[2 * units : 3 * units], z[3 * units :], bias[3 * units :]
    for j in range(2 * units):
        gates[j] = sigmoid(z[j] + bias[j])
    for j in range(units):
        g[j] = tanh(z_g[j] + b_g[j])
    for j in range(units):
        o[j] = sigmoid(z_o[j] + b_o[j])
    for j in range(units):
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(units):
        h[j] = o[j] * tanh(c[j])


@compiled
def _back(
    d_y: Floats, n: np.ndarray, recurrent: Floats, y: Floats, gates: Floats, cells: Floats,
    d_gates: Floats, d_bias: Floats, first: int, last: int, batch: int, steps: int, units: int, way: int,
) -> None:  # fmt: skip
    rows, width = last - first, 4 * units
    stride, wide = -(-units // WIDTH) * WIDTH, stride_of(units)
    d_h, d_c = np.zeros(rows * stride, np.float32), np.zeros(rows * units, np.float32)
    nothing, squashed = np.zeros(units, np.float32), np.empty(units, np.float32)
    for s in range(steps):
        t = s if way else steps - 1 - s
        before = t + 1 if way else t - 1
        for r in range(rows):
            frame = (first + r) * steps + t
            saved = way * batch * steps + frame
            d_z = d_gates[saved * wide : saved * wide + width]
            if t >= n[first + r]:
                d_z[:] = 0
                continue
            place = saved + before - t
            _cell_back(
                d_y[(2 * frame + way) * units : (2 * frame + way + 1) * units],
                gates[saved * width : (saved + 1) * width], cells[saved * units : (saved + 1) * units],
                cells[place * units : (place + 1) * units] if 0 <= before < steps else nothing,
                d_h[r * stride : r * stride + units], d_c[r * units : (r + 1) * units], d_z, squashed,
            )  # fmt: skip
            for j in range(width):
                d_bias[j] += d_z[j]
        product(
            d_gates, (way * batch * steps + first * steps + t) * wide, steps * wide, 1, rows,
            recurrent, 0, width * WIDTH, WIDTH, width, stride, d_h, 0, stride, 0,
        )  # fmt: skip


@compiled
def _cell_back(
    d_y: Floats, gates: Floats, c: Floats, c_before: Floats, d_h: Floats, d_c: Floats, d_z: Floats, squashed: Floats
) -> None:
    """One sample, one step: d_z (4 * H,) from d_y and, as the later step left them, d_h and d_c; d_c goes on."""
    units = len(c)
    i, f, g, o = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units], gates[3 * units :]
    d_i, d_f, d_g, d_o = d_z[:units], d_z[units : 2 * units], d_z[2 * units : 3 * units], d_z[3 * units :]
    for j in range(units):
        d_h[j] += d_y[j]
    for j in range(units):
        squashed[j] = tanh(c[j])
    for j in range(units):
        d_c[j] += d_h[j] * o[j] * (1 - squashed[j] * squashed[j])
    for j in range(units):
        d_o[j] = d_h[j] * squashed[j] * o[j] * (1 - o[j])
    for j in range(units):
        d_i[j] = d_c[j] * g[j] * i[j] * (1 - i[j])
    for j in range(units):
        d_f[j] = d_c[j] * c_before[j] * f[j] * (1 - f[j])
    for j in range(units):
        d_g[j] = d_c[j] * i[j] * (1 - g[j] * g[j])
    for j in range(units):
        d_c[j] *= f[j]


@keras.saving.register_keras_serializable("seqrec")
class BidirectionalLSTM(QuickBidirectional):
    """`Bidirectional(LSTM(units))`."""

    kernel = Kernel(_ahead, _back, of_kernel=(0, 1, 2, 3), of_recurrent=(0, 1, 2, 3), cells=1)
    inner = keras.layers.LSTM
