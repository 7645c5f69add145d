"""`seqrec decode`"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqrec.cli._options import reading_options

if TYPE_CHECKING:
    from types import ModuleType

    from seqrec.cli._output import Results
    from seqrec.decoding import Hypothesis
    from seqrec.recognizer import Recognizer

ENCODINGS = ("s16le", "s16be", "s32le", "u8", "f32le")


@click.command(short_help="Recognise files, folders, manifests or a list on stdin.")
@click.argument("model")
@click.argument("inputs", metavar="INPUT...", nargs=-1)
@click.option("--format", "form", metavar="NAME", help="text, jsonl, csv, ctm, srt, ...  [default: as -o ends; text]")
@click.option("-o", "--output", "written", type=click.Path(), help="Write here, not to stdout: a file or a folder.")
@reading_options
@click.option("--nbest", type=click.IntRange(1), default=1, help="So many alternatives, in jsonl.")
@click.option("--positions", is_flag=True, help="Where words and characters are, in jsonl.")
@click.option("--reject-below", type=click.FloatRange(0, 1), metavar="P", help="No text where confidence is below P.")
@click.option("--review", is_flag=True, help="Sort: what is likeliest to hold errors comes first.")
@click.option("--stream", is_flag=True, help="Raw PCM from standard input, recognised while it comes.")
@click.option("--rate", type=click.IntRange(100, 1_000_000), help="With --stream: samples a second, one channel.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="With --stream: of the samples.  [default: s16le]")
@click.option("--partial", is_flag=True, help="With --stream and jsonl: what is under way, in rows of its own.")
@click.option("--runtime", type=click.Choice(["onnx", "tensorflow"]), default="onnx", show_default=True)
@click.option("--batch", type=click.IntRange(1), default=1024, show_default=True, help="Samples at once, at most.")
@click.option("--own-files", is_flag=True, help="Run the extractor file that the model names: only for your own model.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the network.  [default: all cores]")
def command(
    model: str,
    inputs: tuple[str, ...],
    form: str | None,
    written: str | None,
    reject_below: float | None,
    review: bool,
    stream: bool,
    rate: int | None,
    encoding: str | None,
    partial: bool,
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
    seqrec decode MODEL talk.wav -o talk.srt         subtitles
    seqrec decode MODEL p.xml --format alto -o out/  the lines of a page, filled
    seqrec decode MODEL test.jsonl --lm default      a manifest; ink comes so
    find . -name '*.wav' | seqrec decode MODEL -     a path or JSON sample a line
    arecord -f S16_LE -r 16000 -t raw | seqrec decode MODEL --stream --rate 16000

    A single file gives its text alone in the text format; several inputs, a
    folder, a manifest and - always give "id<TAB>text", whatever they hold.
    A file's id is its path as given. With --batch 1, each line on stdin is
    answered before the next is read. What cannot be read is named on stderr,
    the rest is done, and the exit code is 1.
    """
    from seqrec.cli._output import Results, folder_of, form_of, opened, place_of, say_notes, usage, write_documents
    from seqrec.inputs import is_single, placed_samples
    from seqrec.options import find
    from seqrec.reader import Decoding, hotwords_of
    from seqrec.recognizer import load
    from seqrec.writers._documents import Documents, check

    output = place_of(written)
    form = form or form_of(output)
    with usage():
        writer = find("seqrec.writers", form, "--format")
        _check_shown(form, how["positions"] and not hasattr(writer, "POSITIONS"), how["nbest"])
        how["positions"] |= hasattr(writer, "POSITIONS")
        decoding = Decoding(hotwords=hotwords_of(hotwords), **how)
    if reject_below is not None and isnan(reject_below):
        raise click.UsageError("--reject-below: nan; expected a number from 0 to 1")
    _check_stream(stream, inputs, rate, encoding, partial, review, form, hasattr(writer, "SUFFIX"))
    folder = None if stream else folder_of(writer, form, output, inputs, review)
    recognizer = load(model, runtime, threads=threads, batch=batch, own_files=own_files, decoding=decoding)
    with usage():
        check(writer, recognizer.domain)
    if stream and recognizer.domain != "sound":
        raise click.UsageError(f"--stream reads sound, and {model} is a model of {recognizer.domain}")
    say_notes(recognizer.reader)
    if stream:
        assert rate
        _write_stream(recognizer, rate, encoding or ENCODINGS[0], partial, writer, output, form, reject_below)
        return
    documents = Documents(placed_samples(inputs, recognizer.domain, sys.stdin.buffer), writer)
    answers = documents.of(recognizer.decode(documents.samples()))
    results = Results(answers, form != "text" or not is_single(inputs), reject_below)
    if hasattr(writer, "SUFFIX"):
        write_documents(results, writer, folder, output)
    else:
        hypotheses = (hypothesis for _, hypothesis in results)
        with opened(output) as out:
            writer.write(_by_expected_errors(hypotheses) if review else hypotheses, out)
    _say_of_results(results, reject_below)


def _check_shown(form: str, positions: bool, nbest: int) -> None:
    """Whether the format shows what is asked for."""
    if form in ("text", "csv") and (positions or nbest > 1):
        wanted = "--positions" if positions else "--nbest"
        raise click.UsageError(f"{wanted} has no place in {form}. Take --format jsonl")


def _check_stream(
    stream: bool,
    inputs: tuple[str, ...],
    rate: int | None,
    encoding: str | None,
    partial: bool,
    review: bool,
    form: str,
    of_files: bool,
) -> None:
    """Whether the options go with a stream, or with none."""
    if not stream:
        if rate or encoding or partial:
            raise click.UsageError("--rate, --encoding and --partial go with --stream alone")
        if not inputs:
            raise click.UsageError("Missing argument 'INPUT...'.")
        return
    if inputs not in ((), ("-",)):
        raise click.UsageError(f"--stream reads standard input, not {inputs[0]}. Files are read without --stream")
    if rate is None:
        raise click.UsageError("--stream does not know the rate of the sound. Say it, as in --rate 16000")
    if review or of_files:
        wanted = "--review" if review else f"--format {form}"
        raise click.UsageError(f"{wanted} waits for the end. For --stream take text, jsonl, csv or ctm")
    if partial and form != "jsonl":
        raise click.UsageError(f"--partial has no place in {form}. Take --format jsonl")


def _write_stream(
    recognizer: Recognizer,
    rate: int,
    encoding: str,
    partial: bool,
    writer: ModuleType,
    output: Path | None,
    form: str,
    reject_below: float | None,
) -> None:
    from seqrec.cli._output import Results, opened
    from seqrec.cli._streaming import shown_on, utterances

    with opened(output) as out:
        found = utterances(recognizer, rate, encoding, shown_on(out, form, partial))
        results = Results(((None, each) for each in found), form != "text", reject_below)
        writer.write((hypothesis for _, hypothesis in results), out)
    _say_of_results(results, reject_below)


def _say_of_results(results: Results, reject_below: float | None) -> None:
    if results.rejected:
        click.echo(f"seqrec: {results.rejected} rejected: their confidence is below {reject_below:g}", err=True)
    if results.failed:
        click.get_current_context().exit(1)


def _by_expected_errors(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    from seqrec.decoding.confidence import expected_errors

    return sorted(hypotheses, key=expected_errors, reverse=True)
