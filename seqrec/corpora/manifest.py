"""JSONL manifests of seqrec or NeMo: one file, or a folder of them.

A folder with train.jsonl, dev.jsonl or test.jsonl has an official split and only these are read; of
any other folder, every *.jsonl is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora import NoSplit
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample, read_manifest
from seqrec.splits import PARTS


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples of every manifest, in the order of the files' names. Raises DataError."""
    for path in manifests(source):
        yield from read_manifest(path, on_error)


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples of train.jsonl, dev.jsonl and test.jsonl. Raises NoSplit where there is none of them."""
    for path in manifests(source):
        if path.stem not in PARTS or source.is_file():
            raise NoSplit(source, "has no split of its own", "a folder with train.jsonl, dev.jsonl, test.jsonl")
        for sample in read_manifest(path, on_error):
            yield path.stem, sample


def manifests(source: Path) -> list[Path]:
    """The manifests that `source` stands for. Raises DataError when there is none."""
    if not source.is_dir():
        return [source]
    named = [source / f"{part}.jsonl" for part in PARTS]
    found = [path for path in named if path.is_file()] or sorted(source.glob("*.jsonl"))
    if not found:
        raise DataError(source, "holds no manifest", "files named *.jsonl")
    return found
