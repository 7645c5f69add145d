"""`seqrec align`"""

from __future__ import annotations

import sys

import click


@click.command(short_help="Put known texts to their places in the signals.")
@click.argument("model")
@click.argument("inputs", metavar="MANIFEST...", nargs=-1, required=True)
@click.option("--format", "form", metavar="NAME", help="jsonl, ctm, textgrid, srt, ...  [default: as -o ends; jsonl]")
@click.option("-o", "--output", "written", type=click.Path(), help="Write here, not to stdout: a file or a folder.")
@click.option("--own-files", is_flag=True, help="Run the extractor file that the model names: only for your own model.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the network.  [default: all cores]")
def command(
    model: str,
    inputs: tuple[str, ...],
    form: str | None,
    written: str | None,
    threads: int | None,
    own_files: bool,
) -> None:
    """Find where in the signals the texts of MANIFEST lie, word by word.

    \b
    seqrec align MODEL dev.jsonl                     a JSON object a line
    seqrec align MODEL dev.jsonl -o dev.ctm          words with their seconds
    seqrec align MODEL dev.jsonl --format textgrid -o grids/
    seqrec align MODEL page.xml --format page -o aligned/

    Instead of a manifest, - or the ALTO or PAGE file of a page that holds its
    text will do. Positions are seconds in the sound file, x in pixels of the
    image, or numbers of points of ink. The confidence, in [0, 1], says how well
    a text fits its signal: what is low is likely to be a wrong transcript. What
    cannot be aligned is named on stderr, the rest is done, and the exit code
    is 1.
    """
    from seqrec.aligning import align
    from seqrec.cli._output import Results, folder_of, form_of, opened, place_of, say_compiling, usage, write_documents
    from seqrec.decoding.align import is_ready
    from seqrec.inputs import placed_samples
    from seqrec.options import find
    from seqrec.recognizer import load
    from seqrec.writers._documents import Documents, check

    output = place_of(written)
    form = form or (form_of(output) if output else "jsonl")
    with usage():
        writer = find("seqrec.writers", form, "--format")
    folder = folder_of(writer, form, output, inputs, review=False)
    recognizer = load(model, threads=threads, own_files=own_files)
    with usage():
        check(writer, recognizer.domain)
    if not is_ready():
        say_compiling("the alignment", "some seconds")
    documents = Documents(placed_samples(inputs, recognizer.domain, sys.stdin.buffer), writer)
    answers = documents.of(align(recognizer.folder, recognizer.runtime, documents.samples()))
    results = Results(answers, named=True, reject_below=None)
    if hasattr(writer, "SUFFIX"):
        write_documents(results, writer, folder, output)
    else:
        with opened(output) as out:
            writer.write((hypothesis for _, hypothesis in results), out)
    if results.failed:
        click.get_current_context().exit(1)
