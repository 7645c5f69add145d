"""Copiste d'un jour (BAnQ): lines of modern French handwriting, cropped and levelled, 64 pixels high.

CC BY 4.0. Labels are the transcripts; ">x<" marks crossed-out text. Source: the folder with lines.tsv
(path, text, writer, split) and lines/. The split is by writer: train 4,176 lines, dev 563; there is no
test set, so the dev writers are both chosen by and reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from seqrec.corpora import table
from seqrec.options import Options
from seqrec.preparing import Given, prepare
from seqrec.samples import Sample


class Prepare(Options):
    """The recipe's [prepare] table."""

    file: str = "lines.tsv"


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    return table.splits(given.source / given.options.file, given.on_error)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
