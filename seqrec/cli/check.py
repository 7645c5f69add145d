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
@click.argument("data", metavar="DATA...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--model", metavar="MODEL", help="Take its features and alphabet, and name labels that it doubts.")
@click.option("--features", metavar="CONFIG", help="A recipe.toml or a model: are there frames enough for each text?")
@click.option(
    "--alphabet", metavar="FILE", type=click.Path(exists=True, path_type=Path), help="An alphabet.json or a model."
)
@click.option(
    "--fix", metavar="OUT", type=click.Path(file_okay=False, path_type=Path), help="Write clean manifests there."
)
@click.option("--reject", metavar="KIND,...", help="Leave out samples with warnings of these kinds too.")
@click.option(
    "--html", metavar="PAGE", type=click.Path(dir_okay=False, path_type=Path), help="Write a page that shows them."
)
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
@click.option("--own-files", is_flag=True, help="Run the extractor file that the model names: only for your own model.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), help="Processes.  [default: one per core]")
@click.pass_context
def command(
    ctx: click.Context, data: tuple[Path, ...], model: str | None, features: str | None, alphabet: Path | None,
    fix: Path | None, reject: str | None, html: Path | None, as_json: bool, own_files: bool, jobs: int | None,
) -> None:  # fmt: skip
    """Check manifests, or folders of them, before training: lines that are no
    samples; signals that are missing, broken, empty, silent or blank; texts that
    are empty, too long for their frames or of mixed scripts; duplicates, leaks
    between parts, and whatever lies far from the rest.

    \b
    seqrec check data/train.jsonl data/dev.jsonl data/test.jsonl
    seqrec check data --features recipe.toml --fix data/clean
    seqrec check data --model MODEL --html check.html

    Given together, manifests named train, dev and test are held against each
    other. With --fix, OUT gets them without the samples that have errors, and
    rejected.jsonl says why; warnings reject nothing unless --reject names their
    kind. Sources stay as they are. The terminal shows the first findings of each
    kind, --json and --html show more. The exit code is 0 only when there is no error.
    """
    from seqrec.checking import KINDS, check, clean_targets, write_clean
    from seqrec.corpora.manifest import manifests as manifests_of
    from seqrec.errors import ConfigError
    from seqrec.writers import visible

    if model and (features or alphabet):
        raise click.UsageError("--model brings features and alphabet with it; leave out --features and --alphabet.")
    if html and html.suffix.lower() not in (".html", ".htm"):  # a manifest, where PAGE was forgotten
        raise click.UsageError(visible(f"--html: '{html}'; expected the name of a page to write, such as check.html."))
    rejected = _kinds(reject, KINDS)
    paths = [path for given in data for path in manifests_of(given)]
    if fix:
        try:
            clean_targets(paths, fix)
        except ConfigError as error:
            raise click.UsageError(visible(str(error))) from None
    config, extractor = _features(of, own_files) if (of := model or features) else (None, None)
    letters = _alphabet(Path(named)) if (named := model or alphabet) else None
    with _progress("checked") as on_sample:
        report = check(
            paths,
            extractor,
            letters,
            config.network.n_out if config else None,
            form=config.text.form if config else "NFC",
            jobs=jobs,
            on_sample=on_sample,
        )
    if model:
        from seqrec.mislabelled import doubtful

        with _progress("read") as on_sample:
            report = report.with_findings(doubtful(model, list(report.samples), report, on_sample, own_files=own_files))
    report = report.rejecting(rejected)
    if as_json:
        _print_json(report)
    else:
        _say(report)
    if fix:
        for path, count in write_clean(report, fix).items() if not as_json else ():
            click.echo(visible(f"{path}: {count} samples written"))
    if html:
        from seqrec.report.check_page import write_check_page

        write_check_page(html, report)
        click.echo(f"{html}: written", err=True)
    ctx.exit(1 if report.errors else 0)


def _kinds(given: str | None, known: tuple[str, ...]) -> list[str]:
    """The kinds of finding that --reject names."""
    from seqrec.options import suggest

    kinds = [kind.strip() for kind in given.split(",")] if given else []
    for kind in kinds:
        if kind not in known:
            hint = suggest(kind, list(known)) or f"known are {', '.join(known)}."
            raise click.UsageError(f"--reject: unknown kind {kind!r}; {hint}")
    return kinds


def _features(given: str, own_files: bool) -> tuple[Config, Extractor]:
    from seqrec.config import read_config
    from seqrec.features import extractor
    from seqrec.modelfolder import ModelFolder

    if given.endswith(".toml"):
        config = read_config(Path(given))
        return config, extractor(config.features, f"{given} [features]", own_files=True)
    model = ModelFolder(given, own_files=own_files)
    return model.config, model.extractor


def _alphabet(path: Path) -> Alphabet:
    from seqrec.alphabet import Alphabet
    from seqrec.modelfolder import ModelFolder

    return Alphabet.load(path) if path.suffix == ".json" else ModelFolder(path).alphabet


@contextmanager
def _progress(done: str) -> Iterator[Callable[[], None] | None]:
    """A counter on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn(f"{done} {{task.completed}} samples"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(done, total=None)
        yield lambda: bar.advance(task)


def _say(report: Report) -> None:
    from seqrec.checking.telling import told
    from seqrec.writers import visible

    for line in told(report):
        click.echo(visible(line))
    for path, count in report.samples.items():
        rejected = report.rejected[path].values()
        errors = sum(any(finding.severity == "error" for finding in found) for found in rejected)
        more = f", {len(rejected) - errors} more rejected" if len(rejected) > errors else ""
        click.echo(f"{path}: {count} samples, {errors} with errors{more}")
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
