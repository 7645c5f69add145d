"""Pen ink of words that do not exist, by writers who do not exist: generated, so free of anybody's rights.

Labels are the letters a to z. No writer and no word of one split is in another, so dev and test
measure unseen text by unseen hands. The same seed gives the same data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from seqrec.config import Count
from seqrec.options import Options
from seqrec.preparing import Given, prepare
from seqrec.samples import Sample
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


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    rng, seen = np.random.default_rng(given.options.seed), set[str]()
    for split in ("train", "dev", "test"):
        count = getattr(given.options, split)
        for number in range(count if not given.smoke else min(count, 64)):
            if number % given.options.words_per_writer == 0:
                writer, group = make_writer(rng), f"{split}-{number // given.options.words_per_writer:03}"
            while (text := word(rng)) in seen:
                pass
            seen.add(text)
            yield split, Sample(f"{split}-{number:05}", text, strokes=write(text, writer, rng), group=group)


def word(rng: np.random.Generator) -> str:
    """A pronounceable word of one to three syllables."""
    open_syllables = (rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(rng.choice([1, 2, 3], p=[0.3, 0.5, 0.2])))
    return str("".join(open_syllables) + (rng.choice(CODAS) if rng.random() < 0.6 else ""))


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
