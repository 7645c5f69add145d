"""The network alone in seqrec's runtime, behind the model folder's own graph with its lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrec.bench.shapes import Shape
from seqrec.bench.side import timed
from seqrec.network.onnx_graph import to_onnx
from seqrec.runtime import OnnxSession


def measure(*, shape: dict[str, Any], warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds of each run on a padded batch."""
    given = Shape(**shape)
    session = OnnxSession(to_onnx(given.network, given.dim, given.weights()), "model.onnx", threads)
    frames, n_frames = given.arrays()[0], np.full(given.batch, given.frames, np.int64)
    seconds = timed(lambda: session.run(frames, n_frames), warmup, steps)
    return {"seconds": seconds, "result": float(session.run(frames, n_frames)[0].sum())}
