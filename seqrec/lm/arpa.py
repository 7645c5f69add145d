"""Language models as ARPA text, as SRILM and KenLM write and read it, gzipped or not.

    \\data\\
    ngram 1=5
    ngram 2=7

    \\1-grams:
    -0.7782	the	-0.3010        log10 of the probability, the n-gram, log10 of the back-off weight
    ...
    \\end\\
"""

from __future__ import annotations

import gzip
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from seqrec.alphabet import graphemes
from seqrec.compiling import compiled
from seqrec.errors import DataError
from seqrec.files import atomic
from seqrec.lm.kneser_ney import NEVER
from seqrec.lm.model import LanguageModel
from seqrec.lm.ngram import ROOT, START, Ints, Ngram, child, levels, link
from seqrec.lm.texts import MARKERS, Progress, Unit, no_progress, numbered_lines, opened

SPACE = "<space>"  # a space among characters
KENLM = b"mmap lm http://kheafield.com/code"
_LN10 = math.log(10)
_LARGEST = 1000  # of a log10
_BLOCK = 1 << 12  # n-grams that are read or written at once
_PREAMBLE = 1000  # lines before \data\
_MOST = (1 << 31) - 2  # n-grams of a model
_HIGHEST = 16  # order

Doubles = np.ndarray[Any, np.dtype[np.float64]]
Longs = np.ndarray[Any, np.dtype[np.int64]]


def write_arpa(model: LanguageModel, path: str | Path, progress: Progress = no_progress) -> None:
    """Write a model, gzipped where the name ends in `.gz`; its spelling model is left out. Raises DataError."""
    with atomic(path, "wb") as out:
        if str(path).endswith(".gz"):
            with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed:
                _write(model, packed, progress)
        else:
            _write(model, out, progress)


def _write(model: LanguageModel, out: IO[bytes] | gzip.GzipFile, progress: Progress) -> None:
    ngram = model.ngram
    starts = levels(ngram)[1:]
    sizes = [*np.diff(starts).tolist(), *[0] * model.order][: model.order]
    out.write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % (n, size) for n, size in enumerate(sizes, 1)))
    names = [SPACE if token == " " else token for token in (*MARKERS, *model.vocabulary)]
    parent = np.repeat(np.arange(len(ngram.token), dtype=np.int32), np.diff(ngram.first))  # of node 1, 2, ...
    start = 1
    for n, size in enumerate(sizes, 1):
        out.write(b"\n\\%d-grams:\n" % n)
        for begin in range(start, start + size, _BLOCK):
            nodes = np.arange(begin, min(begin + _BLOCK, start + size), dtype=np.int32)
            words = _words(ngram, parent, nodes, n, names)
            logps = (ngram.logp[nodes].astype(float) / _LN10).tolist()
            if n < model.order:
                backoffs = (ngram.backoff[nodes].astype(float) / _LN10).tolist()
                rows = [f"{p:.7g}\t{w}\t{b:.7g}\n" for p, w, b in zip(logps, words, backoffs, strict=True)]
            else:
                rows = [f"{p:.7g}\t{w}\n" for p, w in zip(logps, words, strict=True)]
            out.write("".join(rows).encode())
            progress("writing", int(nodes[-1]), len(ngram.token) - 1)
        start += size
    out.write(b"\n\\end\\\n")


def _words(ngram: Ngram, parent: Ints, nodes: Ints, n: int, names: list[str]) -> Iterable[str]:
    """The n-grams of some nodes as text."""
    columns: list[list[str]] = []
    for _ in range(n):
        columns.append([names[token] for token in ngram.token[nodes].tolist()])
        nodes = parent[nodes - 1]
    return map(" ".join, zip(*reversed(columns), strict=True))


def read_arpa(path: str | Path, unit: Unit | None = None, progress: Progress = no_progress) -> LanguageModel:
    """Read a model; `unit` is guessed from its tokens unless it is said.

    <unk> may be missing, and gets a log10 of -99 then, as <s> has in any case. Raises DataError, with the line.
    """
    with opened(path, "an ARPA file") as stream:
        return _Reader(_Lines(str(path), stream), progress).read(unit)


