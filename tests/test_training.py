"""Training: it learns, it repeats itself, it can be interrupted, it says what it leaves out."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import seqrec
from seqrec.batching import Batch
from seqrec.config import Config, read_config
from seqrec.errors import ConfigError, DataError, ModelError
from seqrec.modelfolder import ModelFolder
from seqrec.network.encoder import Encoder
from seqrec.network.onnx_graph import weights_from_onnx
from seqrec.samples import Sample
from seqrec.synth.handwriting import make_writer, write
from seqrec.training.loop import EpochDone, Event, Notice, Progress, advice
from seqrec.training.step import Trainer
from seqrec.training.train import Trained, lasting, train

WORDS = ("lo", "oil", "tool", "tilt", "lot", "toll", "ill", "it")
TINY = {
    "features": {"kind": "strokes"},
    "augment": {"frames": {"time_masks": 1, "time_mask": 3, "noise": 0.05}},
    "network": {"layers": 1, "units": 24, "dropout": 0.1},
    "training": {"epochs": 3, "batch_frames": 200, "buckets": 2, "warmup": 5, "learning_rate": 0.02, "seed": 4},
}


def ink(words: Sequence[str] = WORDS, seed: int = 0) -> list[Sample]:
    rng = np.random.default_rng(seed)
    writer = make_writer(rng)
    return [Sample(f"{word}-{i}", word, strokes=write(word, writer, rng)) for i, word in enumerate(words)]


def config(**changes: dict[str, object]) -> Config:
    tables = {name: {**table, **changes.get(name, {})} for name, table in TINY.items()}
    return Config.parse(tables, "test")


def weights(exp: Path) -> dict[str, np.ndarray]:
    with np.load(exp / "checkpoints" / "last.npz") as saved:
        return {name: saved[name] for name in saved.files if name != "about"}


def same(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)


def run(exp: Path, resume: bool = False, on_event: object = None, **changes: dict[str, object]) -> Trained:
    report = on_event if callable(on_event) else (lambda event: None)
    return train(config(**changes), ink(2 * WORDS), ink(seed=1), exp, resume=resume, report=report)


def test_it_overfits_and_the_folder_reads_it_back(tmp_path: Path) -> None:
    result = train(config(training={"epochs": 60, "patience": 60}), ink(), ink(), tmp_path)
    assert result.finished
    assert result.best_cer == 0
    recognizer = seqrec.load(tmp_path)
    assert [recognizer.transcribe(sample).text for sample in ink()] == list(WORDS)
    tensorflow = seqrec.load(tmp_path, runtime="tensorflow")
    frames = [recognizer.frames(sample) for sample in ink()]
    for a, b in zip(recognizer.runtime.log_probs(frames), tensorflow.runtime.log_probs(frames), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert "CER 0.00%" in (tmp_path / "card.md").read_text()


def test_the_same_seed_gives_the_same_model_and_another_another(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b")
    run(tmp_path / "c", training={"seed": 5})
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "a" / "model.onnx").read_bytes() == (tmp_path / "b" / "model.onnx").read_bytes()


def test_augmented_copies_are_used_and_repeat(tmp_path: Path) -> None:
    augment = {"copies": 2, "signal": {"slant": 0.2, "jitter": 0.02}}
    run(tmp_path / "plain")
    run(tmp_path / "a", augment=augment)
    run(tmp_path / "b", augment=augment)
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "plain")
    assert len(list((tmp_path / "a" / "frames").iterdir())) == 4  # train, two augmented versions of it, dev


class StopAfter:
    """Sends Ctrl-C to this process once `updates` updates are done."""

    def __init__(self, updates: int, monkeypatch: pytest.MonkeyPatch) -> None:
        from seqrec.training import loop

        self.updates, self.seen = updates, 0
        monkeypatch.setattr(loop, "_PROGRESS_SECONDS", -1.0)  # an event after every update

    def __call__(self, event: Event) -> None:
        self.seen += isinstance(event, Progress)
        if isinstance(event, Progress) and self.seen == self.updates:
            os.kill(os.getpid(), signal.SIGINT)


def test_resume_ends_with_the_weights_of_an_uninterrupted_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, float]] = []
    ramp = {"most": 0.2, "ramp": [0.1, 0.6]}
    augment: dict[str, object] = {"copies": 2, "signal": {"slant": ramp}, "frames": {"noise": ramp}}
    ramped = partial(run, augment=augment)
    ramped(tmp_path / "whole", on_event=lambda e: rows.append(e.row) if isinstance(e, EpochDone) else None)
    per_epoch = int(rows[0]["updates"])
    assert per_epoch >= 3
    interrupted = ramped(tmp_path / "parts", on_event=StopAfter(per_epoch + 2, monkeypatch))
    assert not interrupted.finished
    about = json.loads(str(np.load(tmp_path / "parts" / "checkpoints" / "last.npz")["about"]))
    assert (about["position"]["epoch"], about["position"]["step"]) == (1, 2)
    assert ramped(tmp_path / "parts", resume=True).finished
    assert same(tmp_path / "whole", tmp_path / "parts")
    kept = ("epoch", "loss", "dev_cer", "dev_wer", "blanks", "padding", "updates")
    for a, b in zip(rows, ModelFolder(tmp_path / "parts").training_rows, strict=True):
        assert [a[k] for k in kept] == [b[k] for k in kept]
        assert 0 <= b["loader_share"] < 1
    assert f"**Trained**: {rows[-1]['epoch']} epochs" in ModelFolder(tmp_path / "parts").card


def test_ctrl_c_in_the_first_epoch_leaves_a_usable_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert not run(tmp_path, on_event=StopAfter(1, monkeypatch)).finished
    assert signal.getsignal(signal.SIGINT) is before
    assert isinstance(seqrec.load(tmp_path).transcribe(ink()[0]).text, str)


def test_training_works_outside_the_main_thread(tmp_path: Path) -> None:
    results: list[Trained] = []
    thread = threading.Thread(target=lambda: results.append(run(tmp_path, training={"epochs": 1})))
    thread.start()
    thread.join()
    assert results[0].finished


def test_bad_samples_are_named_and_the_others_used(tmp_path: Path) -> None:
    dot = (np.array([[0.0, 0.0]]),)
    bad = [
        Sample("too-long", "lot" * 30, strokes=dot),
        Sample("no-text", strokes=dot),
        Sample("missing", "lo", path=tmp_path / "gone.wav"),
    ]
    dev = [*ink(seed=1), Sample("foreign", "ŵŷ", strokes=ink()[0].strokes)]
    rejected = {}
    result = train(
        config(training={"epochs": 1}), [*bad, *ink()], dev, tmp_path,
        rejected=lambda r: rejected.__setitem__(r.id, r.reason),
    )  # fmt: skip
    assert result.finished
    assert rejected.keys() == {"too-long", "no-text", "missing"}
    assert "1 frames after subsampling for 90 labels" in rejected["too-long"]
    assert "has no text" in rejected["no-text"]
    assert "gone.wav" in rejected["missing"]
    # The dev sample with unknown letters counts: its two letters are errors, not left out.
    assert ModelFolder(tmp_path).training_rows[0]["dev_cer"] > 0


def test_a_batch_without_a_finite_loss_teaches_nothing() -> None:
    network = Encoder(config().network, 13, 5)
    trainer = Trainer(network, config().training, tf.distribute.get_strategy())
    before = [v.numpy().copy() for v in network.trainable_variables]
    nan = np.full((2, 8, 13), np.nan, np.float32)
    batch = Batch(nan, np.array([8, 8], np.int32), np.array([[1], [1]], np.int32), np.ones(2, np.int32), np.arange(2))
    losses, _, applied = trainer.update([batch], 0.1)
    assert not applied
    assert not np.isfinite(losses).any()
    for variable, value in zip(network.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_folders_that_are_taken_or_empty(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        run(tmp_path / "new", resume=True)
    run(tmp_path / "old", training={"epochs": 1})
    with pytest.raises(ModelError, match="holds a training already"):
        run(tmp_path / "old")
    with pytest.raises(ModelError, match="another recipe"):
        run(tmp_path / "old", resume=True, network={"units": 8})
    last = tmp_path / "old" / "checkpoints" / "last.npz"
    last.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ModelError, match="no checkpoint of this training"):
        run(tmp_path / "old", resume=True, training={"epochs": 1})
    last.unlink()
    with pytest.raises(ModelError, match=r"holds a model already\. Choose another --exp"):
        run(tmp_path / "old")


def test_one_training_at_a_time(tmp_path: Path) -> None:
    errors: list[ModelError] = []

    def another(event: Event) -> None:
        if isinstance(event, EpochDone):
            for resume in (False, True):
                with pytest.raises(ModelError, match="another training is at work in it") as caught:
                    run(tmp_path, resume=resume)
                errors.append(caught.value)

    assert run(tmp_path, on_event=another, training={"epochs": 1}).finished
    assert len(errors) == 2
    assert not (tmp_path / ".lock").exists()


def test_the_same_signals_with_other_texts_are_other_data(tmp_path: Path) -> None:
    samples, dev = ink(2 * WORDS), ink(seed=1)
    train(config(training={"epochs": 1}), samples, dev, tmp_path)
    renamed = [Sample(f"other {sample.id}", sample.text, strokes=sample.strokes) for sample in samples]
    train(config(training={"epochs": 1}), renamed, dev, tmp_path, resume=True)
    corrected = [samples[0].with_text("oil"), *samples[1:]]
    with pytest.raises(ModelError, match="other data"):
        train(config(training={"epochs": 1}), corrected, dev, tmp_path, resume=True)
    with pytest.raises(ModelError, match="other data"):
        train(config(training={"epochs": 1}), samples, [dev[0].with_text("oil"), *dev[1:]], tmp_path, resume=True)


def test_resuming_with_other_data_leaves_the_model_as_it_is(tmp_path: Path) -> None:
    run(tmp_path, training={"epochs": 1})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(ModelError, match="other data"):
        train(config(training={"epochs": 1}), ink(("other",)), ink(seed=1), tmp_path, resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_texts_that_are_all_empty_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train: all texts are empty"):
        train(config(), [sample.with_text("") for sample in ink()], ink(), tmp_path)
    assert not any(tmp_path.iterdir())


def test_weights_in_the_folder_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    done: list[EpochDone] = []
    run(tmp_path, on_event=lambda e: done.append(e) if isinstance(e, EpochDone) else None, training={"epochs": 6})
    best = min(range(len(done)), key=lambda i: (done[i].row["dev_cer"], i))
    assert [e.best for e in done].count(True) >= 1
    assert max(i for i, e in enumerate(done) if e.best) == best
    assert "output/kernel" in weights_from_onnx(ModelFolder(tmp_path).onnx_bytes(), "x")


@pytest.mark.parametrize(("blanks", "epochs", "words"), [(0.5, 9, ""), (1.0, 2, "normal"), (1.0, 9, "still")])
def test_advice_on_blanks(blanks: float, epochs: int, words: str) -> None:
    assert words in advice(blanks, epochs)
    assert bool(advice(blanks, epochs)) == bool(words)


OWN = """
from typing import ClassVar, Literal
import numpy as np
from seqrec.features import Extractor as Base

