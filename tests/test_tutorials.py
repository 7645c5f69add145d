"""The tutorials are run as they stand: every `sh` block, in order, in a folder with somebody's own data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

from seqrec.samples import Sample, write_manifest
from seqrec.synth.handwriting import make_writer, write

ROOT = Path(__file__).parent.parent
SH = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = (
    "the quick brown fox jumps over lazy dogs while seven wizards quietly mix jam bread water garden window silver "
    "planet orange music river stone light dream cloud forest summer winter market family people number bridge "
    "castle voyage puzzle jacket quartz hobby vexed kitchen bottle yellow green"
)
WORDS = TEXT.split()
KEYS = {  # of a telephone: a low and a high tone in Hz (ITU-T Q.23)
    key: (low, high)
    for low, row in ((697, "123"), (770, "456"), (852, "789"), (941, " 0 "))
    for high, key in zip((1209, 1336, 1477), row, strict=True)
    if key != " "
}
RATE = 8000


def pen(folder: Path, rng: np.random.Generator) -> None:
    """A hand that is slanted as no other, as manifests."""
    hand = make_writer(rng)
    samples = [
        Sample(f"w{i:02}", word, strokes=write(word, hand, rng), group="anna")
        for i, word in enumerate(rng.permutation(2 * WORDS)[:80])
    ]
    write_manifest(folder / "pen" / "words.jsonl", samples)
    more = [Sample(f"n{i:02}", strokes=write(word, hand, rng), group="anna") for i, word in enumerate(WORDS[:10])]
    write_manifest(folder / "new" / "more.jsonl", more)


def scans(folder: Path, rng: np.random.Generator) -> None:
    """Lines of a word in one hand, drawn with a round pen, and their texts beside them."""
    hand = make_writer(rng)
    for number in range(66):
        text = str(rng.choice(WORDS))
        place = folder / "scans" if number < 60 else folder / "new"
        place.mkdir(exist_ok=True)
        drawn(write(text, hand, rng)).save(place / f"{number:04}.png")
        if number < 60:
            (place / f"{number:04}.gt.txt").write_text(f"{text}\n", encoding="utf-8")


def drawn(strokes: Sequence[np.ndarray]) -> Image.Image:
    strokes = [stroke[:, :2] for stroke in strokes]
    points = np.concatenate(strokes)
    scale = 50 / np.ptp(points[:, 1])
    size = np.ceil(np.ptp(points, axis=0) * scale + 16).astype(int)
    image = Image.new("L", (int(size[0]), int(size[1])), 240)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        pen.line([tuple(point) for point in (stroke - points.min(axis=0)) * scale + 8], fill=30, width=3)
    return image


def recordings(folder: Path, rng: np.random.Generator) -> None:
    """Numbers of one to four digits on a telephone's keys, with some noise."""
    rows = ["file,text,speaker"]
    for number in range(66):
        keys = rng.choice(list(KEYS), rng.integers(1, 5))
        place = folder / "recordings" if number < 60 else folder / "new"
        place.mkdir(exist_ok=True)
        soundfile.write(place / f"{number:04}.wav", dialled(keys, rng), RATE)
        rows += [f"{number:04}.wav,{' '.join(keys)},anna"] if number < 60 else []
    (folder / "recordings" / "texts.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def dialled(keys: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    parts = [np.zeros(RATE // 5)]
    for key in keys:
        time = np.arange(int(RATE * rng.uniform(0.2, 0.3))) / RATE
        parts += [sum(0.2 * np.sin(2 * np.pi * hertz * time) for hertz in KEYS[key]), np.zeros(RATE // 8)]
    sound = np.concatenate(parts)
    return sound + rng.normal(0, 0.005, len(sound))


MATERIAL: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "pen": pen, "recordings": recordings, "scans": scans,
}  # fmt: skip


def test_every_tutorial_is_run() -> None:
    assert {page.stem for page in (ROOT / "docs").glob("tutorial_*.md")} == {f"tutorial_{name}" for name in MATERIAL}


@pytest.mark.parametrize("name", MATERIAL)
def test_a_tutorial_leads_to_a_better_model(name: str, tmp_path: Path) -> None:
    MATERIAL[name](tmp_path, np.random.default_rng(7))
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    for block in SH.findall((ROOT / "docs" / f"tutorial_{name}.md").read_text(encoding="utf-8")):
        if "labels" in block and (tmp_path / "labels").is_dir():
            correct(tmp_path / "labels" / "labels.tsv")
        # What the last command is to leave is a model; that training makes a better one is seen before it.
        done = shell(block.replace("--exp exp/more", "--exp exp/more --set training.epochs=2"), tmp_path)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    before, after = (cer(tmp_path, f"{when}.jsonl") for when in ("before", "after"))
    assert after < 0.7 * before
    assert (tmp_path / "exp" / "more" / "model.onnx").is_file()


def correct(table: Path) -> None:
    """What the reader does in the page: say of every line that it is right."""
    head, *rows = table.read_text(encoding="utf-8-sig").splitlines()
    place = head.split("\t").index("checked")
    cells = [row.split("\t") for row in rows]
    for row in cells:
        row[place] = "x"
    table.write_text("\n".join([head, *("\t".join(row) for row in cells)]) + "\n", encoding="utf-8")


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block as a reader would paste it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True,
        encoding="utf-8", timeout=600, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def cer(folder: Path, hypotheses: str) -> float:
    done = shell(f"seqrec score data/test.jsonl {hypotheses} --json", folder)
    found: float = json.loads(done.stdout)["cer"]
    return found
