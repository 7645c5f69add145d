"""The folder of a training, which is one training's alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seqrec.errors import ModelError
from seqrec.files import locked


@contextmanager
def alone_in(exp: Path) -> Iterator[None]:
    """Keep other trainings out of `exp`. Raises ModelError when one is at work there."""
    with locked(exp / ".lock") as alone:
        if not alone:
            raise ModelError(exp, "another training is at work in it", "", "wait for it, or choose another --exp")
        yield


def check_folder(exp: Path, resume: bool) -> None:
    """Whether a training can begin, or be resumed, in `exp`. Raises ModelError."""
    resumable = (exp / "checkpoints" / "last.npz").exists()
    if resume and not resumable:
        raise ModelError(exp, "holds no checkpoint to resume", "", "leave --resume out")
    if exp.is_dir():
        with alone_in(exp):
            pass
    if not resume and resumable:
        raise ModelError(exp, "holds a training already", "", "go on with --resume, or choose another --exp")
    if not resume and (exp / "model.onnx").exists():
        raise ModelError(exp, "holds a model already", "", "choose another --exp")
