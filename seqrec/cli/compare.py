"""`seqrec compare`"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seqrec.scoring.comparing import Change, Comparison

_FILE = click.Path(path_type=Path)
_NAMES = {"cer": "CER", "wer": "WER", "sentence_error": "sentences"}


@click.command(short_help="Whether one system is better than another, or by chance.")
@click.argument("hyp_a", type=_FILE)
@click.argument("hyp_b", type=_FILE)
@click.option("--ref", type=_FILE, required=True, help="What is right: a manifest, or plain text.")
@click.option(
    "--words", type=click.Choice(["whitespace", "uax29", "mixed"]), default="whitespace", show_default=True,
    help="What a word is; mixed: a character of Chinese, Japanese, Thai, ..., else between white space.",
)  # fmt: skip
@click.option("--worst", type=click.IntRange(0), default=5, show_default=True, help="Show so many that changed most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with everything, for programs.")
def command(hyp_a: Path, hyp_b: Path, ref: Path, words: Any, worst: int, as_json: bool) -> None:
    """Compare what two systems recognised in the same samples.

    \b
    seqrec decode MODEL dev.jsonl -o a.jsonl --beam 1
    seqrec decode MODEL dev.jsonl -o b.jsonl --lm default
    seqrec compare a.jsonl b.jsonl --ref dev.jsonl

    The test is paired: how often would a difference as large come about if
    it were left to chance, for each sample (or speaker, or writer), which
    system is called A? Files are matched as by `seqrec score`.
    """
    from seqrec.cli._scoring import end, read
    from seqrec.scoring.comparing import as_row, compare

    (a, b), whole = read(ref, hyp_a, hyp_b)
    found = compare(a, b, words)
    end(as_row(found) if as_json else None, _said(found, f"A {hyp_a}   B {hyp_b}", worst), whole)


def _said(found: Comparison, names: str, worst: int) -> Iterator[str]:
    from seqrec.cli._scoring import drawn, warned

    yield names
    yield from _rates(found)
    yield ""
    for one in found.differences:
        yield f"{_NAMES[one.name]:11}{one.said}"
    yield ""
    yield drawn(found.units) + ("" if found.words == "whitespace" else f"; words: {found.words}")
    tests = {f"{_NAMES[one.name]}: {one.test.method} over {found.tested.n} {found.tested.kind}s": None
             for one in found.differences}  # fmt: skip
    yield from tests
    yield from warned(found.warnings)
    yield ""
    yield f"{len(found.better)} samples better in B, {len(found.worse)} worse, {found.n_same} with as many errors"
    yield from _changes("better", found.better[:worst])
    yield from _changes("worse", found.worse[:worst])


def _rates(found: Comparison) -> list[str]:
    from seqrec.cli._scoring import SPREAD, percent, spread, table
    from seqrec.scoring.comparing import said_p

    rows: list[Sequence[object]] = [("", "A", SPREAD, "B", SPREAD, "B - A", SPREAD, "")]
    a, b = found.intervals
    for one in found.differences:
        between = (getattr(of, one.name) for of in (a, b))
        of_a, of_b = map(spread, between)
        change = f"{100 * (one.b - one.a):+.2f}"
        both = percent(one.a), of_a, percent(one.b), of_b
        rows.append((_NAMES[one.name], *both, change, spread(one.interval, "+"), said_p(one.test.p)))
    return table(rows)


def _changes(how: str, changes: Sequence[Change]) -> Iterator[str]:
    from seqrec.cli._scoring import aligned
    from seqrec.writers import visible

    for change in changes:
        n = f"{change.a.chars.errors} -> {change.b.chars.errors} errors in {change.a.chars.n}"
        yield ""
        yield f"{how}: {visible(change.a.pair.id)}  ({n})"
        yield f"  A {aligned(change.a)}"
        yield f"  B {aligned(change.b)}"
