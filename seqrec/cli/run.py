"""`seqrec run`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqrec.pipeline import Recipe


@click.command(short_help="A recipe end to end: prepare, check, train, decode, score, report.")
@click.argument("recipe", type=click.Path(exists=True, path_type=Path))
@click.option("--source", type=click.Path(exists=True, path_type=Path), help="The corpus, where it is not generated.")
@click.option("--exp", type=click.Path(path_type=Path), help="Folder for all that is made.  [default: exp/RECIPE]")
@click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Change a value of the recipe.")
@click.option("--from", "first", metavar="STAGE", help="Do this stage again, and those after it.")
@click.option("--only", metavar="STAGE", help="Do this stage alone.")
@click.option("--smoke", is_flag=True, help="A tiny version, to see whether everything works.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.pass_context
def command(
    ctx: click.Context, recipe: Path, source: Path | None, exp: Path | None, overrides: tuple[str, ...],
    first: str | None, only: str | None, smoke: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Run RECIPE, a folder with recipe.toml and prepare.py, or a .toml file beside one.

    Stages: prepare, check, train, decode, score, report. One whose inputs did
    not change is skipped, an interrupted training goes on where it stopped.

    \b
    Example:
      seqrec run recipes/demo_ink
      seqrec run recipes/fsdd --source ~/fsdd --set training.epochs=20
    """
    from seqrec import pipeline

    opened = pipeline.Recipe.open(recipe, source, exp, overrides, smoke)
    done = pipeline.Done(opened)
    stages = pipeline.choose(first, only)
    failed = 0
    for stage in stages:
        again = stage in (first, only)
        if not again and done.complete(stage):
            click.echo(f"{stage}: nothing has changed, skipped", err=True)
            continue
        click.echo(f"{stage}{' (would be done)' if dry_run else ''}", err=True)
        if dry_run:
            continue
        resume = stage == "train" and not again and done.begun(stage)
        done.begin(stage)
        failed += _STAGES[stage](opened, resume)
        done.finish(stage)
    if failed:
        click.echo(f"{failed} problems, named above", err=True)
        ctx.exit(1)


def _prepare(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline

    pipeline.prepare(recipe)
    return 0


def _check(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline
    from seqrec.writers import visible

    lines = pipeline.check(recipe)
    for line in lines[:20]:
        click.echo(visible(f"  {line}"), err=True)
    if len(lines) > 20:
        click.echo(f"  ... and {len(lines) - 20} more in {recipe.exp / 'check.json'}", err=True)
    return 0


def _train(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline
    from seqrec.cli._training import run_training

    resume = resume and (recipe.exp / "checkpoints" / "last.npz").exists()
    if not resume and (aside := pipeline.make_room(recipe)):
        click.echo(f"the training that was in {recipe.exp} is now in {aside}", err=True)
    finished, failed = run_training(
        recipe.config, recipe.manifest("train"), recipe.manifest("dev"), recipe.exp, resume=resume
    )
    if not finished:
        click.echo(f"Interrupted. The best model so far is in {recipe.exp}; the same command goes on.", err=True)
        raise SystemExit(130)
    return failed


def _decode(recipe: Recipe, resume: bool) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from seqrec import pipeline
    from seqrec.writers import visible

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"decoding {recipe.judged}", total=None)
        return pipeline.decode(
            recipe,
            lambda said: click.echo(visible(f"  {said}"), err=True),
            lambda: bar.advance(task),
        )


def _score(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline

    row = pipeline.score(recipe)
    click.echo(
        f"{row['part']}: CER {row['cer']:.2%} of {row['characters']['n']:,} characters, "
        f"WER {row['wer']:.2%} of {row['words']['n']:,} words, {row['samples']:,} samples"
    )
    return 0


def _report(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline

    click.echo(f"report: {pipeline.report(recipe)}", err=True)
    return 0


_STAGES = {
    "prepare": _prepare, "check": _check, "train": _train, "decode": _decode, "score": _score, "report": _report,
}  # fmt: skip
