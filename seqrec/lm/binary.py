"""Language models as bytes of our own: small, quick to load, and checked like all that may come from a stranger.

    SEQRECLM, version, CRC-32 of what follows, length of the header
    header, JSON: unit, order, sizes (n-grams of each order), children (bytes of a number of children, per order),
                  vocabulary, spelling (bytes of the model of the spelling, which comes last)
    1-grams: logp float32; of the higher orders: token, logp as the place in a codebook
    of all orders but the highest: number of children, back-off weight like logp

Numbers are little-endian. A codebook is 256 float32 of its order, the means of the values that they stand for.
What can be computed is not stored: the first child, the suffix.
"""

from __future__ import annotations

import json
import struct
import zlib
from itertools import pairwise
from typing import Any

import numpy as np

from seqrec.errors import ModelError
from seqrec.lm.model import LanguageModel
from seqrec.lm.ngram import Ngram, levels, link
from seqrec.lm.texts import MARKERS

MAGIC = b"SEQRECLM"
_HEAD = struct.Struct("<8sII")
_VERSION = 1
_CODES = 256
_ROUNDS = 20  # of Lloyd's algorithm
_HIGHEST = 16  # order
_LARGEST = 2400.0  # of a natural logarithm, in size
_MOST = (1 << 31) - 2  # n-grams
_MEND = "copy it again, or make it again with `seqrec lm`"

Array = np.ndarray[Any, np.dtype[Any]]


def to_bytes(model: LanguageModel) -> bytes:
    """The model in 8 bits a number; the same model gives the same bytes."""
    ngram = model.ngram
    starts = levels(ngram)[1:]
    spelling = to_bytes(model.spelling) if model.spelling else b""
    n_children = np.diff(ngram.first)
    widths: list[int] = []
    parts: list[bytes] = []
    for start, end in pairwise(starts):
        first = start == 1
        if not first:
            parts.append(ngram.token[start:end].astype(_unsigned(starts[1] - 2)).tobytes())
        parts += [ngram.logp[start:end].astype("<f4").tobytes()] if first else _quantized(ngram.logp[start:end], 0)
        if end < starts[-1]:
            kind = _unsigned(int(n_children[start:end].max()))
            widths.append(kind.itemsize)
            parts.append(n_children[start:end].astype(kind).tobytes())
            backoff = ngram.backoff[start:end]
            parts += [backoff.astype("<f4").tobytes()] if first else _quantized(backoff, 1)
    header = {
        "unit": model.unit,
        "order": model.order,
        "sizes": np.diff(starts).tolist(),
        "children": widths,
        "vocabulary": list(model.vocabulary),
        "spelling": len(spelling),
    }
    said = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    body = b"".join([struct.pack("<Q", len(said)), said, *parts, spelling])
    return _HEAD.pack(MAGIC, _VERSION, zlib.crc32(body)) + body


def _unsigned(largest: int) -> np.dtype[Any]:
    return np.dtype(f"<u{1 if largest < 1 << 8 else 2 if largest < 1 << 16 else 4}")


def _quantized(values: Array, zeros: int) -> list[bytes]:
    """Codebook and codes; with `zeros` 1 a value of 0 keeps a code of its own."""
    rest = values[values != 0] if zeros else values
    book = np.zeros(_CODES, np.float32)
    means = _means(rest.astype(float), _CODES - zeros)
    book[zeros : zeros + len(means)] = means
    edges = (means[1:] + means[:-1]) / 2
    codes = np.searchsorted(edges, values).astype(np.uint8) + np.uint8(zeros)
    if zeros:
        codes[values == 0] = 0
    return [book.astype("<f4").tobytes(), codes.tobytes()]


def _means(values: Array, n: int) -> Array:
    """At most `n` numbers, ascending, near which the values lie: bins of as many values, then Lloyd's algorithm."""
    distinct = np.unique(values)
    if len(distinct) <= n:
        return distinct
    means = np.unique(np.quantile(values, (np.arange(n) + 0.5) / n))
    distinct, weights = np.unique(values, return_counts=True)
    for _ in range(_ROUNDS):
        codes = np.searchsorted((means[1:] + means[:-1]) / 2, distinct)
        total = np.bincount(codes, weights, len(means))
        used = total > 0
        means = np.bincount(codes, weights * distinct, len(means))[used] / total[used]
    return means


def is_binary(head: bytes) -> bool:
    """Whether a file that begins so is a model of this kind."""
    return head.startswith(MAGIC)


def from_bytes(data: bytes, where: str) -> LanguageModel:
    """The model of some bytes; `where` names them. Raises ModelError."""
    return _parse(memoryview(data), where)


