"""Pen ink of words that do not exist, by writers who do not exist: generated, so free of anybody's rights.

Labels are the letters a to z. No writer and no word of one split is in another, so dev and test
measure unseen text by unseen hands. The same seed gives the same data.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from seqrec.config import Count
from seqrec.errors import SeqrecError
from seqrec.options import Options
from seqrec.samples import Sample, write_manifest
from seqrec.synth.handwriting import make_writer, write

ONSETS = (2 * "b c d f g h j k l m n p qu r s t v w x y z " + "br ch cl dr fl gr pl sh sp st th tr").split()
VOWELS = (3 * "a e i o u " + "ai ea ee io oa oo ou y").split()
CODAS = (2 * "n r s t " + "b ck d f g j k ll m nd nt p q st v w x y z").split()


class Prepare(Options):
    """The recipe's [prepare] table."""

    train: Count = 1500  # words
    dev: Count = 150
    test: Count = 400
    words_per_writer: Count = 25
    seed: Annotated[int, Field(ge=0)] = 1


def word(rng: np.random.Generator) -> str:
    """A pronounceable word of one to three syllables."""
    open_syllables = (rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(rng.choice([1, 2, 3], p=[0.3, 0.5, 0.2])))
    return str("".join(open_syllables) + (rng.choice(CODAS) if rng.random() < 0.6 else ""))


def words(name: str, count: int, seen: set[str], given: Prepare, rng: np.random.Generator) -> list[Sample]:
    """`count` words in ink, none of them in `seen`, which then holds them."""
    samples: list[Sample] = []
    while len(samples) < count:
        text = word(rng)
        if text in seen:
            continue
        seen.add(text)
        if len(samples) % given.words_per_writer == 0:
            writer, group = make_writer(rng), f"{name}-{len(samples) // given.words_per_writer:03}"
        samples.append(Sample(f"{name}-{len(samples):05}", text, strokes=write(text, writer, rng), group=group))
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for train.jsonl, dev.jsonl and test.jsonl")
    parser.add_argument("--source", type=Path, help="not used: the data are generated")
    parser.add_argument("--options", default="{}", help="the [prepare] table as JSON")
    parser.add_argument("--smoke", action="store_true", help="a tiny version, to try the recipe out")
    given = parser.parse_args()
    try:
        options = Prepare.parse(json.loads(given.options), "[prepare]")
    except (SeqrecError, ValueError) as error:
        parser.error(str(error))
    rng, seen = np.random.default_rng(options.seed), set[str]()
    for name, count in (("train", options.train), ("dev", options.dev), ("test", options.test)):
        count = max(1, count // 10) if given.smoke else count
        write_manifest(given.out / f"{name}.jsonl", words(name, count, seen, options, rng))


if __name__ == "__main__":
    main()
