"""`seqrec train` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from seqrec.cli.main import main
from seqrec.network.loading import _silence
from seqrec.samples import Sample, write_manifest
from seqrec.synth.handwriting import make_writer, write
from seqrec.training.folder import alone_in
from tests.tiny import CONFIG, seqrec

NOISE = ("absl", "E0000", "I0000", "W0000", "oneDNN", "cuda", "Warning")


def ink(seed: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    writer = make_writer(rng)
    words = ("lo", "oil", "tool", "tilt", "lot", "toll", "ill", "it")
    return [Sample(f"s{i}", word, strokes=write(word, writer, rng)) for i, word in enumerate(words)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A config and two manifests."""
    (tmp_path / "recipe.toml").write_text(CONFIG)
    write_manifest(tmp_path / "train.jsonl", ink(seed=1))
    write_manifest(tmp_path / "dev.jsonl", ink(seed=2))
    return tmp_path


def train(place: Path, *args: str, exp: str = "exp") -> subprocess.CompletedProcess[str]:
    manifests = ["--train", "train.jsonl", "--dev", "dev.jsonl"]
    return seqrec("train", "recipe.toml", *manifests, "--exp", exp, *args, cwd=place)


def test_training_with_lines_that_cannot_be_used(place: Path) -> None:
    """They are named, the rest trains, the exit code tells; stderr holds nothing that is not seqrec's own."""
    with open(place / "train.jsonl", "a") as out:
        out.write('no JSON\n{"id": "gone", "text": "x", "path": "gone.wav"}\n')
    with open(place / "dev.jsonl", "a") as out:
        out.write('{"id": "mute", "strokes": [[[0, 0], [1, 1]]]}\n')
    done = train(place)
    assert done.returncode == 1
    assert done.stdout == "The model is in exp. Try: seqrec decode exp INPUT\n"
    assert not [line for line in done.stderr.splitlines() if any(word in line for word in NOISE)]
    said = done.stderr.splitlines()
    left_out = [line for line in said if line.startswith("left out: ")]
    assert len(left_out) == 3
    assert "train.jsonl:9: is not JSON" in left_out[0]
    assert "gone: is a file (gone.wav)" in left_out[1]
    assert "mute: has no text" in left_out[2]
    epochs = [line for line in said if line.startswith("epoch")]
    assert len(epochs) == 2
    assert "dev CER" in epochs[0]
    assert "Finished: all 2 epochs are done." in said
    assert [line.split()[1] for line in said if line.startswith("dev, ")] == ["greedy", "lm", "beam"]
    assert (place / "exp" / "lm.bin").exists()
    assert "\x1b" not in done.stderr
    assert "8 samples to train on" in done.stderr
    texts = [
        seqrec("decode", "exp", "dev.jsonl", "--runtime", runtime, cwd=place) for runtime in ("onnx", "tensorflow")
    ]
    assert texts[0].stdout == texts[1].stdout
    assert len(texts[0].stdout.splitlines()) == 9
    assert (texts[0].stderr, texts[1].stderr) == ("", "")
    rows = [json.loads(line) for line in (place / "exp" / "training.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert not [path for path in (place / "exp").rglob("*") if path.name.endswith(".tmp") or ".frames" in path.name]


def test_nothing_to_resume(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = invoke(place, monkeypatch, "--resume")
    assert (code, said[-1]) == (1, "seqrec: exp: holds no checkpoint to resume. Leave --resume out")
    assert not (place / "exp").exists()


def invoke(place: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> tuple[int, list[str]]:
    """In this process: exit code and the lines of stderr."""
    monkeypatch.chdir(place)
    manifests = ["--train", "train.jsonl", "--dev", "dev.jsonl"]
    done = CliRunner().invoke(main, ["train", "recipe.toml", *manifests, "--exp", "exp", *args])
    assert isinstance(done.exception, SystemExit)
    assert done.stdout == ""
    return done.exit_code, done.stderr.splitlines()


def test_a_folder_that_is_taken_is_told_before_anything_is_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "exp" / "checkpoints").mkdir(parents=True)
    for path in ("train.jsonl", "dev.jsonl"):
        (place / path).unlink()
    with alone_in(place / "exp"):
        code, said = invoke(place, monkeypatch)
        assert (code, said) == (
            1, ["seqrec: exp: another training is at work in it. Wait for it, or choose another --exp"]
        )  # fmt: skip
    for file, told in (
        ("model.onnx", "holds a model already. Choose another --exp"),
        ("checkpoints/last.npz", "holds a training already. Go on with --resume, or choose another --exp"),
    ):
        (place / "exp" / file).touch()
        assert invoke(place, monkeypatch) == (1, [f"seqrec: exp: {told}"])


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--set", "training.epohcs=3"], 1, "unknown key 'training.epohcs'; expected one of batch_frames,"),
        (["--set", "training.epohcs=3"], 1, "Did you mean 'epochs'?"),
        (["--set", "training.epochs=many"], 1, "recipe.toml: training.epochs: 'many'; expected"),
        (["--set", "features.kind=strok"], 1, "unknown name 'strok'; expected one of columns, mfcc, strokes"),
        (["--set", "augment.frames.nose=0.1"], 1, "[augment.frames]: unknown key 'nose'"),
        (["--set", "epochs=3"], 1, "--set: 'epochs=3'; expected table.key=value"),
        (
            ["--train", "none.jsonl"],
            1,
            "none.jsonl: cannot be read (No such file or directory); expected a JSONL manifest",
        ),
        (["--train", "empty.jsonl", "--dev", "none.jsonl"], 1, "none.jsonl: cannot be read"),
        (["--exp", "recipe.toml"], 2, "Directory 'recipe.toml' is a file"),
        (["--epochs", "3"], 2, "No such option '--epochs'"),
    ],
)
def test_mistakes_are_told_before_tensorflow_is_loaded(
    place: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, said: str
) -> None:
    (place / "empty.jsonl").write_text("")
    found, lines = invoke(place, monkeypatch, *args)
    assert found == code
    assert said in " ".join(" ".join(lines).split())
    assert "loading TensorFlow ..." not in lines
    assert sorted(path.name for path in place.iterdir()) == ["dev.jsonl", "empty.jsonl", "recipe.toml", "train.jsonl"]


def test_a_missing_config(place: Path) -> None:
    (place / "recipe.toml").unlink()
    done = train(place)
    assert (done.returncode, done.stderr) == (
        1, "seqrec: recipe.toml: cannot be read (No such file or directory); expected a recipe in TOML\n",
    )  # fmt: skip


def test_what_is_written_in_silence_is_lost_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    with _silence():
        os.write(2, b"lost\n")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
