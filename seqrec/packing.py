"""A model folder as one small file: every part that decoding needs, in a zip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, helper, numpy_helper

from seqrec.errors import ModelError
from seqrec.files import atomic
from seqrec.modelfolder import LIMITS, OPTIONAL, ModelFolder, write_zip
from seqrec.runtime import OnnxSession

HALF = "/float16"  # ends the names of weights in half precision
_LEAST = 64  # numbers; smaller tensors, such as biases of a few labels, are not worth a node


@dataclass(frozen=True, slots=True)
class Packed:
    """`size` in bytes; `change` is the largest change of a log-probability on random frames, from float16."""

    size: int
    change: float


def pack(folder: ModelFolder, path: str | PathLike[str], *, half: bool = True) -> Packed:
    """Write the model as a zip, its weights in float16 if `half`, in float32 otherwise.

    The same model gives the same bytes. Raises ModelError when a part is missing or broken, or when
    float32 is wanted of a model that was packed in float16.
    """
    _ = folder.config, folder.alphabet, folder.normalizer, folder.card, folder.training_rows
    original, where = folder.onnx_bytes(), folder.where("model.onnx")
    _check_network(original, folder)
    wanted = (name for name in LIMITS if name not in OPTIONAL or folder.has(name))
    parts = {name: folder.read(name) for name in wanted if name != "model.onnx"}
    if half:
        parts["model.onnx"] = half_precision(original, where)
        change = _largest_change(original, parts["model.onnx"], folder)
    elif any(tensor.name.endswith(HALF) for tensor in _parse(original, where).graph.initializer):
        raise ModelError(where, "is in float16 already", "float32 weights", "pack the folder that training wrote")
    else:
        parts["model.onnx"], change = original, 0.0
    with atomic(path, "wb") as out:
        write_zip(out, parts)
        size = out.tell()
    return Packed(size, change)


def _check_network(network: bytes, folder: ModelFolder) -> None:
    """That it runs on frames of the folder's extractor and gives the classes of its alphabet. Raises ModelError."""
    frames, n_frames = np.zeros((1, 200, folder.extractor.dim), np.float32), np.array([200], np.int64)
    log_probs, _ = OnnxSession(network, folder.where("model.onnx")).run(frames, n_frames)
    if log_probs.ndim != 3 or log_probs.shape[2] != folder.alphabet.size:
        came = f"gives log_probs {log_probs.shape}"
        raise ModelError(folder.where("model.onnx"), came, f"(1, T, {folder.alphabet.size}) as in alphabet.json")


def half_precision(model: bytes, where: str) -> bytes:
    """The network with its large float32 weights stored in float16, each cast back to float32 before use.

    The weight "layer0/kernel" becomes "layer0/kernel/float16", the output of the cast has its name.
    A weight beyond float16's range (65504) stays as it is. Raises ModelError.
    """
    network = _parse(model, where)
    graph, kept, casts = network.graph, [], []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or math.prod(tensor.dims) <= _LEAST:
            kept.append(tensor)
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            kept.append(tensor)
            continue
        name = tensor.name + HALF
        kept.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return bytes(network.SerializeToString(deterministic=True))


def _parse(model: bytes, where: str) -> ModelProto:
    try:
        return onnx.load_model_from_string(model)
    except DecodeError:
        raise ModelError(where, "is not ONNX", "a network in ONNX", "train again") from None


def _largest_change(original: bytes, packed: bytes, folder: ModelFolder) -> float:
    """On normally distributed frames, as normalised frames are."""
    frames = np.random.default_rng(0).standard_normal((4, 200, folder.extractor.dim), np.float32)
    n_frames = np.array([200, 200, 150, 50], np.int64)
    before, n_out = OnnxSession(original, folder.where("model.onnx")).run(frames, n_frames)
    after, _ = OnnxSession(packed, "the packed model").run(frames, n_frames)
    return max(float(np.abs(a[:n] - b[:n]).max(initial=0)) for a, b, n in zip(before, after, n_out, strict=True))


def n_parameters(model: bytes, where: str) -> int:
    """The trained numbers of a network: its float tensors but for the constants. Raises ModelError."""
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16)
    weights = (t for t in _parse(model, where).graph.initializer if t.data_type in floats)
    return sum(math.prod(t.dims) for t in weights if not t.name.startswith("const/"))
