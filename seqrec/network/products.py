"""Products of small and of tall float32 matrices at the speed of one core's arithmetic, without its own threads.

What a recurrent network multiplies is small (a batch of rows by the recurrent weights, hundreds of times
one after the other), which libraries for large matrices do at half speed, and between which a call from
TensorFlow would cost as much as the product. The tile here, some rows by two vectors, lives in registers;
Numba compiles it for the processor at hand. Everything runs without the interpreter's lock.

Matrices are flat arrays with strides: element (r, k) of `a` is `a[a_at + r * a_row + k * a_k]`.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from seqrec.compiling import compiled

_WIDE = bool(llvm.get_host_cpu_features().get("avx512f"))
_LANES = 16 if _WIDE else 8
_VECTORS = 2
ROWS = 8 if _WIDE else 4  # of a tile, so that its sums fit the processor's registers
WIDTH = _LANES * _VECTORS  # columns of a tile

Floats = np.ndarray[Any, np.dtype[np.float32]]  # flat, in the kernels


def _tile_of(rows: int) -> Any:
    @intrinsic
    def tile(
        typing_context: Any, a: Any, a_at: Any, a_row: Any, a_k: Any, p: Any, p_at: Any, p_k: Any, k: Any,
        out: Any, out_at: Any, out_row: Any, add: Any,
    ) -> Any:  # fmt: skip
        """out (rows, WIDTH) = a (rows, k) p (k, WIDTH), added to what is there when `add` is 1."""
        at = types.intp
        return types.void(a, at, at, at, p, at, at, at, out, at, at, at), _emit

    def _emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        a_at, a_row, a_k, p_at, p_k, k, out_at, out_row, add = (args[i] for i in (1, 2, 3, 5, 6, 7, 9, 10, 11))
        vector, index = ir.VectorType(ir.FloatType(), _LANES), k.type

        def start(i: int, at: Any) -> Any:
            array = context.make_array(signature.args[i])(context, builder, args[i])
            return builder.gep(array.data, [at])

        def vectors(pointer: Any) -> list[Any]:
            places = (builder.gep(pointer, [ir.Constant(index, v * _LANES)]) for v in range(_VECTORS))
            return [builder.bitcast(place, vector.as_pointer()) for place in places]

        def row(pointer: Any, stride: Any, r: int) -> Any:
            return builder.gep(pointer, [builder.mul(stride, ir.Constant(index, r))])

        left = [row(start(0, a_at), a_row, r) for r in range(rows)]
        right = start(4, p_at)
        places = [vectors(row(start(8, out_at), out_row, r)) for r in range(rows)]
        keep = builder.icmp_signed("!=", add, ir.Constant(index, 0))
        zero = ir.Constant(vector, [0.0] * _LANES)
        first = [[builder.select(keep, builder.load(p, align=4), zero) for p in line] for line in places]

        before = builder.block
        loop, done = builder.append_basic_block("tile"), builder.append_basic_block("tiled")
        builder.branch(loop)
        builder.position_at_end(loop)
        i = builder.phi(index)
        i.add_incoming(ir.Constant(index, 0), before)
        sums = [[builder.phi(vector) for _ in line] for line in first]
        weights = [builder.load(p, align=4) for p in vectors(builder.gep(right, [builder.mul(i, p_k)]))]
        offset = builder.mul(i, a_k)
        last = []
        for r in range(rows):
            number = builder.load(builder.gep(left[r], [offset]))
            spread = _spread(builder, number, vector)
            last.append([_multiply_add(builder, spread, w, s) for w, s in zip(weights, sums[r], strict=True)])
            for s, before_sum, after in zip(sums[r], first[r], last[r], strict=True):
                s.add_incoming(before_sum, before)
                s.add_incoming(after, loop)
        after = builder.add(i, ir.Constant(index, 1))
        i.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed("<", after, k), loop, done)
        builder.position_at_end(done)
        for line, values in zip(places, last, strict=True):
            for place, value in zip(line, values, strict=True):
                builder.store(value, place, align=4)
        return context.get_dummy_value()

    return tile


def _spread(builder: ir.IRBuilder, number: Any, vector: ir.VectorType) -> Any:
    """The number in every lane."""
    nothing = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES))


def _multiply_add(builder: ir.IRBuilder, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, in one rounding where the processor can."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


_tile, _tile_1 = _tile_of(ROWS), _tile_of(1)


@compiled
def panel(
    a: Floats, a_at: int, a_row: int, a_k: int, rows: int, p: Floats, p_at: int, p_k: int, k: int,
    out: Floats, out_at: int, out_row: int, add: int,
) -> None:  # fmt: skip
    """out (rows, WIDTH) = a (rows, k) p (k, WIDTH), added to what is there when `add` is 1; k is 1 or more."""
    whole = rows // ROWS * ROWS
    for r in range(0, whole, ROWS):
        _tile(a, a_at + r * a_row, a_row, a_k, p, p_at, p_k, k, out, out_at + r * out_row, out_row, add)
    for r in range(whole, rows):
        _tile_1(a, a_at + r * a_row, a_row, a_k, p, p_at, p_k, k, out, out_at + r * out_row, out_row, add)


@compiled
def product(
    a: Floats, a_at: int, a_row: int, a_k: int, rows: int,
    p: Floats, p_at: int, p_panel: int, p_k: int, k: int, columns: int,
    out: Floats, out_at: int, out_row: int, add: int,
) -> None:  # fmt: skip
    """out (rows, columns) = a (rows, k) p (k, columns), added to what is there when `add` is 1.

    Columns j * WIDTH and on of `p` begin at p_at + j * p_panel; the last ones are read as if there
    were WIDTH of them.
    """
    whole = columns // WIDTH
    for j in range(whole):
        panel(a, a_at, a_row, a_k, rows, p, p_at + j * p_panel, p_k, k, out, out_at + j * WIDTH, out_row, add)
    if whole * WIDTH == columns:
        return
    edge = np.empty(rows * WIDTH, np.float32)
    panel(a, a_at, a_row, a_k, rows, p, p_at + whole * p_panel, p_k, k, edge, 0, WIDTH, 0)
    for r in range(rows):
        for j in range(columns - whole * WIDTH):
            place = out_at + r * out_row + whole * WIDTH + j
            out[place] = edge[r * WIDTH + j] + (out[place] if add else np.float32(0))


def packed(matrix: Floats) -> Floats:
    """(K, N) -> (ceil(N / WIDTH), K, WIDTH), flat: the columns of a tile side by side, zeros after the last."""
    rows, columns = matrix.shape
    panels = -(-columns // WIDTH)
    padded = np.zeros((rows, panels * WIDTH), np.float32)
    padded[:, :columns] = matrix
    return np.ascontiguousarray(padded.reshape(rows, panels, WIDTH).transpose(1, 0, 2)).ravel()
