"""`seqrec align`: known texts put to their places, from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from seqrec.cli.main import main
from tests.models import beeps, image_model, sound_model, write_line


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    image_model(folder / "image")
    sound_model(folder / "sound")
    return folder


def manifest(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(*args: object) -> Result:
    return CliRunner().invoke(main, ["align", *map(str, args)])


def rows_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def places(row: dict[str, Any], of: str) -> list[tuple[str, float, float]]:
    return [(span["text"], span["start"], span["end"]) for span in row[of]]


def test_characters_lie_where_their_ink_is(tmp_path: Path, models: Path) -> None:
    write_line(tmp_path / "cab.png", "cab")  # pixels 1, 3 and 5
    found = run(models / "image", manifest(tmp_path / "m.jsonl", [{"id": "x", "path": "cab.png", "text": "cab"}]))
    assert (found.exit_code, found.stderr) in [
        (0, ""),
        (0, "seqrec: compiling the alignment for this machine, once: some seconds\n"),
    ]
    [row] = rows_of(found.stdout)
    assert (row["id"], row["text"], row["confidence"], row["unit"]) == ("x", "cab", 1.0, "px")
    assert places(row, "chars") == [("c", 1, 2.5), ("a", 2.5, 4.5), ("b", 4.5, 6)]
    assert places(row, "words") == [("cab", 1, 6)]


def test_a_wrong_text_is_unsure(tmp_path: Path, models: Path) -> None:
    write_line(tmp_path / "cab.png", "cab")
    rows = [{"id": text, "path": "cab.png", "text": text} for text in ("cab", "cad", "ca")]
    right, wrong, short = rows_of(run(models / "image", manifest(tmp_path / "m.jsonl", rows)).stdout)
    assert right["confidence"] == 1
    assert wrong["confidence"] < 0.1
    assert [char["confidence"] > 0.5 for char in wrong["chars"]] == [True, True, False]
    assert short["confidence"] < 0.1


def test_seconds_of_a_region_in_a_file(tmp_path: Path, models: Path) -> None:
    sound = np.concatenate([np.zeros(4000, np.float32), beeps(2)])  # tones at 0.6 and 0.8 s, each 0.1 s long
    soundfile.write(tmp_path / "x.wav", sound, 8000)
    row = {"id": "x", "path": "x.wav", "text": "xx", "start": 0.45, "end": 1.0}
    found = run(models / "sound", manifest(tmp_path / "m.jsonl", [row]), "-o", tmp_path / "x.ctm")
    assert (found.exit_code, found.stdout) == (0, "")
    [line] = (tmp_path / "x.ctm").read_text().splitlines()
    name, channel, start, lasts, word, confidence = line.split()
    assert (name, channel, word, confidence) == ("x", "1", "xx", "1.0000")
    assert (float(start), float(start) + float(lasts)) == pytest.approx((0.6, 0.9), abs=0.011)


def test_a_file_for_each_sound(tmp_path: Path, models: Path) -> None:
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", beeps(1), 8000)
    rows = [{"id": name, "path": f"{name}.wav", "text": "x"} for name in ("a", "b")]
    found = run(models / "sound", manifest(tmp_path / "m.jsonl", rows), "--format", "textgrid", "-o", tmp_path / "out")
    assert found.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.TextGrid", "b.TextGrid"]


def test_what_cannot_be_aligned_is_named_and_the_rest_is_done(tmp_path: Path, models: Path) -> None:
    write_line(tmp_path / "cab.png", "cab")
    (tmp_path / "broken.png").write_bytes(b"no image")
    path = manifest(
        tmp_path / "m.jsonl",
        [
            {"id": "unknown", "path": "cab.png", "text": "caz"},
            {"id": "untold", "path": "cab.png"},
            {"id": "broken", "path": "broken.png", "text": "cab"},
            {"id": "long", "path": "cab.png", "text": "abcdabcd"},
            {"id": "good", "path": "cab.png", "text": "cab"},
        ],
    )
    with path.open("a", encoding="utf-8") as lines:
        lines.write("{\n")
    done = subprocess.run(
        [sys.executable, "-m", "seqrec", "align", models / "image", path, "-o", tmp_path / "out.jsonl"],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    said = [line for line in done.stderr.splitlines() if "compiling" not in line]
    for line, expected in zip(
        said,
        [
            "seqrec: unknown: 'z' (U+007A) not in the alphabet",
            "seqrec: untold: has no text; expected a text for every sample",
            "broken.png: is text, not an image",
            "seqrec: long: 8 characters in a signal of 7 frames; expected at least 8 frames",
            "m.jsonl:6: is not JSON",
        ],
        strict=True,
    ):
        assert expected in line
    assert [row["id"] for row in rows_of((tmp_path / "out.jsonl").read_text(encoding="utf-8"))] == ["good"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["m.jsonl", "--format", "jsnl"], "unknown name 'jsnl'"),
        (["m.jsonl", "--format", "ctm"], "ctm is no format for a model of image"),
        ([], "Missing argument 'MANIFEST...'"),
    ],
)
def test_wrong_usage_exits_2(tmp_path: Path, models: Path, args: list[str], said: str) -> None:
    found = run(models / "image", *args)
    assert found.exit_code == 2
    assert said in found.output


def test_a_model_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    found = run(tmp_path / "none", "m.jsonl")
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (1, "", 1)
