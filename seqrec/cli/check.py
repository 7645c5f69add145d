"""`seqrec check`"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqrec.alphabet import Alphabet
    from seqrec.checking import Report
    from seqrec.config import Config
    from seqrec.features import Extractor


@click.command(short_help="Name every bad sample of manifests, and why.")
@click.argument(
    "manifests", metavar="MANIFEST...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--features", metavar="CONFIG", help="A recipe.toml or a model: are there frames enough for each text?")
@click.option(
    "--alphabet", metavar="FILE", type=click.Path(exists=True, path_type=Path), help="An alphabet.json or a model."
)
@click.option(
    "--fix", metavar="OUT", type=click.Path(file_okay=False, path_type=Path), help="Write clean manifests there."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    manifests: tuple[Path, ...],
    features: str | None,
    alphabet: Path | None,
    fix: Path | None,
    as_json: bool,
) -> None:
    """Check manifests, or folders of them, before training: lines that are no
    samples, signals that are missing, broken or empty, empty texts, texts too
    long for their frames, unknown characters, duplicates within and across.

    \b
    seqrec check data/train.jsonl data/dev.jsonl data/test.jsonl
    seqrec check data --features recipe.toml --fix data/clean

    Given together, manifests named train, dev and test are held against each
    other. With --fix, OUT gets them without the samples that have errors, and
    rejected.jsonl says why; warnings reject nothing, sources stay as they are.
    The exit code is 0 only when there is no error.
    """
    from seqrec.checking import check, write_clean
    from seqrec.corpora.manifest import manifests as manifests_of
    from seqrec.errors import ConfigError

    paths = [path for given in manifests for path in manifests_of(given)]
    config, extractor = _features(features) if features else (None, None)
    with _progress() as on_sample:
        report = check(
            paths,
            extractor,
            _alphabet(alphabet) if alphabet else None,
            config.network.n_out if config else None,
            form=config.text.form if config else "NFC",
            on_sample=on_sample,
        )
    if as_json:
        _print_json(report)
    else:
        _say(report)
    if fix:
        try:
            counts = write_clean(report, fix)
        except ConfigError as error:
            raise click.UsageError(str(error)) from None
        for path, count in counts.items() if not as_json else ():
            click.echo(f"{path}: {count} samples written")
    ctx.exit(1 if report.errors else 0)


def _features(given: str) -> tuple[Config, Extractor]:
    from seqrec.config import read_config
    from seqrec.features import extractor
    from seqrec.modelfolder import ModelFolder

    if given.endswith(".toml"):
        config = read_config(Path(given))
        return config, extractor(config.features, f"{given} [features]", own_files=True)
    model = ModelFolder(given)
    return model.config, model.extractor


def _alphabet(path: Path) -> Alphabet:
    from seqrec.alphabet import Alphabet
    from seqrec.modelfolder import ModelFolder

    return Alphabet.load(path) if path.suffix == ".json" else ModelFolder(path).alphabet


@contextmanager
def _progress() -> Iterator[Callable[[], None] | None]:
    """A counter on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("checked {task.completed} samples"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("check", total=None)
        yield lambda: bar.advance(task)


def _say(report: Report) -> None:
    from seqrec.writers import visible

    for finding in report.findings:
        click.echo(visible(str(finding)))
    for path, count in report.samples.items():
        click.echo(f"{path}: {count} samples, {len(report.rejected[path])} with errors")
    if report.summary:
        click.echo("findings: " + ", ".join(f"{count} {kind}" for kind, count in report.summary.items()))


def _print_json(report: Report) -> None:
    table = {
        "manifests": {
            str(path): {"samples": count, "rejected": len(report.rejected[path])}
            for path, count in report.samples.items()
        },
        "summary": report.summary,
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
    }
    click.echo(json.dumps(table))
