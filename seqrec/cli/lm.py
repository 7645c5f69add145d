"""`seqrec lm`: n-gram language models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seqrec.errors import SeqrecError
    from seqrec.lm.model import LanguageModel, Perplexity
    from seqrec.lm.texts import Progress
    from seqrec.lm.train import Training
    from seqrec.samples import OnError

_PATH = click.Path(path_type=Path)


@click.command(short_help="Train, convert and measure n-gram language models.")
@click.argument("inputs", metavar="TEXT... | LM", nargs=-1, required=True)
@click.option("-o", "--output", type=_PATH, help="Where to write: .bin, .arpa or .arpa.gz.")
@click.option("--order", type=click.IntRange(1, 8), help="Tokens of an n-gram.  [default: 6 characters or 3 words]")
@click.option("--unit", type=click.Choice(["char", "word"]), help="What a token is.  [default: char; ARPA's own]")
@click.option("--prune", metavar="N N ...", help="Leave out n-grams that are there so often or less, from 1-grams on.")
@click.option("--vocabulary", type=click.IntRange(1), metavar="N", help="Keep the N most frequent words.")
@click.option("--spelling-order", type=click.IntRange(0, 8), help="Of the spelling of unknown words.  [default: 6]")
@click.option("--memory", type=click.IntRange(16), default=1024, show_default=True, help="MiB that counting may take.")
@click.option("--perplexity", "measured", metavar="TEXT", multiple=True, help="Measure the model on other texts.")
@click.option("--tune", "tuned", metavar="MODEL", help="Put it into MODEL, with weights that are chosen on --dev.")
@click.option("--dev", type=_PATH, help="Manifest to choose the weights by, for --tune.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: Path | None,
    order: int | None,
    unit: Any,
    prune: str | None,
    vocabulary: int | None,
    spelling_order: int | None,
    memory: int,
    measured: tuple[str, ...],
    tuned: str | None,
    dev: Path | None,
    as_json: bool,
) -> None:
    """Train an n-gram language model on TEXTs, with modified Kneser-Ney
    smoothing; or read the model LM, to convert or to measure it.

    \b
    seqrec lm data/train.jsonl more.txt.gz -o chars.bin
    seqrec lm news.txt -o words.bin --unit word --prune "0 0 1"
    seqrec lm words.arpa.gz -o words.bin
    seqrec lm chars.bin --perplexity other.txt
    seqrec lm train.jsonl more.txt --tune MODEL --dev dev.jsonl

    A TEXT is a file with a sentence a line, perhaps gzipped, a manifest (.jsonl)
    or - for standard input; never train on the texts of dev or test. A model of
    words in .bin carries a model of their spelling, for words that it does not
    have; ARPA cannot hold one. Lines that cannot be read are named on stderr,
    the others are used, and the exit code is 1.
    """
    from seqrec.errors import ConfigError, DataError
    from seqrec.lm.files import check_name, is_model, load, save
    from seqrec.lm.texts import texts_of
    from seqrec.lm.train import train
    from seqrec.writers import visible

    failed: list[SeqrecError] = []

    def name(error: SeqrecError) -> None:
        failed.append(error)
        click.echo(visible(f"seqrec: {error}"), err=True)

    if output is None and not measured and tuned is None:
        raise click.UsageError("Nothing to do: give -o, --perplexity or --tune.")
    if (tuned is None) != (dev is None):
        raise click.UsageError("--tune and --dev belong together.")
    models = [given for given in inputs if is_model(given)]
    if models and len(inputs) > 1:
        raise click.UsageError(f"{models[0]} is a language model: it is read alone, without other inputs.")
    trained = {"--order": order, "--prune": prune, "--vocabulary": vocabulary, "--spelling-order": spelling_order}
    if models and (said := [option for option, value in trained.items() if value is not None]):
        raise click.UsageError(f"{said[0]} is for training, and {models[0]} is trained already.")
    try:
        if output:
            check_name(output)
        training = _training(unit, order, prune, vocabulary, spelling_order, memory)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None

    stdin = sys.stdin.buffer
    tuning = _Tuning(tuned, dev, name) if tuned and dev else None
    with _display() as progress:
        if models:
            model = load(models[0], unit, progress)
        else:
            texts = texts_of(inputs, stdin, name)
            model = train(tuning.words.see(texts) if tuning else texts, training, name, progress)
        if tuning:
            tuning.run(model, None if models else tuning.words.seen, progress)
        if output:
            save(model, output, progress)
        found = model.perplexity(texts_of(measured, stdin, name), name, progress) if measured else None
        if found and not found.texts:
            raise DataError(", ".join(measured), "holds no text to measure with", "a text a line")
    if output and model.spelling and output.suffix != ".bin":
        click.echo(f"seqrec: {output} has no model of the spelling: ARPA cannot hold it, .bin can", err=True)
    (_print_json if as_json else _say)(model, found)
    ctx.exit(1 if failed else 0)


def _training(
    unit: Any, order: int | None, prune: str | None, vocabulary: int | None, spelling: int | None, memory: int
) -> Training:
    from dataclasses import replace

    from seqrec.errors import ConfigError
    from seqrec.lm.train import Training

    try:
        counts = tuple(int(part) for part in (prune or "").replace(",", " ").split())
    except ValueError:
        raise ConfigError("--prune", f"is {prune!r}", 'numbers, such as "0 0 1"') from None
    if unit != "word" and spelling is not None:
        raise ConfigError("--spelling-order", "is for a model of words", "", "add --unit word")
    made = Training(unit or "char", order, counts, vocabulary, memory=memory << 20)
    return made if spelling is None else replace(made, spelling=spelling)


class _Tuning:
    """A model and its dev, to be tuned to a language model. Raises what ModelFolder and Manifest do."""

    def __init__(self, model: str, dev: Path, on_error: OnError) -> None:
        from seqrec.modelfolder import ModelFolder, check_writable
        from seqrec.samples import Manifest
        from seqrec.tuning import Words

        self.folder, self.dev, self.on_error = ModelFolder(model), Manifest(dev, on_error), on_error
        check_writable(self.folder)  # before the work of minutes
        self.words = Words(sample.text or "" for sample in self.dev)

    def run(self, lm: LanguageModel, seen: float | None, progress: Progress) -> None:
        from seqrec.cli._output import say_compiling
        from seqrec.cli._tuning import results
        from seqrec.decoding.beam import BeamDecoder
        from seqrec.tuning import tune

        if not BeamDecoder(self.folder.alphabet).is_ready():
            say_compiling("the search", "about 20 seconds")
        beam = self.folder.config.decoding.beam
        for line in results(tune(self.folder, self.dev, lm, beam, seen, self.on_error, progress)):
            click.echo(line, err=True)


@contextmanager
def _display() -> Iterator[Progress]:
    """A line on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:10}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total or None)


def _sizes(model: LanguageModel) -> list[int]:
    from itertools import pairwise

    from seqrec.lm.ngram import levels

    return [end - start for start, end in pairwise(levels(model.ngram)[1:])]


def _say(model: LanguageModel, found: Perplexity | None) -> None:
    sizes = ", ".join(f"{size} {n}-grams" for n, size in enumerate(_sizes(model), 1))
    click.echo(f"{model.unit}s, order {model.order}: {sizes}")
    if found:
        unknown = f"; {found.excluding:.2f} without {found.unknown} unknown {model.unit}s" if found.unknown else ""
        click.echo(f"perplexity {found.including:.2f} of {found.tokens} tokens in {found.texts} texts{unknown}")


def _print_json(model: LanguageModel, found: Perplexity | None) -> None:
    import json

    table: dict[str, Any] = {"unit": model.unit, "order": model.order, "ngrams": _sizes(model)}
    if found:
        table["perplexity"] = {"including_unknown": found.including, "excluding_unknown": found.excluding}
        table |= {"texts": found.texts, "tokens": found.tokens, "unknown": found.unknown}
    click.echo(json.dumps(table))
