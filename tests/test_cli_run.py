"""`seqrec run` as a process of its own: a tiny recipe end to end, again, changed, interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from seqrec.cli.main import main
from seqrec.decoding import Hypothesis
from seqrec.recognizer import load
from seqrec.samples import read_manifest
from tests.test_cli_train import NOISE
from tests.tiny import tiny_recipe

STAGES = ("prepare", "check", "train", "tune", "decode", "score", "report")
SKIPPED = ": nothing has changed, skipped"
MODEL = {"config.json", "alphabet.json", "normalizer.npz", "model.onnx", "training.jsonl", "card.md", "checkpoints"}
MADE = {
    "decoding.json",
    "lm.bin",
    "data",
    "frames",
    "stages.json",
    "check.json",
    "hyp.jsonl",
    "score.json",
    "report.html",
}


class Run:
    """`seqrec run` on the tiny recipe, in a terminal's way: a session of its own."""

    def __init__(self, place: Path) -> None:
        self.place, self.recipe, self.exp = place, tiny_recipe(place / "tiny"), place / "exp"

    def start(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seqrec", "run", "tiny", "--exp", "exp", *args]
        return subprocess.Popen(
            command, cwd=self.place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            start_new_session=True,
        )  # fmt: skip

    def __call__(self, *args: str) -> tuple[int, str, list[str]]:
        """Exit code, stdout, and the lines of stderr."""
        running = self.start(*args)
        out, err = running.communicate(timeout=600)
        assert "Traceback" not in err, err
        return running.returncode, out, err.splitlines()

    def done(self, *args: str) -> list[str]:
        """The stages that a run did not skip."""
        code, _, said = self(*args)
        assert code == 0, said
        return [stage for stage in STAGES if stage in said]

    def times(self) -> dict[str, int]:
        return {p.relative_to(self.exp).as_posix(): p.stat().st_mtime_ns for p in self.exp.rglob("*") if p.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_end_to_end_again_and_changed(run: Run) -> None:
    code, out, said = run()
    assert code == 0
    assert out.startswith("test: CER ")
    assert out.endswith("of 8 words, 8 samples\n")
    assert [line for line in said if line in STAGES] == list(STAGES)
    assert "train 8, dev 8, test 8 samples" in said
    assert not [line for line in said if any(word in line for word in NOISE)]
    assert not any("\x1b" in line for line in said)
    assert {path.name for path in run.exp.iterdir()} == MODEL | MADE
    score = json.loads((run.exp / "score.json").read_text())
    assert (score["part"], score["samples"]) == ("test", 8)
    assert "- **test**: CER" in (run.exp / "card.md").read_text()

    # Again: nothing is done, nothing is written.
    before = run.times()
    code, out, said = run()
    assert (code, out) == (0, "")
    assert said == [f"{stage}{SKIPPED}" for stage in STAGES]
    assert run.times() == before

    # A change is followed as far as it reaches.
    assert run.done("--set", "card.data=Words") == ["score", "report"]
    assert "with its language model" in (run.exp / "card.md").read_text()
    assert run.done("--set", "card.data=Words", "--set", "decoding.lm=none") == list(STAGES[3:])
    assert "greedy decoding" in (run.exp / "card.md").read_text()
    assert not (run.exp / "lm.bin").exists()
    assert run.done("--set", "card.data=Words") == list(STAGES[3:])
    assert "- **Data**: Words" in (run.exp / "card.md").read_text()
    assert run.done("--set", "prepare.note=another", "--set", "card.data=Words") == ["prepare"]
    (run.exp / "hyp.jsonl").unlink()
    assert run.done("--set", "prepare.note=another", "--set", "card.data=Words") == ["decode"]
    assert run.done("--only", "decode") == ["decode"]
    assert run.done("--from", "score") == ["score", "report"]


def test_what_is_wrong_with_the_data_is_named_and_left_out(run: Run) -> None:
    given = ["--set", "prepare.unfit=2", "--set", "prepare.bad=1"]
    code, out, said = run(*given)
    assert code == 1
    assert out.startswith("test: CER ")
    assert "left out: line 0: is broken" in said
    named = [line for line in said if "error (short)" in line]
    assert [word in line for word, line in zip(("unfit-0", "unfit-1"), named, strict=True)] == [True, True]
    assert "left out: unfit-0: check found errors in it" in said
    assert [line for line in said if line.startswith("8 samples to train on")]
    assert said[-1] == "Not everything could be used: see above."
    named_before = f"{SKIPPED}, with problems that were named before"
    found = {"prepare": named_before, "check": named_before, "train": named_before}
    code, _, said = run(*given)
    assert code == 1
    assert said[:-1] == [stage + found.get(stage, SKIPPED) for stage in STAGES]


def test_ctrl_c_and_the_same_command_again(run: Run) -> None:
    """What was interrupted goes on; an older model is moved aside, not lost."""
    older = run.exp / "model.onnx"
    older.parent.mkdir()
    older.write_bytes(b"older")
    longer = ["--set", "training.epochs=60", "--set", "training.patience=60"]
    running = run.start(*longer)
    assert running.stderr is not None
    said: list[str] = []
    for line in running.stderr:
        said.append(line.rstrip("\n"))
        if line.startswith("epoch"):
            break
    code, _, refused = run(*longer, "--from", "train")
    assert (code, refused[-1]) == (
        1, "seqrec: exp: another training is at work in it. Wait for it, or choose another --exp"
    )  # fmt: skip
    os.killpg(running.pid, signal.SIGINT)
    _, rest = running.communicate(timeout=300)
    said += rest.splitlines()
    assert running.returncode == 130, said
    assert "the training that was in exp is now in exp/older/1" in said
    assert (run.exp / "older" / "1" / "model.onnx").read_bytes() == b"older"
    assert not (run.exp / "older" / "2").exists()
    assert said[-1] == "Interrupted. The best model so far is in exp; the same command goes on."
    assert not any("Traceback" in line for line in said)

    (first, *_) = read_manifest(run.exp / "data" / "test.jsonl")
    assert isinstance(load(run.exp).transcribe(first), Hypothesis)
    epochs = len((run.exp / "training.jsonl").read_text().splitlines())
    assert 1 <= epochs < 60

    code, out, said = run(*longer)
    assert code == 0
    assert out.startswith("test: CER ")
    assert [line.split()[1] for line in said if line.startswith("epoch")] == [str(n) for n in range(epochs + 1, 61)]
    assert [path.name for path in (run.exp / "older").iterdir()] == ["1"]
    assert len((run.exp / "training.jsonl").read_text().splitlines()) == 60


def invoke(*args: str | Path) -> tuple[int, list[str]]:
    """In this process: exit code and the lines of stderr."""
    done = CliRunner().invoke(main, ["run", *map(str, args)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, done.stderr.splitlines()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tiny_recipe(tmp_path / "tiny")


def test_a_dry_run_does_nothing(tiny: Path) -> None:
    assert invoke(tiny, "--dry-run") == (0, [f"{stage}: would be done" for stage in STAGES])
    assert invoke(tiny, "--dry-run", "--from", "score") == (0, ["score: would be done", "report: would be done"])
    assert list(tiny.parent.iterdir()) == [tiny]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["tiny", "--only", "trian"], 2, "unknown name 'trian'; expected one of prepare, check, train, tune, decode"),
        (["tiny", "--from", "trian"], 2, "Did you mean 'train'?"),
        (["tiny", "--from", "train", "--only", "score"], 2, "--from and --only together; expected one of them"),
        (["none"], 2, "Path 'none' does not exist"),
        (["tiny", "--source", "none"], 2, "Path 'none' does not exist"),
        (["tiny", "--exp", "tiny/recipe.toml"], 2, "is a file"),
        (["tiny/prepare.py"], 1, "prepare.py: is not TOML"),
        (["."], 1, "recipe.toml: cannot be read"),
        (["tiny", "--set", "training.epoch=3"], 1, "Did you mean 'epochs'?"),
        (["tiny", "--set", "features.spacin=1"], 1, "[features]: unknown key 'spacin'"),
        (["tiny", "--only", "check"], 1, "train.jsonl: error (manifest): cannot be read"),
        (["tiny", "--only", "train"], 1, "train.jsonl: cannot be read"),
        (["tiny", "--only", "decode"], 1, "exp/tiny: holds no config.json"),
        (["tiny", "--only", "score"], 1, "dev.jsonl: cannot be read"),
        (["tiny", "--only", "report"], 1, "exp/tiny: holds no config.json"),
    ],
)
def test_mistakes(tiny: Path, args: list[str], code: int, said: str) -> None:
    found, lines = invoke(*args)
    assert found == code
    assert said in " ".join(" ".join(lines).split())
    assert not list(tiny.parent.glob("exp/tiny/data"))


def test_a_prepare_that_fails(run: Run) -> None:
    code, out, said = run("--set", "prepare.tims=2")
    assert (code, out) == (1, "")
    assert len(said) == 3
    assert said[0] == "prepare"
    assert "[prepare]: unknown key 'tims'" in said[1]
    assert said[2].startswith("seqrec: tiny/prepare.py: failed.")
