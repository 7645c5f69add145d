"""UNIPEN train_r01_v07, isolated words: pen trajectories of 29 writers, digits and letters of English words.

CC BY 4.0 as the Zenodo edition states (doi:10.5281/zenodo.1195803). The labels are the corpus' own.
Source: the folder with words.jsonl.gz and lines.jsonl.gz (id, label, writer, split, strokes). The split is
by writer: 25 train, 4 dev; there is no test set, so the dev writers are both chosen by and reported. The
training lines of lines.jsonl.gz are learnt from too, but for those of the 4 dev writers, who wrote some.
"""

from __future__ import annotations

from collections.abc import Iterator

from seqrec.corpora import ink
from seqrec.options import Options
from seqrec.preparing import Given, more_text, prepare
from seqrec.samples import Sample


class Prepare(Options):
    """The recipe's [prepare] table."""

    file: str = "words.jsonl.gz"
    also: tuple[str, ...] = ("lines.jsonl.gz",)  # only their training parts
    words: str = ""  # a word list, more text for the language model


def samples(given: Given[Prepare]) -> Iterator[tuple[str, Sample]]:
    more_text(given, given.options.words)
    more = [given.source / name for name in given.options.also]
    return ink.splits_with(given.source / given.options.file, more, given.on_error)


if __name__ == "__main__":
    prepare(samples, Prepare, __doc__ or "")
