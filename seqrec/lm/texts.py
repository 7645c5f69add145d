"""Texts to train on and to measure with: files and manifests -> lines -> token ids."""

from __future__ import annotations

import codecs
import gzip
import io
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

import numpy as np

from seqrec.alphabet import graphemes
from seqrec.errors import DataError
from seqrec.lm.ngram import END, UNKNOWN, Ints
from seqrec.samples import OnError, raise_error, read_manifest

Unit = Literal["char", "word"]
MARKERS = ("<unk>", "<s>", "</s>")  # the tokens 0, 1 and 2

_LONGEST_LINE = 16 << 20  # bytes
_RATIO, _FREE = 200, 64 << 20  # gzip that unpacks to more than so many times its size, once it is beyond so many bytes
_BLOCK = 1 << 20  # characters that are encoded at once
_POINTS = 0x110000  # of Unicode
_NEW, _JOINS = -1, -2

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and of how much; 0 where that is not known."""


def no_progress(stage: str, done: int, total: int) -> None:
    pass


def texts_of(sources: Iterable[str], stdin: BinaryIO, on_error: OnError = raise_error) -> Iterator[str]:
    """The texts of plain text files (a text a line, perhaps gzipped), manifests (`.jsonl`) and `-`, standard input.

    A line that is not UTF-8, a sample without a text and a bad line of a manifest go to `on_error`. Raises
    DataError when a file cannot be read.
    """
    for given in sources:
        if given == "-":
            yield from _decoded("stdin", stdin, on_error)
        elif given.lower().endswith(".jsonl"):
            for sample in read_manifest(given, on_error):
                if sample.text is None:
                    on_error(DataError(given, f"{sample.id!r:.60} has no text", "a text for every sample"))
                else:
                    yield sample.text
        else:
            with opened(given, "a text file, a manifest or -") as stream:
                yield from _decoded(given, stream, on_error)


def opened(path: str | Path, expected: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise DataError(path or "''", f"cannot be read ({error.strerror})", expected) from None


def _decoded(where: str, stream: BinaryIO, on_error: OnError) -> Iterator[str]:
    for number, line in numbered_lines(where, stream):
        if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(where, "is UTF-16", "UTF-8 text", "save the file as UTF-8")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            on_error(DataError(f"{where}:{number}", "is not UTF-8", "UTF-8 text", "save the file as UTF-8"))


def numbered_lines(where: str, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of a file from 1 on, gzipped or not. Raises DataError when it is broken or unpacks to too much."""
    raw = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    packed = raw.peek(2)[:2] == b"\x1f\x8b"
    lines: Any = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw
    unpacked = number = 0
    try:
        for number, line in enumerate(iter(lambda: lines.readline(_LONGEST_LINE), b""), 1):
            unpacked += len(line)
            if len(line) == _LONGEST_LINE:
                raise DataError(f"{where}:{number}", "is too long", f"lines of at most {_LONGEST_LINE >> 20} MiB")
            if packed and unpacked > _FREE and unpacked > _RATIO * raw.tell():
                came = f"unpacks to more than {_RATIO} times its size"
                raise DataError(f"{where}:{number}", came, "a text", "unpack it with gzip -d if it is to be trusted")
            yield number, line
    except EOFError:
        raise DataError(f"{where}:{number + 1}", "ends in the middle", "a whole gzip file", "copy it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        came = f"is a broken gzip file ({error})"
        raise DataError(f"{where}:{number + 1}", came, "a whole gzip file", "copy it again") from None
    except OSError as error:
        raise DataError(where, f"cannot be read ({error.strerror})", "a file of text") from None


def normalized(text: str) -> str:
    """NFC, runs of white space as one space, none at the ends."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


class Tokenizer:
    """Texts to token ids. A given vocabulary is closed, what is outside is <unk>; else it grows by what comes."""

    def __init__(self, unit: Unit, vocabulary: Sequence[str] | None = None) -> None:
        self.unit, self._grows = unit, vocabulary is None
        self.ids = {token: i for i, token in enumerate((*MARKERS, *(vocabulary or ())))}
        if unit == "char":  # the token of each code point that is a character whatever its neighbours are
            self._points = np.full(_POINTS, _NEW, np.int32)
            self._points[ord("\n")] = END

    @property
    def vocabulary(self) -> list[str]:
        return list(self.ids)[len(MARKERS) :]

    def encode(self, texts: Iterable[str], on_error: OnError = raise_error) -> Iterator[Ints]:
        """Blocks of tokens (L,) int32, each of whole texts that each end with </s>; empty ones are left out.

        A text of words that holds a marker, such as "<s>", goes to `on_error`.
        """
        for lines in _batches(texts):
            yield self._chars(lines) if self.unit == "char" else self._words(lines, on_error)

    def _words(self, lines: list[str], on_error: OnError) -> Ints:
        found: list[int] = []
        for line in lines:
            words = line.split(" ")
            if "<" in line and not set(MARKERS).isdisjoint(words):
                mend = "remove it: these mark where texts begin and end, and unknown words"
                on_error(DataError(f"{line:.40}", f"holds one of {', '.join(MARKERS)}", "a text of words", mend))
                continue
            found.extend(self._many(words))
            found.append(END)
        return np.array(found, np.int32)

    def _many(self, tokens: list[str]) -> list[int]:
        ids = self.ids
        if self._grows:
            return [ids.setdefault(token, len(ids)) for token in tokens]
        return [ids.get(token, UNKNOWN) for token in tokens]

    def _chars(self, lines: list[str]) -> Ints:
        text = "\n".join([*lines, ""])
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        tokens = self._points[points]
        new = np.unique(points[tokens == _NEW]).tolist()
        for point in new:
            if not _stands_alone(chr(point)):
                self._points[point] = _JOINS
        if (self._points[points] == _JOINS).any():
            return np.array([i for line in lines for i in (*self._many(graphemes(line)), END)], np.int32)
        for point in new:
            self._points[point] = self._many([chr(point)])[0]
        found: Ints = self._points[points]
        return found


def _stands_alone(character: str) -> bool:
    """Whether a code point is a grapheme cluster, unless one that is not comes before or after it."""
    return len(graphemes(f"a{character}a")) == 3 and len(graphemes(2 * character)) == 2


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in map(normalized, texts):
        if text:
            batch.append(text)
            size += len(text)
        if size >= _BLOCK:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def put(file: IO[bytes], numbers: np.ndarray[Any, Any]) -> None:
    """Write to the end of a temporary file. Raises DataError when there is no space for it."""
    try:
        numbers.tofile(file)
    except OSError as error:
        came = f"cannot be written ({error.strerror or 'no space left'})"  # NumPy does not say why
        mend = "free some space, or choose another place with the variable TMPDIR"
        raise DataError("temporary files", came, "", mend) from None


class Tokens:
    """Token ids of many texts, in a temporary file: whole texts that each end with </s>."""

    def __init__(self, blocks: Iterable[Ints], progress: Progress = no_progress) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self.n = 0
        for block in blocks:
            put(self._file, block)
            self.n += len(block)
            progress("reading", self.n, 0)

    def __enter__(self) -> Tokens:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def blocks(self, size: int) -> Iterator[Ints]:
        """Blocks of whole texts, of `size` tokens or more where one text is longer."""
        self._file.seek(0)
        left = np.zeros(0, np.int32)
        while len(block := np.fromfile(self._file, np.int32, size)):
            block = np.concatenate((left, block))
            ends = np.flatnonzero(block == END)
            whole = int(ends[-1]) + 1 if len(ends) else 0
            left = block[whole:]
            if whole:
                yield block[:whole]
