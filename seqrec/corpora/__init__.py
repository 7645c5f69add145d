"""Readers of corpora and annotation formats: one file per layout that people have.

A module here defines `read(source, on_error)`, which yields Samples in a fixed order, hands what it
cannot use to `on_error` and goes on, and raises DataError when the source as a whole cannot be read.
Where the corpus has a split of its own it also defines `splits(source, on_error)`, which yields
("train" | "dev" | "test", Sample) in the same way. `signs(source)` looks at a `_source.Source` and says
by a `_source.Sign` why it is of this format, or None where it is not. The first line of its docstring is what
`seqrec prepare --help` shows.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from seqrec.errors import DataError
from seqrec.options import find, names_in
from seqrec.samples import OnError, Sample
from seqrec.splits import PARTS, By, Shares, Split, split


class NoSplit(DataError):
    """The source could tell the parts of its official split, but does not."""


def reader(name: str) -> ModuleType:
    """The reader of a format: `reader("fsdd")` -> seqrec/corpora/fsdd.py. Raises ConfigError."""
    return find("seqrec.corpora", name, "FORMAT")


def descriptions() -> dict[str, str]:
    """One line on each format, by name."""
    return {name: (reader(name).__doc__ or "").strip().partition("\n")[0] for name in names_in("seqrec.corpora")}


def gather(
    name: str,
    source: Path,
    on_error: OnError,
    shares: Shares | None = None,
    by: By = "group",
    seed: int = 1,
    **columns: str,
) -> tuple[Split, bool]:
    """The samples of a source by part, and whether that is its official split.

    Without `shares` it is, where there is one; otherwise 80/10/10. `columns` are the reader's own
    options. Raises ConfigError for an unknown name, DataError when the source cannot be read.
    """
    module = reader(name)
    if shares is None and hasattr(module, "splits"):
        parts: dict[str, list[Sample]] = {part: [] for part in PARTS}
        try:
            for part, sample in module.splits(source, on_error, **columns):
                parts[part] += _storable(sample, on_error)
        except NoSplit:
            pass
        else:
            return Split({part: samples for part, samples in parts.items() if samples}), True
    samples = [kept for sample in module.read(source, on_error, **columns) for kept in _storable(sample, on_error)]
    return split(samples, shares or (0.8, 0.1, 0.1), by, seed), False


def _storable(sample: Sample, on_error: OnError) -> list[Sample]:
    """The sample, or nothing when a name of it cannot be written as UTF-8."""
    for value in (sample.id, sample.text, sample.group, sample.path):
        try:
            str(value).encode()
        except UnicodeEncodeError:
            on_error(DataError(repr(str(value)), "is not UTF-8", "UTF-8 names and texts", "rename it"))
            return []
    return [sample]
