"""DSPSpeech-20: 20 isolated words, 12 Chinese and 8 English, by 34 speakers; 16 kHz, about 2 s each.

MIT licence. Labels are the words as written, Chinese and English in one alphabet. Source: the folder
with manifest.tsv (path, text, speaker, split, seconds) and flac/. The split is by speaker: 880 clips to
train, 240 dev (for choosing), 240 test (read once).
"""

from __future__ import annotations

from collections.abc import Iterator

from seqrec.corpora import table
from seqrec.options import Options
from seqrec.preparing import Given, prepare
from seqrec.samples import Sample


class Prepare(Options):
    """The recipe's [prepare] table."""

    file: str = "manifest.tsv"


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    return table.splits(given.source / given.options.file, given.on_error)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
