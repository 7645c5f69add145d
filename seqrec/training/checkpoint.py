"""The state of an interrupted training in one file, without pickle: `checkpoints/last.npz`."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from seqrec.errors import ModelError
from seqrec.files import atomic


@dataclass
class Position:
    """How far a training is. `loss_sum`, `loss_count`, `waited` and `seconds` are those of the epoch under way."""

    epoch: int = 0  # the epoch under way, from 0
    step: int = 0  # batches of it that are done
    updates: int = 0  # over all epochs
    best_cer: float | None = None
    best_epoch: int = -1
    loss_sum: float = 0.0
    loss_count: int = 0
    waited: float = 0.0  # seconds without a batch to work on
    seconds: float = 0.0
    total_seconds: float = 0.0
    skipped: list[str] = field(default_factory=list)  # samples of batches without a finite loss


def save_checkpoint(path: Path, position: Position, variables: list[keras.Variable], config: str) -> None:
    """Write the position and every variable (weights, optimizer, dropout seeds), atomically."""
    arrays: dict[str, Any] = {f"v{i}": np.asarray(variable) for i, variable in enumerate(variables)}
    about = json.dumps({"position": asdict(position), "config": config})
    with atomic(path, "wb") as out:
        np.savez(out, about=np.array(about), **arrays)


def load_checkpoint(path: Path, variables: list[keras.Variable], config: str) -> Position:
    """Put the saved values into `variables`. Raises ModelError when the checkpoint is of another training."""
    mend = "give what the training began with, or choose another --exp and leave --resume out"
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"]))
            if about["config"] != config:
                raise ModelError(path, "was written with another recipe or other data", "the same as now", mend)
            for i, variable in enumerate(variables):
                variable.assign(saved[f"v{i}"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise ModelError(path, "is no checkpoint of this training", "", mend) from None
    return Position(**about["position"])
