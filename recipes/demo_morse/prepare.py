"""Morse code as a receiver gives it, 8 kHz FLAC: generated, so free of anybody's rights.

Labels are A to Z, 0 to 9, "/", "?" and the space between words; texts are abbreviations, callsigns
and random groups. No text of one split is in another. The same seed gives the same data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import soundfile
from pydantic import AfterValidator, Field

from seqrec.config import Count
from seqrec.options import Options
from seqrec.preparing import Given, prepare
from seqrec.samples import Sample
from seqrec.synth.morse import make_channel, make_fist, make_text, receive

RATE = 8000  # samples per second

Positive = Annotated[float, Field(gt=0)]
Span = Annotated[tuple[Positive, Positive], AfterValidator(lambda ends: (min(ends), max(ends)))]


class Prepare(Options):
    """The recipe's [prepare] table."""

    train: Count = 1500  # clips
    dev: Count = 150
    test: Count = 400
    wpm: Span = (12.0, 30.0)  # words per minute
    pitch: Span = (400.0, 900.0)  # Hz
    noise: Span = (0.05, 0.7)  # white, standard deviation for a tone of amplitude 1
    seconds: Span = (3.0, 6.0)
    seed: Annotated[int, Field(ge=0)] = 1


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    rng, seen = np.random.default_rng(given.options.seed), set[str]()
    (given.out / "audio").mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        count = getattr(given.options, split)
        for number in range(count if not given.smoke else min(count, 64)):
            text, heard = clip(given.options, seen, rng)
            path = given.out / "audio" / f"{split}-{number:05}.flac"
            soundfile.write(path, heard, RATE, subtype="PCM_16")
            yield split, Sample(path.stem, text, path)


def clip(options: Prepare, seen: set[str], rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """A text that is not in `seen`, which then holds it, and its sound (N,)."""
    while True:
        fist = make_fist(rng, options.wpm, options.pitch)
        text = make_text(rng, rng.uniform(*options.seconds) * fist.wpm / 1.2)
        if text not in seen:
            seen.add(text)
            return text, receive(text, fist, make_channel(rng, options.noise), rng, RATE)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
