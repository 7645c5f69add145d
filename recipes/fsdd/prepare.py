"""Free Spoken Digit Dataset: digit strings, each 3 to 7 clips of one speaker joined with random gaps.

CC BY-SA 4.0, https://github.com/Jakobovski/free-spoken-digit-dataset. 3,000 clips at 8 kHz, 6 speakers.
Labels are the digits with spaces between them. Official split: clips 0 to 4 of each digit and speaker are
heard in test strings only; clips 5 to 9 in dev strings only; the others in training strings. Source: the
corpus' folder, with recordings/. The joined strings are written as FLAC beside the manifests, each with a CTM of
where its clips begin and end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import soundfile
from pydantic import Field

from seqrec.config import Count
from seqrec.corpora import fsdd
from seqrec.errors import DataError
from seqrec.features.mfcc import Extractor
from seqrec.options import Options
from seqrec.preparing import Given, prepare
from seqrec.samples import Sample

RATE = 8000
Clip = tuple[str, np.ndarray]  # its text and sound
FLOOR = 10 ** (-60 / 20)  # of the noise in the gaps, against full scale: never digital silence


class Prepare(Options):
    """The recipe's [prepare] table."""

    train: Count = 2000  # strings
    dev: Count = 300
    test: Count = 300
    longest_gap: Annotated[float, Field(ge=0)] = 0.3  # seconds
    seed: Annotated[int, Field(ge=0)] = 1


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    clips: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for split, sample in fsdd.splits(given.source, given.on_error):
        try:
            clips[split, sample.group].append((sample.text, Extractor(rate=RATE).read(sample)))
        except DataError as error:
            given.on_error(error)
    for number, split in enumerate(("train", "dev", "test")):
        rng = np.random.default_rng((given.options.seed, number))
        speakers = sorted(group for part, group in clips if part == split)
        count = getattr(given.options, split) if speakers else 0
        for i in range(min(count, 64) if given.smoke else count):
            speaker = speakers[i % len(speakers)]
            yield split, joined(f"{split}-{i:04}", speaker, clips[split, speaker], given, rng)


def joined(id: str, speaker: str, clips: list[Clip], given: Given[Prepare], rng: np.random.Generator) -> Sample:
    """3 to 7 of one speaker's clips in one file, with gaps before, between and after them."""
    chosen = [clips[i] for i in rng.integers(0, len(clips), rng.integers(3, 8))]
    gaps = [np.zeros(int(rng.uniform(0, given.options.longest_gap) * RATE), np.float32) for _ in range(len(chosen) + 1)]
    parts = [gaps[0], *(part for (_, sound), gap in zip(chosen, gaps[1:], strict=True) for part in (sound, gap))]
    sound = np.concatenate(parts)
    sound += (FLOOR * rng.standard_normal(len(sound))).astype(np.float32)
    path = given.out / "strings" / f"{id}.flac"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(sound, -1, 1), RATE)
    starts = np.cumsum([len(part) for part in parts])[::2]
    marks = zip(starts / RATE, chosen, strict=False)
    rows = (f"{id} 1 {start:.3f} {len(clip) / RATE:.3f} {text} 1\n" for start, (text, clip) in marks)
    path.with_suffix(".ctm").write_text("".join(rows))
    return Sample(id, " ".join(text for text, _ in chosen), path=path, group=speaker)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
