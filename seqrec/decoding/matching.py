"""Which labels of a text stand in other texts too, at the same place: Levenshtein alignments, as compiled loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrec.compiling import compiled

Array = np.ndarray[Any, Any]

_BAND = 8  # edits that are looked for at first


@compiled
def shares(
    labels: Array, ends: Array, weights: Array, words: Array, spaces: Array, line: Array, word: Array, char: Array
) -> None:
    """Add to line (1, R), word (W, R) and char (L, R) the weights (K, R) of the texts that agree with the first.

    `labels` are those of all K texts one after the other, int32, `ends` (K,) where each ends. Words (W, 2)
    are parts of the first text, start and end, parted by the labels `spaces` (S,).
    """
    first = labels[: ends[0]]
    start = 0
    for k in range(len(ends)):
        other = labels[start : ends[k]]
        start = ends[k]
        places = _places(first, other)
        same = len(first) == len(other)
        for i in range(len(first)):
            if places[i] >= 0:
                char[i] += weights[k]
            else:
                same = False
        if same:
            line[0] += weights[k]
        for w in range(len(words)):
            if _has_word(places, words[w, 0], words[w, 1], other, spaces):
                word[w] += weights[k]


@compiled
def _has_word(places: Array, start: int, end: int, other: Array, spaces: Array) -> bool:
    """Whether the other text has this word, all of it and not as a part of a longer one."""
    for i in range(start, end):
        if places[i] < 0 or places[i] != places[start] + i - start:
            return False
    before, after = places[start] - 1, places[end - 1] + 1
    if before >= 0 and not np.any(spaces == other[before]):
        return False
    return after == len(other) or bool(np.any(spaces == other[after]))


@compiled
def _places(first: Array, other: Array) -> Array:
    """Where each label of `first` stands in `other`, by an alignment with the fewest edits; -1 where it does not."""
    n, m = len(first), len(other)
    places = np.full(n, -1, np.int64)
    start = 0
    while start < min(n, m) and first[start] == other[start]:
        places[start] = start
        start += 1
    while n > start and m > start and first[n - 1] == other[m - 1]:
        n, m = n - 1, m - 1
        places[n] = m
    if n == start or m == start:
        return places
    rows, columns = n - start, m - start
    band = max(_BAND, abs(rows - columns))
    while True:
        cost = _costs(first[start:n], other[start:m], band)
        if cost[rows, columns - rows + band] <= band or band >= max(rows, columns):
            break
        band *= 2
    i, j = rows, columns
    while i and j:
        k = j - i + band
        if first[start + i - 1] == other[start + j - 1]:
            i, j = i - 1, j - 1
            places[start + i] = start + j
        elif cost[i, k] == cost[i - 1, k] + 1:
            i, j = i - 1, j - 1
        elif k < 2 * band and cost[i, k] == cost[i - 1, k + 1] + 1:
            i -= 1
        else:
            j -= 1
    return places


@compiled
def _costs(first: Array, other: Array, band: int) -> Array:
    """Edits between all beginnings of both whose lengths differ by `band` at most (Ukkonen 1985).

    cost[i, j - i + band] is that of first[:i] and other[:j]; exact where it is no more than `band`.
    """
    rows, columns, width = len(first), len(other), 2 * band + 1
    far = rows + columns
    cost = np.full((rows + 1, width), far, np.int32)
    for j in range(min(band, columns) + 1):
        cost[0, j + band] = j
    for i in range(1, rows + 1):
        for k in range(max(0, band - i), min(width, columns - i + band + 1)):
            j = i + k - band
            least = far
            if j > 0:
                least = cost[i - 1, k] + (first[i - 1] != other[j - 1])
                if k > 0:
                    least = min(least, cost[i, k - 1] + 1)
            if k < width - 1:
                least = min(least, cost[i - 1, k + 1] + 1)
            cost[i, k] = least
    return cost
