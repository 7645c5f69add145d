"""Epochs of `seqrec train`, with all that it does in them: feeding, updates, dev, export, checkpoints."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from seqrec.config import Config
from seqrec.samples import Manifest
from seqrec.training.loop import EpochDone, Event
from seqrec.training.train import train


def measure(
    *, config: dict[str, Any], train_manifest: str, dev_manifest: str, store: str, threads: int
) -> dict[str, Any]:
    """Seconds of each epoch from the second on; the first one compiles what the others use."""
    ends = [time.perf_counter()]
    losses = []

    def watch(event: Event) -> None:
        if isinstance(event, EpochDone):
            ends.append(time.perf_counter())
            losses.append(event.row["loss"])

    samples, dev = (Manifest(manifest) for manifest in (train_manifest, dev_manifest))
    with tempfile.TemporaryDirectory() as exp:
        train(Config.parse(config, "bench"), samples, dev, Path(exp), store=Path(store), report=watch)
    seconds = np.diff(ends).tolist()
    return {"seconds": seconds[1:], "first_s": seconds[0], "losses": losses}
