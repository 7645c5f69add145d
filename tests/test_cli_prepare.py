"""`seqrec prepare` as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seqrec.samples import read_manifest


def seqrec(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "seqrec", "prepare", *map(str, args)],
        capture_output=True, encoding="utf-8", check=False, timeout=60, cwd=cwd,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Free Spoken Digit Dataset with one file too many."""
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    for speaker in ("theo", "jackson"):
        for index in (0, 5, 10, 11):
            (folder / f"3_{speaker}_{index}.wav").write_bytes(b"RIFF")
    return folder.parent


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def ids(path: Path) -> list[str]:
    return [sample.id for sample in read_manifest(path)]


def test_the_official_split(corpus: Path, out: Path) -> None:
    done = seqrec("fsdd", corpus, "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["dev.jsonl", "test.jsonl", "train.jsonl"]
    assert ids(out / "test.jsonl") == ["3_jackson_0", "3_theo_0"]
    assert ids(out / "train.jsonl") == ["3_jackson_10", "3_jackson_11", "3_theo_10", "3_theo_11"]
    assert done.stdout.splitlines() == [
        f"{out}/train.jsonl        4 samples  50%, 2 groups, 4 characters",
        f"{out}/dev.jsonl          2 samples  25%, 2 groups, 2 characters",
        f"{out}/test.jsonl         2 samples  25%, 2 groups, 2 characters",
        "the official split",
    ]
    again = {path.name: path.read_bytes() for path in out.iterdir()}
    seqrec("fsdd", corpus, "-o", out)
    assert again == {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_ratio_by_group(corpus: Path, out: Path) -> None:
    done = seqrec("fsdd", corpus, "-o", out, "--split", "50/0/50", "--by", "group", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["format"], told["split"], told["errors"]) == ("fsdd", "ratio", 0)
    assert told["parts"] == {
        part: {"samples": 4, "groups": 1, "characters": 4, "points": 0} for part in ("train", "test")
    }
    assert sorted(path.name for path in out.iterdir()) == ["test.jsonl", "train.jsonl"]


def test_what_cannot_be_read_is_named_and_the_rest_is_done(corpus: Path, out: Path) -> None:
    (corpus / "recordings" / "bad\nname.wav").write_bytes(b"")
    (corpus / "recordings" / "other.wav").write_bytes(b"")
    done = seqrec("fsdd", corpus, "-o", out)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all("is not named as a recording; expected recordings/{digit}" in line for line in lines)
    assert len(ids(out / "train.jsonl")) == 4


def test_no_sample_at_all_writes_nothing(tmp_path: Path, out: Path) -> None:
    (tmp_path / "recordings").mkdir()
    done = seqrec("fsdd", tmp_path, "-o", out)
    assert done.returncode == 1
    assert "holds no recordings" in done.stderr
    assert "gave no sample, nothing is written" in done.stderr
    assert not out.exists()
    (tmp_path / "b.csv").write_text("path,text\nnone.wav,x\n")
    done = seqrec(tmp_path / "b.csv", "-o", out)
    assert done.returncode == 1
    assert f"seqrec: {tmp_path / 'b.csv'}: gave no sample, nothing is written" in done.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["fsd", "{corpus}", "-o", "{out}"], "Did you mean 'fsdd'?"),
        (["fsdd", "{corpus}/none", "-o", "{out}"], "does not exist"),
        ([], "Missing argument 'SOURCE'"),
        (["fsdd"], "fsdd: does not exist; expected a folder or a file. Name it: seqrec prepare fsdd SOURCE"),
        (["{corpus}/none"], "{corpus}/none: does not exist; expected a folder or a file"),
        (["fsdd", "{corpus}", "-o", "{out}", "--split", "80/20"], "expected the parts of train, dev and test"),
        (["fsdd", "{corpus}", "-o", "{out}", "--by", "age"], "'age' is not one of"),
        (
            ["fsdd", "{corpus}", "-o", "{out}", "--text-column", "x"],
            "--text-column: is no option of fsdd; expected none",
        ),
        (["{corpus}", "-o", "{out}", "--tier", "x"], "--tier: is no option of fsdd"),
        (["table", "{corpus}", "-o", "{out}", "--tier", "x"], "expected one of its own: --path-column, --text-column"),
        (["../fsdd", "{corpus}", "-o", "{out}"], "unknown name '../fsdd'"),
    ],
)
def test_wrong_usage(corpus: Path, out: Path, args: list[str], expected: str) -> None:
    done = seqrec(*(arg.format(corpus=corpus, out=out) for arg in args))
    assert done.returncode == 2
    assert expected.format(corpus=corpus) in " ".join(done.stderr.split())
    assert not out.exists()


