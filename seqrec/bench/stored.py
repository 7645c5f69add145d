"""Frames read back from the store, in random order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from seqrec.bench.side import timed
from seqrec.extraction import Recipe
from seqrec.samples import Manifest
from seqrec.store import stored_frames


def measure(*, features: dict[str, Any], manifest: str, warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds until the frames of every sample of a manifest have been copied out of the memory map."""
    with tempfile.TemporaryDirectory() as store:
        frames = stored_frames(Manifest(manifest), Recipe(features), Path(store))
        order = np.random.default_rng(5).permutation(len(frames)).tolist()
        return {"seconds": timed(lambda: [np.array(frames[i]) for i in order], warmup, steps)}
