"""NeMo manifests: a JSON object a line with audio_filepath, text, duration, offset; one file or a folder of them.

Described in "Datasets" of NeMo's documentation (docs.nvidia.com/nemo, ASR). Paths are relative to the manifest;
with `offset`, `duration` is the length of the region. The group is `speaker`. Official split: where the name of
every manifest (*.json, *.jsonl) in the folder holds the word train, dev, val, valid, validation or test, as in
train_manifest.json. Tarred data sets must be unpacked first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from seqrec.corpora import NoSplit
from seqrec.corpora._pages import unused
from seqrec.corpora._source import Sign, Source
from seqrec.corpora._speech import one_folder
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample, read_manifest

_PARTS = {"train": "train", "test": "test", **dict.fromkeys(("dev", "val", "valid", "validation"), "dev")}
_SUFFIXES = (".json", ".jsonl")
_EXPECTED = "manifests that end in .json or .jsonl"


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of manifests and lines; the id is the name of the sound, numbered where it comes again.

    Raises DataError when there is no manifest.
    """
    seen: set[str] = set()
    for manifest in _manifests(source):
        yield from _samples(manifest, on_error, seen)


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples with the part that their manifest's name tells. Raises NoSplit where one tells none."""
    manifests, seen = _manifests(source), set[str]()
    parts = {manifest: _part(manifest) for manifest in manifests}
    if source.is_file() or not all(parts.values()):
        raise NoSplit(source, "has no split", "manifests such as train_manifest.json and test_manifest.json")
    for manifest, part in parts.items():
        yield from ((part, sample) for sample in _samples(manifest, on_error, seen))


def signs(source: Source) -> Sign | None:
    """`root` is the folder of the manifests, or the source where that is a file. Raises DataError for several."""
    found = [file for file in source.with_suffix(*_SUFFIXES) if "audio_filepath" in source.row(file)]
    if not found:
        return None
    root = one_folder(source, [file.parent for file in found], "manifests") if source.is_folder else source.path
    return Sign(3, f"holds {found[0]} with audio_filepath in its lines", root)


def _manifests(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = sorted(path for path in source.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise DataError(source, "holds no manifest", _EXPECTED)
    return found


def _part(manifest: Path) -> str:
    """The part that its name tells, "" for none or more than one."""
    parts = {_PARTS[word] for word in re.split(r"[^a-z]+", manifest.stem.lower()) if word in _PARTS}
    return parts.pop() if len(parts) == 1 else ""


def _samples(manifest: Path, on_error: OnError, seen: set[str]) -> Iterator[Sample]:
    for sample in read_manifest(manifest, on_error):
        where, text = f"{manifest}: {sample.id}", (sample.text or "").strip()
        if sample.path is None:
            on_error(DataError(where, "is ink", "audio_filepath, the path of a sound", "use the format manifest"))
        elif not sample.path.is_file():
            mend = "unpack a tarred data set first"
            on_error(DataError(where, f"there is no file {str(sample.path)!r:.200}", "a path from the manifest", mend))
        elif not text:
            on_error(DataError(where, "has no text", "what is said in it"))
        else:
            yield replace(sample, id=unused(sample.id, seen), text=text)
