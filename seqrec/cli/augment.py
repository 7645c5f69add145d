"""`seqrec augment`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqrec.config import Config
    from seqrec.errors import SeqrecError
    from seqrec.samples import Sample


@click.command(short_help="Show what [augment.signal] makes of samples.")
@click.argument("config", metavar="CONFIG")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="PREVIEW", default="preview", show_default=True, type=click.Path(path_type=Path),
    help="A folder to make, or a .png.",
)  # fmt: skip
@click.option("--samples", default=8, show_default=True, type=click.IntRange(1), help="The first so many are shown.")
@click.option("--count", default=4, show_default=True, type=click.IntRange(1, 100), help="Copies of each.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Without it: that of CONFIG's [training].")
@click.option(
    "--at", default=1.0, show_default=True, type=click.FloatRange(0, 1), help="Share of the training, for ramps."
)
@click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Change a value of CONFIG.")
@click.option("--own-files", is_flag=True, help="Run the extractor file that the model names: only for your own model.")
@click.pass_context
def command(
    ctx: click.Context,
    config: str,
    inputs: tuple[str, ...],
    output: Path,
    samples: int,
    count: int,
    seed: int | None,
    at: float,
    overrides: tuple[str, ...],
    own_files: bool,
) -> None:
    """See or hear augmented copies before training on them. CONFIG is a
    recipe.toml, a recipe's folder or a model; INPUT are files, folders and
    manifests, as for decode.

    \b
    seqrec augment recipe.toml data/train.jsonl -o preview
    seqrec augment recipe.toml line.png --set augment.signal.shear=20 -o try.png

    Of ink and images this makes one picture, PREVIEW/sheet.png: the label,
    the original in a green frame and its copies. Of sound it makes WAV files
    and PREVIEW/index.html. They come from the very code that makes them for a
    training. Nothing is trained or kept.
    """
    from itertools import islice

    from seqrec.decoding import Failure
    from seqrec.inputs import samples_of
    from seqrec.report.preview import Preview, write_preview
    from seqrec.writers import visible

    failed = 0

    def fail(error: SeqrecError) -> None:
        nonlocal failed
        failed += 1
        click.echo(visible(f"seqrec: {error}"), err=True)

    def good() -> Iterator[Sample]:
        for sample in samples_of(inputs, preview.extractor.domain, sys.stdin.buffer):
            if isinstance(sample, Failure):
                fail(sample.error)
            else:
                yield sample

    preview = Preview(_config(config, overrides, own_files), count, seed, at)
    rows = list(islice(preview(good(), fail), samples))
    if rows:
        click.echo(visible(str(write_preview(output, rows, preview.extractor))))
    ctx.exit(1 if failed or not rows else 0)


def _config(given: str, overrides: tuple[str, ...], own_files: bool) -> Config:
    from seqrec.config import Config, overridden, read_config
    from seqrec.modelfolder import ModelFolder

    path = Path(given)
    if (path / "recipe.toml").is_file():
        path /= "recipe.toml"
    if path.suffix == ".toml":
        return read_config(path, overrides)
    model = ModelFolder(given, own_files=own_files)
    table = model.config.model_dump(mode="json") | {"features": model.extractor.table}
    return Config.parse(overridden(table, overrides), given)
