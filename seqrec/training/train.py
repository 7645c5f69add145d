"""`train`: from two sets of samples and a config to a model folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from seqrec.alphabet import Alphabet
from seqrec.config import Config
from seqrec.errors import DataError, ModelError
from seqrec.features import extractor
from seqrec.files import atomic
from seqrec.modelfolder import Normalizer
from seqrec.network.encoder import Encoder
from seqrec.report.card import write_card
from seqrec.samples import Sample
from seqrec.store import signal_augmenter
from seqrec.training.data import DataSet, Feeder, OnProgress, Rejected, load_data, normalizer_of
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
    store: Path | None = None,
    report: Report = lambda event: None,
    progress: OnProgress = lambda what, done, total: None,
    rejected: Callable[[Rejected], None] = lambda sample: None,
) -> Trained:
    """Train on `train_samples`, choose the best model by its CER on `dev_samples`, leave it in `exp`.

    Frames are kept in `store` (by default `exp`/frames). With `resume` an interrupted training goes on
    and ends with the weights of an uninterrupted one. Raises DataError, ConfigError, ModelError.
    """
    _check_folder(exp, resume)
    if config.augment.copies:  # a mistake in the table is told at once, not by a worker
        signal_augmenter(extractor(config.features, own_files=True), config.augment.signal)
    keras.utils.set_random_seed(config.training.seed)
    alphabet = Alphabet.of((sample.text or "" for sample in train_samples), config.text.form)
    if train_samples and not alphabet.symbols:  # TensorFlow's CTC crashes on an alphabet of the blank alone
        raise DataError("train", "all texts are empty", "texts to learn", "see what `seqrec check` says of them")
    store = store or exp / "frames"
    data = load_data(train_samples, config, alphabet, store, what="train", training=True, progress=progress)
    dev = load_data(dev_samples, config, alphabet, store, what="dev", training=False, progress=progress)
    for bad in (*data.rejected, *dev.rejected):
        rejected(bad)
    feeder = Feeder.of(data, config, normalizer_of(data))
    if not resume:
        _describe_model(exp, config, alphabet, feeder.normalizer)
    strategy = strategy_of_this_machine()
    with strategy.scope():
        network = Encoder(config.network, data.versions[0].dim, alphabet.size, config.training.seed)
        trainer = Trainer(network, config.training, strategy)
    report(Notice(describe(network, data, dev, feeder)))
    loop = Loop(config, exp, trainer, feeder, dev, report)
    if resume:
        loop.resume()  # raises where the checkpoint is of other data, whose model must stay what it is
        _describe_model(exp, config, alphabet, feeder.normalizer)
    finished = loop.run()
    if loop.folder.has("training.jsonl"):
        write_card(loop.folder)
    return Trained(finished, loop.position.best_cer, (*data.rejected, *dev.rejected))


def _check_folder(exp: Path, resume: bool) -> None:
    begun = (exp / "checkpoints" / "last.npz").exists() or (exp / "model.onnx").exists()
    if begun and not resume:
        raise ModelError(exp, "holds a training already", "", "go on with --resume, or choose another --exp")
    if resume and not (exp / "checkpoints" / "last.npz").exists():
        raise ModelError(exp, "holds no checkpoint to resume", "", "leave --resume out")


def _describe_model(exp: Path, config: Config, alphabet: Alphabet, normalizer: Normalizer) -> None:
    """Write what decoding needs beside the network."""
    with atomic(exp / "config.json") as out:
        out.write(config.model_dump_json(indent=1) + "\n")
    alphabet.save(exp / "alphabet.json")
    normalizer.save(exp / "normalizer.npz")


def describe(network: Encoder, data: DataSet, dev: DataSet, feeder: Feeder) -> str:
    """One line about the size of it all."""
    parameters = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    frames = int(data.n_frames[0].sum())
    return (
        f"{len(data):,} training samples ({frames:,} frames), {len(dev):,} dev samples, "
        f"{parameters:,} parameters, {len(feeder.plan(0)):,} updates per epoch"
    )
