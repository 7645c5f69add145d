"""The network alone in ONNX Runtime: a session with default options around the plain export."""

from __future__ import annotations

from typing import Any

import onnxruntime  # type: ignore[import-untyped]

from seqrec.bench.plain_onnx import plain_onnx
from seqrec.bench.shapes import Shape
from seqrec.bench.side import timed


def measure(*, shape: dict[str, Any], warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds of each run on frames that lie in memory as the graph wants them."""
    given = Shape(**shape)
    session = session_of(plain_onnx(given.network, given.weights()), threads)
    inputs = {"frames": given.arrays()[0].transpose(1, 0, 2).copy()}
    seconds = timed(lambda: session.run(None, inputs), warmup, steps)
    return {"seconds": seconds, "result": float(session.run(None, inputs)[0].sum())}


def session_of(model: bytes, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
