"""Every recipe's folder is complete, and its prepare.py reads the layout of its corpus."""

from __future__ import annotations

import ast
import gzip
import json
import os
import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import seqrec
from seqrec.cli.main import main
from seqrec.config import Config, read_config
from seqrec.modelfolder import ModelFolder
from seqrec.preparing import LEFT_OUT
from seqrec.recipe import check_options
from seqrec.samples import Sample, read_manifest
from tests.models import beeps, write_line

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path for path in (ROOT / "recipes").iterdir() if path.is_dir() and path.name != "__pycache__")
CONFIGS = sorted((ROOT / "recipes").glob("*/*.toml"))
GENERATED = {"demo_ink", "demo_morse"}
REAL = [folder for folder in FOLDERS if folder.name not in GENERATED]


def name(path: Path) -> str:
    return path.relative_to(ROOT / "recipes").as_posix()


each = pytest.mark.parametrize("folder", FOLDERS, ids=name)
each_real = pytest.mark.parametrize("folder", REAL, ids=name)
each_config = pytest.mark.parametrize("path", CONFIGS, ids=name)


# The folders


def test_the_recipes_are_those_that_are_promised() -> None:
    real = {"fsdd", "words34", "unipen_words", "unipen_lines", "copiste"}
    assert {folder.name for folder in FOLDERS} >= GENERATED | real


@each
def test_run_is_a_program(folder: Path) -> None:
    script = (folder / "run").read_text()
    assert script.startswith("#!/bin/sh\n")
    assert os.access(folder / "run", os.X_OK)
    assert 'exec seqrec run "$(dirname "$0")" "$@"' in script


