"""Rows as a table for people, with the machine and the versions above it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from seqrec.files import cores

_LIBRARIES = ("seqrec", "tensorflow", "keras", "torch", "onnxruntime", "numpy", "librosa", "flashlight-text")
_HEADER = ("case", "peer", "ratio", "reach", "seqrec", "peer's", "seqrec/s", "GFLOP", "of the limit", "MB", "CER")


def machine() -> dict[str, Any]:
    """What the figures belong to."""
    libraries = {name: found for name in _LIBRARIES if (found := _version(name))}
    return {"processor": _processor(), "cores": cores(), "system": platform.platform(terse=True)} | {
        "versions": {"python": platform.python_version()} | libraries
    }


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def head(about: dict[str, Any], limits: dict[str, float]) -> str:
    """The machine in a few lines."""
    said = f"{about['processor']}, {about['cores']} cores, threads: {about['threads']}; {about['system']}"
    said += "\n" + ", ".join(f"{name} {found}" for name, found in about["versions"].items())
    if limits:
        found = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in limits.items())
        said += f"\nlimit, float32 matrix products: {found}"
    return said


def table(rows: list[dict[str, Any]]) -> str:
    """One line a row. Times are medians, with the quickest and the slowest round."""
    cells = [_HEADER, *map(_cells, rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADER))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else "-"
    gflop = f"{row['gflop']:.3g}" if "gflop" in row else ""
    return (
        row["case"], row["peer"] or "", ratio, _reach(row),
        _seconds(row, "seqrec"), _seconds(row, "peer"), _rate(row), gflop, _shares(row), _mb(row), _cer(row),
    )  # fmt: skip


def _seconds(row: dict[str, Any], side: str) -> str:
    if row[f"{side}_s"] is None:
        return "-" if row["peer"] else ""
    least, most = row[f"{side}_range_s"]
    unit, by = ("ms", 1e3) if row[f"{side}_s"] < 1 else ("s", 1)
    return f"{row[f'{side}_s'] * by:.3g} {unit} ({least * by:.3g}-{most * by:.3g})"


def _reach(row: dict[str, Any]) -> str:
    if "reach" not in row:
        return ""
    signs = {"ratio": ">= {:.2f}", "rate": ">= {:g}/s", "seconds": "<= {:g} s", "mb": "<= {:g} MB"}
    signs |= {"more_mb": "<= {:g} MB more", "more_cer": "CER <= {:g} more"}
    said = ", ".join(signs[key].format(value) for key, value in row["reach"].items())
    return said + {True: " yes", False: " NO", None: " ?"}[row["reached"]]


def _rate(row: dict[str, Any]) -> str:
    return ", ".join(f"{count / row['seqrec_s']:,.0f} {what}" for what, count in row["amount"].items())


def _shares(row: dict[str, Any]) -> str:
    if "gflop" not in row:
        return ""
    peer = f", peer's {row['peer_share']:.0%}" if row["peer_share"] is not None else ""
    return f"{row['seqrec_share']:.0%}{peer}"


def _mb(row: dict[str, Any]) -> str:
    return ", ".join(f"{row[side]:.0f}" for side in ("seqrec_mb", "peer_mb") if row[side] is not None)


def _cer(row: dict[str, Any]) -> str:
    return ", ".join(f"{row[side]:.2%}" for side in ("seqrec_cer", "peer_cer") if row[side] is not None)
