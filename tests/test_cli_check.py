"""`seqrec check` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqrec.alphabet import Alphabet
from tests.models import image_model, write_line

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
        (["{folder}", "--model", "{folder}/sub"], 1, "holds no config.json"),
        (["{folder}", "--model", "m", "--features", "f.toml"], 2, "--model brings features and alphabet with it"),
        (["{folder}", "--reject", "outlier,lokalike"], 2, "unknown kind 'lokalike'; did you mean 'lookalike'?"),
        (["{folder}", "--features", "none.toml", "--fix", "{folder}"], 2, "is a manifest that was checked"),
        (["{folder}", "--html", "{folder}/train.jsonl"], 2, "expected the name of a page to write"),
        (["{folder}", "--jobs", "0"], 2, "0 is not in the range"),
    ],
)
def test_mistakes(folder: Path, args: list[str], code: int, expected: str) -> None:
    (folder / "sub").mkdir()
    done = seqrec(*(arg.format(folder=folder) for arg in args))
    assert done.returncode == code
    assert "?." not in done.stderr
    assert expected in " ".join(done.stderr.split())


def test_warnings_of_a_kind_reject_when_asked(folder: Path) -> None:
    write(folder / "train.jsonl", ("a", "c\u0430t", 4), ("b", "cat", 5))
    plain = seqrec(folder / "train.jsonl", "--fix", folder / "plain")
    assert (plain.returncode, plain.stdout.splitlines()[-1]) == (0, f"{folder}/plain/train.jsonl: 2 samples written")
    strict = seqrec(folder / "train.jsonl", "--fix", folder / "strict", "--reject", "lookalike, outlier")
    assert strict.returncode == 0
    assert f"{folder}/train.jsonl: 2 samples, 0 with errors, 1 more rejected" in strict.stdout
    (row,) = map(json.loads, (folder / "strict" / "rejected.jsonl").read_text().splitlines())
    assert row["id"] == "a"
    assert row["rejected"][0].startswith("lookalike: in 'c\u0430t'")


def test_a_manifest_that_is_named_twice_is_read_once(folder: Path) -> None:
    (folder / "link").symlink_to(folder)
    done = seqrec(folder / "train.jsonl", folder / "dev.jsonl", folder / "link" / "train.jsonl", "--json")
    table = json.loads(done.stdout)
    assert list(table["manifests"]) == [f"{folder}/train.jsonl", f"{folder}/dev.jsonl"]
    assert not {"leak", "id"} & table["summary"].keys()


def test_a_page_is_written(folder: Path) -> None:
    done = seqrec(folder, "--html", folder / "check.html")
    assert done.returncode == 1
    assert "the text &#x27;&#x27; is empty" in (folder / "check.html").read_text().replace("&#39;", "&#x27;")


def test_a_model_brings_features_and_alphabet_and_doubts(tmp_path: Path) -> None:
    write_line(tmp_path / "a.png", "cafe")
    write_line(tmp_path / "b.png", "face")
    rows = [{"id": "a", "text": "cafe", "path": "a.png"}, {"id": "b", "text": "fxce", "path": "b.png"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = seqrec(tmp_path / "m.jsonl", "--model", image_model(tmp_path / "model"), "--json")
    assert done.returncode == 1
    found = {(each["sample_id"], each["kind"]) for each in json.loads(done.stdout)["findings"]}
    assert ("b", "alphabet") in found
    assert any(kind == "mislabelled" for _, kind in found)  # that two samples are too few to judge by


SLOW = MINE.replace(
    "        return list(sample.strokes)",
    """
        import os, pathlib, time
        pathlib.Path(__file__).with_name(f"pid{os.getpid()}").touch()
        time.sleep(0.01)
        return list(sample.strokes)""",
)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_ends_it_at_once_with_all_its_processes(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "recipe.toml").write_text(f'[features]\nkind = "{tmp_path}/slow.py"\n')
    rows = ({"id": f"{n}", "text": "a", "strokes": [[[n, m] for m in range(9)]]} for n in range(60_000))
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "seqrec", "check", "m.jsonl", "--features", "recipe.toml", "--jobs", str(jobs)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("pid*"))) < (1 if jobs == 1 else 3) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "seqrec: interrupted\n")
    pids = [int(path.name.removeprefix("pid")) for path in tmp_path.glob("pid*")]
    assert len(pids) == (1 if jobs == 1 else 3)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_help_shows_an_example() -> None:
    assert "seqrec check data --features recipe.toml --fix data/clean" in seqrec("--help").stdout
