"""The machine: files written so that a crash never leaves half of one, folders, locks of a process, cores."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from seqrec.errors import DataError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
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


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock `path`, a file made for it; yields False where another process, or thread, holds it.

    The system frees a lock with the process, however that ends: a file that is left behind locks nothing.
    A file system without locks lets everybody in. Raises DataError when the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = open(path, "ab")  # noqa: SIM115
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror})", "", "choose another place") from None
    with opened as stream:
        held = _lock(stream.fileno())
        try:
            # Its last holder may have removed the file since it was opened; others then lock a new one.
            yield held and _still_there(path, stream.fileno())
        finally:
            if held and _still_there(path, stream.fileno()):
                with suppress(OSError):  # Windows removes no open file
                    path.unlink()


def _still_there(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _lock(file: int) -> bool:
    """Lock an open file for as long as it is open; False where another has it locked."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _TAKEN
    return True


def walk(folder: Path, on_error: Callable[[DataError], None]) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those below it, each with the names of its files; in order, without hidden ones.

    Links to folders are followed, and every folder is met once. A folder that cannot be read goes to `on_error`.
    """

    def locked(error: OSError) -> None:
        on_error(DataError(error.filename, f"cannot be read ({error.strerror})", "a folder"))

    seen: set[tuple[int, int]] = set()
    for place, below, names in os.walk(folder, onerror=locked, followlinks=True):
        try:
            state = os.stat(place)
        except OSError as error:  # it has gone meanwhile
            below.clear()
            locked(error)
            continue
        if (state.st_dev, state.st_ino) in seen:
            below.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(place), sorted(name for name in names if not name.startswith("."))


def below(folder: Path, on_error: Callable[[DataError], None], *suffixes: str) -> Iterator[Path]:
    """The files below a folder, as `walk` has them, that end in one of these, small or large, or all files."""
    for place, names in walk(folder, on_error):
        yield from (place / name for name in names if not suffixes or name.lower().endswith(suffixes))


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