class Extractor(Base):
    domain: ClassVar[Literal["sound", "ink", "image"]] = "ink"
    scale: float = 1.0

    @property
    def dim(self): return 2

    def read(self, sample): return list(sample.strokes)

    def frames(self, signal): return (self.scale * np.concatenate(signal)[:, :2]).astype(np.float32)
"""


def test_an_extractor_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "recipe.toml").write_text('features = {kind = "mine.py", scale = 0.1}\ntraining.epochs = 1\n')
    own = read_config(tmp_path / "recipe.toml")
    train(own, ink(), ink(seed=1), tmp_path / "exp")
    assert isinstance(seqrec.load(tmp_path / "exp", own_files=True).transcribe(ink()[0]).text, str)
    with pytest.raises(ConfigError, match=r"mine\.py' is a file of code.*own_files"):
        seqrec.load(tmp_path / "exp")


def notices(exp: Path, **changes: dict[str, object]) -> list[str]:
    said: list[str] = []
    run(exp, on_event=lambda event: said.append(event.text) if isinstance(event, Notice) else None, **changes)
    return said


def test_what_it_will_cost_is_said_before_it_begins(tmp_path: Path) -> None:
    size, cost, _ = notices(tmp_path)
    assert re.match(
        r"16 samples to train on \([\d,]+ frames\), 8 for dev, [\d,]+ parameters, \d+ updates per epoch", size
    )
    assert re.match(
        r"Expected: .* per epoch, .* for 3 epochs, dev apart; \d\.\d GiB of memory, 200 frames per batch$", cost
    )


def test_a_batch_that_nobody_asked_for_is_kept_with_the_model(tmp_path: Path) -> None:
    notices(tmp_path, training={"batch_frames": None})
    found = ModelFolder(tmp_path).config.training.batch_frames
    assert found == max(len(ModelFolder(tmp_path).extractor(sample)) for sample in ink(2 * WORDS))
    assert run(tmp_path, resume=True, training={"batch_frames": None}).finished


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.123, "0.12 seconds"), (45, "45 seconds"), (192, "3.2 minutes"), (5400, "1.5 hours")]
)
def test_how_long_it_lasts(seconds: float, said: str) -> None:
    assert lasting(seconds) == said
