"""seqrec recognises sequences in handwriting and speech.

model = seqrec.load("recipes/fsdd/model.zip")
model.transcribe("digits.wav").text
"""

from __future__ import annotations

import os
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqrec.reader import Decoding
    from seqrec.recognizer import Recognizer

__all__ = ["__version__", "load"]
__version__ = "0.1.0"

# ONNX Runtime reports its use to its makers, and keeps a number for the machine in ~/.cache, unless it is told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def load(
    model: str | PathLike[str],
    runtime: str = "onnx",
    *,
    threads: int | None = None,
    own_files: bool = False,
    decoding: Decoding | None = None,
) -> Recognizer:
    """A Recognizer from a model folder or a packed `.zip` of one; see seqrec.recognizer.load.

    `decoding`, a seqrec.reader.Decoding, asks for a language model, hot words, positions and the like.
    Raises ModelError when a part is missing or broken.
    """
    from seqrec.recognizer import load as load_recognizer  # NumPy and ONNX Runtime only when used

    return load_recognizer(model, runtime, threads=threads, own_files=own_files, decoding=decoding)
