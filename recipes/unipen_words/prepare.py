"""UNIPEN train_r01_v07, isolated words: pen trajectories of 29 writers, digits and letters of English words.

CC BY 4.0 as the Zenodo edition states (doi:10.5281/zenodo.1195803). The labels are the corpus' own.
Source: the file words.jsonl.gz (id, label, writer, split, strokes), or a folder that holds it. The split
is by writer: 25 train, 4 dev; there is no test set, so the dev writers are both chosen by and reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from seqrec.corpora import ink
from seqrec.options import Options
from seqrec.preparing import Given, prepare
from seqrec.samples import Sample


class Prepare(Options):
    """The recipe's [prepare] table."""

    file: str = "words.jsonl.gz"


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    source = given.source
    return ink.splits(source / given.options.file if source.is_dir() else source, given.on_error)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
