"""`seqrec pack`"""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Pack a model folder into one small file.")
@click.argument("model")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .zip to write."
)
@click.option("--float32", "full", is_flag=True, help="Keep the weights in full precision, twice the size.")
def command(model: str, output: Path, full: bool) -> None:
    """Pack MODEL into a .zip that every command takes in its place.

    \b
    seqrec pack exp/model -o model.zip

    Weights are stored in float16 and computed with in float32; what that changes
    is said. The same model always gives the same file.
    """
    from seqrec.modelfolder import ModelFolder
    from seqrec.packing import pack

    packed = pack(ModelFolder(model), output, half=not full)
    click.echo(f"{output}: {packed.size / 1e6:.2f} MB")
    if not full:
        click.echo(f"float16 weights change log-probabilities by at most {packed.change:.2g} (random frames)")
