"""`seqrec train`: a config and two manifests to a model folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--train", "train_manifest", type=click.Path(path_type=Path), required=True, help="Manifest to learn from."
)
@click.option("--dev", "dev_manifest", type=click.Path(path_type=Path), required=True, help="Manifest to choose by.")
@click.option("--exp", type=click.Path(file_okay=False, path_type=Path), required=True, help="Model folder to make.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted training stopped.")
@click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Change a value of CONFIG.")
def command(
    config: Path, train_manifest: Path, dev_manifest: Path, exp: Path, resume: bool, overrides: tuple[str, ...]
) -> None:
    """Train a model.

    Ctrl-C ends the training after the current update and leaves the best model so far in EXP.

    \b
    Example:
      seqrec train recipe.toml --train train.jsonl --dev dev.jsonl --exp exp/first
    """
    from seqrec.cli._training import run_training
    from seqrec.cli._tuning import run_tuning
    from seqrec.config import read_config
    from seqrec.modelfolder import ModelFolder
    from seqrec.recipe import check_options

    read = read_config(config, overrides)
    check_options(read, str(config))
    finished, failed = run_training(read, train_manifest, dev_manifest, exp, resume=resume)
    if not finished:
        click.echo(f"Interrupted. The best model so far is in {exp}; go on with --resume.", err=True)
        raise SystemExit(130)
    failed += run_tuning(
        ModelFolder(exp, own_files=True), read.decoding, [str(train_manifest)], dev_manifest, named_before=True
    )
    click.echo(f"The model is in {exp}. Try: seqrec decode {exp} INPUT")
    raise SystemExit(1 if failed else 0)
