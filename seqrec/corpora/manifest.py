"""JSONL manifests of seqrec or NeMo: one file, or a folder of them.

A folder with train.jsonl, dev.jsonl or test.jsonl has an official split and only these are read; of
any other folder, every *.jsonl is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqrec.corpora import NoSplit
from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample, read_manifest
from seqrec.splits import PARTS


def signs(source: Source) -> Sign | None:
    """Whether there are files of samples, surely where they are named after parts; otherwise most must be such.

    Raises DataError where they lie in several folders, each of which may be meant.
    """
    files = source.with_suffix(".jsonl")
    found = [file for file in files if _is_sample(source.row(file))]
    named = [file for file in found if file.stem in PARTS]
    if not named and (not found or 2 * len(found) < len(files)):
        return None
    folders = list(dict.fromkeys(file.parent for file in named or found))
    if len(folders) > 1:
        names = ", ".join(str(folder) for folder in folders[:5])
        raise DataError(source.path, f"holds manifests in {len(folders)} folders: {names}", "one", "name it")
    why = f"holds manifests such as {(named or found)[0]}"
    return Sign(
        3 if named or not source.is_folder else 2, why, source.at(folders[0]) if source.is_folder else source.path
    )


def _is_sample(row: dict[str, Any]) -> bool:
    """Whether the object has a signal as a manifest has it; `ink` has plain numbers, `nemo` audio_filepath."""
    strokes = row.get("strokes")
    if isinstance(strokes, list) and "label" not in row:
        return all(isinstance(stroke, list) and all(isinstance(point, list) for point in stroke) for stroke in strokes)
    return isinstance(row.get("path"), str)


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
        raise DataError(source, "holds no manifest", "files named *.jsonl", "seqrec prepare writes them")
    return found
