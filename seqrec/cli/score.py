"""`seqrec score`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqrec.errors import SeqrecError
    from seqrec.scoring import Counts, Paired, Score

_FILE = click.Path(path_type=Path)


@click.command(short_help="Character and word error rates of recognised texts.")
@click.argument("ref", type=_FILE)
@click.argument("hyp", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option(
    "--worst", type=click.IntRange(0), default=5, show_default=True, help="Show so many of the worst samples."
)
def command(ref: Path, hyp: Path, as_json: bool, worst: int) -> None:
    """Compare HYP, what was recognised, with REF, what is right.

    \b
    seqrec decode MODEL test.jsonl -o hyp.jsonl
    seqrec score test.jsonl hyp.jsonl

    REF is a manifest and HYP the jsonl output of `seqrec decode`, matched by id;
    or both are plain text, matched line by line. CER counts grapheme clusters in
    NFC, WER what white space parts. A missing hypothesis counts as empty. The
    worst samples are shown with [-what is missing-] and {+what is too much+}.
    """
    from seqrec.scoring import as_row, pair, score
    from seqrec.transcripts import read_hypotheses, read_lines, read_references
    from seqrec.writers import visible

    failed: list[SeqrecError] = []

    def name(error: SeqrecError) -> None:
        failed.append(error)
        click.echo(visible(f"seqrec: {error}"), err=True)

    if ref.suffix.lower() == ".jsonl":
        paired = pair(read_references(ref, name), read_hypotheses(hyp), str(hyp))
    else:
        paired = pair(read_lines(ref), read_lines(hyp), str(hyp))
    scored = score(paired.pairs, worst)
    _say_unpaired(paired)
    if as_json:
        import json

        click.echo(json.dumps(as_row(scored, paired), ensure_ascii=False, indent=2))
    else:
        _say(scored)
    if failed:
        click.get_current_context().exit(1)


def _say_unpaired(paired: Paired) -> None:
    from seqrec.writers import visible

    for ids, said in (
        (paired.missing, "without a hypothesis, counted as empty"),
        (paired.extra, "not among the references, left out"),
    ):
        if ids:
            named = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
            click.echo(visible(f"seqrec: {len(ids)} {said}: {named}"), err=True)


def _say(scored: Score) -> None:
    from seqrec.writers import visible

    click.echo(_line("CER", "characters", scored.chars))
    click.echo(_line("WER", "words", scored.words))
    wrong = f"{scored.n_wrong} of {scored.n_samples} samples"
    click.echo(f"sentences wrong {scored.sentence_error:7.2%}  {wrong}")
    for one in scored.worst:
        errors = f"{one.chars.errors} errors in {one.chars.n}"
        click.echo(f"\n{visible(one.pair.id)}  ({errors})\n  {visible(one.aligned)}")


def _line(name: str, unit: str, counts: Counts) -> str:
    errors = f"{counts.substitutions} substituted, {counts.insertions} inserted, {counts.deletions} deleted"
    return f"{name:15} {counts.rate:7.2%}  {counts.errors} errors in {counts.n} {unit}: {errors}"
