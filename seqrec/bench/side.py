"""One side of a case as a process: `python -m seqrec.bench.side NAME` runs `measure` of seqrec/bench/NAME.py.

The job, a JSON object, comes on stdin and goes to `measure` as keyword arguments; the last line of stdout
is the result, an object too. Where a library is missing that is {"missing": its name}.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def main(name: str, job: dict[str, Any]) -> dict[str, Any]:
    """The side's result; with the process's peak of memory, unless the side itself gives one."""
    stay_on(job["threads"])
    try:
        module = importlib.import_module(f"seqrec.bench.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("seqrec"):
            raise
        return {"missing": error.name}
    result: dict[str, Any] = module.measure(**job)
    return {"peak_mb": peak_mb()} | result


def stay_on(count: int) -> None:
    """Keep this process, and those that it starts, on `count` cores, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def timed(step: Callable[[], object], warmup: int, steps: int) -> list[float]:
    """Seconds of each of `steps` calls, after `warmup` calls that do not count."""
    for _ in range(warmup):
        step()
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    return seconds


def peak_mb() -> float | None:
    """The most memory that this process has held so far, where the system tells."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.load(sys.stdin))))
