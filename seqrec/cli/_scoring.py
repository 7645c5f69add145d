"""What `score` and `compare` share."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from seqrec.errors import SeqrecError
from seqrec.scoring import Paired, Scored
from seqrec.scoring.resampling import LEVEL, RESAMPLES, Interval, Units
from seqrec.transcripts import read_paired
from seqrec.writers import visible

WIDTH = 100  # columns
SPREAD = f"{LEVEL:.0%} interval"
_JOINED = "\0"  # where a line is not broken
_TOO_LONG = 400  # characters of an aligned text


def read(ref: Path, *hyps: Path) -> tuple[list[Paired], bool]:
    """The pairs of each of `hyps`, and whether all was there; what is not is named on stderr."""
    failed: list[SeqrecError] = []

    def name(error: SeqrecError) -> None:
        failed.append(error)
        click.echo(visible(f"seqrec: {error}"), err=True)

    found = read_paired(ref, hyps, name)
    for hyp, paired in zip(hyps, found, strict=True):
        _say_ids(f"{hyp}: {len(paired.missing)} without a hypothesis, counted as empty", paired.missing)
        _say_ids(f"{hyp}: {len(paired.extra)} not among the references, left out", paired.extra)
    return found, not failed and not any(paired.missing for paired in found)


def _say_ids(said: str, ids: Sequence[str]) -> None:
    if ids:
        named = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
        click.echo(visible(f"seqrec: {said}: {named}"), err=True)


def end(row: dict[str, Any] | None, lines: Iterable[str], whole: bool) -> None:
    """Print a row as JSON, or else the lines; exit 1 unless the input was whole."""
    if row is None:
        for line in lines:
            click.echo(line.rstrip())
    else:
        click.echo(visible_json(row))
    if not whole:
        click.get_current_context().exit(1)


def visible_json(row: dict[str, Any]) -> str:
    return "\n".join(map(visible, json.dumps(row, ensure_ascii=False, indent=2).split("\n")))


def percent(rate: float) -> str:
    return f"{rate:.2%}"


def spread(of: Interval, sign: str = "") -> str:
    """An interval of rates, `sign` a "+" where it is one of differences."""
    return f"{100 * of.low:{sign}.2f} to {100 * of.high:{sign}.2f}"


def table(rows: Sequence[Sequence[object]], left: int = 1) -> list[str]:
    """Rows of cells, the first `left` columns flush left, the others right."""
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = ["<" if i < left else ">" for i in range(len(widths))]
    return ["  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)) for row in cells]


def drawn(units: Units) -> str:
    return f"intervals: bootstrap over {units.n} {units.kind}s, {RESAMPLES} times"


def warned(warnings: Sequence[str]) -> list[str]:
    return [
        line
        for warning in warnings
        for line in textwrap.wrap(f"note: {warning}", WIDTH, subsequent_indent="      ", break_on_hyphens=False)
    ]


def listed(name: str, items: Sequence[str]) -> list[str]:
    """A name and what belongs to it, on as many lines as it takes."""
    if not items:
        return []
    kept = "   ".join(item.replace(" ", _JOINED) for item in items)
    lines = textwrap.wrap(
        kept, WIDTH, initial_indent=f"  {name:13}", subsequent_indent=" " * 15, break_on_hyphens=False
    )
    return [line.replace(_JOINED, " ") for line in lines]


def aligned(one: Scored) -> str:
    said = visible(one.aligned)
    return said if len(said) <= _TOO_LONG else said[:_TOO_LONG] + " ..."


def errors(n: int) -> str:
    return f"{n} error" if n == 1 else f"{n} errors"
