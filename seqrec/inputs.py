"""INPUT of a command -> samples: files, folders, manifests, and `-` for a list on standard input."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from seqrec.decoding import Failure
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import Sample, parse_sample, read_manifest

SUFFIXES = {  # what a folder is searched for; a file named outright may have any suffix
    "sound": {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"},
    "image": {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"},
    "ink": {".jsonl"},
}
_LONGEST_LINE = 64 << 20  # bytes of one line on standard input


def samples_of(inputs: Iterable[str], domain: str, stdin: BinaryIO) -> Iterator[Sample | Failure]:
    """The samples that the inputs name, in order; what cannot be read is a Failure in its place.

    A file's id is its path as given; a manifest (`.jsonl`) brings its own ids. `domain` is the
    extractor's: "sound", "image" or "ink".
    """
    for given in inputs:
        yield from _lines(stdin, domain) if given == "-" else _path(given, domain)


def is_single(inputs: tuple[str, ...]) -> bool:
    """Whether the inputs are one file that is one sample."""
    return len(inputs) == 1 and inputs[0] != "-" and not _is_manifest(inputs[0]) and not os.path.isdir(inputs[0])


def _is_manifest(given: str) -> bool:
    return given.lower().endswith(".jsonl")


def _path(given: str, domain: str) -> Iterator[Sample | Failure]:
    path, expected = Path(given), f"a file, a folder or a manifest of {domain}"
    try:
        kind = os.stat(given).st_mode
    except (OSError, ValueError) as error:  # ValueError: a null character
        missing = not given or isinstance(error, FileNotFoundError)
        came = "does not exist" if missing else f"cannot be read ({getattr(error, 'strerror', error)})"
        yield Failure(given, DataError(given or "INPUT ''", came, expected))
        return
    if stat.S_ISDIR(kind):
        yield from _folder(path, domain)
    elif not stat.S_ISREG(kind):
        yield Failure(given, DataError(given, "is no file that can be read twice", expected))
    elif _is_manifest(given):
        yield from _manifest(path)
    else:
        yield Sample(given, path=path)


def _folder(folder: Path, domain: str) -> Iterator[Sample | Failure]:
    """Every file of the domain below `folder`, sorted; hidden ones are left out."""
    found = False
    locked: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=locked.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES[domain]:
                found = True
                yield from _path((Path(place) / name).as_posix(), domain)
    for error in locked:
        yield Failure(str(error.filename), DataError(error.filename, f"cannot be read ({error.strerror})", "a folder"))
    if not found and not locked:
        known = " ".join(sorted(SUFFIXES[domain]))
        yield Failure(str(folder), DataError(folder, f"holds no {domain}", f"files ending in {known}"))


def _manifest(path: Path) -> Iterator[Sample | Failure]:
    failures: list[Failure] = []

    def note(error: SeqrecError) -> None:
        failures.append(Failure(error.where, error))

    try:
        for sample in read_manifest(path, note):
            yield from failures
            failures.clear()
            yield sample
    except DataError as error:
        note(error)
    yield from failures


def _lines(stdin: BinaryIO, domain: str) -> Iterator[Sample | Failure]:
    """A path or a manifest's JSON object a line; paths are relative to the current folder."""
    for number, raw in enumerate(iter(lambda: stdin.readline(_LONGEST_LINE), b""), 1):
        where = f"stdin:{number}"
        if len(raw) == _LONGEST_LINE:
            yield Failure(where, DataError(where, "is too long", f"at most {_LONGEST_LINE >> 20} MiB a line"))
            return
        line = os.fsdecode(raw).strip("\r\n")
        if line.lstrip().startswith("{"):
            yield _object(line, where)
        elif line:
            yield from _path(line, domain)


def _object(line: str, where: str) -> Sample | Failure:
    try:
        return parse_sample(json.loads(line), where, Path())
    except SeqrecError as error:
        return Failure(where, error)
    except (ValueError, RecursionError):
        return Failure(where, DataError(where, f"is not JSON: {line[:40]!r}", "a path or a JSON object"))
