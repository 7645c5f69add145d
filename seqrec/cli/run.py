"""`seqrec run`"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqrec.recipe import Recipe


@click.command(short_help="A recipe end to end, from raw data to a report.")
@click.argument("recipe", type=click.Path(exists=True, path_type=Path))
@click.option("--source", type=click.Path(exists=True, path_type=Path), help="The corpus, where it is not generated.")
@click.option(
    "--exp",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for all that is made.  [default: exp/RECIPE]",
)
@click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Change a value of the recipe.")
@click.option("--from", "first", metavar="STAGE", help="Do this stage again, and those after it.")
@click.option("--only", metavar="STAGE", help="Do this stage alone.")
@click.option("--smoke", is_flag=True, help="A tiny version, in a folder of its own: does everything work?")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.pass_context
def command(
    ctx: click.Context, recipe: Path, source: Path | None, exp: Path | None, overrides: tuple[str, ...],
    first: str | None, only: str | None, smoke: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Run RECIPE, a folder with recipe.toml and prepare.py, or a .toml file beside one.

    Stages: prepare, check, train, tune, decode, score, report. One whose inputs did
    not change is skipped, an interrupted training goes on where it stopped.

    \b
    Example:
      seqrec run recipes/demo_ink
      seqrec run recipes/fsdd --source ~/fsdd --set training.epochs=20
    """
    from seqrec import recipe as recipes
    from seqrec.errors import ConfigError

    try:
        stages = recipes.choose(first, only)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    opened = recipes.Recipe.open(recipe, source, exp, overrides, smoke)
    done = recipes.Done(opened)
    if dry_run:
        _foretell(stages, [stage for stage in stages if stage in (first, only) or not done.complete(stage)])
        return
    problems = 0
    for stage in stages:
        again = stage in (first, only)
        if not again and done.complete(stage):
            found = done.problems(stage)
            named = ", with problems that were named before" if found else ""
            click.echo(f"{stage}: nothing has changed, skipped{named}", err=True)
        else:
            click.echo(stage, err=True)
            resume = stage == "train" and not again and done.interrupted(stage)
            done.begin(stage)
            found = _STAGES[stage](opened, resume)
            done.finish(stage, found)
        problems += found
    if problems:
        click.echo("Not everything could be used: see above.", err=True)
        ctx.exit(1)


def _foretell(stages: tuple[str, ...], todo: list[str]) -> None:
    for stage in stages:
        if stage in todo:
            would = "would be done"
        elif todo and stages.index(stage) > stages.index(todo[0]):
            would = f"would be done if {todo[0]} changes what it depends on"
        else:
            would = "would be skipped"
        click.echo(f"{stage}: {would}", err=True)


def _prepare(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline

    return 0 if pipeline.prepare(recipe) else 1


def _check(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline
    from seqrec.writers import visible

    with _counter("checking") as on_sample:
        lines, errors = pipeline.check(recipe, on_sample)
    for line in lines:
        click.echo(visible(f"  {line}"), err=True)
    if lines:
        click.echo(f"  all of them: {recipe.exp / 'check.json'}", err=True)
    return errors


def _train(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline
    from seqrec.cli._training import run_training
    from seqrec.recipe import left_out
    from seqrec.training.folder import alone_in

    resume = resume and (recipe.exp / "checkpoints" / "last.npz").exists()
    with alone_in(recipe.exp):
        aside = None if resume else pipeline.make_room(recipe)
    if aside:
        click.echo(f"the training that was in {recipe.exp} is now in {aside}", err=True)
    train, dev = recipe.manifest("train"), recipe.manifest("dev")
    finished, failed = run_training(recipe.config, train, dev, recipe.exp, resume=resume, unfit=left_out(recipe))
    if not finished:
        click.echo(f"Interrupted. The best model so far is in {recipe.exp}; the same command goes on.", err=True)
        raise SystemExit(130)
    return failed


def _tune(recipe: Recipe, resume: bool) -> int:
    from seqrec.cli._tuning import run_tuning
    from seqrec.modelfolder import ModelFolder

    texts = [path for path in (recipe.manifest("train"), recipe.text) if path.exists()]
    folder = ModelFolder(recipe.exp, own_files=True)
    return run_tuning(folder, recipe.config.decoding, list(map(str, texts)), recipe.manifest("dev"), named_before=True)


def _decode(recipe: Recipe, resume: bool) -> int:
    from seqrec import pipeline
    from seqrec.writers import visible

    with _counter(f"decoding {recipe.judged}") as on_sample:
        return pipeline.decode(recipe, lambda said: click.echo(visible(f"  {said}"), err=True), on_sample)


@contextmanager
def _counter(what: str) -> Iterator[Callable[[], None]]:
    """Counts samples on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed} samples"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda: bar.advance(task)


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
    "prepare": _prepare, "check": _check, "train": _train, "tune": _tune, "decode": _decode, "score": _score,
    "report": _report,
}  # fmt: skip
