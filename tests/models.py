"""Small models with weights set by hand, so that known inputs give known texts.

The image model reads 8 rows: ink in row 0 of a column says "a", in row 7 "h", an empty column is
blank. Its normaliser (mean 2, deviation 4) must be applied for that to come out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SYMBOLS = "abcdefgh"
IMAGE = {"kind": "columns", "height": 8, "polarity": "dark", "flatten": False}
SOUND = {"kind": "mfcc", "rate": 8000, "output": "logmel", "mels": 1, "coefficients": 1, "deltas": 0}
SURE = 20.0  # logits of a full pixel; blank has half


def linear_onnx(kernel: np.ndarray, bias: np.ndarray, name: str = "output") -> bytes:
    """log_softmax(frames @ kernel + bias), one output frame per input frame."""
    weights = [(f"{name}/kernel", kernel), (f"{name}/bias", bias)]
    nodes = [
        helper.make_node("MatMul", ["frames", f"{name}/kernel"], ["product"]),
        helper.make_node("Add", ["product", f"{name}/bias"], ["logits"]),
        helper.make_node("LogSoftmax", ["logits"], ["log_probs"], axis=-1),
        helper.make_node("Identity", ["n_frames"], ["n_out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [
            helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["B", "T", kernel.shape[0]]),
            helper.make_tensor_value_info("n_frames", TensorProto.INT64, ["B"]),
        ],
        [
            helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["B", "T", kernel.shape[1]]),
            helper.make_tensor_value_info("n_out", TensorProto.INT64, ["B"]),
        ],
        [numpy_helper.from_array(np.asarray(values, np.float32), name) for name, values in weights],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString(deterministic=True))


def write_model(
    folder: Path, features: dict[str, Any], symbols: str, onnx: bytes, mean: np.ndarray, std: np.ndarray
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"features": features}), encoding="utf-8")
    alphabet = {"blank": 0, "form": "NFC", "symbols": list(symbols)}
    (folder / "alphabet.json").write_text(json.dumps(alphabet), encoding="utf-8")
    np.savez(folder / "normalizer.npz", mean=mean.astype(np.float32), std=std.astype(np.float32))
    (folder / "model.onnx").write_bytes(onnx)
    rows = [{"epoch": 1, "dev_cer": 0.5}, {"epoch": 2, "dev_cer": 0.125}, {"epoch": 3, "dev_cer": 0.25}]
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "card.md").write_text("# A model\n\nFor tests.\n", encoding="utf-8")
    return folder


def image_model(folder: Path, symbols: str = SYMBOLS) -> Path:
    """Row i of a column -> symbol i."""
    mean, std = np.full(8, 2.0), np.full(8, 4.0)
    kernel = np.zeros((8, 9))
    kernel[:, 1:] = np.eye(8) * SURE * 4
    bias = np.full(9, SURE * 2)  # x = 4 * normalised + 2
    bias[0] = SURE / 2
    return write_model(folder, IMAGE, symbols, linear_onnx(kernel, bias), mean, std)


def sound_model(folder: Path, mels: int = 1, deltas: int = 0) -> Path:
    """Frames above -30 dB in the band of 1000 Hz -> "x"."""
    dim, band = mels * (1 + deltas), mels * 3 // 8
    kernel = np.zeros((dim, 2))
    kernel[band, 1] = 1
    features = SOUND | {"mels": mels, "deltas": deltas}
    return write_model(folder, features, "x", linear_onnx(kernel, np.array([0.0, 30.0])), np.zeros(dim), np.ones(dim))


def line(text: str) -> np.ndarray:
    """The image (8, 2 * len + 1) uint8 that the image model reads as `text`: black on white."""
    image = np.full((8, 2 * len(text) + 1), 255, np.uint8)
    for place, symbol in enumerate(text):
        image[SYMBOLS.index(symbol), 2 * place + 1] = 0
    return image


def write_line(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(line(text)).save(path)
    return path


def beeps(count: int, rate: int = 8000) -> np.ndarray:
    """(N,) float32: `count` tones of 0.1 s with silence of 0.1 s around them."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate // 10) / rate)
    silence = np.zeros(rate // 10)
    return np.concatenate([silence, *([tone, silence] * count)]).astype(np.float32)