@each
def test_prepare_is_short_and_says_what_the_data_are(folder: Path) -> None:
    text = (folder / "prepare.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    said = ast.get_docstring(ast.parse(text)) or ""
    assert "abels" in said, "how labels are coded"
    assert "split" in said, "how it was split"
    assert re.search("CC BY|MIT licence|free of anybody's rights", said), "the licence"


@each
def test_results_hold_what_is_needed_to_repeat_them(folder: Path) -> None:
    said = (folder / "RESULTS.md").read_text(encoding="utf-8")
    for word in (f"seqrec run recipes/{folder.name}", "seed", "CER", "WER", "samples", "parameters", "min"):
        assert word in said, word


@each_config
def test_configs_are_short_with_a_header(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
    header = "\n".join(line.removeprefix("#").strip() for line in lines[: lines.index("")])
    command = re.search("^seqrec run .*$", header, re.MULTILINE)
    assert command, "the command"
    _, _, recipe, *options = shlex.split(command[0])
    assert ROOT / recipe in (path, path.parent)
    assert bool(options) == (path.parent in REAL), "real data need --source"
    assert re.search(r"\d %", header), "the result to expect"
    assert re.search(r"\d+ (s|minutes) of training", header), "the time that it takes"


@each_config
def test_configs_fit_the_code(path: Path) -> None:
    config = read_config(path)
    check_options(config, str(path))
    module = runpy.run_path(str(path.with_name("prepare.py")))
    module["Prepare"].parse(config.prepare, str(path))
    if path.parent in REAL:
        assert all((config.card.data, config.card.licence, config.card.attribution, config.card.split))


# prepare.py on tiny corpora in the layout of the real ones


def write_fsdd(source: Path) -> None:
    (source / "recordings").mkdir(parents=True)
    for speaker in ("anna", "ben"):
        for digit in range(3):
            for index in (0, 4, 5, 9, 10, 11):
                sound = beeps(1)[: 1200 + 10 * index]
                soundfile.write(source / "recordings" / f"{digit}_{speaker}_{index}.wav", sound, 8000, "PCM_16")


def write_words34(source: Path) -> None:
    (source / "flac").mkdir(parents=True)
    rows = ["path\ttext\tspeaker\tsplit\tseconds"]
    for number, (text, speaker, split) in enumerate(
        [("数字", "s00", "test"), ("digital", "s01", "dev"), ("语音", "s02", "train"), ("speech", "s03", "train")]
    ):
        soundfile.write(source / "flac" / f"{number}.flac", beeps(2, 16_000), 16_000)
        rows.append(f"flac/{number}.flac\t{text}\t{speaker}\t{split}\t0.50")
    (source / "manifest.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_unipen(source: Path) -> None:
    source.mkdir(parents=True)
    for file, splits in (("words.jsonl.gz", ["train", "train", "dev"]), ("lines.jsonl.gz", ["train", "dev", "test"])):
        with gzip.open(source / file, "wt", encoding="utf-8") as out:
            for number, split in enumerate(splits):
                strokes = [[0, 0, 10, 40, 20, 5 + number, 30, 40], [5, 60, 6, 61]]
                row = {"id": f"{file}#{number}", "label": "vé i", "writer": f"w{number}", "strokes": strokes}
                out.write(json.dumps({**row, "split": split}) + "\n")


def write_copiste(source: Path) -> None:
    rows = ["path\ttext\twriter\tsplit"]
    for number, split in enumerate(["train", "train", "dev"]):
        write_line(source / "lines" / f"{number}.png", "abc"[: number + 1])
        rows.append(f'lines/{number}.png\tL\'"école" >x< {number}\tw{number}\t{split}')
    (source / "lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


CORPORA: dict[str, Callable[[Path], None]] = {
    "fsdd": write_fsdd, "words34": write_words34, "unipen_words": write_unipen, "unipen_lines": write_unipen,
    "copiste": write_copiste,
}  # fmt: skip
FIRST = {  # the parts, and the first training sample's text and group
    "fsdd": ({"train": 12, "dev": 4, "test": 4}, None, "anna"),
    "words34": ({"train": 2, "dev": 1, "test": 1}, "语音", "s02"),
    "unipen_words": ({"train": 3, "dev": 1}, "vé i", "w0"),
    "unipen_lines": ({"train": 2, "dev": 1, "test": 1}, "vé i", "w0"),
    "copiste": ({"train": 2, "dev": 1}, 'L\'"école" >x< 0', "w0"),
}


def prepare(path: Path, out: Path, source: Path | None = None, **changes: int) -> dict[str, list[Sample]]:
    """Run the prepare.py beside a config, as `seqrec run` does; its manifests by part."""
    options = read_config(path).prepare
    few = {part: count for part, count in (("train", 12), ("dev", 4), ("test", 4)) if "train" in options}
    argv = ["--out", str(out), "--options", json.dumps({**options, **few, **changes})]
    argv += [] if source is None else ["--source", str(source)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["prepare.py", *argv])
        runpy.run_path(str(path.with_name("prepare.py")), run_name="__main__")
    return {part.stem: list(read_manifest(part)) for part in out.glob("*.jsonl")}


@pytest.fixture(params=REAL, ids=name)
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A real recipe's folder, and a tiny corpus for it."""
    folder: Path = request.param
    CORPORA[folder.name](tmp_path / "corpus")
    return folder, tmp_path / "corpus"


def test_real_corpora(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    folder, source = corpus
    parts = prepare(folder / "recipe.toml", tmp_path / "data", source)
    sizes, text, group = FIRST[folder.name]
    assert {part: len(samples) for part, samples in parts.items()} == sizes
    first = parts["train"][0]
    assert first.group == group
    assert text is None or first.text == text
    if folder.name != "fsdd":
        groups = {part: {sample.group for sample in samples} for part, samples in parts.items()}
        assert not groups["train"] & (groups["dev"] | groups.get("test", set())), "no writer or speaker in both"
    assert_readable(read_config(folder / "recipe.toml"), parts)


def assert_readable(config: Config, parts: dict[str, list[Sample]]) -> None:
    features = check_options(config, "test")
    for samples in parts.values():
        frames = features(samples[0])
        assert len(frames) > 0
        assert np.isfinite(frames).all()


def test_digit_strings(tmp_path: Path) -> None:
    """Clips of one speaker, of one part, with their texts in order."""
    write_fsdd(tmp_path / "corpus")
    for clip in (tmp_path / "corpus" / "recordings").iterdir():
        digit, _, index = clip.stem.split("_")
        level = (int(digit) + 1) / 10 + int(index) / 1000  # tells the clips apart
        soundfile.write(clip, np.full(1000, level), 8000, "FLOAT")
    parts = prepare(ROOT / "recipes/fsdd/recipe.toml", tmp_path / "data", tmp_path / "corpus")
    for part, indices in {"train": {10, 11}, "dev": {5, 9}, "test": {0, 4}}.items():
        seen = set()
        for sample in parts[part]:
            sound, rate = soundfile.read(sample.path)
            assert rate == 8000
            levels = [round(float(np.median(run)) * 1000) for run in clips_in(sound)]
            assert 3 <= len(levels) <= 7
            assert sample.text == " ".join(str(level // 100 - 1) for level in levels)
            seen |= {level % 100 for level in levels}
            assert np.abs(sound).min() > 0 or (sound != 0).mean() > 0.99, "no digital silence"
        assert seen == indices
        assert {sample.group for sample in parts[part]} == {"anna", "ben"}


def clips_in(sound: np.ndarray) -> list[np.ndarray]:
    """The stretches of 1000 samples that were joined."""
    loud = np.flatnonzero(np.abs(sound) > 0.05)
    assert len(loud) % 1000 == 0
    return [sound[loud[i : i + 1000]] for i in range(0, len(loud), 1000)]


def test_what_is_broken_in_a_corpus_is_left_out(
    corpus: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, source = corpus
    for file in (*source.glob("*.tsv"), *source.glob("*.jsonl.gz")):
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        content += b"\xff\n"
        file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    for clip in source.glob("recordings/0_anna_1*.wav"):
        clip.write_bytes(b"RIFF")
    with pytest.raises(SystemExit, match=str(LEFT_OUT)):
        prepare(folder / "recipe.toml", tmp_path / "data", source)
    *named, summary = (line for line in capsys.readouterr().err.splitlines() if "a word list" not in line)
    assert named
    assert all(line.startswith("left out: ") for line in named)
    assert summary.startswith("train ")


@pytest.mark.parametrize("given", ["nowhere", "empty"])
@each_real
def test_a_source_that_is_none(folder: Path, given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="2"):
        prepare(folder / "recipe.toml", tmp_path / "data", tmp_path / given)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("prepare: ")
    assert not list(tmp_path.glob("data/*"))


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.parent not in REAL], ids=name)
def test_generated_data(path: Path, tmp_path: Path) -> None:
    parts = prepare(path, tmp_path / "a")
    assert {part: len(samples) for part, samples in parts.items()} == {"train": 12, "dev": 4, "test": 4}
    texts = [{sample.text for sample in parts[part]} for part in ("train", "dev", "test")]
    assert not texts[0] & texts[1]
    assert not (texts[0] | texts[1]) & texts[2]
    groups = [{s.group for s in parts[part]} for part in ("train", "dev", "test")]
    assert groups == [{None}] * 3 or not groups[0] & (groups[1] | groups[2])
    assert_readable(read_config(path), parts)
    prepare(path, tmp_path / "b")
    files = sorted(file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*") if file.is_file())
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    another = prepare(path, tmp_path / "c", train=1, dev=1, test=1, seed=99)
    assert another["train"][0].text != parts["train"][0].text


def test_smoke_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["prepare.py", "--out", str(tmp_path), "--smoke"])
    runpy.run_path(str(ROOT / "recipes/demo_ink/prepare.py"), run_name="__main__")
    counts = {part.stem: len(list(read_manifest(part))) for part in tmp_path.glob("*.jsonl")}
    assert counts == {"train": 64, "dev": 16, "test": 16}


# The models


def test_models_are_packed_and_read_their_corpus(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    folder, source = corpus
    packed = folder / "model.zip"
    assert packed.is_file(), "no model.zip"
    assert packed.stat().st_size <= 6_000_000
    model = ModelFolder(packed)
    assert model.config.features == read_config(folder / "recipe.toml").features
    for said in ("Data", "Licence", "Attribution", "Split"):
        assert f"**{said}**" in model.card
    parts = prepare(folder / "recipe.toml", tmp_path / "data", source)
    assert seqrec.load(packed).transcribe(parts["dev"][0]).id == parts["dev"][0].id
    told = CliRunner().invoke(main, ["decode", str(packed), str(tmp_path / "data" / "dev.jsonl")])
    assert told.exit_code == 0
    assert len(told.output.splitlines()) == len(parts["dev"])
