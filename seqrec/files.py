"""The machine: files written so that a crash never leaves half of one, and its cores."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from seqrec.errors import DataError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file for writing ("w" text in UTF-8, or "wb") that appears under its name only when complete.

    Temporary file beside it, fsync, rename; a link stays a link. What is no file, /dev/null or a pipe, is
    written to as it stands. Raises DataError when the place cannot be written or the disk is full.
    """
    path, temporary = Path(path), ""
    text = {"encoding": "utf-8", "newline": "\n"} if "b" not in mode else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = Path(os.path.realpath(path))
        if not path.exists() or path.is_file():
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        opened = open(handle if temporary else path, mode, **text)  # type: ignore[call-overload]  # noqa: SIM115
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror})", "", "choose another place with -o") from None
    try:
        with opened as stream:
            yield stream
            stream.flush()
            if temporary:
                os.fsync(stream.fileno())
        if temporary:
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
    except BaseException as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:  # of which file, is not said
            raise DataError(path, f"cannot be written ({error.strerror})", "", "free some space") from None
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
