"""DSPSpeech-20: 20 isolated words, 12 Chinese and 8 English, by 34 speakers; 16 kHz, about 2 s each.

MIT licence. Labels are the words as written, Chinese and English in one alphabet. Source: the folder
with manifest.tsv (path, text, speaker, split, seconds) and flac/. The split is by speaker: 880 clips to
train, 240 dev (for choosing), 240 test (read once).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora import table
from seqrec.options import Options
from seqrec.preparing import prepare
from seqrec.samples import OnError, Sample


class Prepare(Options):
    """The recipe's [prepare] table."""

    file: str = "manifest.tsv"


def samples(source: Path, options: Prepare, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    return table.splits(source / options.file, on_error)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
