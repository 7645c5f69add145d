"""The stack as an export of PyTorch's nn.LSTM leaves it: ONNX LSTM nodes without lengths or masks, time first."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from seqrec.config import Network


def plain_onnx(network: Network, weights: dict[str, np.ndarray]) -> bytes:
    """A graph from `frames` (T, B, dim) to `log_probs` (T, B, classes); for stacks that join no frames."""
    stored, nodes, x = [], [], "frames"

    def store(name: str, array: np.ndarray) -> str:
        stored.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    shape = store("shape", np.array([0, 0, -1], np.int64))
    for i in range(network.layers):
        cells = [f"layer{i}/{way}_lstm/lstm_cell" for way in ("forward", "backward")]
        kernel = store(f"W{i}", np.stack([_gates(weights[f"{cell}/kernel"]).T for cell in cells]))
        recurrent = store(f"R{i}", np.stack([_gates(weights[f"{cell}/recurrent_kernel"]).T for cell in cells]))
        biases = [_gates(weights[f"{cell}/bias"]) for cell in cells]
        bias = store(f"B{i}", np.stack([np.concatenate([b, np.zeros_like(b)]) for b in biases]))
        ways: dict[str, Any] = {"hidden_size": network.units, "direction": "bidirectional"}
        nodes += [
            helper.make_node("LSTM", [x, kernel, recurrent, bias], [f"Y{i}"], **ways),  # [T, 2, B, units]
            helper.make_node("Transpose", [f"Y{i}"], [f"turned{i}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"turned{i}", shape], [f"layer{i}"]),
        ]
        x = f"layer{i}"
    nodes += [
        helper.make_node("MatMul", [x, store("kernel", weights["output/kernel"])], ["product"]),
        helper.make_node("Add", ["product", store("bias", weights["output/bias"])], ["logits"]),
        helper.make_node("LogSoftmax", ["logits"], ["log_probs"], axis=-1),
    ]
    ends = [
        helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["time", "batch", None]),
        helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["time", "batch", None]),
    ]
    graph = helper.make_graph(nodes, "plain", ends[:1], ends[1:], stored)
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    )


def _gates(array: np.ndarray) -> np.ndarray:
    """From Keras' order of gates (i, f, c, o) along the last axis to ONNX's (i, o, f, c)."""
    i, f, c, o = np.split(array, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)