@pytest.mark.parametrize("given", [["auto"], []])
def test_a_format_is_recognised_and_said(corpus: Path, out: Path, given: list[str]) -> None:
    done = seqrec(*given, corpus.parent, "-o", out)
    assert done.returncode == 0
    holds = "it holds recordings such as fsdd/recordings/3_jackson_0.wav"
    assert done.stderr == f"{corpus.parent} is read as fsdd, because {holds}\n"
    assert ids(out / "test.jsonl") == ["3_jackson_0", "3_theo_0"]


def test_manifests_go_to_data_and_are_not_taken_for_the_source(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "list.csv").write_text("Datei;Inhalt\na.wav;hallo\n")
    for _ in range(2):
        done = seqrec(".", "--split", "0/0/1", cwd=tmp_path)
        assert done.returncode == 0
        assert done.stderr.startswith(". is read as table, because it holds list.csv, a table of files and their texts")
        (sample,) = read_manifest(tmp_path / "data" / "test.jsonl")
        assert (sample.id, sample.text) == ("a", "hallo")


def test_what_is_not_recognised_is_one_line(tmp_path: Path, out: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK")
    done = seqrec(tmp_path, "-o", out)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"seqrec: {tmp_path}: is of no known format; its files: 1 of .docx; expected one of alto, ")


def test_a_source_is_never_replaced(corpus: Path, out: Path) -> None:
    seqrec("fsdd", corpus, "-o", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for source in (out, out / "train.jsonl"):
        done = seqrec("manifest", source, "-o", out, "--split", "1/1/1")
        assert done.returncode == 2
        assert "is a source; expected another folder" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_manifests_are_not_put_where_they_would_be_read_in_the_place_of_the_corpus(corpus: Path) -> None:
    done = seqrec("fsdd", corpus, "-o", corpus)
    assert done.returncode == 2
    assert "is a source; expected another folder" in done.stderr
    assert not list(corpus.glob("*.jsonl"))


def test_a_part_of_an_earlier_run_is_not_left_beside_a_new_one(corpus: Path, out: Path) -> None:
    seqrec("fsdd", corpus, "-o", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = seqrec("fsdd", corpus, "-o", out, "--split", "100/0/0")
    assert done.returncode == 1
    assert "dev.jsonl: is left from an earlier run" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_columns_of_a_table(corpus: Path, out: Path) -> None:
    table = corpus / "list.csv"
    table.write_text("clip,words\nrecordings/3_theo_0.wav,trois\n")
    done = seqrec("table", table, "-o", out, "--path-column", "clip", "--text-column", "words", "--split", "0/0/1")
    assert (done.returncode, done.stderr) == (0, "")
    (sample,) = read_manifest(out / "test.jsonl")
    assert sample.text == "trois"
    assert sample.path is not None
    assert sample.path.is_file()


def test_help_shows_an_example_and_every_format() -> None:
    done = seqrec("--help")
    assert done.returncode == 0
    assert "seqrec prepare fsdd free-spoken-digit-dataset/ -o data" in done.stdout
    for name in ("fsdd", "manifest", "table"):
        assert f"\n  {name} " in done.stdout
