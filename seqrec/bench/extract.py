"""Frames computed one sample after the other, on one core."""

from __future__ import annotations

from typing import Any

from seqrec.bench.side import timed
from seqrec.features import extractor
from seqrec.samples import Manifest


def measure(*, features: dict[str, Any], manifest: str, warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds for all samples of a manifest, read from their files."""
    extract, samples = extractor(features), list(Manifest(manifest))
    return {"seconds": timed(lambda: [extract(sample) for sample in samples], warmup, steps)}
