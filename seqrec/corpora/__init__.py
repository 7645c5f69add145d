"""Readers of corpora and annotation formats: one file per layout that people have.

A module here defines `read(source, on_error)`, which yields Samples in a fixed order, hands what it
cannot use to `on_error` and goes on, and raises DataError when the source as a whole cannot be read.
Where the corpus has a split of its own it also defines `splits(source, on_error)`, which yields
("train" | "dev" | "test", Sample) in the same way. The first line of its docstring is what
`seqrec prepare --help` shows.
"""

from __future__ import annotations

from types import ModuleType

from seqrec.errors import DataError
from seqrec.options import find, names_in


class NoSplit(DataError):
    """The source could tell the parts of its official split, but does not."""


def reader(name: str) -> ModuleType:
    """The reader of a format: `reader("fsdd")` -> seqrec/corpora/fsdd.py. Raises ConfigError."""
    return find("seqrec.corpora", name, "FORMAT")


def descriptions() -> dict[str, str]:
    """One line on each format, by name."""
    return {name: (reader(name).__doc__ or "").strip().partition("\n")[0] for name in names_in("seqrec.corpora")}
