"""`seqrec finetune`: a trained model and one's own data to a better model for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from seqrec.errors import SeqrecError
    from seqrec.finetuning import Material
    from seqrec.modelfolder import ModelFolder
    from seqrec.surgery import Carried

_NAMED = 40  # symbols in a list of them


@click.command(short_help="A better model for one's own data, from a trained one.")
@click.argument("model")
@click.argument("data", metavar="DATA...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--exp", type=click.Path(file_okay=False, path_type=Path), required=True, help="Model folder to make.")
@click.option(
    "--alphabet", "symbols", type=click.Choice(["union", "new"]), default="union", show_default=True,
    help="The characters of MODEL and DATA, or of DATA alone.",
)  # fmt: skip
@click.option("--freeze", type=click.IntRange(0), default=0, metavar="N", help="The first N layers learn nothing.")
@click.option(
    "--layer-rate", type=click.FloatRange(0, 1, min_open=True), default=1.0, metavar="F",
    help="Each layer learns F times as fast as the one above it.",
)  # fmt: skip
@click.option(
    "--replay", type=click.Path(exists=True, path_type=Path), metavar="M",
    help="Mix in samples of MODEL's training set: train.jsonl, or its folder.",
)  # fmt: skip
@click.option(
    "--old-dev", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="M",
    help="Measure here too what is forgotten.  [default: dev.jsonl beside that of --replay]",
)  # fmt: skip
@click.option(
    "--text", "texts", multiple=True, type=click.Path(exists=True, dir_okay=False), metavar="FILE",
    help="Train a new language model on these texts too.",
)  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Such as training.epochs=20.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted fine-tuning stopped.")
@click.option("--own-files", is_flag=True, help="Run the extractor file that MODEL names: only for your own model.")
def command(
    model: str, data: tuple[Path, ...], exp: Path, symbols: Literal["union", "new"], freeze: int, layer_rate: float,
    replay: Path | None, old_dev: Path | None, texts: tuple[str, ...], overrides: tuple[str, ...], resume: bool,
    own_files: bool,
) -> None:  # fmt: skip
    """Train MODEL further on DATA: a manifest, a folder of them, or whatever
    `seqrec prepare` reads. Some 20 lines are enough to begin with.

    \b
    seqrec finetune recipes/unipen_words/model.zip my_words.jsonl --exp exp/mine
    seqrec finetune MODEL scans/ --exp exp/mine --replay exp/old/data

    EXP becomes a model like any other. Its features and its normaliser are
    MODEL's; dev never has more errors than at the start. Ctrl-C leaves the best model
    so far; with --resume the same command goes on.
    """
    from seqrec import finetuning
    from seqrec.cli._training import run_training
    from seqrec.errors import ConfigError
    from seqrec.modelfolder import ModelFolder
    from seqrec.training.folder import check_folder

    base = ModelFolder(model, own_files=own_files)
    check_folder(exp, resume)
    try:
        finetuning.rates((), base.config.network, freeze, layer_rate)
        finetuning.tune_config(base, finetuning.options_of(base, symbols, freeze, layer_rate), 1, overrides)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    old_dev = old_dev or _dev_beside(replay)
    for manifest in filter(None, (replay and _train_of(replay), old_dev)):
        finetuning.check_old(base, manifest)
    for text in texts:
        finetuning.check_text(text)
    material, errors = finetuning.Material(exp / "data"), 0
    if resume:
        _say(f"going on with the data in {material.folder}")
    else:
        errors = _gather(base, data, material)
        errors += _mix(base, replay, material, symbols) if replay else 0
    start, carried = finetuning.start_of(base, material, symbols)
    beyond = sorted({s for sample in material.dev for s in finetuning.unknown(sample.text or "", start.alphabet)})
    _tell(carried, finetuning.unseen(start.alphabet, material.train), beyond)
    options = finetuning.options_of(base, symbols, freeze, layer_rate, len(material.mixed) - len(material.train))
    config = finetuning.tune_config(base, options, len(material.mixed), overrides)
    finished, failed = run_training(config, material.mixed.path, material.dev.path, exp, resume=resume, start=start)
    folder = ModelFolder(exp, own_files=own_files)
    try:
        failed += _set_up_decoding(
            base, folder, material, carried, [*_trained_on(replay), *texts], bool(texts), finished
        )
        failed += _compare(base, folder, material, old_dev) if finished else 0
    except KeyboardInterrupt:
        finished = False
    if not finished:
        click.echo(f"Interrupted. The best model so far is in {exp}; go on with --resume.", err=True)
        raise SystemExit(130)
    click.echo(f"The model is in {exp}. Try: seqrec decode {exp} INPUT")
    raise SystemExit(1 if errors + failed else 0)


def _say(text: str) -> None:
    from seqrec.writers import visible

    click.echo(visible(text), err=True)


def _gather(base: ModelFolder, data: Sequence[Path], material: Material) -> int:
    """Write the material, without what cannot be used: each such sample is named. Returns how many."""
    from seqrec import finetuning

    failed: list[SeqrecError] = []

    def complain(error: SeqrecError) -> None:
        failed.append(error)
        _say(f"left out: {error}")

    found, reasons = finetuning.own_parts(data, complain, material.folder.parent)
    for why in reasons:
        _say(why)
    where = " ".join(map(str, data))
    finetuning.check_domain(base, [sample for part in found.parts.values() for sample in part], where)
    material.write(found.parts)
    report = finetuning.check(
        base, material, where, lambda found: _say(f"left out: {found.sample_id or found.where}: {found.message}")
    )
    warnings = len(report.findings) - len(report.errors)
    if warnings:
        _say(f"{warnings} warnings: see them with `seqrec check {material.folder}`")
    counts = f"{len(material.train):,} samples to train on, {len(material.dev):,} for dev"
    _say(". ".join(filter(None, (counts, found.note.partition("; --seed")[0]))))
    return len(failed) + len(report.errors)


def _mix(base: ModelFolder, replay: Path, material: Material, symbols: Literal["union", "new"]) -> int:
    """Mix old samples in; returns how many lines could not be read, each of which is named."""
    from seqrec import finetuning

    failed: list[SeqrecError] = []
    left = finetuning.mix(base, _train_of(replay), material, symbols, failed.append)
    for error in failed:
        _say(f"left out: {error}")
    some = f"; {left:,} others have characters that are dropped" if left else ""
    _say(f"{len(material.mixed) - len(material.train):,} samples of {replay} are mixed in{some}")
    return len(failed)


def _tell(carried: Carried, unseen: Sequence[str], beyond: Sequence[str]) -> None:
    """What becomes of the characters."""

    def shown(symbol: str) -> str:
        return "␣" if symbol == " " else symbol

    added = [f"{shown(new)} (from {'the mean' if old is None else shown(old)})" for new, old in carried.added.items()]
    lists = {
        "kept": [shown(symbol) for symbol in carried.kept],
        "added": added,
        "dropped": [shown(symbol) for symbol in carried.dropped],
        "never seen in the new data": [shown(symbol) for symbol in unseen],
        "of dev alone, which it cannot read": [shown(symbol) for symbol in beyond],
    }
    for what, found in lists.items():
        if found:
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            _say(f"characters {what}: {len(found)}: {' '.join(found[:_NAMED])}{more}")


def _set_up_decoding(
    base: ModelFolder, folder: ModelFolder, material: Material, carried: Carried, texts: Sequence[str], more: bool,
    finished: bool,
) -> int:  # fmt: skip
    """Language model, weights and calibration; returns how many texts could not be used."""
    from seqrec import finetuning
    from seqrec.cli._training import Display
    from seqrec.cli._tuning import run_tuning, train_lm

    keeps = base.has("lm.bin") and not carried.added and not more
    lm = base.language_model if keeps else None
    finetuning.keep_decoding(base, folder, lm)  # at once: what follows takes its time, and may be interrupted
    if not finished:
        return 0
    tuning, texts = folder.config.decoding, [str(material.train.path), *texts]
    if tuning.lm == "none" and (more or base.has("lm.bin")):
        tuning = tuning.model_copy(update={"lm": "char"})
    few = len(material.dev) < finetuning.FEW_DEV
    if base.has("lm.bin") and carried.added:
        why = f"{len(carried.added)} characters are new to the base model's language model"
        _say(f"{why}: {'it is left out' if few and not more else 'a new one is trained'}")
    if not few:
        return run_tuning(folder, tuning, texts, material.dev.path, lm=lm, named_before=True)
    _say(
        f"dev has {len(material.dev)} samples, fewer than {finetuning.FEW_DEV}: "
        "weights of decoding and calibration stay those of the base model"
    )
    failed: list[SeqrecError] = []
    if more:
        with Display() as display:
            lm = train_lm(tuning, texts, display, failed.append)
        finetuning.keep_decoding(base, folder, lm)
    for error in failed:
        _say(f"left out: {error}")
    return len(failed)


def _compare(base: ModelFolder, folder: ModelFolder, material: Material, old_dev: Path | None) -> int:
    """Print both models' errors; returns how many samples could not be read."""
    from seqrec.cli._scoring import percent, table
    from seqrec.samples import Manifest
    from seqrec.tuning import errors_of

    failed: list[SeqrecError] = []
    rows: list[Sequence[object]] = [("CER, greedy decoding", "samples", "before", "now")]
    for name, manifest in (("dev", material.dev.path), ("old dev", old_dev)):
        if manifest:
            samples = Manifest(manifest, failed.append)
            before, now = errors_of(base, samples, lambda known: None), errors_of(folder, samples, failed.append)
            rows.append((name, f"{now.n_samples:,}", percent(before.cer), percent(now.cer)))
    for line in table(rows):
        click.echo(line.rstrip())
    for error in failed:
        _say(f"left out: {error}")
    return len(failed)


def _train_of(replay: Path) -> Path:
    return replay / "train.jsonl" if replay.is_dir() else replay


def _trained_on(replay: Path | None) -> list[str]:
    return [str(_train_of(replay))] if replay else []


def _dev_beside(replay: Path | None) -> Path | None:
    """dev.jsonl in the folder of the old training set."""
    path = _train_of(replay).with_name("dev.jsonl") if replay else None
    return path if path and path.is_file() else None
