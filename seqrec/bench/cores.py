"""Frames computed on all cores and stored, as `seqrec train` does it before its first epoch."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from seqrec.extraction import Recipe, Workers
from seqrec.samples import Manifest
from seqrec.store import stored_frames


def measure(*, features: dict[str, Any], manifest: str, threads: int) -> dict[str, Any]:
    """Seconds for all samples of a manifest, once the worker processes are there."""
    samples, recipe = Manifest(manifest), Recipe(features)
    with tempfile.TemporaryDirectory() as folder, Workers(threads) as workers:
        stored_frames(samples, recipe, Path(folder) / "warm-up", workers=workers)
        began = time.perf_counter()
        stored_frames(samples, recipe, Path(folder) / "measured", workers=workers)
        return {"seconds": [time.perf_counter() - began]}
