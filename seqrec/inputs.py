"""INPUT of a command -> samples: files, pages, folders, manifests, and `-` for a list on standard input."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from seqrec import corpora
from seqrec.corpora import _pages
from seqrec.corpora._source import SOUNDS
from seqrec.decoding import Failure
from seqrec.errors import DataError, SeqrecError
from seqrec.files import below
from seqrec.samples import Sample, parse_sample, read_manifest

SUFFIXES = {  # what a folder is searched for; a file named outright may have any suffix
    "sound": set(SOUNDS),
    "image": {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"},
    "ink": {".jsonl"},
}
_LONGEST_LINE = 64 << 20  # bytes of one line on standard input


class Document(NamedTuple):
    """The file that a sample is (a part of): a sound, an image, or the ALTO or PAGE file of a page."""

    file: Path
    folder: Path  # that was given, or that holds the file or manifest that was given

    @property
    def name(self) -> str:
        """The file's path below the folder, without its suffix; the file's own where it lies elsewhere."""
        file, folder = Path(os.path.abspath(self.file)), Path(os.path.abspath(self.folder))
        path = file.relative_to(folder) if file.is_relative_to(folder) else Path(file.name)
        return path.with_suffix("").as_posix()


Placed = tuple[Document | None, Sample | Failure]  # without a document: ink, and what cannot be read at all


def samples_of(inputs: Iterable[str], domain: str, stdin: BinaryIO) -> Iterator[Sample | Failure]:
    """The samples that the inputs name, in order; what cannot be read is a Failure in its place.

    A file's id is its path as given; a manifest (`.jsonl`) brings its own ids, and so do the lines of a page.
    `domain` is the extractor's: "sound", "image" or "ink".
    """
    return (sample for _, sample in placed_samples(inputs, domain, stdin))


def placed_samples(inputs: Iterable[str], domain: str, stdin: BinaryIO) -> Iterator[Placed]:
    """As `samples_of`, each with the document that it is of."""
    for given in inputs:
        yield from _lines(stdin, domain) if given == "-" else _path(given, domain)


def is_single(inputs: tuple[str, ...]) -> bool:
    """Whether the inputs are one file that is one sample."""
    return is_document(inputs) and not _is_xml(inputs[0])


def is_document(inputs: tuple[str, ...]) -> bool:
    """Whether the inputs are one file that is one document: a sample, or a page."""
    return len(inputs) == 1 and inputs[0] != "-" and not _is_manifest(inputs[0]) and not os.path.isdir(inputs[0])


def _is_manifest(given: str) -> bool:
    return given.lower().endswith(".jsonl")


def _is_xml(given: str) -> bool:
    return given.lower().endswith(".xml")


def _path(given: str, domain: str) -> Iterator[Placed]:
    path, expected = Path(given), f"a file, a folder or a manifest of {domain}"
    try:
        kind = os.stat(given).st_mode
    except (OSError, ValueError) as error:  # ValueError: a null character
        missing = not given or isinstance(error, FileNotFoundError)
        came = "does not exist" if missing else f"cannot be read ({getattr(error, 'strerror', error)})"
        yield None, Failure(given, DataError(given or "INPUT ''", came, expected))
        return
    if stat.S_ISDIR(kind):
        yield from _folder(path, domain)
    elif not stat.S_ISREG(kind):
        yield None, Failure(given, DataError(given, "is no file that can be read twice", expected))
    elif _is_manifest(given):
        yield from _manifest(path)
    elif _is_xml(given) and domain == "image":
        yield from _page(path, path.parent)
    else:
        yield Document(path, path.parent), Sample(given, path=path)


def _page(file: Path, folder: Path) -> Iterator[Placed]:
    """The lines of an ALTO or PAGE file."""
    document = Document(file, folder)
    try:
        form = _pages.kind(file)
        if form is None:
            raise DataError(file, "is XML of another kind", "ALTO or PAGE, whose root is <alto> or <PcGts>")
        lines = corpora.reader(form).load(file, folder).lines
        if not lines:
            raise DataError(file, "has no line", "TextLine elements", "find the lines first, with a layout analysis")
    except SeqrecError as error:
        yield document, Failure(str(file), error)
        return
    for _, line in lines:
        yield document, Failure(line.where, line) if isinstance(line, SeqrecError) else line


def _folder(folder: Path, domain: str) -> Iterator[Placed]:
    """Every file of the domain below `folder`, sorted; hidden ones are left out.

    Where there are pages, their lines and nothing else: an image beside them is a whole page, not a line.
    """
    locked: list[DataError] = []
    pages = domain == "image" and any(map(_is_page, below(folder, lambda locked: None, ".xml")))
    found = False
    for path in below(folder, locked.append, *({".xml"} if pages else SUFFIXES[domain])):
        found = True
        if not pages:
            for document, sample in _path(path.as_posix(), domain):
                yield document and document._replace(folder=folder), sample
        elif _is_page(path):
            yield from _page(path, folder)
    for error in locked:
        yield None, Failure(error.where, error)
    if not found and not locked:
        known = " ".join(sorted(SUFFIXES[domain]))
        yield None, Failure(str(folder), DataError(folder, f"holds no {domain}", f"files ending in {known}"))


def _is_page(file: Path) -> bool:
    """Whether an XML file is ALTO or PAGE, or may be: it is broken."""
    try:
        return _pages.kind(file) is not None
    except SeqrecError:
        return True


def _manifest(path: Path) -> Iterator[Placed]:
    failures: list[Placed] = []

    def note(error: SeqrecError) -> None:
        failures.append((None, Failure(error.where, error)))

    try:
        for sample in read_manifest(path, note):
            yield from failures
            failures.clear()
            yield _document(sample, path.parent), sample
    except DataError as error:
        note(error)
    yield from failures


def _document(sample: Sample, folder: Path) -> Document | None:
    return Document(sample.path, folder) if sample.path else None


def _lines(stdin: BinaryIO, domain: str) -> Iterator[Placed]:
    """A path or a manifest's JSON object a line; paths are relative to the current folder."""
    for number, raw in enumerate(iter(lambda: stdin.readline(_LONGEST_LINE), b""), 1):
        where = f"stdin:{number}"
        if len(raw) == _LONGEST_LINE:
            yield None, Failure(where, DataError(where, "is too long", f"at most {_LONGEST_LINE >> 20} MiB a line"))
            return
        line = os.fsdecode(raw).strip("\r\n")
        if line.lstrip().startswith("{"):
            yield _object(line, where)
        elif line:
            yield from _path(line, domain)


def _object(line: str, where: str) -> Placed:
    try:
        sample = parse_sample(json.loads(line), where, Path())
    except SeqrecError as error:
        return None, Failure(where, error)
    except (ValueError, RecursionError):
        return None, Failure(where, DataError(where, f"is not JSON: {line[:40]!r}", "a path or a JSON object"))
    return _document(sample, Path()), sample
