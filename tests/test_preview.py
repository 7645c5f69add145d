"""`seqrec augment`: what it shows is what a training is given."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqrec.config import Config
from seqrec.errors import ConfigError
from seqrec.extraction import Recipe
from seqrec.report import preview
from seqrec.report.preview import Preview, Shown, contact_sheet
from seqrec.samples import Sample, raise_error, write_manifest
from seqrec.store import stored_frames
from seqrec.synth.handwriting import make_writer, write
from tests.models import beeps, image_model, write_line

SIGNALS = {
    "mfcc": {"speed": 0.1, "noise_db": [10, 35]},
    "strokes": {"slant": 0.2, "jitter": 0.02},
    "columns": {"shear": 10.0, "background": 0.5},
}


def augment(*args: object, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "seqrec", "augment", *map(str, args)],
        capture_output=True, text=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def config(kind: str, **signal: object) -> Config:
    table = {"features": {"kind": kind}, "augment": {"copies": 3, "signal": signal or SIGNALS[kind]}}
    return Config.parse(table, "test")


def ink(word: str) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return write(word, make_writer(rng), rng)


def samples(folder: Path, kind: str) -> list[Sample]:
    if kind == "strokes":
        return [Sample("a", "lo", strokes=ink("lo")), Sample("b", "oil", strokes=ink("oil"))]
    if kind == "columns":
        return [Sample(word, word, path=write_line(folder / f"{word}.png", word)) for word in ("cafe", "badge")]
    for number in (1, 2):
        soundfile.write(folder / f"{number}.wav", beeps(number), 8000)
    return [Sample(str(number), "x" * number, path=folder / f"{number}.wav") for number in (1, 2)]


@pytest.mark.parametrize("kind", SIGNALS)
def test_it_shows_what_training_computes(kind: str, tmp_path: Path) -> None:
    given, options = samples(tmp_path, kind), config(kind)
    shown = Preview(options, 2)
    rows = list(shown(given, raise_error))
    assert [row.sample.id for row in rows] == [sample.id for sample in given]
    for copy in range(3):
        recipe = Recipe(options.features, options.augment.signal if copy else None, copy, 1 if copy else 0)
        stored = stored_frames(given, recipe, tmp_path / "frames")
        for number, row in enumerate(rows):
            np.testing.assert_allclose(shown.extractor.frames(row.signals[copy]), stored[number], atol=1e-4)


def test_the_seed_and_a_ramp(tmp_path: Path) -> None:
    [given, _] = samples(tmp_path, "columns")
    options = config("columns", contrast={"range": [1, 1], "ramp": [0.2, 0.6]})
    for at, left in ((0.1, 1.0), (0.4, 0.5), (0.6, 0.0), (1.0, 0.0)):
        [row] = Preview(options, 1, at=at)([given], raise_error)
        assert row.signals[1].max() == pytest.approx(left * row.signals[0].max(), abs=1e-5)
    one, same, other = (next(Preview(config("columns"), 1, seed)([given], raise_error)) for seed in (5, 5, 6))
    assert np.array_equal(one.signals[1], same.signals[1])
    assert one.signals[1].shape != other.signals[1].shape or not np.array_equal(one.signals[1], other.signals[1])


def test_a_sheet_holds_every_version() -> None:
    """Two rows of an original and four copies, of which two fit side by side."""
    images = [np.full((40, 700), share, np.float32) for share in (0.2, 0.4, 0.6, 0.8, 1.0)]
    rows = [Shown(Sample(f"s{n}", "text", strokes=()), images) for n in range(2)]
    sheet = np.asarray(contact_sheet(rows, Preview(config("columns"), 1).extractor).convert("L"))
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        assert (sheet == round(255 * (1 - share))).sum() >= 2 * 38 * 698
    assert sheet.shape[1] < 1700


@pytest.mark.parametrize("text", ["日本語", "عربى", "a\tb\nc\0", "😀" * 300, "", "Ωμέγα и", "\ud800"])
def test_any_label_can_be_written(text: str) -> None:
    sheet = contact_sheet(
        [Shown(Sample("a", text, strokes=ink("lo")), [list(ink("lo"))])], Preview(config("strokes"), 1).extractor
    )
    assert sheet.height > 50


def test_what_a_font_lacks() -> None:
    lacking = preview._lacking(preview._fonts()[0], "a日 日b")
    assert lacking == {"日"}


def test_a_sheet_through_a_process(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("[features]\nkind = 'columns'\n[augment]\nsignal = { shear = 20 }\n")
    good = samples(tmp_path, "columns")
    write_manifest(tmp_path / "m.jsonl", [good[0], Sample("gone", "x", path=tmp_path / "gone.png"), good[1]])
    said, errors = augment(tmp_path / "recipe.toml", tmp_path / "m.jsonl", "-o", tmp_path / "p", code=1)
    assert said.strip() == str(tmp_path / "p" / "sheet.png")
    assert errors.count("\n") == 1
    assert "gone.png" in errors
    first = (tmp_path / "p" / "sheet.png").read_bytes()
    augment(tmp_path, tmp_path / "m.jsonl", "-o", tmp_path / "again.png", "--seed", 1, code=1)
    assert (tmp_path / "again.png").read_bytes() == first


def test_ink_through_a_process(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", samples(tmp_path, "strokes"))
    (tmp_path / "recipe.toml").write_text("[features]\nkind = 'strokes'\n[augment]\nsignal = { slant = 0.3 }\n")
    args = [tmp_path, tmp_path / "m.jsonl", "-o", tmp_path / "p.png", "--samples", 1, "--count", 7]
    said, _ = augment(*args)
    assert said.strip() == str(tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as sheet:
        assert sheet.height < 200
        assert sheet.width > 7 * 20


def test_sounds_through_a_process(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [s.with_text("<b>数字</b>") for s in samples(tmp_path, "mfcc")])
    (tmp_path / "recipe.toml").write_text("[features]\nkind = 'mfcc'\nrate = 8000\n")
    overrides = ["--set", "augment.signal.tempo=[0.2,0.2]", "--set", "augment.signal.codec={most=1,p=1}"]
    said, _ = augment(tmp_path, tmp_path / "m.jsonl", "-o", tmp_path / "p", "--count", 2, *overrides)
    assert said.strip() == str(tmp_path / "p" / "index.html")
    page = (tmp_path / "p" / "index.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;数字" in page
    named = re.findall(r"src='([^':]+\.wav)'", page)
    assert len(named) == 2 * 3
    lengths = []
    for name in named:
        heard, rate = soundfile.read(tmp_path / "p" / name)
        assert rate == 8000
        assert 0.1 < np.abs(heard).max() <= 1
        lengths.append(len(heard))
    assert lengths[1] == lengths[2] == pytest.approx(lengths[0] / 1.2, abs=2)


def test_a_model_brings_its_augmentation(tmp_path: Path) -> None:
    model, picture = image_model(tmp_path / "m"), write_line(tmp_path / "x.png", "cafe")
    said, _ = augment(model, picture, "-o", tmp_path / "try.png", "--set", "augment.signal.shear=20.0")
    assert said.strip() == str(tmp_path / "try.png")
    with Image.open(tmp_path / "try.png") as sheet:
        assert sheet.format == "PNG"


def test_the_samples_are_never_overwritten(tmp_path: Path) -> None:
    shown = [Shown(Sample("a", path=tmp_path / "a.png"), [np.ones((40, 90), np.float32)] * 2)]
    (tmp_path / "link").symlink_to(tmp_path)
    for place in (tmp_path / "a.png", tmp_path, tmp_path / "link"):
        with pytest.raises(ConfigError, match="is where the samples are; expected another place"):
            preview.write_preview(place, shown, Preview(config("columns", shear=5), 1).extractor)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_what_is_said_of_mistakes(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("[features]\nkind = 'columns'\n")
    picture = write_line(tmp_path / "x.png", "cafe")
    for extra, expected in (
        ([], "[augment.signal]: is empty; expected changes to show"),
        (["--set", "augment.signal.sheer=1"], "unknown key 'sheer'"),
        (["--set", "augment.signal.shear={most=1,ramp=[1,0]}"], "ramp to be two shares of the training"),
    ):
        _, errors = augment(tmp_path, picture, "-o", tmp_path / "p", *extra, code=1)
        assert expected in errors
    augment(tmp_path, picture, "--count", 0, code=2)
    assert not (tmp_path / "p").exists()
    with pytest.raises(ConfigError, match="a folder, since sounds are to be heard"):
        preview.write_preview(tmp_path / "x.png", [], Preview(config("mfcc"), 1).extractor)


def test_a_models_own_file_runs_only_when_allowed(tmp_path: Path) -> None:
    model = image_model(tmp_path / "m")
    line = write_line(tmp_path / "x.png", "cafe")
    code = (
        "from seqrec.features.columns import Extractor as Own\nclass Extractor(Own): pass\nopen('ran', 'w').close()\n"
    )
    (tmp_path / "mine.py").write_text(code)
    table = json.loads((model / "config.json").read_text())
    table["features"]["kind"] = str(tmp_path / "mine.py")
    table["augment"] = {"copies": 1, "signal": {"shear": 10.0}}
    (model / "config.json").write_text(json.dumps(table))
    for command in (["augment", model, line, "-o", tmp_path / "p.png"], ["check", tmp_path, "--model", model]):
        write_manifest(tmp_path / "m.jsonl", [Sample("x", "cafe", path=line)])
        refused = run(*command, cwd=tmp_path)
        assert refused.returncode == 1
        assert (
            "is a file of code; expected a name out of features. If it is yours, allow it with --own-files"
            in refused.stderr
        )
        assert not (tmp_path / "ran").exists()
        allowed = run(*command, "--own-files", cwd=tmp_path)
        assert allowed.returncode == 0, allowed.stderr
        assert (tmp_path / "ran").exists()
        (tmp_path / "ran").unlink()


def run(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seqrec", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, cwd=cwd)
