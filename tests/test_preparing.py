"""What every prepare.py shares: its command line, its manifests, its exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqrec.errors import DataError
from seqrec.options import Options
from seqrec.preparing import LEFT_OUT, Given, prepare
from seqrec.samples import Sample, read_manifest


class Prepare(Options):
    count: int = 3
    bad: int = 0
    test: bool = True


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    if given.source != Path() and not given.source.is_dir():
        raise DataError(given.source, "is no folder", "a corpus")
    for number in range(given.options.bad):
        given.on_error(DataError(f"line\x1b {number}", "cannot be used"))
    for split in ("train", "dev", "test")[: 3 if given.options.test else 2]:
        for number in range(given.options.count * (100 if given.smoke else 1)):
            yield split, Sample(f"{split}-{number}", "a", strokes=(np.zeros((1, 2)),))


def run(out: Path, *args: str) -> int:
    try:
        prepare(samples, Prepare, "A corpus.\n\n  With a layout.", ["--out", str(out), *args])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def counts(out: Path) -> dict[str, int]:
    return {path.stem: len(list(read_manifest(path))) for path in sorted(out.glob("*.jsonl"))}


def test_manifests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "made" / "data", "--options", '{"count": 2}') == 0
    assert counts(tmp_path / "made" / "data") == {"dev": 2, "test": 2, "train": 2}
    assert capsys.readouterr() == ("", "train 2, dev 2, test 2 samples\n")


def test_smoke_is_small(tmp_path: Path) -> None:
    assert run(tmp_path, "--smoke") == 0
    assert counts(tmp_path) == {"dev": 16, "test": 16, "train": 64}


def test_what_is_left_out_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--options", '{"bad": 2}') == LEFT_OUT
    assert counts(tmp_path) == {"dev": 3, "test": 3, "train": 3}
    assert capsys.readouterr().err.splitlines() == [
        "left out: line\\u001b 0: cannot be used",
        "left out: line\\u001b 1: cannot be used",
        "train 3, dev 3, test 3 samples",
    ]


def test_a_part_of_an_earlier_run_does_not_stay(tmp_path: Path) -> None:
    run(tmp_path)
    assert run(tmp_path, "--options", '{"test": false}') == 0
    assert counts(tmp_path) == {"dev": 3, "train": 3}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--options", "{"], "prepare: --options: '{'; expected a JSON object. For instance '{\"seed\": 2}'"),
        (["--options", "[]"], "prepare: --options: '[]'; expected a JSON object"),
        (["--options", "[" * 100_000], "expected a JSON object"),
        (
            ["--options", '{"cuont": 1}'],
            "[prepare]: unknown key 'cuont'; expected one of bad, count, test. Did you mean",
        ),
        (["--options", '{"count": "many"}'], "prepare: [prepare]: count: 'many'; expected"),
        (["--options", '{"count": 0}'], "would get no sample; expected one or more. Name the folder of the corpus"),
        (["--source", "no/where"], "prepare: no/where: is no folder; expected a corpus"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    run(tmp_path)
    before = counts(tmp_path)
    capsys.readouterr()
    assert run(tmp_path, *args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert counts(tmp_path) == before


def test_wrong_usage_and_help(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        prepare(samples, Prepare, "", [])
    assert "--out" in capsys.readouterr().err
    assert run(tmp_path, "--help") == 0
    assert "A corpus.\n\n  With a layout." in capsys.readouterr().out


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file" / "data") == 2
    assert "cannot be written (Not a directory)" in capsys.readouterr().err


def test_files_of_the_corpus_that_cannot_be_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def opening(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
        (given.source / "index.txt").read_text()
        return iter(())

    with pytest.raises(SystemExit, match="2"):
        prepare(opening, Prepare, "", ["--out", str(tmp_path)])
    assert capsys.readouterr().err == "prepare: index.txt: No such file or directory\n"


INTERRUPTED = """
    import os, signal, sys
    from pathlib import Path
    from seqrec.options import Options
    from seqrec.preparing import prepare

    def samples(given):
        os.kill(os.getpid(), signal.SIGINT)
        yield from ()

    prepare(samples, Options, "", ["--out", sys.argv[1]])
"""


def test_ctrl_c(tmp_path: Path) -> None:
    code = textwrap.dedent(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "prepare: interrupted\n")
    assert list(tmp_path.iterdir()) == []
