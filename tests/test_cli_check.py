"""`seqrec check` as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seqrec.alphabet import Alphabet

MINE = """
from typing import ClassVar

import numpy as np
from seqrec import features

class Extractor(features.Extractor):
    domain: ClassVar = "ink"
    dim: ClassVar = 2

    def read(self, sample):
        return list(sample.strokes)

    def frames(self, signal):
        return np.concatenate(signal).astype(np.float32)
"""


def seqrec(*args: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "seqrec", "check", *map(str, args)],
        capture_output=True, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def write(path: Path, *samples: tuple[str, str, int]) -> Path:
    """A manifest of ink: id, text, number of points."""
    rows = ({"id": id, "text": text, "strokes": [[[n, ord(id)] for n in range(count)]]} for id, text, count in samples)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "train.jsonl", ("a", "ab", 4), ("b", "aa", 2), ("c", "", 3))
    write(tmp_path / "dev.jsonl", ("d", "ax", 4))
    return tmp_path


def test_findings_and_summary(folder: Path) -> None:
    done = seqrec(folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        f"{folder}/train.jsonl: c: error (text): the text '' is empty",
        f"{folder}/dev.jsonl: d: warning (unseen): 'x' (U+0078) is in no text of train; samples that have it: 1",
        f"{folder}/train.jsonl: 3 samples, 1 with errors",
        f"{folder}/dev.jsonl: 1 samples, 0 with errors",
        "findings: 1 text, 1 unseen",
    ]


def test_warnings_alone_are_no_failure(folder: Path) -> None:
    train = write(folder / "train.jsonl", ("a", "ab", 4))
    assert seqrec(train, folder / "dev.jsonl").returncode == 0


def test_frames_are_held_against_the_texts(folder: Path) -> None:
    (folder / "mine.py").write_text(MINE)
    recipe = folder / "recipe.toml"
    recipe.write_text(f'[features]\nkind = "{folder}/mine.py"\n[network]\nsubsample = [2]\n')
    done = seqrec(folder / "train.jsonl", "--features", recipe, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["manifests"] == {f"{folder}/train.jsonl": {"samples": 3, "rejected": 2}}
    assert told["summary"] == {"short": 1, "text": 1}
    assert told["findings"][0] == {
        "where": f"{folder}/train.jsonl",
        "sample_id": "b",
        "kind": "short",
        "message": "1 frames (2 before subsampling) for 2 characters; expected 3 or more",
        "severity": "error",
        "place": 1,
    }


def test_an_alphabet(folder: Path) -> None:
    Alphabet.of(["a"]).save(folder / "alphabet.json")
    done = seqrec(folder / "dev.jsonl", "--alphabet", folder / "alphabet.json")
    assert done.returncode == 1
    assert "dev.jsonl: d: error (alphabet): 'x' (U+0078) not in the alphabet" in done.stdout


def test_fix_writes_clean_manifests_and_leaves_the_sources(folder: Path) -> None:
    before = (folder / "train.jsonl").read_bytes()
    done = seqrec(folder, "--fix", folder / "clean")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        f"{folder}/clean/train.jsonl: 2 samples written",
        f"{folder}/clean/dev.jsonl: 1 samples written",
    ]
    assert (folder / "train.jsonl").read_bytes() == before
    (row,) = map(json.loads, (folder / "clean" / "rejected.jsonl").read_text().splitlines())
    assert (row["id"], row["rejected"]) == ("c", ["text: the text '' is empty"])
    assert seqrec(folder / "clean").returncode == 0


def test_control_characters_do_not_reach_the_terminal(folder: Path) -> None:
    write(folder / "train.jsonl", ("\x1b", "a\x07", 3))
    done = seqrec(folder / "train.jsonl")
    assert done.stdout.startswith(f"{folder}/train.jsonl: \\u001b: error (control): the text holds U+0007")


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        ([], 2, "Missing argument 'DATA...'"),
        (["{folder}/none.jsonl"], 2, "does not exist"),
        (["{folder}/train.jsonl", "--fix", "{folder}"], 2, "is a manifest that was checked"),
        (["{folder}/sub"], 1, "holds no manifest; expected files named *.jsonl"),
        (["{folder}", "--features", "{folder}/none.toml"], 1, "none.toml: cannot be read"),
        (["{folder}", "--features", "{folder}/sub"], 1, "holds no config.json"),
        (["{folder}", "--alphabet", "{folder}/train.jsonl"], 1, "is not a packed model"),
    ],
)
def test_mistakes(folder: Path, args: list[str], code: int, expected: str) -> None:
    (folder / "sub").mkdir()
    done = seqrec(*(arg.format(folder=folder) for arg in args))
    assert done.returncode == code
    assert expected in " ".join(done.stderr.split())


def test_help_shows_an_example() -> None:
    assert "seqrec check data --features recipe.toml --fix data/clean" in seqrec("--help").stdout
