"""Machine code on disk: kept, found again, and made anew when a source changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqrec.compiling import compiled, is_ready


def test_what_cannot_be_kept_on_disk_is_compiled_all_the_same() -> None:
    """A function without a file has no place for its machine code, as in a read-only installation."""
    made: dict[str, Any] = {}
    exec("def double(x): return 2 * x", made)
    double = compiled(made["double"])
    assert not is_ready(double)
    assert double(21) == 42
    assert is_ready(double)


_CALLER = """
from seqrec.compiling import compiled, is_ready
from kernels.between import between
@compiled
def caller(x):
    return between(x)
if __name__ == "__main__":
    print(int(is_ready(caller)), caller(1), sum(caller.stats.cache_hits.values()))
"""
_BETWEEN = """
from seqrec.compiling import compiled
from others.called import number
@compiled
def between(x):
    return number(x)
"""
_CALLED = """
from seqrec.compiling import compiled
@compiled
def number(x):
    return x + {}
"""


def test_machine_code_is_kept_until_any_of_the_sources_changes(tmp_path: Path) -> None:
    """Also those of functions that were compiled into it: Numba itself looks at the caller's file alone."""
    for folder in ("kernels", "others"):
        (tmp_path / folder).mkdir()
    (tmp_path / "kernels/caller.py").write_text(_CALLER)
    (tmp_path / "kernels/between.py").write_text(_BETWEEN)

    def run(number: int) -> list[int]:
        (tmp_path / "others/called.py").write_text(_CALLED.format(number))
        command = [sys.executable, "-m", "kernels.caller"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]

    assert run(10) == [0, 11, 0]
    assert run(10) == [1, 11, 1]
    assert run(20) == [0, 21, 0]


def run_probe(folder: Path, code: str, before: str = "") -> str:
    (folder / "probe.py").write_text(
        "from seqrec.compiling import compiled, is_ready, keeps\n@compiled\ndef alone(x):\n    return x\n" + code
    )
    command = [sys.executable, "-c", f"{before}\nimport probe"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_whether_machine_code_can_be_kept(tmp_path: Path) -> None:
    assert run_probe(tmp_path, "print(keeps())") == "True\n"
    # No place of Numba's can be written, as in a read-only installation without a home.
    nowhere = "import numba.core.caching; numba.core.caching.CacheImpl._locator_classes = []"
    assert run_probe(tmp_path, "print(keeps())", nowhere) == "False\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of the size of files")
def test_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "import numba; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    assert run_probe(tmp_path, "print(alone(7))", limit) == "7\n"
    assert run_probe(tmp_path, "print(int(is_ready(alone)), alone(7))") == "0 7\n"
    assert run_probe(tmp_path, "print(int(is_ready(alone)), alone(7))") == "1 7\n"


def test_machine_code_for_another_processor_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(
        "from seqrec.compiling import compiled, is_ready\n"
        "@compiled\n"
        "def alone(x):\n"
        "    return x\n"
        "print(int(is_ready(alone)), alone(7))\n"
    )

    def run(**environment: str) -> str:
        command = [sys.executable, "alone.py"]
        env = os.environ | environment
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout

    assert run().split() == ["0", "7"]
    assert run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="").split() == ["0", "7"]
    assert run().split() == ["1", "7"]


def test_without_compilation_there_are_no_kernels() -> None:
    command = [sys.executable, "-c", "import seqrec.compiling"]
    done = subprocess.run(
        command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False
    )
    assert "ConfigError: NUMBA_DISABLE_JIT: is set; expected loops that are compiled" in done.stderr
