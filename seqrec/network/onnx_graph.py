"""The network as an ONNX graph, written by hand so that padded batches carry their true lengths.

ONNX's own LSTM, GRU and RNN take `sequence_lens`; a traced export turns a masked layer into a slow
loop. The weights stay in Keras' names and layouts: `model.onnx` is their only copy, and TensorFlow
reads them back from it. ONNX Runtime folds the reordering away when it loads the graph.

Inputs: frames (B, T, dim) float32, n_frames (B,) int64. Outputs: log_probs (B, T', C), n_out (B,).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from seqrec.config import Network
from seqrec.errors import ModelError

_OPSET, _IR = 17, 9


def to_onnx(config: Network, dim: int, weights: dict[str, np.ndarray]) -> bytes:
    """The serialised graph of a network with these weights (see `seqrec.network.encoder.weights_of`)."""
    graph = _Graph(config, weights)
    log_probs, n_out = graph.whole(dim)
    classes = weights["output/bias"].shape[0]
    inputs = [
        helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["batch", "time", dim]),
        helper.make_tensor_value_info("n_frames", TensorProto.INT64, ["batch"]),
    ]
    outputs = [
        helper.make_tensor_value_info(log_probs, TensorProto.FLOAT, ["batch", "time_out", classes]),
        helper.make_tensor_value_info(n_out, TensorProto.INT64, ["batch"]),
    ]
    made = helper.make_graph(graph.nodes, "seqrec", inputs, outputs, list(graph.initializers.values()))
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="seqrec")
    model.ir_version = _IR
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def weights_from_onnx(model: bytes, where: str) -> dict[str, np.ndarray]:
    """The named weights in a graph that `to_onnx` made, as float32 (a packed one has float16). Raises ModelError."""
    try:
        initializers = onnx.load_from_string(model).graph.initializer
        named = {i.name.removesuffix("/float16"): numpy_helper.to_array(i) for i in initializers}
    except (DecodeError, ValueError, TypeError) as error:
        raise ModelError(where, f"cannot be read ({error})", "a model.onnx of seqrec") from None
    if "output/kernel" not in named:
        raise ModelError(where, "holds no weights of a seqrec network", "a model.onnx of seqrec")
    return {name: array.astype(np.float32) for name, array in named.items() if not name.startswith("const/")}


class _Graph:
    """Collects nodes and initializers; every method takes and returns names of values."""

    def __init__(self, config: Network, weights: dict[str, np.ndarray]) -> None:
        self.config = config
        self.nodes: list[onnx.NodeProto] = []
        self.initializers = {name: numpy_helper.from_array(array, name) for name, array in weights.items()}

    def add(self, op: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Any) -> list[str]:
        stem = name or f"{op.lower()}{len(self.nodes)}"
        names = [stem] if outputs == 1 else [f"{stem}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def one(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        return self.add(op, *inputs, name=name, **attributes)[0]

    def const(self, value: int | float | list[int], dtype: type = np.int64) -> str:
        array: np.ndarray = np.array(value, dtype)
        name = f"const/{array.dtype}/{'x'.join(map(str, array.ravel().tolist()))}/{array.ndim}"
        self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def whole(self, dim: int) -> tuple[str, str]:
        x, n, width = "frames", "n_frames", dim
        if self.config.conv:
            x, n, width = self.front_end(self.masked(x, n), n, dim)
        elif self.config.stack > 1 or self.config.cell == "dense":  # a recurrent layer leaves padding out by itself
            x = self.masked(x, n)
        x, n = self.join(x, n, self.config.stack, width)
        x, n = self.dense_stack(x, n) if self.config.cell == "dense" else self.recurrent_stack(x, n)
        return x, self.one("Identity", n, name="n_out")

    def dense_stack(self, x: str, n: str) -> tuple[str, str]:
        for i in range(self.config.layers):
            x, n = self.between(self.masked(self.dense(x, i), n), n, i)
        return self.one("LogSoftmax", self.logits(x), axis=-1, name="log_probs"), n

    def recurrent_stack(self, x: str, n: str) -> tuple[str, str]:
        """With time first, as ONNX's recurrent operators have it."""
        x = self.one("Transpose", x, perm=[1, 0, 2])
        for i in range(self.config.layers):
            y = self.recurrent(x, n, i)  # (T, 2, B, units), zeros beyond the end
            if self.config.layer_norm or self.joined(i) > 1:
                x = self.one("Reshape", self.one("Transpose", y, perm=[2, 0, 1, 3]), self.const([0, 0, -1]))
                x, n = self.between(x, n, i)
                x = self.one("Transpose", x, perm=[1, 0, 2])
            else:
                x = self.one("Reshape", self.one("Transpose", y, perm=[0, 2, 1, 3]), self.const([0, 0, -1]))
        x = self.one("LogSoftmax", self.logits(x), axis=-1)
        return self.one("Transpose", x, perm=[1, 0, 2], name="log_probs"), n

    def joined(self, i: int) -> int:
        """How many neighbours are joined after layer i."""
        return self.config.subsample[i] if i < len(self.config.subsample) else 1

    def between(self, x: str, n: str, i: int) -> tuple[str, str]:
        """What follows layer i, whose output is x (B, T, 2 * units)."""
        if self.config.layer_norm:
            x = self.one("LayerNormalization", x, f"norm{i}/gamma", f"norm{i}/beta", epsilon=1e-3)
            x = self.masked(x, n)
        return self.join(x, n, self.joined(i), 2 * self.config.units)

    def logits(self, x: str) -> str:
        return self.one("Add", self.one("MatMul", x, "output/kernel"), "output/bias")

    def time(self, x: str) -> str:
        """The length of axis 1, shape (1,)."""
        return self.one("Shape", x, start=1, end=2)

    def masked(self, x: str, n: str, axes: tuple[int, ...] = (2,)) -> str:
        """x with zeros after each sample's end."""
        steps = self.one("Range", self.const(0), self.one("Squeeze", self.time(x), self.const([0])), self.const(1))
        real = self.one("Less", steps, self.one("Unsqueeze", n, self.const([1])))
        real = self.one("Cast", real, to=TensorProto.FLOAT)
        return self.one("Mul", x, self.one("Unsqueeze", real, self.const(list(axes))))

    def divided(self, n: str, count: int) -> str:
        """ceil(n / count)."""
        return self.one("Div", self.one("Add", n, self.const(count - 1)), self.const(count))

    def padded(self, x: str, count: int, rank: int) -> str:
        """Zeros after the end of axis 1, up to a multiple of `count`."""
        rest = self.one("Mod", self.one("Neg", self.time(x)), self.const([count]))
        before, after = self.const([0] * (rank + 1)), self.const([0] * (rank - 2))
        return self.one("Pad", x, self.one("Concat", before, rest, after, axis=0))

    def join(self, x: str, n: str, count: int, width: int) -> tuple[str, str]:
        """(B, T, width) -> (B, ceil(T / count), count * width)."""
        if count == 1:
            return x, n
        x = self.padded(x, count, 3)
        return self.one("Reshape", x, self.const([0, -1, count * width])), self.divided(n, count)

    def front_end(self, x: str, n: str, height: int) -> tuple[str, str, int]:
        """(B, T, height) -> (B, T', height' * filters). ONNX images are (B, channel, T, height)."""
        x = self.one("Unsqueeze", x, self.const([1]))
        for i, conv in enumerate(self.config.conv):
            kernel = self.one("Transpose", f"conv{i}/kernel", perm=[3, 2, 0, 1])
            x = self.one("Conv", x, kernel, f"conv{i}/bias", pads=_same(conv.kernel), kernel_shape=list(conv.kernel))
            x = self.one("Relu", x)
            x = self.one("Transpose", x, perm=[0, 2, 1, 3])  # time first, to mask and pad it
            x = self.masked(x, n, (2, 3))
            if conv.pool[0] > 1:
                x, n = self.padded(x, conv.pool[0], 4), self.divided(n, conv.pool[0])
            x = self.one("Transpose", x, perm=[0, 2, 1, 3])
            if conv.pool != (1, 1):
                pads = [0, 0, 0, -height % conv.pool[1]]
                x = self.one("MaxPool", x, kernel_shape=list(conv.pool), strides=list(conv.pool), pads=pads)
                height = -(-height // conv.pool[1])
        x = self.one("Transpose", x, perm=[0, 2, 3, 1])
        width = height * self.config.conv[-1].filters
        return self.one("Reshape", x, self.const([0, 0, width])), n, width

    def dense(self, x: str, i: int) -> str:
        window = self.config.context if i == 0 else 1
        kernel = self.one("Transpose", f"layer{i}/kernel", perm=[2, 1, 0])
        pads = [(window - 1) // 2, window // 2]
        x = self.one("Transpose", x, perm=[0, 2, 1])
        x = self.one("Conv", x, kernel, f"layer{i}/bias", kernel_shape=[window], pads=pads)
        return self.one("Transpose", self.one("Relu", x), perm=[0, 2, 1])

    def recurrent(self, x: str, n: str, i: int) -> str:
        cell = self.config.cell
        directions = [f"layer{i}/{way}_{cell}/{_CELL_NAMES[cell]}" for way in ("forward", "backward")]
        kernel, recurrent, bias = (
            self.one("Concat", *[self.one("Unsqueeze", part(d), self.const([0])) for d in directions], axis=0)
            for part in (
                lambda d: self.one("Transpose", self.reordered(f"{d}/kernel", 1), perm=[1, 0]),
                lambda d: self.one("Transpose", self.reordered(f"{d}/recurrent_kernel", 1), perm=[1, 0]),
                self.bias,
            )
        )
        lengths = self.one("Cast", n, to=TensorProto.INT32)
        attributes: dict[str, Any] = {"linear_before_reset": 1} if cell == "gru" else {}
        return self.one(
            cell.upper(), x, kernel, recurrent, bias, lengths,
            hidden_size=self.config.units, direction="bidirectional", **attributes,
        )  # fmt: skip

    def reordered(self, name: str, axis: int) -> str:
        """Gates from Keras' order (i, f, c, o) to ONNX's (i, o, f, c); those of a GRU agree."""
        if self.config.cell != "lstm":
            return name
        i, f, c, o = self.add("Split", name, self.const([self.config.units] * 4), outputs=4, axis=axis)
        return self.one("Concat", i, o, f, c, axis=axis)

    def bias(self, direction: str) -> str:
        """ONNX wants the input's and the state's bias, one after the other."""
        name = f"{direction}/bias"
        if self.config.cell == "gru":
            return self.one("Reshape", name, self.const([-1]))
        gates = 4 if self.config.cell == "lstm" else 1
        zeros = self.one("ConstantOfShape", self.const([gates * self.config.units]))
        return self.one("Concat", self.reordered(name, 0), zeros, axis=0)


_CELL_NAMES = {"lstm": "lstm_cell", "gru": "gru_cell", "rnn": "simple_rnn_cell"}


def _same(kernel: tuple[int, int]) -> list[int]:
    before = [(k - 1) // 2 for k in kernel]
    return [*before, *(k // 2 for k in kernel)]
