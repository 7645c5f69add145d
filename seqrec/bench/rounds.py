"""Sides in turn, each time in a fresh process: A B A B ..., then medians and their ratio."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from seqrec.errors import SeqrecError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

_MENDS = {"flashlight": "use Python 3.11, where scripts/bench and pip install seqrec[bench] install it"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Side:
    """`name` as it is shown; `module` of this package, which measures; `job`, what it is to do."""

    name: str
    module: str
    job: dict[str, Any]


class Missing(SeqrecError):
    """A library that a side needs is not installed."""


@dataclass
class Times:
    """What one side took: of each round the median of its seconds, and its peak of memory."""

    seconds: list[float] = field(default_factory=list)
    mb: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)  # what else the last round's process told

    def add(self, result: dict[str, Any]) -> None:
        self.seconds.append(median(result.pop("seconds")))
        if (mb := result.pop("peak_mb", None)) is not None:
            self.mb.append(mb)
        self.facts = result


def in_turn(
    sides: Sequence[Side], rounds: int, threads: int, say: Say
) -> tuple[dict[str, Times], dict[str, SeqrecError]]:
    """The sides' times over the rounds, by name; a side that fails once is left out of what follows."""
    times = {side.name: Times() for side in sides}
    failed: dict[str, SeqrecError] = {}
    for number in range(1, rounds + 1):
        for side in sides:
            if side.name not in failed:
                say(f"round {number} of {rounds}: {side.name}")
                try:
                    times[side.name].add(run(side, threads))
                except SeqrecError as error:
                    failed[side.name] = error
                    del times[side.name]
    return times, failed


def run(side: Side, threads: int) -> dict[str, Any]:
    """One process of a side. Raises SeqrecError with the last that a process said which failed, Missing."""
    job = {"threads": threads} | side.job
    done = subprocess.run(
        [sys.executable, "-m", "seqrec.bench.side", side.module],
        input=json.dumps(job),
        env=os.environ | dict.fromkeys(_THREADS, str(job["threads"])) | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SeqrecError(side.name, f"its process ended with exit code {done.returncode} ({last})")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if missing := result.get("missing"):
        mend = "install with scripts/bench or pip install seqrec[bench]"
        raise Missing(side.name, f"{missing} is not installed", "", _MENDS.get(missing, mend))
    return result
