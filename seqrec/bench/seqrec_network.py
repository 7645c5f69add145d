"""The network alone in seqrec's runtime: normaliser, padding and lengths are in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from seqrec.bench.material import write_model
from seqrec.bench.shapes import Shape
from seqrec.bench.side import timed
from seqrec.modelfolder import ModelFolder
from seqrec.runtime import OnnxRuntime


def measure(*, shape: dict[str, Any], warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds from the frames of all samples to their log-probabilities."""
    given = Shape(**shape)
    features = {"kind": "mfcc", "coefficients": given.dim, "deltas": 0}
    symbols = "".join(map(chr, range(33, 32 + given.classes)))
    with tempfile.TemporaryDirectory() as folder:
        model = write_model(Path(folder), features, given.network, symbols)
        runtime = OnnxRuntime(ModelFolder(model), threads)
    frames = list(given.arrays()[0])
    seconds = timed(lambda: runtime.log_probs(frames), warmup, steps)
    return {"seconds": seconds, "result": float(sum(each.sum() for each in runtime.log_probs(frames)))}
