"""`train`: from two sets of samples and a config to a model folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from seqrec import finetuning
from seqrec.alphabet import Alphabet
from seqrec.config import Config
from seqrec.extraction import signal_augmenter
from seqrec.features import extractor
from seqrec.files import atomic
from seqrec.finetuning import Start
from seqrec.modelfolder import ModelFolder, Normalizer
from seqrec.network.encoder import Encoder, name_of, set_weights
from seqrec.report.card import write_card
from seqrec.samples import Sample
from seqrec.training.cost import Cost, batch_frames, fitting, free_memory, measure
from seqrec.training.data import DataSet, Feeder, OnProgress, Rejected, load_data, normalizer_of
from seqrec.training.folder import alone_in, check_folder
from seqrec.training.loop import Loop, Notice, Report
from seqrec.training.step import Trainer, strategy_of_this_machine


@dataclass(frozen=True)
class Trained:
    """`finished` is False after an interruption; `rejected` are the samples that could not be used."""

    finished: bool
    best_cer: float | None
    rejected: tuple[Rejected, ...]


def train(
    config: Config,
    train_samples: Sequence[Sample],
    dev_samples: Sequence[Sample],
    exp: Path,
    *,
    resume: bool = False,
    start: Start | None = None,
    store: Path | None = None,
    report: Report = lambda event: None,
    progress: OnProgress = lambda what, done, total: None,
    rejected: Callable[[Rejected], None] = lambda sample: None,
) -> Trained:
    """Train on `train_samples`, choose the best model by its CER on `dev_samples`, leave it in `exp`.

    Frames are kept in `store` (by default `exp`/frames). A `start` is where a fine-tuning, of which
    `config.finetune` tells, begins; the model is never worse on dev than that. With `resume` an interrupted
    training goes on and ends with the weights of an uninterrupted one. Raises DataError, ConfigError, ModelError.
    """
    check_folder(exp, resume)
    if config.augment.copies:  # a mistake in the table is told at once, not by a worker
        signal_augmenter(extractor(config.features, own_files=True), config.augment.signal)
    keras.utils.set_random_seed(config.training.seed)
    with alone_in(exp):
        store = store or exp / "frames"
        alphabet = start.alphabet if start else None
        data = load_data(train_samples, config, alphabet, store, what="train", training=True, progress=progress)
        dev = load_data(dev_samples, config, data.alphabet, store, what="dev", training=False, progress=progress)
        for bad in (*data.rejected, *dev.rejected):
            rejected(bad)
        loop = _loop(config, data, dev, exp, resume, start, report)
        finished = loop.run()
        if loop.folder.has("training.jsonl"):
            write_card(ModelFolder(exp, own_files=True))  # the loop's has read what was there before
    return Trained(finished, loop.position.best_cer, (*data.rejected, *dev.rejected))


def _loop(
    config: Config, data: DataSet, dev: DataSet, exp: Path, resume: bool, start: Start | None, report: Report
) -> Loop:
    """The loop at its first update, or where it was interrupted, in a folder that describes the model."""
    config = _with_batch(config, _batch_frames(config, data, exp if resume else None))
    strategy = strategy_of_this_machine()
    with strategy.scope():
        network = Encoder(config.network, data.versions[0].dim, data.alphabet.size, config.training.seed)
        if start:
            set_weights(network, start.weights)
        trainer = Trainer(network, config.training, strategy, _rates(config, network))
    asked = config.training.batch_frames or 0
    if (fits := fitting(trainer, int(data.n_frames.max()), asked, free_memory())) < asked:
        config = _with_batch(config, fits)
        report(Notice(f"Batches have {fits:,} frames, not {asked:,}: more would not fit the memory that is free."))
    feeder = Feeder.of(data, config, start.normalizer if start else normalizer_of(data))
    if not resume:
        _describe_model(exp, config, data.alphabet, feeder.normalizer)
    report(Notice(describe(config, network, data, dev, feeder)))
    report(Notice(expect(config, measure(trainer, feeder))))
    loop = Loop(config, exp, trainer, feeder, dev, report)
    if resume:
        loop.resume()  # raises where the checkpoint is of other data, whose model must stay what it is
        _describe_model(exp, config, data.alphabet, feeder.normalizer)
    return loop


def _rates(config: Config, network: Encoder) -> dict[str, float]:
    """How fast each weight learns, where that is not the same for all."""
    if (options := config.finetune) is None:
        return {}
    names = map(name_of, network.trainable_variables)
    return finetuning.rates(names, config.network, options.freeze, options.layer_rate)


def _batch_frames(config: Config, data: DataSet, begun: Path | None) -> int:
    """As the recipe says, or what suits the data; never more than a training had that was `begun` in a folder."""
    suits = finetuning.batch_frames if config.finetune else batch_frames
    given = config.training.batch_frames or suits(data.n_frames[0])
    if begun is not None and (had := ModelFolder(begun, own_files=True).config.training.batch_frames):
        return min(given, had)
    return given


def _with_batch(config: Config, frames: int) -> Config:
    training = config.training.model_copy(update={"batch_frames": frames})
    return config.model_copy(update={"training": training})


def _describe_model(exp: Path, config: Config, alphabet: Alphabet, normalizer: Normalizer) -> None:
    """Write what decoding needs beside the network."""
    with atomic(exp / "config.json") as out:
        out.write(config.model_dump_json(indent=1) + "\n")
    alphabet.save(exp / "alphabet.json")
    normalizer.save(exp / "normalizer.npz")


def describe(config: Config, network: Encoder, data: DataSet, dev: DataSet, feeder: Feeder) -> str:
    """One line about the size of it all."""
    parameters = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    frames = int(data.n_frames[0].sum())
    made = extractor(config.features, own_files=True)
    hop = getattr(made, "hop", None) if made.domain == "sound" else None
    amount = f"{frames:,} frames" if hop is None else f"{frames * hop / 3600:.2f} hours"
    name = {"sound": "recordings", "ink": "samples", "image": "lines"}[made.domain]
    return (
        f"{len(data):,} {name} to train on ({amount}), {len(dev):,} for dev, {parameters:,} parameters, "
        f"{len(feeder.plan(0)):,} updates per epoch, {feeder.padding(0):.0%} padding"
    )


def expect(config: Config, cost: Cost) -> str:
    """One line about what the training will take."""
    epochs, epoch = config.training.epochs, cost.epoch_seconds
    memory = f"{cost.memory / 2**30:.1f} GiB of memory, {config.training.batch_frames:,} frames per batch"
    return f"Expected: {lasting(epoch)} per epoch, {lasting(epoch * epochs)} for {epochs} epochs, dev apart; {memory}"


def lasting(seconds: float) -> str:
    """Such as "45 seconds", "3.2 minutes" or "1.5 hours"."""
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.2g} seconds"
