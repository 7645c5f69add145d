"""`seqrec decode`"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqrec.decoding import Failure, Hypothesis


@click.command(short_help="Recognise files, folders, manifests or a list on stdin.")
@click.argument("model")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--format", "form", metavar="NAME", help="text or jsonl.  [default: text; jsonl for -o X.jsonl]")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to stdout.")
@click.option("--runtime", type=click.Choice(["onnx", "tensorflow"]), default="onnx", show_default=True)
@click.option("--batch", type=click.IntRange(1), default=1024, show_default=True, help="Samples at once, at most.")
@click.option("--own-files", is_flag=True, help="Run the extractor file that the model names: only for your own model.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the network.  [default: all cores]")
def command(
    model: str,
    inputs: tuple[str, ...],
    form: str | None,
    output: Path | None,
    runtime: str,
    batch: int,
    threads: int | None,
    own_files: bool,
) -> None:
    """Recognise what INPUT names with MODEL, a model folder or a packed .zip.

    \b
    seqrec decode MODEL line.png                     the text alone
    seqrec decode MODEL a.wav b.wav                  id, tab, text a line
    seqrec decode MODEL scans/ -o hyp.jsonl          every image below scans/
    seqrec decode MODEL test.jsonl --format jsonl    a manifest; ink comes so
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
    from seqrec.recognizer import load

    form = form or ("jsonl" if output and output.suffix == ".jsonl" else "text")
    try:
        write = find("seqrec.writers", form, "--format").write
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    recognizer = load(model, runtime, threads=threads, batch=batch, own_files=own_files)
    samples = samples_of(inputs, recognizer.domain, sys.stdin.buffer)
    results = _Results(recognizer.decode(samples), named=form != "text" or not is_single(inputs))
    with atomic(output) if output else nullcontext(sys.stdout) as out:
        write(results, out)
    if results.failed:
        click.get_current_context().exit(1)


class _Results:
    """The hypotheses among the results; failures are counted, and said on stderr as they come."""

    def __init__(self, results: Iterator[Hypothesis | Failure], named: bool) -> None:
        self._results, self._named, self.failed = results, named, 0

    def __iter__(self) -> Iterator[Hypothesis]:
        from dataclasses import replace

        from seqrec.decoding import Hypothesis
        from seqrec.writers import visible

        for result in self._results:
            if isinstance(result, Hypothesis):
                yield result if self._named else replace(result, id="")
            else:
                self.failed += 1
                click.echo(visible(f"seqrec: {result.error}"), err=True)
