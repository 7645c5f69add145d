"""What `train` and `run` share: a training with its progress on stderr."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from seqrec.config import Config
from seqrec.errors import SeqrecError
from seqrec.samples import Manifest
from seqrec.training.folder import check_folder
from seqrec.writers import visible

if TYPE_CHECKING:
    from seqrec.finetuning import Start

_LARGE = 64 << 20  # bytes of a manifest that takes some seconds
_SLOW_LOADER = 0.05  # share of an epoch's time above which it is said, unless the epoch is short


def run_training(
    config: Config,
    train_manifest: Path,
    dev_manifest: Path,
    exp: Path,
    *,
    resume: bool,
    unfit: Set[int] = frozenset(),
    start: Start | None = None,
) -> tuple[bool, int]:
    """Train with a display. Returns whether it finished, and how many samples could not be used (each named).

    `unfit` are places in the training manifest whose samples are left out; a `start` is where fine-tuning begins.
    """
    check_folder(exp, resume)
    failures: list[str] = []
    with Display() as display:

        def reject(error: SeqrecError | str) -> None:
            failures.append(str(error))
            display.say(f"left out: {error}")

        if train_manifest.is_file() and train_manifest.stat().st_size > _LARGE:
            display.say(f"reading {train_manifest} ...")
        train_samples, dev_samples = (Manifest(manifest, reject) for manifest in (train_manifest, dev_manifest))
        for place in sorted(unfit):
            reject(f"{train_samples[place].id}: check found errors in it")
        train_samples = train_samples.without(unfit)
        display.say("loading TensorFlow ...")
        from seqrec.network.loading import load_tensorflow

        load_tensorflow()
        from seqrec.training.train import train

        result = train(
            config, train_samples, dev_samples, exp, resume=resume, start=start,
            report=display.show, progress=display.features, rejected=lambda bad: reject(bad.reason),
        )  # fmt: skip
    return result.finished, len(failures)


class Display:
    """A bar on a terminal, plain lines elsewhere; all on stderr."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self._task = self.bar.add_task("", total=None, note="", visible=False)
        self._what = ""

    def __enter__(self) -> Display:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def say(self, text: str) -> None:
        self.console.print(escape(visible(text)))

    def features(self, what: str, done: int, total: int) -> None:
        if what != self._what and not self.console.is_terminal:
            self.say(f"{what}: {total} samples")
        self._what = what
        self.bar.update(self._task, description=what, completed=done, total=total, note="", visible=done < total)

    def work(self, what: str, done: int, total: int) -> None:
        """Show what is being done, how much of it is, and of how much; 0 where that is not known."""
        if what != self._what and not self.console.is_terminal:
            self.say(f"{what} ...")
        self._what = what
        self.bar.update(
            self._task, description=what, completed=done, total=total or None, note="", visible=done != total
        )

    def show(self, event: object) -> None:
        from seqrec.training.loop import EpochDone, Notice
        from seqrec.training.loop import Progress as Step

        if isinstance(event, Step):
            note = f"loss {event.loss:.3f}  {event.frames_per_second:,.0f} frames/s  {_clock(event.seconds_left)} left"
            what = f"epoch {event.epoch}/{event.epochs}"
            self.bar.update(
                self._task, description=what, completed=event.step, total=event.steps, note=note, visible=True
            )
        elif isinstance(event, EpochDone):
            self._epoch(event.row, event.best)
            self.say(f"    reads {event.example.hypothesis!r} for {event.example.reference!r}")
            if event.advice:
                self.say(f"    {event.advice}")
        elif isinstance(event, Notice):
            self.say(event.text)

    def _epoch(self, row: dict[str, float], best: bool) -> None:
        waited = row["loader_share"]
        self.say(
            f"epoch {row['epoch']:3}  loss {row['loss']:.3f}  dev CER {row['dev_cer']:.2%}  WER {row['dev_wer']:.2%}  "
            f"blanks {row['blanks']:.0%}  {row['frames_per_second']:,.0f} frames/s  {_clock(row['total_seconds'])}"
            + (f"  {waited:.0%} waiting for batches" if waited > _SLOW_LOADER and row["seconds"] > 10 else "")
            + ("  best" if best else "")
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"
