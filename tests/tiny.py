"""A recipe of a few inked words, and seqrec as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PREPARE = '''
"""Inked words."""
import numpy as np
from seqrec.errors import DataError
from seqrec.options import Options
from seqrec.preparing import prepare
from seqrec.samples import Sample
from seqrec.synth.handwriting import make_writer, write

WORDS = ("lo", "oil", "tool", "tilt", "lot", "toll", "ill", "it")

class Prepare(Options):
    times: int = 1  # each word in train
    seed: int = 0
    unfit: int = 0  # samples in train whose text is too long for their ink
    bad: int = 0  # lines of the corpus that cannot be used
    note: str = ""

def samples(given):
    rng = np.random.default_rng(given.options.seed)
    writer = make_writer(rng)
    for number in range(given.options.bad):
        given.on_error(DataError(f"line {number}", "is broken"))
    for number in range(given.options.unfit):
        yield "train", Sample(f"unfit-{number}", "lot" * 30, strokes=(np.array([[0.0, number]]),))
    for split, times in (("train", given.options.times), ("dev", 1), ("test", 1)):
        for number, word in enumerate(times * WORDS):
            yield split, Sample(f"{split}-{number}", word, strokes=write(word, writer, rng))

if __name__ == "__main__":
    prepare(samples, Prepare, __doc__)
'''

CONFIG = """
[features]
kind = "strokes"

[network]
layers = 1
units = 16

[training]
epochs = 2
batch_frames = 200
buckets = 2
warmup = 5
learning_rate = 0.02
"""


def tiny_recipe(folder: Path, config: str = CONFIG, prepare: str = PREPARE) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(config, encoding="utf-8")
    (folder / "prepare.py").write_text(prepare, encoding="utf-8")
    return folder


def seqrec(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "seqrec", *map(str, args)],
        cwd=cwd, capture_output=True, encoding="utf-8", check=False, timeout=1200,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done
