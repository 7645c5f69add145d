"""The training loop: epochs of updates, dev after each, the best model kept, interruptions survived."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqrec.batching import FILLER, Batch
from seqrec.config import Config
from seqrec.errors import ModelError
from seqrec.files import atomic
from seqrec.modelfolder import ModelFolder
from seqrec.network.encoder import weights_of
from seqrec.network.onnx_graph import to_onnx
from seqrec.scoring import Pair
from seqrec.training.checkpoint import Position, load_checkpoint, save_checkpoint
from seqrec.training.data import DataSet, Feeder
from seqrec.training.evaluate import evaluate
from seqrec.training.step import Trainer, learning_rate

_CHECKPOINT_SECONDS = 60.0
_PROGRESS_SECONDS = 0.5
_MOST_SKIPPED = 20  # batches without a finite loss, one after the other, before giving up


@dataclass(frozen=True)
class Progress:
    """Within an epoch, counted from 1. The loss is the mean per label since the epoch began."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    frames_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochDone:
    """`row` is the epoch's line in training.jsonl; `example` one dev sample as it is read now."""

    row: dict[str, Any]
    example: Pair
    best: bool
    advice: str


@dataclass(frozen=True)
class Notice:
    """Something that the user should know, in a sentence."""

    text: str


Event = Progress | EpochDone | Notice
Report = Callable[[Event], None]


