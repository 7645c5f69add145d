"""Recipes and their stages, without a training: what depends on what, and what is remembered."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from seqrec import pipeline
from seqrec.errors import ConfigError, DataError
from seqrec.recipe import STAGES, Done, Recipe, choose, left_out
from seqrec.samples import read_manifest
from tests.tiny import CONFIG, tiny_recipe


def opened(folder: Path, *overrides: str, source: Path | None = None, smoke: bool = False) -> Recipe:
    """The tiny recipe beside its model folder `exp`; it is made first where there is none."""
    if not folder.exists():
        tiny_recipe(folder)
    return Recipe.open(folder, source, folder.parent / "exp", overrides, smoke)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return opened(tmp_path / "tiny")


def write_data(recipe: Recipe, **rows: list[dict[str, object]]) -> None:
    ink = [{"id": "a", "text": "lo", "strokes": [[[0, 0], [5, 9], [9, 0]]]}]
    for part in ("train", "dev", "test"):
        lines = [json.dumps(row) + "\n" for row in rows.get(part, ink)]
        recipe.manifest(part).parent.mkdir(parents=True, exist_ok=True)
        recipe.manifest(part).write_text("".join(lines))


def test_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_recipe(tmp_path / "tiny")
    (folder / "wide.toml").write_text(CONFIG.replace("16", "32"))
    monkeypatch.chdir(folder)
    assert Recipe.open(Path(), None, None, (), False).exp == Path("exp/tiny")
    assert Recipe.open(Path(), None, None, (), True).exp == Path("exp/tiny_smoke")
    wide = Recipe.open(Path("wide.toml"), None, None, ("training.epochs=9",), False)
    assert wide.exp == Path("exp/tiny_wide")
    assert (wide.config.network.units, wide.config.training.epochs) == (32, 9)
    smoke = Recipe.open(folder, None, tmp_path, ("training.warmup=3",), True).config
    assert (smoke.training.epochs, smoke.training.warmup, smoke.augment.copies) == (2, 3, 0)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.epohcs=3", "unknown key 'training.epohcs'"),
        ("features.kind=stroke", "unknown name 'stroke'; expected one of"),
        ("features.spacin=1", "[features]: unknown key 'spacin'"),
        ("augment.signal.slnt=1", "[augment.signal]: unknown key 'slnt'"),
        ("augment.frames.nose=1", "[augment.frames]: unknown key 'nose'"),
        ("epochs=3", "expected table.key=value"),
    ],
)
def test_mistakes_are_found_before_anything_is_done(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(tmp_path / "tiny", override)
    assert said in str(caught.value)
    assert not (tmp_path / "exp").exists()


def test_a_folder_that_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"recipe.toml: cannot be read"):
        Recipe.open(tmp_path, None, None, (), False)
    (tmp_path / "recipe.toml").write_text(CONFIG)
    with pytest.raises(ConfigError, match=r"has no prepare.py"):
        Recipe.open(tmp_path, None, None, (), False)


def test_choose() -> None:
    assert choose(None, None) == STAGES
    assert choose("decode", None) == ("decode", "score", "report")
    assert choose(None, "train") == ("train",)
    with pytest.raises(ConfigError, match="one of them"):
        choose("train", "score")
    with pytest.raises(ConfigError, match="Did you mean 'score'"):
        choose(None, "scores")


def changed(before: dict[str, str], recipe: Recipe) -> list[str]:
    return [stage for stage in STAGES if recipe.inputs(stage) != before[stage]]


@pytest.mark.parametrize(
    ("override", "stages"),
    [
        ("prepare.times=2", ["prepare"]),
        ("features.spacing=0.2", ["check", "train"]),
        ("network.units=8", ["check", "train"]),
        ("text.form=NFD", ["check", "train"]),
        ("training.epochs=3", ["train"]),
        ("augment.frames.noise=0.1", ["train"]),
        ("card.data=words", ["score"]),
        ("training.epochs=2", []),  # as it is
    ],
)
def test_what_a_table_changes(tmp_path: Path, recipe: Recipe, override: str, stages: list[str]) -> None:
    write_data(recipe)
    before = {stage: recipe.inputs(stage) for stage in STAGES}
    assert changed(before, opened(tmp_path / "tiny", override)) == stages


def test_what_files_change(tmp_path: Path) -> None:
    source = tmp_path / "corpus"
    source.mkdir()
    recipe = opened(tmp_path / "tiny", source=source)
    write_data(recipe)
    before = {stage: recipe.inputs(stage) for stage in STAGES}

    def now() -> list[str]:
        nonlocal before
        found = changed(before, recipe)
        before = {stage: recipe.inputs(stage) for stage in STAGES}
        return found

    (source / "sub").mkdir()
    assert now() == []
    (source / "sub" / "a.wav").write_bytes(b"1")
    assert now() == ["prepare"]
    os.utime(source / "sub" / "a.wav", ns=(5, 5))
    assert now() == ["prepare"]
    (tmp_path / "tiny" / "prepare.py").write_text("# another")
    assert now() == ["prepare"]
    for name, stages in {
        "model.onnx": ["tune", "decode"], "lm.bin": ["decode"],
        "hyp.jsonl": ["score", "report"], "score.json": ["report"],
        "training.jsonl": ["report"], "config.json": ["report"],
    }.items():  # fmt: skip
        (recipe.exp / name).write_text("x")
        assert now() == stages, name
    recipe.manifest("test").unlink()
    assert now() == list(STAGES[1:])
    assert recipe.judged == "dev"


def test_a_sound_that_changes_in_its_place_is_noticed(recipe: Recipe) -> None:
    """As when prepare.py makes the same manifest with other sounds."""
    sound = recipe.exp / "data" / "a.wav"
    for content, manifest_time in ((b"1", 1), (b"2", 2)):
        write_data(recipe, train=[{"id": "a", "text": "x", "path": "a.wav"}])
        sound.write_bytes(content)
        os.utime(recipe.manifest("train"), ns=(manifest_time, manifest_time))
        if content == b"1":
            before = {stage: recipe.inputs(stage) for stage in STAGES}
    assert changed(before, recipe) == list(STAGES[1:])


def test_stages_are_remembered(recipe: Recipe) -> None:
    write_data(recipe)
    done = Done(recipe)
    assert not done.complete("prepare")
    done.begin("prepare")
    assert Done(recipe).interrupted("prepare")
    assert not Done(recipe).complete("prepare")
    done.finish("prepare", 2)
    again = Done(recipe)
    assert again.complete("prepare")
    assert not again.interrupted("prepare")
    assert again.problems("prepare") == 2
    recipe.manifest("dev").unlink()
    assert not again.complete("prepare")
    other = Recipe(recipe.path, recipe.config, recipe.source, recipe.exp, smoke=True)
    write_data(recipe)
    assert not Done(other).complete("prepare")
    assert not Done(other).interrupted("prepare")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"prepare": 7}', '{"prepare": {"inputs": []}}'])
def test_a_broken_memory_is_none(recipe: Recipe, content: str) -> None:
    write_data(recipe)
    done = Done(recipe)
    done.finish("prepare", 0)
    done.path.write_text(content)
    assert not Done(recipe).complete("prepare")


def test_prepare(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert pipeline.prepare(opened(tmp_path / "tiny", "prepare.times=2"))
    assert capfd.readouterr() == ("", "train 16, dev 8, test 8 samples\n")
    assert not pipeline.prepare(opened(tmp_path / "tiny", "prepare.bad=1"))
    assert "left out: line 0: is broken\n" in capfd.readouterr().err
    with pytest.raises(DataError, match=r"prepare.py: failed. See its message above"):
        pipeline.prepare(opened(tmp_path / "tiny", "prepare.tims=2"))
    assert "[prepare]: unknown key 'tims'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("script", "said"),
    [("", "wrote no train.jsonl"), ("import sys; sys.exit(1)", "failed"), ("import sys; sys.exit(3)", "wrote no")],
)
def test_scripts_that_prepare_nothing(tmp_path: Path, script: str, said: str) -> None:
    recipe = opened(tmp_path / "tiny")
    (tmp_path / "tiny" / "prepare.py").write_text(script)
    with pytest.raises(DataError, match=said):
        pipeline.prepare(recipe)


def test_check(tmp_path: Path, recipe: Recipe) -> None:
    ink = [[[0, 0], [5, 9]]]
    train = [
        {"id": "good", "text": "lo", "strokes": ink},
        {"id": "short", "text": "lo" * 50, "strokes": [[[0, 1], [5, 5], [3, 3]]]},
        {"id": "empty", "text": "", "strokes": [[[0, 1], [5, 6]]]},
        {"id": "leak", "text": "lo", "strokes": [[[1, 1], [6, 6]]]},
    ]
    test = [{"id": "t", "text": "lx", "strokes": [[[1, 1], [6, 6]]]}]
    write_data(recipe, train=train, test=test, dev=[{"id": "d", "text": "lo", "strokes": [[[7, 7], [9, 1]]]}])
    with open(recipe.manifest("train"), "a") as out:
        out.write("no JSON\n")
    seen: list[None] = []
    lines, errors = pipeline.check(recipe, lambda: seen.append(None))
    assert len(seen) == 6
    assert errors == 4
    for word, line in zip(("short", "empty", "leak", "is not JSON"), lines, strict=False):
        assert word in line
    assert "warning (unseen): 'x'" in lines[4]
    assert left_out(recipe) == {1, 2, 3}
    assert [s.id for place, s in enumerate(kept(recipe)) if place not in left_out(recipe)] == ["good"]
    assert left_out(opened(tmp_path / "tiny", "features.spacing=0.3")) == frozenset()
    (recipe.exp / "check.json").write_text("{}")
    assert left_out(recipe) == frozenset()


def kept(recipe: Recipe) -> list[object]:
    return list(read_manifest(recipe.manifest("train"), lambda error: None))


def test_an_older_model_is_moved_aside(recipe: Recipe) -> None:
    assert pipeline.make_room(recipe) is None
    for number in ("1", "2"):
        (recipe.exp / "checkpoints").mkdir(parents=True)
        for name in ("checkpoints/last.npz", "model.onnx", "config.json", "hyp.jsonl", "stages.json"):
            (recipe.exp / name).write_text(number)
        assert pipeline.make_room(recipe) == recipe.exp / "older" / number
    for number in ("1", "2"):
        moved = recipe.exp / "older" / number
        assert {path.name for path in moved.iterdir()} == {"checkpoints", "model.onnx", "config.json", "hyp.jsonl"}
        assert (moved / "checkpoints" / "last.npz").read_text() == number
    assert (recipe.exp / "stages.json").exists()
    assert pipeline.make_room(recipe) is None
