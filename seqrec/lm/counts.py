"""Distinct n-grams of many tokens and how often each is there, sorted in bounded memory.

An n-gram is a row of integers: its tokens, the last one first, in `bits` bits each. Rows that end with the
same tokens are neighbours then, which is what Kneser-Ney's counts are of.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqrec.lm.ngram import END, START, Ints
from seqrec.lm.texts import put

Keys = np.ndarray[Any, np.dtype[np.uint64]]
Longs = np.ndarray[Any, np.dtype[np.int64]]
_Run = tuple[Keys, Longs]


@dataclass(frozen=True, eq=False)
class Counts:
    """M distinct n-grams of `order` tokens, sorted; what comes before a text is <s>, as often as it takes."""

    order: int
    bits: int
    keys: Keys
    """(K, M): `64 // bits` tokens in each of K integers, in the upper bits first."""
    counts: Longs
    """(M,)"""

    def __len__(self) -> int:
        return len(self.counts)

    def tokens(self, place: int, rows: Longs) -> Ints:
        """The token (R,) at a place from the end, 0 the last, of each of some rows (R,)."""
        column, shift = _place(place, self.bits)
        found: Ints = ((self.keys[column][rows] >> shift) & np.uint64((1 << self.bits) - 1)).astype(np.int32)
        return found

    def shared(self) -> np.ndarray[Any, np.dtype[np.int8]]:
        """How many of its last tokens each row shares with the row before: (M,)."""
        found = np.zeros(len(self), np.int8)
        for start in range(1, len(self), _CHUNK):
            rows = self.keys[:, start - 1 : start + _CHUNK]
            differ = rows[:, 1:] ^ rows[:, :-1]
            equal = np.ones(differ.shape[1], bool)
            for place in range(self.order):
                column, shift = _place(place, self.bits)
                equal &= (differ[column] >> shift) == 0
                found[start : start + len(equal)] += equal
        return found


_CHUNK = 1 << 22


def _place(place: int, bits: int) -> tuple[int, np.uint64]:
    per = 64 // bits
    return place // per, np.uint64(bits * (per - 1 - place % per))


def count(blocks: Iterable[Ints], order: int, n_tokens: int, memory: int) -> Counts:
    """Count the n-grams of blocks of whole texts whose tokens are below `n_tokens`.

    It takes some `memory` bytes, of which a block must be a small part; what is beyond goes to temporary files.
    """
    bits = max(1, (n_tokens - 1).bit_length())
    columns = -(-order // (64 // bits))
    runs = _Runs(columns, max(1, memory // (32 * (columns + 1))))
    for block in blocks:
        runs.add(*_counted(_keys(block, order, bits, columns)))
    return Counts(order, bits, *runs.merged())


def _keys(tokens: Ints, order: int, bits: int, columns: int) -> Keys:
    """The n-gram that ends at each of the tokens (L,): (K, L)."""
    ends = np.flatnonzero(tokens == END) + 1
    starts = np.concatenate(([0], ends[:-1]))
    position = np.arange(len(tokens)) - np.repeat(starts, ends - starts)
    padded = np.concatenate((np.full(order - 1, START, np.int32), tokens))
    keys = np.zeros((columns, len(tokens)), np.uint64)
    for place in range(order):
        before = padded[order - 1 - place : len(padded) - place]
        column, shift = _place(place, bits)
        keys[column] |= np.where(position >= place, before, START).astype(np.uint64) << shift
    return keys


def _counted(keys: Keys) -> _Run:
    keys = np.sort(keys) if len(keys) == 1 else keys[:, np.lexsort(keys[::-1])]
    starts = _starts(keys)
    return keys[:, starts], np.diff(starts, append=keys.shape[1])


def _starts(keys: Keys) -> Longs:
    """Where the distinct ones of sorted keys begin."""
    return np.flatnonzero(np.concatenate(([True], (keys[:, 1:] != keys[:, :-1]).any(axis=0))))


def _merge(runs: list[_Run]) -> _Run:
    keys = np.concatenate([run[0] for run in runs], axis=1)
    counts = np.concatenate([run[1] for run in runs])
    # The stable sort of one column takes what is sorted already as it is.
    order = np.argsort(keys[0], kind="stable") if len(keys) == 1 else np.lexsort(keys[::-1])
    keys, counts = keys[:, order], counts[order]
    starts = _starts(keys)
    return keys[:, starts], np.add.reduceat(counts, starts)


class _Runs:
    """Sorted runs of keys and counts; beyond `limit` rows they go to disk."""

    def __init__(self, columns: int, limit: int) -> None:
        self._columns, self._limit, self._rows = columns, limit, 0
        self._here: list[_Run] = []
        self._there: list[_Run] = []

    def add(self, keys: Keys, counts: Longs) -> None:
        self._here.append((keys, counts))
        self._rows += len(counts)
        if self._rows > self._limit:
            merged = _merge(self._here)
            self._here, self._rows = [merged], len(merged[1])
            if self._rows > self._limit // 2:
                self._spill()

    def _spill(self) -> None:
        self._there.append(_on_disk(self._here, self._columns))
        self._here, self._rows = [], 0

    def merged(self) -> _Run:
        if not self._there:
            return _merge(self._here)
        if self._here:
            self._here = [_merge(self._here)]
            self._spill()
        return _on_disk(self._ranges(), self._columns)

    def _ranges(self) -> Iterator[_Run]:
        """All runs on disk as one, a range of keys after the other."""
        step = max(1, self._limit // (2 * len(self._there)))
        samples = np.sort(np.concatenate([run[0][0][::step] for run in self._there]))
        bounds = np.unique(samples[:: len(self._there)])[1:]
        cuts = [np.concatenate(([0], np.searchsorted(keys[0], bounds), [len(counts)])) for keys, counts in self._there]
        for i in range(len(bounds) + 1):
            parts = [
                (keys[:, cut[i] : cut[i + 1]], counts[cut[i] : cut[i + 1]])
                for (keys, counts), cut in zip(self._there, cuts, strict=True)
            ]
            yield _merge(parts)


def _on_disk(parts: Iterable[_Run], columns: int) -> _Run:
    """Parts one after the other, in a temporary file that ends with the arrays."""
    rows = 0
    with tempfile.TemporaryFile() as file:
        for keys, counts in parts:
            put(file, np.column_stack((*keys, counts.astype(np.uint64))))
            rows += len(counts)
        whole = np.memmap(file, np.uint64, shape=(rows, columns + 1))
    return whole[:, :columns].T, whole[:, columns].view(np.int64)
