"""Loops as machine code, made by Numba for the processor at hand and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

from numba import config, njit
from numba.core.registry import cpu_target

from seqrec.errors import ConfigError

if getattr(config, "DISABLE_JIT", False):
    raise ConfigError("NUMBA_DISABLE_JIT", "is set", "loops that are compiled", "unset it")


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code, which takes some seconds at the first call and is kept on disk where it can be."""
    return _made(function, counted=True)


def uncounted(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, for a function that makes no arrays: without references being counted.

    Each call counts those of all arrays that it is given, which takes ten times as long as a short function itself.
    """
    return _made(function, counted=False)


def _made(function: Callable[..., Any], counted: bool) -> Callable[..., Any]:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}, "_nrt": counted}
    stamp = _stamp(function)
    try:
        made: Any = njit(cache=True, **options)(function)
        # Numba compares the function's own file alone; code from other files is compiled into it.
        made._cache._cache_file._source_stamp = stamp
        made._cache.save_overload = _unless_full(made._cache.save_overload)
    except (RuntimeError, AttributeError):  # neither the package's folder nor the user's can be written
        made = njit(**options)(function)
    made.__sources__ = stamp
    return cast(Callable[..., Any], made)


def _unless_full(save: Callable[..., None]) -> Callable[..., None]:
    """What keeps machine code on disk, or does not where the disk is full."""

    def saved(*given: Any) -> None:
        with suppress(OSError):
            save(*given)

    return saved


def is_ready(function: Callable[..., Any]) -> bool:
    """Whether a function made by `compiled` has machine code for this processor, in this process or on disk.

    If not, its first call takes as long as its compilation. A function that is called with arguments of
    several types is ready when one of them is.
    """
    made: Any = function
    if made.signatures:
        return True
    try:
        kept = made._cache._cache_file._load_index()
    except (AttributeError, OSError):
        return False
    here = cpu_target.target_context.codegen().magic_tuple()
    return any(here in key for key in kept)


def keeps() -> bool:
    """Whether machine code is kept on disk: some place for it can be written, if need be that of NUMBA_CACHE_DIR."""

    def probe() -> None:
        pass

    return hasattr(cast(Any, compiled(probe))._cache, "_cache_file")


def _stamp(function: Callable[..., Any]) -> str:
    """The source of all code that can be compiled into the function, as a hash.

    That is the function's own folder, and what went into the compiled functions from elsewhere which its module knows.
    """
    whole = hashlib.sha256(_folder(Path(function.__code__.co_filename).parent))
    others = {getattr(value, "__sources__", None) for value in function.__globals__.values()}
    for other in sorted(stamp for stamp in others if isinstance(stamp, str)):
        whole.update(other.encode())
    return whole.hexdigest()


@cache
def _folder(folder: Path) -> bytes:
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        whole.update(path.read_bytes())
    return whole.digest()
