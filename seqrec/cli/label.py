"""`seqrec label`"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqrec.cli._options import reading_options

if TYPE_CHECKING:
    from seqrec.errors import SeqrecError
    from seqrec.labelling import Labels


@click.command(short_help="Read what has no text yet, for somebody to correct.")
@click.argument("model")
@click.argument("inputs", metavar="[INPUT]...", nargs=-1)
@click.option(
    "-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to."
)
@click.option(
    "--most",
    type=click.IntRange(1),
    metavar="N",
    help="Add samples, the most doubtful first, until N are open.  [default: all]",
)
@click.option("--labelled", is_flag=True, help="Also samples that come with a text, to be checked.")
@reading_options
@click.option("--own-files", is_flag=True, help="Run the extractor file that the model names: only for your own model.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the network.  [default: all cores]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    model: str,
    inputs: tuple[str, ...],
    out: Path,
    most: int | None,
    labelled: bool,
    own_files: bool,
    threads: int | None,
    as_json: bool,
    beam: int | None,
    **how: Any,
) -> None:
    """Read what INPUT names with MODEL, and write a table and a page in which
    somebody corrects it: the most doubtful first.

    \b
    seqrec label MODEL recordings/ -o labels         then open labels/labels.html
    seqrec label MODEL ink.jsonl -o labels --most 200
    seqrec label BETTER -o labels                    rank again what is left
    seqrec finetune MODEL labels --exp exp/mine      learn from what is done

    INPUT is what decode takes: files, folders, ALTO or PAGE files, manifests.
    The page saves labels.tsv, which belongs beside it; the same table opens in
    a spreadsheet. Run again, with more files or a better model, label keeps all
    that has been corrected in labels.tsv. What cannot be read is named on
    stderr, the rest is done, and the exit code is 1.
    """
    from seqrec.cli._output import say_notes, usage
    from seqrec.inputs import samples_of
    from seqrec.labelling import ALTERNATIVES, label
    from seqrec.reader import Decoding, hotwords_of
    from seqrec.recognizer import load
    from seqrec.writers import visible

    errors = 0

    def complain(error: SeqrecError) -> None:
        nonlocal errors
        errors += 1
        click.echo(visible(f"seqrec: {error}"), err=True)

    with usage():
        hotwords = hotwords_of(how.pop("hotwords"))
        nbest = min(ALTERNATIVES, beam or ALTERNATIVES)
        decoding = Decoding(beam=beam, nbest=nbest, hotwords=hotwords, **how)
    recognizer = load(model, threads=threads, own_files=own_files, decoding=decoding)
    say_notes(recognizer.reader)
    given = samples_of(inputs, recognizer.domain, sys.stdin.buffer)
    with _progress() as progress:
        found = label(recognizer, given, out, most=most, labelled=labelled, on_error=complain, progress=progress)
    if as_json:
        click.echo(json.dumps({**found._asdict(), "errors": errors}))
    else:
        _say(found, out)
    click.get_current_context().exit(1 if errors else 0)


def _say(found: Labels, out: Path) -> None:
    from seqrec.labelling import PAGE
    from seqrec.writers import visible

    left_out = f" ({found.done - found.texts} of them without a text)" if found.done > found.texts else ""
    click.echo(f"{found.open} to look at, {found.done} done{left_out}")
    if found.labelled:
        click.echo(f"{found.labelled} have a text already and are left out: --labelled takes them, too")
    click.echo(visible(f"open {out / PAGE} in a browser, or labels.tsv in a spreadsheet"))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("read"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("read", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
