"""The GRU: Cho et al. 2014, in the form of cuDNN and of Keras' default, the reset gate after the product.

With q = h U_h + b, the candidate is g = tanh(x W_h + b + r q) and the output z h + (1 - z) g. Saved are
g, z, r, q: the kernel's columns z, r, g are the gradients 1, 2, 0, the recurrent kernel's z, r, q are 1, 2, 3.
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
    rows, width = last - first, 3 * units
    stride = -(-width // WIDTH) * WIDTH
    block = max(1, BLOCK // rows)
    z, own = np.empty(block * rows * stride, np.float32), np.empty(rows * stride, np.float32)
    h = np.zeros(rows * units, np.float32)
    for begin in range(0, steps, block):
        count = min(block, steps - begin)
        multiply_inputs(x, kernel, z, first, rows, begin, count, steps, features, width, way)
        for s in range(count):
            t = steps - 1 - begin - s if way else begin + s
            product(h, 0, units, 1, rows, recurrent, 0, units * WIDTH, WIDTH, units, stride, own, 0, stride, 0)
            for r in range(rows):
                frame = (first + r) * steps + t
                h_r, z_at = h[r * units : (r + 1) * units], (s * rows + r) * stride
                if t < n[first + r]:
                    g = gates[(way * batch * steps + frame) * 4 * units : (way * batch * steps + frame + 1) * 4 * units]
                    _cell(z[z_at : z_at + width], own[r * stride : r * stride + width], bias, h_r, g)
                else:
                    h_r[:] = 0
                y[(2 * frame + way) * units : (2 * frame + way + 1) * units] = h_r


@compiled
def _cell(x: Floats, own: Floats, bias: Floats, h: Floats, gates: Floats) -> None:
    """One sample, one step: h (H,) goes on; x and own (3 * H,) are the products without their bias (2 * 3 * H,)."""
    units = len(h)
    g, zr, q = gates[:units], gates[units : 3 * units], gates[3 * units :]
    z, r = zr[:units], zr[units:]
    for j in range(2 * units):
        zr[j] = x[j] + bias[j]
    own_bias = bias[3 * units :]
    for j in range(2 * units):
        zr[j] = sigmoid(zr[j] + own[j] + own_bias[j])
    own_q, b_q, x_g, b_g = own[2 * units :], own_bias[2 * units :], x[2 * units :], bias[2 * units : 3 * units]
    for j in range(units):
        q[j] = own_q[j] + b_q[j]
    for j in range(units):
        g[j] = tanh(x_g[j] + b_g[j] + r[j] * q[j])
    for j in range(units):
        h[j] = z[j] * h[j] + (1 - z[j]) * g[j]


@compiled
def _back(
    d_y: Floats, n: np.ndarray, recurrent: Floats, y: Floats, gates: Floats, cells: Floats,
    d_gates: Floats, d_bias: Floats, first: int, last: int, batch: int, steps: int, units: int, way: int,
) -> None:  # fmt: skip
    rows, width = last - first, 4 * units
    stride, wide = -(-units // WIDTH) * WIDTH, stride_of(units)
    d_h, nothing = np.zeros(rows * stride, np.float32), np.zeros(units, np.float32)
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
            place = 2 * (frame + before - t) + way
            _cell_back(
                d_y[(2 * frame + way) * units : (2 * frame + way + 1) * units],
                gates[saved * width : (saved + 1) * width],
                y[place * units : (place + 1) * units] if 0 <= before < steps else nothing,
                d_h[r * stride : r * stride + units], d_z,
            )  # fmt: skip
            for j in range(width):
                d_bias[j] += d_z[j]
        product(
            d_gates, (way * batch * steps + first * steps + t) * wide + units, steps * wide, 1, rows,
            recurrent, 0, 3 * units * WIDTH, WIDTH, 3 * units, stride, d_h, 0, stride, 1,
        )  # fmt: skip


@compiled
def _cell_back(d_y: Floats, gates: Floats, before: Floats, d_h: Floats, d_z: Floats) -> None:
    """One sample, one step: d_z (4 * H,) from d_y and d_h as the later step left it; d_h keeps what z passes on."""
    units = len(before)
    g, z, r, q = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units], gates[3 * units :]
    d_g, d_u, d_r, d_q = d_z[:units], d_z[units : 2 * units], d_z[2 * units : 3 * units], d_z[3 * units :]
    for j in range(units):
        d_h[j] += d_y[j]
    for j in range(units):
        d_g[j] = d_h[j] * (1 - z[j]) * (1 - g[j] * g[j])
    for j in range(units):
        d_u[j] = d_h[j] * (before[j] - g[j]) * z[j] * (1 - z[j])
    for j in range(units):
        d_q[j] = d_g[j] * r[j]
    for j in range(units):
        d_r[j] = d_g[j] * q[j] * r[j] * (1 - r[j])
    for j in range(units):
        d_h[j] *= z[j]


@keras.saving.register_keras_serializable("seqrec")
class BidirectionalGRU(QuickBidirectional):
    """`Bidirectional(GRU(units))`."""

    kernel = Kernel(_ahead, _back, of_kernel=(1, 2, 0), of_recurrent=(1, 2, 3), cells=0)
    inner = keras.layers.GRU
