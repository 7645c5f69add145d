"""Writers by name, and the way from results back to the documents of their samples."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from types import ModuleType

from seqrec.corpora import _pages
from seqrec.decoding import Failure, Hypothesis, Unit
from seqrec.errors import ConfigError, DataError, SeqrecError
from seqrec.inputs import Document, Placed
from seqrec.options import find, names_in
from seqrec.samples import Sample

Result = Hypothesis | Failure

_GIVE_PAGE = "give the XML file of the page"
_UNITS: dict[str, Unit] = {"sound": "s", "image": "px", "ink": "points"}


def check(writer: ModuleType, domain: str) -> None:
    """Raises ConfigError when a format has no place for the positions of a model that reads `domain`."""
    if not _fits(writer, domain):
        others = [name for name in names_in("seqrec.writers") if _fits(find("seqrec.writers", name), domain)]
        expected = f"a model of {' or '.join(kind for kind in _UNITS if _fits(writer, kind))}"
        came = f"{_name(writer)} is no format for a model of {domain}"
        raise ConfigError("--format", came, expected, f"formats for this one are {', '.join(others)}")


def _fits(writer: ModuleType, domain: str) -> bool:
    return _UNITS[domain] in getattr(writer, "POSITIONS", (_UNITS[domain],))


def _name(writer: ModuleType) -> str:
    return writer.__name__.rpartition(".")[2]


class Documents:
    """Hands samples on to a recogniser, which answers in their order, and remembers the documents meanwhile."""

    def __init__(self, placed: Iterable[Placed], writer: ModuleType) -> None:
        self._placed, self._writer = placed, writer
        self._waiting: deque[Document | None] = deque()

    def samples(self) -> Iterator[Sample | Failure]:
        """The samples; of a document that the format cannot hold, Failures."""
        fits: tuple[Document | None, SeqrecError | None] = None, None
        for document, sample in self._placed:
            self._waiting.append(document)
            if isinstance(sample, Sample) and (document is None or document != fits[0]):
                fits = document, self._fault(document, sample)
            yield Failure(sample.id, fits[1]) if fits[1] and isinstance(sample, Sample) else sample

    def of(self, results: Iterable[Result]) -> Iterator[tuple[Document | None, Result]]:
        """Each result with its document."""
        for result in results:
            yield self._waiting.popleft(), result

    def _fault(self, document: Document | None, sample: Sample) -> SeqrecError | None:
        forms: tuple[str, ...] = getattr(self._writer, "PAGES", ())
        if document is None and hasattr(self._writer, "SUFFIX"):
            return DataError(sample.id, "is of no file", "what lies in a file, as the format holds one", "use jsonl")
        if document is None or not forms:
            return None
        try:
            found = _pages.kind(document.file)
        except SeqrecError:
            found = None
        if found in forms:
            return None
        expected = f"a file of {' or '.join(map(str.upper, forms))}"
        came = f"cannot be written as {_name(self._writer)}"
        return DataError(document.file, came, expected, f"take --format {found}" if found else _GIVE_PAGE)


def written(
    hypotheses: Iterable[tuple[Document | None, Hypothesis]], writer: ModuleType
) -> Iterator[tuple[Document, str | SeqrecError]]:
    """The file of each document as text, or why there is none; a document's hypotheses come one after the other."""
    names: set[str] = set()
    for document, group in groupby(hypotheses, key=lambda each: each[0]):
        assert document  # as `Documents` sees to
        found, out = [hypothesis for _, hypothesis in group], io.StringIO()
        try:
            twice = not hasattr(writer, "PAGES") and len({hypothesis.id for hypothesis in found}) < len(found)
            if twice or document.name in names:
                mend = "sort the manifest by its paths, or write in several runs"
                raise DataError(document.file, "comes again, or another one of this name came", "each once", mend)
            names.add(document.name)
            writer.write(found, out, document)
            yield document, out.getvalue()
        except SeqrecError as error:
            yield document, error
