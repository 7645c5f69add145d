"""UNIPEN train_r01_v07, short lines: pen trajectories of 69 writers, some 11 characters each, 89 characters in use.

CC BY 4.0 as the Zenodo edition states (doi:10.5281/zenodo.1195803). The labels are the corpus' own.
Source: the folder with lines.jsonl.gz and words.jsonl.gz (id, label, writer, split, strokes). The split is
by writer: train, dev (for choosing) and test (read once). The training words of words.jsonl.gz are learnt
from too, but for those of dev and test writers.
"""

from __future__ import annotations

from collections.abc import Iterator

from seqrec.corpora import ink
from seqrec.options import Options
from seqrec.preparing import Given, more_text, prepare
from seqrec.samples import Sample


class Prepare(Options):
    """The recipe's [prepare] table."""

    file: str = "lines.jsonl.gz"
    also: tuple[str, ...] = ("words.jsonl.gz",)  # only their training parts
    words: str = ""  # a word list, more text for the language model


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    more_text(given, given.options.words)
    more = [given.source / name for name in given.options.also]
    return ink.splits_with(given.source / given.options.file, more, given.on_error)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