def _parse(data: memoryview, where: str, is_spelling: bool = False) -> LanguageModel:
    if len(data) < _HEAD.size or not is_binary(bytes(data[: len(MAGIC)])):
        raise ModelError(where, "is no language model", "a .bin made by `seqrec lm`", _MEND)
    _, version, checksum = _HEAD.unpack(data[: _HEAD.size])
    if version != _VERSION:
        raise ModelError(where, f"is of version {version}", f"version {_VERSION}", "make it again with `seqrec lm`")
    body = data[_HEAD.size :]
    if zlib.crc32(body) != checksum:
        raise ModelError(where, "is broken: its checksum is another", "", _MEND)
    try:
        return _Body(body).model(where, is_spelling)
    except _Broken as error:
        raise ModelError(where, f"is broken: {error}", "", _MEND) from None


class _Broken(Exception):
    pass


def _check(fits: object, said: str) -> None:
    if not fits:
        raise _Broken(said)


class _Body:
    """The bytes of a model after its head, taken from the begin on."""

    def __init__(self, data: memoryview) -> None:
        self._left = data

    def _bytes(self, n: int) -> memoryview:
        _check(n <= len(self._left), "it ends too early")
        taken, self._left = self._left[:n], self._left[n:]
        return taken

    def _array(self, kind: str | np.dtype[Any], n: int) -> Array:
        return np.frombuffer(self._bytes(n * np.dtype(kind).itemsize), kind)

    def model(self, where: str, is_spelling: bool) -> LanguageModel:
        header = _header(bytes(self._bytes(int(self._array("<u8", 1)[0]))))
        _check(not is_spelling or header["unit"] == "char", "a spelling is a model of words")
        sizes, ngram = header["sizes"], self._ngram(header["sizes"], header["children"])
        _check(sizes[0] == len(header["vocabulary"]) + len(MARKERS), "1-grams and vocabulary differ in number")
        spelling = None
        if header["spelling"]:
            _check(header["unit"] == "word", "a model of characters has a spelling")
            spelling = _parse(self._bytes(header["spelling"]), f"{where} (spelling)", is_spelling=True)
        _check(not self._left, "something comes after its end")
        return LanguageModel(header["unit"], tuple(header["vocabulary"]), ngram, header["order"], spelling)

    def _ngram(self, sizes: list[int], widths: list[int]) -> Ngram:
        n_nodes = 1 + sum(sizes)
        _check(n_nodes <= len(self._left), "it ends too early")  # before any memory is taken
        token, n_children = np.empty(n_nodes, np.int32), np.zeros(n_nodes, np.int64)
        logp, backoff = np.zeros(n_nodes, np.float32), np.zeros(n_nodes, np.float32)
        token[0], n_children[0] = -1, sizes[0]
        start = 1
        for n, size in enumerate(sizes, 1):
            here = slice(start, start + size)
            token[here] = np.arange(size) if n == 1 else self._array(_unsigned(sizes[0] - 1), size)
            logp[here] = self._values(n, size, 0.0)
            if n < len(sizes):
                n_children[here] = self._array(f"<u{widths[n - 1]}", size)
                _check(n_children[here].sum() == sizes[n], f"not all {n + 1}-grams follow {n}-grams")
                backoff[here] = self._values(n, size, _LARGEST)
            start += size
        _check((token < sizes[0]).all(), "a token is not in the vocabulary")
        first = np.concatenate(([1], 1 + np.cumsum(n_children)))
        falls = np.flatnonzero(token[2:] <= token[1:-1]) + 2  # only at the first child of a node may it
        _check(np.isin(falls, first, assume_unique=False).all(), "n-grams are not sorted")
        ngram = Ngram(first.astype(np.int32), token, np.zeros(n_nodes, np.int32), logp, backoff)
        link(ngram)
        return ngram

    def _values(self, n: int, size: int, largest: float) -> Array:
        if n == 1:
            values = book = self._array("<f4", size)
        else:
            book = self._array("<f4", _CODES)
            values = book[self._array("u1", size)]
        _check(((book >= -_LARGEST) & (book <= largest)).all(), "a number is no logarithm of a probability")
        return values


_KINDS = {"unit": str, "order": int, "sizes": list, "children": list, "vocabulary": list, "spelling": int}


def _header(raw: bytes) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(raw)
    except (ValueError, RecursionError):
        raise _Broken("its header is not JSON") from None
    _check(isinstance(header, dict) and header.keys() == _KINDS.keys(), "its header has other keys")
    _check(all(type(header[key]) is kind for key, kind in _KINDS.items()), "its header has other values")
    sizes, widths, vocabulary = header["sizes"], header["children"], header["vocabulary"]
    _check(header["unit"] in ("char", "word"), "its unit is unknown")
    _check(all(type(size) is int and size > 0 for size in sizes) and sum(sizes) <= _MOST, "its sizes are none")
    _check(1 <= len(sizes) <= header["order"] <= _HIGHEST, "its order is none")
    _check(len(widths) == len(sizes) - 1 and all(width in (1, 2, 4) for width in widths), "its widths are none")
    _check(header["spelling"] >= 0, "its spelling is none")
    _check(all(type(token) is str and token for token in vocabulary), "a token is no text")
    _check(len({*vocabulary, *MARKERS}) == len(vocabulary) + len(MARKERS), "a token is there twice")
    return header
