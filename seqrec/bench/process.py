"""A command as a process: its time from start to end, and its peak of memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from seqrec.errors import SeqrecError


def measure(*, command: list[str], warmup: int, threads: int) -> dict[str, Any]:
    """Run this Python with the arguments `command`; the first `warmup` times, which fill the caches, do not count."""
    for _ in range(warmup):
        _run(command)
    return _run(command)


def _run(command: list[str]) -> dict[str, Any]:
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr
        said = process.stderr.read()
        peak = _wait(process)
        seconds = time.perf_counter() - began
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise SeqrecError(" ".join(command[:4]), f"ended with exit code {process.returncode} ({' '.join(last)})")
    return {"seconds": [seconds], "peak_mb": peak}


def _wait(process: subprocess.Popen[bytes]) -> float | None:
    """The ended process's peak of memory in MB, where the system tells."""
    if not hasattr(os, "wait4"):
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1e-6 if sys.platform == "darwin" else 1.024e-3)
