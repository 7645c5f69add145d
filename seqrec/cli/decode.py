"""`seqrec decode`"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seqrec.decoding import Failure, Hypothesis
    from seqrec.reader import Reader

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Recognise files, folders, manifests or a list on stdin.")
@click.argument("model")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--format", "form", metavar="NAME", help="text or jsonl.  [default: text; jsonl for -o X.jsonl]")
@click.option("-o", "--output", type=_FILE, help="Write here, not to stdout.")
@click.option("--lm", metavar="LM", help="Language model: `default`, the one in MODEL, or an ARPA or .bin file.")
@click.option("--lexicon", type=_FILE, help="A word a line: other words are less likely.")
@click.option("--closed", is_flag=True, help="With --lexicon: other words do not come at all.")
@click.option("--hotword", "hotwords", multiple=True, metavar="TEXT[=W]", help="Expect a word or phrase, by W nats.")
@click.option("--beam", type=click.IntRange(1, 100_000), help="Width of the beam.  [default: as tuned; without LM 1]")
@click.option("--lm-weight", type=click.FloatRange(0), help="[default: as tuned]")
@click.option("--char-bonus", type=float, help="Nats for each character.  [default: as tuned]")
@click.option("--word-bonus", type=float, help="Nats for each word.  [default: as tuned]")
@click.option("--nbest", type=click.IntRange(1), default=1, help="So many alternatives, in jsonl.")
@click.option("--positions", is_flag=True, help="Where words and characters are, in jsonl.")
@click.option("--reject-below", type=click.FloatRange(0, 1), metavar="P", help="No text where confidence is below P.")
@click.option("--review", is_flag=True, help="Sort: what is likeliest to hold errors comes first.")
@click.option("--runtime", type=click.Choice(["onnx", "tensorflow"]), default="onnx", show_default=True)
@click.option("--batch", type=click.IntRange(1), default=1024, show_default=True, help="Samples at once, at most.")
@click.option("--own-files", is_flag=True, help="Run the extractor file that the model names: only for your own model.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the network.  [default: all cores]")
def command(
    model: str,
    inputs: tuple[str, ...],
    form: str | None,
    output: Path | None,
    reject_below: float | None,
    review: bool,
    runtime: str,
    batch: int,
    threads: int | None,
    own_files: bool,
    hotwords: tuple[str, ...],
    **how: Any,
) -> None:
    """Recognise what INPUT names with MODEL, a model folder or a packed .zip.

    \b
    seqrec decode MODEL line.png                     the text alone
    seqrec decode MODEL a.wav b.wav                  id, tab, text a line
    seqrec decode MODEL scans/ -o hyp.jsonl          every image below scans/
    seqrec decode MODEL test.jsonl --lm default      a manifest; ink comes so
    find . -name '*.wav' | seqrec decode MODEL -     a path or JSON sample a line

    A single file gives its text alone in the text format; several inputs, a
    folder, a manifest and - always give "id<TAB>text", whatever they hold.
    A file's id is its path as given. With --batch 1, each line on stdin is
    answered before the next is read. What cannot be read is named on stderr,
    the rest is done, and the exit code is 1.
    """
    from seqrec.errors import ConfigError
    from seqrec.files import atomic
    from seqrec.inputs import is_single, samples_of
    from seqrec.options import find
    from seqrec.reader import Decoding, hotword
    from seqrec.recognizer import load

    form = form or ("jsonl" if output and output.suffix == ".jsonl" else "text")
    try:
        writer = find("seqrec.writers", form, "--format")
        how["positions"] |= getattr(writer, "POSITIONS", False)
        decoding = Decoding(hotwords=dict(map(hotword, hotwords)), **how)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    recognizer = load(model, runtime, threads=threads, batch=batch, own_files=own_files, decoding=decoding)
    _say_of(recognizer.reader)
    samples = samples_of(inputs, recognizer.domain, sys.stdin.buffer)
    results = _Results(recognizer.decode(samples), form != "text" or not is_single(inputs), reject_below)
    with atomic(output) if output else nullcontext(sys.stdout) as out:
        writer.write(_by_expected_errors(results) if review else results, out)
    if results.rejected:
        click.echo(f"seqrec: {results.rejected} rejected: their confidence is below {reject_below:g}", err=True)
    if results.failed:
        click.get_current_context().exit(1)


def _say_of(reader: Reader) -> None:
    """What the user should know before the decoding begins."""
    from seqrec.writers import visible

    for note in reader.notes:
        click.echo(visible(f"seqrec: {note}"), err=True)
    if not reader.is_ready():
        click.echo("seqrec: compiling the search for this machine, once: about 20 seconds", err=True)


def _by_expected_errors(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    from seqrec.decoding.confidence import expected_errors

    return sorted(hypotheses, key=expected_errors, reverse=True)


class _Results:
    """The hypotheses among the results; failures are counted, and said on stderr as they come."""

    def __init__(self, results: Iterator[Hypothesis | Failure], named: bool, reject_below: float | None) -> None:
        self._results, self._named, self._least = results, named, reject_below or 0.0
        self.failed = self.rejected = 0

    def __iter__(self) -> Iterator[Hypothesis]:
        from dataclasses import replace

        from seqrec.decoding import Hypothesis
        from seqrec.writers import visible

        for result in self._results:
            if isinstance(result, Hypothesis):
                if result.confidence < self._least:
                    self.rejected += 1
                    result = result.rejected()
                yield result if self._named else replace(result, id="")
            else:
                self.failed += 1
                click.echo(visible(f"seqrec: {result.error}"), err=True)
