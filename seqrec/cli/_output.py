"""What `decode`, `align` and `label` share: where hypotheses go, what is said of failures, wrong usage."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

if TYPE_CHECKING:
    from types import ModuleType

    from seqrec.decoding import Failure, Hypothesis
    from seqrec.errors import SeqrecError
    from seqrec.inputs import Document
    from seqrec.reader import Reader


@contextmanager
def usage() -> Iterator[None]:
    """A wrong option is wrong usage."""
    from seqrec.errors import ConfigError

    try:
        yield
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def place_of(written: str | None) -> Path | None:
    """Where to write: a file or a folder. A name that ends in a slash is a folder, which is made."""
    if written is None:
        return None
    if written.endswith(("/", os.sep)):
        try:
            os.makedirs(written, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"{written} cannot be made a folder ({error.strerror})") from None
    return Path(written)


def form_of(output: Path | None) -> str:
    """The format that a file's name tells."""
    from seqrec.options import names_in

    suffix = output.suffix[1:].lower() if output else ""
    if suffix == "xml":
        raise click.UsageError(f"{output} may become alto or page. Say which with --format")
    return suffix if suffix in names_in("seqrec.writers") else "text"


def folder_of(writer: ModuleType, form: str, output: Path | None, inputs: tuple[str, ...], review: bool) -> Path | None:
    """The folder of the files where each document has its own; None where all goes to one place."""
    from seqrec.inputs import is_document

    if not hasattr(writer, "SUFFIX"):
        if output and output.is_dir():
            raise click.UsageError(f"{output} is a folder. Name a file with -o")
        return None
    if review:
        raise click.UsageError(f"{form} has no place for --review. Use it with text, jsonl or csv")
    if is_document(inputs) and not (output and output.is_dir()):
        return None
    if output is None or output.is_file():
        raise click.UsageError(f"{form} makes a file for each input. Name a folder with -o")
    return output


def opened(output: Path | None) -> AbstractContextManager[IO[str]]:
    from seqrec.files import atomic

    return atomic(output) if output else nullcontext(sys.stdout)


def say_compiling(what: str, time: str) -> None:
    """Why nothing comes for so long."""
    from seqrec.compiling import keeps

    if keeps():
        click.echo(f"seqrec: compiling {what} for this machine, once: {time}", err=True)
    else:
        mend = "there is no place to keep it. Set NUMBA_CACHE_DIR to a folder that can be written"
        click.echo(f"seqrec: compiling {what} for this run alone: {time}, as {mend}", err=True)


def say_notes(reader: Reader) -> None:
    """What the user should know before the reading begins."""
    from seqrec.writers import visible

    for note in reader.notes:
        click.echo(visible(f"seqrec: {note}"), err=True)
    if not reader.is_ready():
        say_compiling("the search", "about 20 seconds")


def write_documents(results: Results, writer: ModuleType, folder: Path | None, output: Path | None) -> None:
    from seqrec.errors import DataError, SeqrecError
    from seqrec.writers._documents import written

    for document, text in written(results, writer):
        path = folder / (document.name + writer.SUFFIX) if folder else output
        if isinstance(text, SeqrecError):
            results.fail(text)
        elif path and path.exists() and path.samefile(document.file):
            results.fail(DataError(path, "is the input itself", "", "choose another place with -o"))
        else:
            with opened(path) as out:
                out.write(text)


class Results:
    """The hypotheses among the results, with their documents; failures are counted, and said on stderr as they come."""

    def __init__(
        self,
        answers: Iterator[tuple[Document | None, Hypothesis | Failure]],
        named: bool,
        reject_below: float | None,
    ) -> None:
        self._answers, self._named, self._least = answers, named, reject_below or 0.0
        self.failed = self.rejected = 0
        self._said: SeqrecError | None = None

    def __iter__(self) -> Iterator[tuple[Document | None, Hypothesis]]:
        from dataclasses import replace

        from seqrec.decoding import Hypothesis

        for document, result in self._answers:
            if isinstance(result, Hypothesis):
                if result.confidence < self._least:
                    self.rejected += 1
                    result = result.rejected()
                yield document, result if self._named else replace(result, id="")
            else:
                self.fail(result.error)

    def fail(self, error: SeqrecError) -> None:
        from seqrec.writers import visible

        self.failed += 1
        if error is not self._said:  # one of a page is that of all its lines
            click.echo(visible(f"seqrec: {error}"), err=True)
        self._said = error
