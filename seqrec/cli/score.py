"""`seqrec score`"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seqrec.scoring import Score
    from seqrec.scoring.analysis import Analysis, Confusions, Reliable

_FILE = click.Path(path_type=Path)
_VARIANTS = {
    "no_case": "without case",
    "no_punctuation": "without punctuation",
    "no_case_no_punctuation": "without both",
}
_SLICES = 20


@click.command(short_help="Character and word error rates of recognised texts.")
@click.argument("ref", type=_FILE)
@click.argument("hyp", type=_FILE)
@click.option(
    "--words", type=click.Choice(["whitespace", "uax29", "mixed"]), default="whitespace", show_default=True,
    help="What a word is; mixed: a character of Chinese, Japanese, Thai, ..., else between white space.",
)  # fmt: skip
@click.option("--by", type=click.Choice(["group", "length"]), help="A row for each speaker or writer, or each length.")
@click.option("--confusions", type=click.IntRange(0), default=10, show_default=True, help="Show so many of each kind.")
@click.option(
    "--worst", type=click.IntRange(0), default=5, show_default=True, help="Show so many of the worst samples."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with everything, for programs.")
def command(ref: Path, hyp: Path, words: Any, by: Any, confusions: int, worst: int, as_json: bool) -> None:
    """Compare HYP, what was recognised, with REF, what is right.

    \b
    seqrec decode MODEL test.jsonl -o hyp.jsonl
    seqrec score test.jsonl hyp.jsonl --by group

    REF is a manifest and HYP the jsonl output of `seqrec decode`, matched by id;
    or both are plain text with as many lines. CER counts grapheme clusters in NFC.
    A missing hypothesis counts as empty, and the exit code is 1. The worst samples
    are shown with [-what is missing-] and {+what is too much+}.
    """
    from seqrec.cli._scoring import end, read
    from seqrec.scoring.analysis import analyse, as_row

    [paired], whole = read(ref, hyp)
    found = analyse(paired, words, worst, by)
    end(as_row(found) if as_json else None, _said(found, confusions), whole)


def _said(found: Analysis, confusions: int) -> Iterator[str]:
    from seqrec.cli._scoring import aligned, drawn, errors, warned
    from seqrec.writers import visible

    yield from _rates(found)
    yield drawn(found.units) + ("" if found.words == "whitespace" else f"; words: {found.words}")
    yield from warned(found.warnings)
    yield from _slices(found)
    yield from _confusions("characters", found.chars_confused, confusions)
    yield from _confusions("words", found.words_confused, confusions)
    yield from _sure("lines", found.lines_sure)
    yield from _sure("words", found.words_sure)
    for one in found.score.worst:
        yield ""
        yield f"{visible(one.pair.id)}  ({errors(one.chars.errors)} in {one.chars.n})"
        yield f"  {aligned(one)}"


def _rates(found: Analysis) -> list[str]:
    from seqrec.cli._scoring import SPREAD, percent, spread, table

    score, of = found.score, found.intervals
    rows: list[Sequence[object]] = [("", "", SPREAD, "errors", "of", "substituted", "inserted", "deleted")]
    for name, rate, between, n in (
        ("CER", score.cer, of.cer, score.chars),
        ("WER", score.wer, of.wer, score.words),
    ):
        kinds = n.substitutions, n.insertions, n.deletions
        rows.append((name, percent(rate), spread(between), n.errors, n.n, *kinds))
    wrong = percent(score.sentence_error), spread(of.sentence_error), score.n_wrong, score.n_samples
    rows.append(("sentences", *wrong, "", "", ""))
    others: list[Sequence[object]] = [("", "CER", SPREAD, "WER", SPREAD, "sentences")]
    for key, (other, between_) in found.variants.items():
        rates = percent(other.cer), spread(between_.cer), percent(other.wer), spread(between_.wer)
        others.append((_VARIANTS[key], *rates, percent(other.sentence_error)))
    return [*table(rows), "", *table(others), ""]


def _slices(found: Analysis) -> Iterator[str]:
    from seqrec.cli._scoring import percent, table

    if not found.slices:
        return
    what = "group" if found.by == "group" else "characters"
    rows: list[Sequence[object]] = [
        (what, "samples", "CER", "errors", "of", "WER", "errors", "of", "sentences"),
    ]
    for name, part in list(found.slices.items())[:_SLICES]:
        rows.append((_short(name), part.n_samples, *_both(part), percent(part.sentence_error)))
    yield ""
    yield from table(rows)
    if len(found.slices) > _SLICES:
        yield f"and {len(found.slices) - _SLICES} more, all of them in --json"


def _both(part: Score) -> tuple[object, ...]:
    from seqrec.cli._scoring import percent

    return percent(part.cer), part.chars.errors, part.chars.n, percent(part.wer), part.words.errors, part.words.n


def _confusions(unit: str, found: Confusions, most: int) -> Iterator[str]:
    from seqrec.cli._scoring import listed

    kinds: dict[str, Counter[Any]] = {
        "substituted": Counter({f"{_shown(a)} > {_shown(b)}": n for (a, b), n in found.substituted.items()}),
        "deleted": Counter({_shown(old): n for old, n in found.deleted.items()}),
        "inserted": Counter({_shown(new): n for new, n in found.inserted.items()}),
    }
    if most and any(kinds.values()):
        yield ""
        yield f"{unit}, reference > hypothesis"
        for kind, counter in kinds.items():
            yield from listed(kind, [f"{what} {n}" for what, n in counter.most_common(most)])


def _shown(token: str) -> str:
    from seqrec.writers import visible

    return _short(visible(token.replace(" ", "␣")))


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


def _sure(what: str, found: Reliable | None) -> Iterator[str]:
    from seqrec.cli._scoring import percent, table

    if found is None:
        return
    yield ""
    yield f"confidence of {found.n} {what}: expected calibration error {found.error:.3f}"
    rows: list[Sequence[object]] = [("  confidence", what, "mean", "right")]
    for band in found.bands:
        name = f"  from {band.low:g} to {band.high:g}"
        rows.append((name, band.n, percent(band.confidence), percent(band.right)))
    yield from table(rows)
