"""From nothing to the first update of a training whose frames are stored already."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any


class _FirstStepError(Exception):
    """Ends the training."""


def measure(
    *, config: dict[str, Any], train_manifest: str, dev_manifest: str, store: str, threads: int
) -> dict[str, Any]:
    """Seconds until the training shows that its first update is done; importing TensorFlow counts."""
    began = time.perf_counter()
    from seqrec.config import Config
    from seqrec.samples import Manifest
    from seqrec.training.loop import EpochDone, Event, Progress
    from seqrec.training.train import train

    def watch(event: Event) -> None:
        if isinstance(event, Progress | EpochDone):
            raise _FirstStepError

    given = Config.parse(config, "bench")
    with tempfile.TemporaryDirectory() as exp:
        try:
            samples, few = Manifest(train_manifest), Manifest(dev_manifest)
            train(given, samples, few, Path(exp), store=Path(store), report=watch)
        except _FirstStepError:
            pass
    return {"seconds": [time.perf_counter() - began]}