class Loop:
    """One training in the folder `exp`; everything that changes is in `position` and the trainer's variables."""

    def __init__(
        self, config: Config, exp: Path, trainer: Trainer, feeder: Feeder, dev: DataSet, report: Report
    ) -> None:
        self.config, self.exp, self.trainer, self.feeder, self.dev = config, exp, trainer, feeder, dev
        self.report = report
        self.folder = ModelFolder(exp, own_files=True)
        self.position = Position()
        self.rows: list[dict[str, Any]] = []
        self.checkpoint = exp / "checkpoints" / "last.npz"
        self._fingerprint = fingerprint(config, feeder.data, dev)
        self._stop = False

    def resume(self) -> None:
        """Go back to the last checkpoint. Raises ModelError when it is of another training."""
        self.position = load_checkpoint(self.checkpoint, self.trainer.variables, self._fingerprint)
        if self.folder.has("training.jsonl"):
            self.rows = [row for row in self.folder.training_rows if row["epoch"] <= self.position.epoch]

    def run(self) -> bool:
        """Train to the end; False when the user interrupted. A first Ctrl-C ends between two updates."""
        with self._interruptible():
            if self.config.finetune and not self.position.updates:
                self._begin()
            while not self._stop and (why := self._finished()) is None:
                self._epoch()
        if self._stop:
            self._save()
            if not self.folder.has("model.onnx"):
                self._write_model(self._graph())
            return False
        self.report(Notice(f"Finished: {why}."))
        return True

    def _begin(self) -> None:
        """Measure what a fine-tuning begins with, which is the best model until there is a better one."""
        graph = self._graph()
        result = evaluate(self.folder, graph, self.dev)
        self.position.best_cer = result.score.cer
        self._save()  # first, so that whatever ends here can be resumed
        self._write_model(graph)
        measured = {"dev_cer": round(result.score.cer, 5), "dev_wer": round(result.score.wer, 5)}
        self.rows = [{"epoch": 0, "loss": None, **measured, "updates": 0, "total_seconds": 0.0}]
        self._write_rows()
        self.report(Notice(f"Before: dev CER {result.score.cer:.2%}, WER {result.score.wer:.2%}"))

    def _finished(self) -> str | None:
        options, position = self.config.training, self.position
        if position.epoch >= options.epochs:
            return f"all {options.epochs} epochs are done"
        if position.best_cer is not None and position.epoch - 1 - position.best_epoch >= options.patience:
            return f"no better dev CER for {options.patience} epochs"
        if options.minutes is not None and position.total_seconds >= 60 * options.minutes:
            return f"{options.minutes:g} minutes are over"
        return None

    def _epoch(self) -> None:
        position = self.position
        steps = -(-len(self.feeder.plan(position.epoch)) // self.trainer.replicas)
        batches = self.feeder.batches(position.epoch, position.step * self.trainer.replicas)
        frames, began, skipped = 0, time.monotonic(), 0
        saved = shown = began
        while group := self._next(batches):
            finite = self._update(group, steps)
            skipped = 0 if finite else skipped + 1
            if skipped >= _MOST_SKIPPED:
                raise ModelError(
                    self.exp, f"the loss is not finite for {skipped} batches one after the other", "",
                    "lower training.learning_rate, or look at the samples named above",
                )  # fmt: skip
            frames += sum(int(batch.n_frames.sum()) for batch in group)
            now = time.monotonic()
            if now - shown > _PROGRESS_SECONDS:
                shown = now
                self._show(steps, frames / (now - began))
            if now - saved > _CHECKPOINT_SECONDS or self._stop:
                saved = now
                self._clock(now - began)
                began, frames = now, 0
                self._save()
            if self._stop:
                return
        self._clock(time.monotonic() - began)
        self._finish_epoch(frames / max(1e-9, time.monotonic() - began))

    def _next(self, batches: Iterator[Batch]) -> list[Batch]:
        """A batch for each replica, fewer or none at the epoch's end."""
        asked = time.monotonic()
        group = list(islice(batches, self.trainer.replicas))
        self.position.waited += time.monotonic() - asked
        return group

    def _clock(self, seconds: float) -> None:
        self.position.seconds += seconds
        self.position.total_seconds += seconds

    def _update(self, group: list[Batch], steps: int) -> bool:
        position, options = self.position, self.config.training
        done = (position.epoch + position.step / steps) / options.epochs
        losses, index, applied = self.trainer.update(group, learning_rate(options, position.updates, done))
        real = index != FILLER
        if applied:
            position.loss_sum += float(losses[real].sum())
            position.loss_count += int(real.sum())
        else:
            self._name_skipped(index[real], losses[real])
        position.step += 1
        position.updates += 1
        return applied

    def _name_skipped(self, index: np.ndarray, losses: np.ndarray) -> None:
        bad = index[~np.isfinite(losses)]
        ids = [self.feeder.data.id(i) for i in (bad if len(bad) else index)]
        self.position.skipped += [i for i in ids if i not in self.position.skipped]
        self.report(Notice(f"No finite loss, so nothing was learnt from this batch. Samples: {', '.join(ids[:8])}"))

    def _show(self, steps: int, speed: float) -> None:
        position, epochs = self.position, self.config.training.epochs
        per_step = (position.total_seconds + 1e-9) / max(1, position.updates - position.step)
        if not position.epoch:
            per_step = float(np.mean(self.feeder.buckets.lengths) * np.mean(self.feeder.buckets.sizes)) / max(
                1.0, speed
            )
        left = ((epochs - position.epoch) * steps - position.step) * per_step
        loss = position.loss_sum / max(1, position.loss_count)
        self.report(Progress(position.epoch + 1, epochs, position.step, steps, loss, speed, left))

    def _finish_epoch(self, speed: float) -> None:
        position, began = self.position, time.monotonic()
        loader_share = position.waited / max(1e-9, position.seconds)
        graph = self._graph()
        result = evaluate(self.folder, graph, self.dev, position.epoch)
        self._clock(time.monotonic() - began)
        best = self._better(result.score.cer)
        row = {
            "epoch": position.epoch + 1,
            "loss": round(position.loss_sum / max(1, position.loss_count), 5),
            "dev_cer": round(result.score.cer, 5),
            "dev_wer": round(result.score.wer, 5),
            "blanks": round(result.blanks, 4),
            "frames_per_second": round(speed),
            "padding": round(self.feeder.padding(position.epoch), 4),
            "loader_share": round(loader_share, 4),
            "updates": position.updates,
            "seconds": round(position.seconds, 1),
            "total_seconds": round(position.total_seconds, 1),
        }
        self.rows.append(row)
        if best:
            position.best_cer, position.best_epoch = result.score.cer, position.epoch
            self._write_model(graph)
        self._write_rows()
        position.epoch += 1
        position.step = position.loss_count = 0
        position.loss_sum = position.waited = position.seconds = 0.0
        self._save()
        self.report(EpochDone(row, result.example, best, advice(result.blanks, position.epoch)))

    def _better(self, cer: float) -> bool:
        """Of a fine-tuning, whose dev may be small, the later of two equal models, at the lower rate, is the better."""
        best = self.position.best_cer
        return best is None or cer < best or (cer == best and self.config.finetune is not None)

    def _graph(self) -> bytes:
        return to_onnx(self.config.network, self.trainer.network.dim, weights_of(self.trainer.network))

    def _write_model(self, graph: bytes) -> None:
        with atomic(self.exp / "model.onnx", "wb") as out:
            out.write(graph)

    def _write_rows(self) -> None:
        with atomic(self.exp / "training.jsonl") as out:
            out.writelines(json.dumps(row) + "\n" for row in self.rows)

    def _save(self) -> None:
        save_checkpoint(self.checkpoint, self.position, self.trainer.variables, self._fingerprint)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let a first Ctrl-C (or SIGTERM) end the training after the update under way; a second one ends it at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(number: int, frame: object) -> None:
            self._stop = True
            signal.signal(signal.SIGINT, signal.default_int_handler)

        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def advice(blanks: float, epochs_done: int) -> str:
    """A sentence when the output is nothing but blanks."""
    if blanks < 0.9999:
        return ""
    if epochs_done <= 5:
        return "The output is all blank: normal for the first epochs."
    return (
        "The output is still all blank: if it stays so, raise training.warmup, try another "
        "training.learning_rate, or see with `seqrec check` whether the texts belong to their signals."
    )


def fingerprint(config: Config, train: DataSet, dev: DataSet) -> str:
    """What must be the same for a checkpoint to fit: all but how long to train."""
    training = config.training.model_dump(exclude={"minutes", "patience"})
    tables = config.model_dump(exclude={"training", "decoding", "card", "prepare"}) | {"training": training}
    whole = hashlib.sha256(json.dumps(tables, sort_keys=True).encode())
    for data in (train, dev):
        whole.update(data.signals + data.labels.flat.tobytes() + data.labels.offsets.tobytes())
        whole.update(data.n_frames.tobytes() + data.positions.tobytes())
        for text in data.texts:
            whole.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return whole.hexdigest()
