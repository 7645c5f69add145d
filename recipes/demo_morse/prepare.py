"""Morse code as a receiver gives it, 8 kHz FLAC: generated, so free of anybody's rights.

Labels are A to Z, 0 to 9, "/", "?" and the space between words; texts are abbreviations, callsigns
and random groups. No text of one split is in another. The same seed gives the same data.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
from pydantic import AfterValidator, Field

from seqrec.config import Count
from seqrec.errors import SeqrecError
from seqrec.options import Options
from seqrec.samples import Sample, write_manifest
from seqrec.synth.morse import make_channel, make_fist, make_text, receive

RATE = 8000  # samples per second


Positive = Annotated[float, Field(gt=0)]
Span = Annotated[tuple[Positive, Positive], AfterValidator(lambda ends: (min(ends), max(ends)))]


class Prepare(Options):
    """The recipe's [prepare] table; of a pair, either end may come first."""

    train: Count = 1500  # clips
    dev: Count = 150
    test: Count = 400
    wpm: Span = (12.0, 30.0)  # words per minute
    pitch: Span = (400.0, 900.0)  # Hz
    noise: Span = (0.05, 0.7)  # white, standard deviation for a tone of amplitude 1
    seconds: Span = (3.0, 6.0)
    seed: Annotated[int, Field(ge=0)] = 1


def clips(name: str, count: int, seen: set[str], given: Prepare, out: Path, rng: np.random.Generator) -> list[Sample]:
    """`count` clips, written to out/audio, whose texts are not in `seen`, which then holds them."""
    samples: list[Sample] = []
    while len(samples) < count:
        fist = make_fist(rng, given.wpm, given.pitch)
        text = make_text(rng, rng.uniform(*given.seconds) * fist.wpm / 1.2)
        if text in seen:
            continue
        seen.add(text)
        path = out / "audio" / f"{name}-{len(samples):05}.flac"
        soundfile.write(path, receive(text, fist, make_channel(rng, given.noise), rng, RATE), RATE, subtype="PCM_16")
        samples.append(Sample(path.stem, text, path))
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for audio/ and the three manifests")
    parser.add_argument("--source", type=Path, help="not used: the data are generated")
    parser.add_argument("--options", default="{}", help="the [prepare] table as JSON")
    parser.add_argument("--smoke", action="store_true", help="a tiny version, to try the recipe out")
    given = parser.parse_args()
    try:
        options = Prepare.parse(json.loads(given.options), "[prepare]")
    except (SeqrecError, ValueError) as error:
        parser.error(str(error))
    (given.out / "audio").mkdir(parents=True, exist_ok=True)
    rng, seen = np.random.default_rng(options.seed), set[str]()
    for name, count in (("train", options.train), ("dev", options.dev), ("test", options.test)):
        count = max(1, count // 10) if given.smoke else count
        write_manifest(given.out / f"{name}.jsonl", clips(name, count, seen, options, given.out, rng))


if __name__ == "__main__":
    main()
