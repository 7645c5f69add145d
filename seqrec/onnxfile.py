"""What is looked up in an ONNX file without the onnx library, whose import takes longer than to decode a line.

An ONNX file is a protobuf message: https://protobuf.dev/programming-guides/encoding. The numbers of
fields are those of onnx.proto, which never change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_GRAPH, _INITIALIZER = 7, 5  # fields of a model, of a graph
_TYPE, _FLOATS, _NAME, _RAW = 2, 4, 8, 9  # of a tensor
_DTYPES = {1: "<f4", 10: "<f2", 11: "<f8"}


def broken_weight(model: bytes) -> str | None:
    """The name of a weight that holds NaN or infinity, which ONNX Runtime's LSTM takes for numbers.

    None where all are finite, and for what is no ONNX file.
    """
    try:
        for tensor in _tensors(memoryview(model)):
            fields = dict(_fields(tensor))
            numbers = [fields[key] for key in (_RAW, _FLOATS) if key in fields and fields.get(_TYPE) in _DTYPES]
            if not all(np.isfinite(np.frombuffer(each, _DTYPES[fields[_TYPE]])).all() for each in numbers):
                return str(fields.get(_NAME, b""), "utf-8", "replace")
    except (IndexError, KeyError, TypeError, ValueError):
        pass
    return None


def _tensors(model: memoryview) -> Iterator[memoryview]:
    for key, graph in _fields(model):
        if key == _GRAPH:
            for inner, tensor in _fields(graph):
                if inner == _INITIALIZER:
                    yield tensor


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Each field's number, and its value: an integer, or bytes. Raises IndexError or KeyError where it breaks off."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if key & 7 == 2:
            size, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}[key & 7]
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at a place, seven bits a byte, and the place after it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
