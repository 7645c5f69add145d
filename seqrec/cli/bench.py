"""`seqrec bench`"""

from __future__ import annotations

import json
import math
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seqrec.bench.cases import Case
    from seqrec.bench.place import Place

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="Speed, side by side with the alternatives, in one run.")
@click.argument("what", type=click.Choice(["train", "decode", "start", "features", "store", "beam", "all"]))
@click.option("--case", "names", multiple=True, metavar="NAME", help="This case alone; may be given again.")
@click.option("--rounds", type=click.IntRange(1), help="Processes of each side.  [default: 5]")
@click.option("--threads", type=click.IntRange(1), help="Threads of each side.  [default: all cores]")
@click.option("--source", type=_FOLDER, help="Folder of UNIPEN words.  [default: generated words]")
@click.option("--model", type=click.Path(path_type=Path), help="Model to search the outputs of, with --data.")
@click.option("--data", type=_FOLDER, help="Its recipe's folder with train.jsonl and dev.jsonl.")
@click.option("--work", type=_FOLDER, help="Folder for what is generated, to keep it.  [default: a temporary one]")
@click.option("--smoke", is_flag=True, help="Tiny, one round: does everything work? The figures mean nothing.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per case and peer.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to stdout.")
@click.pass_context
def command(
    ctx: click.Context, what: str, names: tuple[str, ...], rounds: int | None, threads: int | None,
    source: Path | None, model: Path | None, data: Path | None, work: Path | None, smoke: bool, as_json: bool,
    output: Path | None,
) -> None:  # fmt: skip
    """Measure WHAT, side by side with PyTorch, stock Keras, ONNX Runtime alone and flashlight-text.

    \b
    Example:
      seqrec bench start
      seqrec bench train --case train-3x128 --rounds 7
      seqrec bench train --case epoch-unipen --source ~/unipen
      seqrec bench beam --model recipes/copiste/model.zip --data exp/copiste/data
      seqrec bench all --json -o bench.jsonl

    The sides run in turn in fresh processes, on the same arrays and with the same
    number of threads. The ratio is the peer's median time over seqrec's: above 1,
    seqrec is quicker. Without a peer that is not installed the rest is measured,
    and the exit code is 1; scripts/bench or pip install seqrec[bench] installs it.
    """
    from seqrec.bench.cases import choose
    from seqrec.bench.place import Place
    from seqrec.errors import ConfigError
    from seqrec.files import cores

    try:
        chosen = choose(what, names)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    if (model is None) != (data is None):
        raise click.UsageError("--model and --data go together")
    recipe_of = (model, data) if model and data else None
    with _progress() as say, _folder(work) as folder:
        place = Place(folder, threads or cores(), source, recipe_of, smoke, say)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # no side outlives this process
        write = partial(_write, place=place, as_json=as_json, output=output)
        rows, failures = _measure(chosen, place, rounds, write if output else lambda rows: None)
        write(rows)
    if failures:
        ctx.exit(1)


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work:
        work.mkdir(parents=True, exist_ok=True)
        yield work.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="seqrec-bench-") as folder:
            yield Path(folder)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is being done, on stderr: one line that changes on a terminal, a line each elsewhere."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield lambda said: click.echo(said, err=True)
        return
    with console.status("") as status:
        yield lambda said: status.update(escape(said))


def _measure(
    chosen: list[Case], place: Place, rounds: int | None, keep: Callable[[list[dict[str, Any]]], None]
) -> tuple[list[dict[str, Any]], int]:
    """The rows of all cases, which `keep` gets after each, and how many things failed, each of which is named."""
    from seqrec.bench.compare import add_shares, compare
    from seqrec.writers import visible

    rows, failures = [], 0
    for case in chosen:
        found, errors = compare(case, place, rounds or (1 if place.small else case.rounds))
        rows += found
        failures += len(errors)
        for error in errors:
            click.echo(visible(f"seqrec: {case.name}: {error}"), err=True)
        add_shares(rows, max(place.limits.values(), default=math.nan))
        keep(rows)
    return rows, failures


def _write(rows: list[dict[str, Any]], place: Place, as_json: bool, output: Path | None) -> None:
    from seqrec.bench.table import head, machine, table
    from seqrec.files import atomic

    about = machine() | {"threads": place.threads}
    if as_json:
        text = "".join(json.dumps(row | {"machine": about}) + "\n" for row in rows)
    else:
        text = f"{head(about, place.limits)}\n\n{table(rows)}\n"
    if output:
        with atomic(output) as out:
            out.write(text)
    else:
        click.echo(text, nl=False)
