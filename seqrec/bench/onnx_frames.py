"""The frames of many samples through ONNX Runtime alone, in batches of like length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seqrec.bench.onnx_network import session_of
from seqrec.bench.side import timed


def measure(*, model: str, data: str, batch: int, warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds for all frames, which lie in memory, sorted by length and padded."""
    session = session_of((Path(model) / "model.onnx").read_bytes(), threads)
    inputs = _batches(data, batch)
    return {"seconds": timed(lambda: [session.run(None, each) for each in inputs], warmup, steps)}


def _batches(data: str, batch: int) -> list[dict[str, np.ndarray]]:
    with np.load(data) as arrays:
        flat, n_frames = arrays["frames"], arrays["n_frames"].astype(np.int64)
    ends, order = np.cumsum(n_frames), np.argsort(n_frames, kind="stable")
    made = []
    for first in range(0, len(order), batch):
        rows = order[first : first + batch]
        padded = np.zeros((len(rows), n_frames[rows].max(), flat.shape[1]), np.float32)
        for row, i in zip(padded, rows, strict=True):
            row[: n_frames[i]] = flat[ends[i] - n_frames[i] : ends[i]]
        made.append({"frames": padded, "n_frames": n_frames[rows]})
    return made
