"""Lexicons: files with a word a line, and words as a trie of labels, which compiled loops walk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqrec.alphabet import Alphabet, UnknownSymbols
from seqrec.compiling import uncounted
from seqrec.errors import DataError
from seqrec.lm.ngram import find

Ints = np.ndarray[Any, np.dtype[np.int32]]

OUTSIDE = -1  # no node of a trie, as `find` says it


class Trie(NamedTuple):
    """Sequences of labels; node 0 is the empty one. Breadth first, so that children of a node lie side by side."""

    first: Ints  # (N + 1,): the children of node i are the nodes first[i] .. first[i + 1] - 1, by ascending label
    label: Ints  # (N,): the last label of each
    entry: Ints  # (N,): which of the sequences it was made from ends here; OUTSIDE where none does


@uncounted
def child(trie: Trie, node: int, label: int) -> int:
    """The node one label on; OUTSIDE if there is none."""
    found: int = find(trie.label, trie.first[node], trie.first[node + 1], label)
    return found


def trie_of(sequences: Iterable[Sequence[int]]) -> Trie:
    """The trie of some sequences of labels. Of equal ones the first is the entry; empty ones have none."""
    entries: dict[tuple[int, ...], int] = {}
    for entry, labels in enumerate(sequences):
        entries.setdefault(tuple(labels), entry)
    ordered = sorted(entries)
    counts, label, ends = [], [0], [OUTSIDE]
    runs = [(0, len(ordered))]  # of sequences that begin with the same `depth` labels
    depth = 0
    while runs:
        below: list[tuple[int, int]] = []
        for at, end in runs:
            at += at < end and len(ordered[at]) == depth
            start = len(below)
            while at < end:
                first, begin = ordered[at], at
                while at < end and ordered[at][depth] == first[depth]:
                    at += 1
                label.append(first[depth])
                ends.append(entries[first] if len(first) == depth + 1 else OUTSIDE)
                below.append((begin, at))
            counts.append(len(below) - start)
        runs, depth = below, depth + 1
    children = 1 + np.cumsum([0, *counts])
    return Trie(children.astype(np.int32), np.array(label, np.int32), np.array(ends, np.int32))


EMPTY = trie_of([])


def read_words(path: Path) -> dict[str, int]:
    """The words of a file, one a line in UTF-8, and their lines; of equal ones the first. Raises DataError."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a file with a word a line") from None
    words: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        try:
            word = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            raise DataError(f"{path}:{number}", "is not UTF-8", "a word", "save the file as UTF-8") from None
        if len(word.split()) > 1:
            raise DataError(f"{path}:{number}", f"{word!r:.60} has white space in it", "one word a line")
        if word:
            words.setdefault(word, number)
    if not words:
        raise DataError(path, "has no words", "a word a line")
    return words


def spelled(words: Iterable[str], alphabet: Alphabet) -> tuple[list[list[int]], list[str]]:
    """The labels of each word, none where the alphabet cannot spell it, and the words that it cannot."""
    found: list[list[int]] = []
    missing: list[str] = []
    for word in words:
        try:
            found.append(alphabet.encode(word))
        except UnknownSymbols:
            found.append([])
            missing.append(word)
    return found, missing


def named(some: Sequence[str]) -> str:
    """The first of them, for a message."""
    return ", ".join(f"{each!r:.40}" for each in some[:8]) + (", ..." if len(some) > 8 else "")