class _Lines:
    """The lines of a file that are not blank, one of them ahead."""

    def __init__(self, where: str, stream: Any) -> None:
        self._where, self._lines = where, numbered_lines(where, stream)
        self.number = 0
        self.line = b""
        self.advance()

    def advance(self) -> None:
        """To the next line; at the end it is empty."""
        for number, line in self._lines:
            if stripped := line.strip(b" \t\r\n"):
                self.number, self.line = number, stripped
                return
        self.line = b""

    def block(self) -> tuple[list[bytes], list[int]]:
        """The next n-grams, at most, and the numbers of their lines: up to a line that begins with a backslash."""
        lines, numbers = list[bytes](), list[int]()
        while self.line and self.line[0] != 0x5C and len(lines) < _BLOCK:
            lines.append(self.line)
            numbers.append(self.number)
            self.advance()
        return lines, numbers

    def fail(self, came: str, expected: str, mend: str = "", number: int | None = None) -> NoReturn:
        raise DataError(f"{self._where}:{number or self.number or 1}", came, expected, mend)


class _Reader:
    """A model as it grows, an order after the other: `first` is known of the orders but the last."""

    def __init__(self, lines: _Lines, progress: Progress) -> None:
        self._lines, self._progress = lines, progress
        self._ids: dict[bytes, int] = {}
        self._first, self._token = np.array([1], np.int32), np.array([-1], np.int32)
        self._logps, self._backoffs = [np.zeros(1)], [np.zeros(1)]
        self._start = ROOT  # of the order before
        self._total = 0

    def read(self, unit: Unit | None) -> LanguageModel:
        sizes = self._sizes()
        self._total = sum(sizes)
        names = self._unigrams(sizes[0], len(sizes))
        for n in range(2, len(sizes) + 1):
            self._ngrams(n, sizes[n - 1], len(sizes))
        if self._lines.line.lower() != b"\\end\\":
            self._expected("\\end\\")
        unit = unit or _unit(names)
        vocabulary = tuple(" " if unit == "char" and name == SPACE else name for name in names)
        last = np.full(len(self._token) + 1 - len(self._first), len(self._token), np.int32)
        ngram = Ngram(
            first=np.concatenate((self._first, last)),
            token=self._token,
            suffix=np.zeros(len(self._token), np.int32),
            logp=(np.concatenate(self._logps) * _LN10).astype(np.float32),
            backoff=(np.concatenate(self._backoffs) * _LN10).astype(np.float32),
        )
        link(ngram)
        return LanguageModel(unit, vocabulary, ngram, len(sizes))

    def _sizes(self) -> list[int]:
        lines, sizes = self._lines, list[int]()
        if lines.line.startswith(KENLM):
            mend = "give the ARPA file that it was made of; a .bin of its own is what `seqrec lm FILE.arpa` makes"
            lines.fail("is a binary file of KenLM", "an ARPA file", mend)
        while lines.line.lower() != b"\\data\\":
            if not lines.line or lines.number > _PREAMBLE:
                lines.fail("there is no \\data\\ up to here", "an ARPA file")
            lines.advance()
        lines.advance()
        while match := re.fullmatch(rb"ngram\s+(\d{1,3})\s*=\s*(\d{1,18})", lines.line):
            n, size = map(int, match.groups())
            if n != len(sizes) + 1 or n > _HIGHEST:
                lines.fail(f"counts {n}-grams", f"{len(sizes) + 1}-grams, of at most {_HIGHEST}")
            sizes.append(size)
            if sum(sizes) > _MOST:
                lines.fail(f"promises {sum(sizes)} n-grams", f"at most {_MOST}", "prune the model")
            lines.advance()
        if not sizes:
            self._expected("ngram 1=COUNT")
        return sizes

    def _expected(self, expected: str) -> NoReturn:
        came = f"is {_shown(self._lines.line)}" if self._lines.line else "the file ends here"
        self._lines.fail(came, expected, "copy the file again, or make it again")

    def _unigrams(self, size: int, order: int) -> list[str]:
        """Read the 1-grams; gives the names of those that are no markers."""
        names: dict[str, int] = {}
        read = [_Rows.empty(1)]
        for rows in self._section(1, size, order):
            for word, number in zip(rows.words[0], rows.numbers, strict=True):
                name = self._name(word, number)
                if names.setdefault(name, len(names)) != len(self._ids):
                    self._lines.fail(f"{name!r} is there twice", "each 1-gram once", "", number)
                self._ids[word] = len(self._ids)
            read.append(rows)
        for marker in ("<s>", "</s>"):
            if marker not in names:
                self._lines.fail(f"the 1-grams before it have no {marker}", "both <s> and </s>")
        tokens = [name for name in names if name not in MARKERS]
        ids = {name: i for i, name in enumerate((*MARKERS, *tokens))}
        places = np.array([ids[name] for name in names])
        self._ids = dict(zip(self._ids, places.tolist(), strict=True))
        logps, backoffs = np.full(len(ids), NEVER / _LN10), np.zeros(len(ids))
        logps[places] = np.concatenate([rows.logps for rows in read])
        backoffs[places] = np.concatenate([rows.backoffs for rows in read])
        logps[START] = NEVER / _LN10
        self._add(np.zeros(len(ids), np.int64), np.arange(len(ids)), logps, backoffs)
        return tokens

    def _name(self, word: bytes, number: int) -> str:
        try:
            name = unicodedata.normalize("NFC", word.decode())
        except UnicodeDecodeError:
            self._lines.fail(f"{word[:40]!r} is not UTF-8", "UTF-8 text", "save the file as UTF-8", number)
        return "<unk>" if name == "<UNK>" else name

    def _ngrams(self, n: int, size: int, order: int) -> None:
        parts: list[tuple[Any, ...]] = [tuple(np.zeros(0, kind) for kind in ("i8", "i8", "f8", "f8", "i8"))]
        for rows in self._section(n, size, order):
            grams = self._grams(rows)
            contexts = np.zeros(grams.shape[1], np.int64)
            _find(self._partial(), grams, contexts)
            if contexts.min() < 0:
                row = int(np.argmin(contexts))
                came = f"there is no {n - 1}-gram {_shown(b' '.join(column[row] for column in rows.words[:-1]))}"
                mend = "make the file again: what comes before the last token must be there itself"
                self._lines.fail(came, "the context of each n-gram", mend, rows.numbers[row])
            parts.append((contexts, grams[-1], rows.logps, rows.backoffs, rows.numbers))
        context, token, logps, backoffs, numbers = (np.concatenate(part) for part in zip(*parts, strict=True))
        keys = context << 32 | token
        order_of = np.argsort(keys, kind="stable")
        twice = np.flatnonzero(keys[order_of[1:]] == keys[order_of[:-1]])
        if len(twice):
            first, again = (int(numbers[order_of[twice[0] + i]]) for i in (0, 1))
            self._lines.fail(f"the {n}-gram of line {first} is there again", "each once", "remove one", again)
        self._add(context[order_of], token[order_of], logps[order_of], backoffs[order_of])

    def _grams(self, rows: _Rows) -> Longs:
        """The tokens (n, R) of n-grams."""
        grams = np.array([[self._ids.get(word, -1) for word in column] for column in rows.words], np.int64)
        if grams.min() < 0:
            place, row = (int(i[0]) for i in np.nonzero(grams < 0))
            word, mend = _shown(rows.words[place][row]), "make the file again"
            self._lines.fail(f"{word} is no 1-gram", "tokens that are 1-grams themselves", mend, rows.numbers[row])
        return grams

    def _partial(self) -> Ngram:
        nothing = np.zeros(0, np.float32)
        return Ngram(self._first, self._token, self._token, nothing, nothing)

    def _add(self, context: Longs, token: Longs, logps: Doubles, backoffs: Doubles) -> None:
        """Add the n-grams of an order, sorted."""
        n_children = np.bincount(context - self._start, minlength=len(self._token) - self._start)
        self._start = len(self._token)
        self._first = np.concatenate((self._first, self._first[-1] + np.cumsum(n_children))).astype(np.int32)
        self._token = np.concatenate((self._token, token)).astype(np.int32)
        self._logps.append(logps)
        self._backoffs.append(backoffs)

    def _section(self, n: int, size: int, order: int) -> Iterator[_Rows]:
        lines = self._lines
        if lines.line.lower() != b"\\%d-grams:" % n:
            self._expected(f"\\{n}-grams:")
        lines.advance()
        done = 0
        while (block := lines.block())[0]:
            done += len(block[0])
            if done > size:
                came = f"has more than {size} {n}-grams"
                lines.fail(came, "as many as \\data\\ says", "make the file again", block[1][size - done])
            yield self._rows(*block, n, order)
            self._progress("reading", len(self._token) - 1 + done, self._total)
        if done < size:
            came = f"has {done} {n}-grams before it"
            lines.fail(came, f"{size}, as \\data\\ says", "copy the file again, or make it again")

    def _rows(self, block: list[bytes], numbers: list[int], n: int, order: int) -> _Rows:
        rows = [line.split() for line in block]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        wrong = np.flatnonzero((lengths != n + 1) & (lengths != n + 2))
        if len(wrong):
            row = int(wrong[0])
            expected = f"a log10 of the probability, {n} tokens and perhaps a back-off weight"
            self._lines.fail(f"is {_shown(block[row])}", expected, "", numbers[row])
        logps = self._numbers([row[0] for row in rows], numbers, "log-probability", 0)
        backoffs = np.zeros(len(rows))
        if n < order:  # in the highest order they mean nothing
            here = np.flatnonzero(lengths == n + 2)
            given = [rows[i][-1] for i in here]
            backoffs[here] = self._numbers(given, [numbers[i] for i in here], "back-off weight", _LARGEST)
        return _Rows([[row[j] for row in rows] for j in range(1, n + 1)], logps, backoffs, numbers)

    def _numbers(self, given: list[bytes], numbers: list[int], what: str, highest: float) -> Doubles:
        try:
            found = np.fromiter(map(float, given), float, len(given))
        except ValueError:
            found = np.array([_float(one) for one in given])
        wrong = np.flatnonzero(~((found >= -_LARGEST) & (found <= highest)))
        if len(wrong):
            row = int(wrong[0])
            mend = "a probability of nothing is -99" if found[row] < 0 else ""
            came, expected = f"the {what} is {_shown(given[row])}", f"a log10 from -{_LARGEST} to {highest:g}"
            self._lines.fail(came, expected, mend, numbers[row])
        return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """R n-grams of a file: `words` are n columns of R."""

    words: list[list[bytes]]
    logps: Doubles
    backoffs: Doubles
    numbers: list[int]

    @classmethod
    def empty(cls, n: int) -> _Rows:
        return cls([[] for _ in range(n)], np.zeros(0), np.zeros(0), [])


@compiled
def _find(ngram: Ngram, grams: Longs, nodes: Longs) -> None:
    """Fill `nodes` (R,) with the contexts of n-grams (n, R), -1 where there is none."""
    for i in range(grams.shape[1]):
        node = ROOT
        for j in range(grams.shape[0] - 1):
            if node >= 0:
                node = child(ngram, node, grams[j, i])
        nodes[i] = node


def _float(given: bytes) -> float:
    try:
        return float(given)
    except ValueError:
        return math.nan


def _shown(given: bytes) -> str:
    return repr(given[:40].decode("utf-8", "replace"))


def _unit(names: list[str]) -> Unit:
    """Characters, if each token is one."""
    return "char" if all(name == SPACE or len(graphemes(name)) == 1 for name in names) else "word"
