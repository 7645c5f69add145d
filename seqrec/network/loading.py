"""TensorFlow, imported without the notes that its C++ parts write to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def load_tensorflow() -> None:
    """Import TensorFlow and look for devices, in silence; afterwards it says errors alone.

    For programs whose stderr is for people. TF_CPP_MIN_LOG_LEVEL=0 in the environment lets all be heard.
    """
    if "tensorflow" in sys.modules or os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    with _silence():
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextmanager
def _silence() -> Iterator[None]:
    """Drop what anybody writes to file descriptor 2: the first notes come before any setting is read."""
    try:
        kept = os.dup(2)
    except OSError:  # closed, as in a daemon
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
