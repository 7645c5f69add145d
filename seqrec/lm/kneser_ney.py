"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998): counts of n-grams to a back-off model.

As in Heafield and others (2013): an n-gram's count is its own in the highest order and where it begins with
<s>, else the number of tokens that it was seen after; each order has three discounts, for counts of 1, 2 and 3 or
more; 1-grams are interpolated with the same probability for every token, <unk> among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqrec.lm.counts import Counts, Longs
from seqrec.lm.ngram import START, Floats, Ints, Ngram, link
from seqrec.lm.texts import Progress, no_progress

NEVER = -99 * math.log(10)  # the log-probability of <s>, which begins texts and never follows
_FALLBACK = (0.5, 1.0, 1.5)  # discounts where the counts of counts give none: little text, or few tokens
_LEAST = 1e-99  # a probability

Doubles = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class _Level:
    """The M n-grams of one order, by their last token, then the one before, ... as the counts are.

    A 1-gram is where its token says. Of each: where its counts begin, its proper suffix and its context among
    those of one order less, its first token, its probability, and its place in the model, -1 if it has none.
    """

    rows: Longs
    suffix: Ints
    context: Ints
    first: Ints
    p: Doubles
    place: Ints

    def find(self, suffix: Ints, first: Ints) -> Ints:
        """The n-grams that are a suffix after a first token."""
        return np.searchsorted(_pairs(self.suffix, self.first), _pairs(suffix, first)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The n-grams of one order, in the order of the model."""

    token: Ints
    logp: Floats


def _pairs(left: Ints, right: Ints) -> Longs:
    return left.astype(np.int64) << 32 | right


def estimate(counts: Counts, n_tokens: int, prune: Sequence[int] = (), progress: Progress = no_progress) -> Ngram:
    """The model of some counts, with 1-grams for all tokens below `n_tokens`.

    n-grams that are there prune[n - 1] times or less are left out; the last number stands for all higher orders.
    """
    thresholds = [*prune, *[prune[-1] if prune else 0] * counts.order]
    shared = counts.shared()
    level, nodes = _unigrams(counts, shared, n_tokens)
    parts, n_children, backoffs = [nodes], [np.array([n_tokens])], [np.zeros(1)]
    for n in range(2, counts.order + 1):
        progress("estimating", n - 1, counts.order)
        longer, nodes, context, gamma = _longer(counts, shared, n, thresholds[n - 1], level)
        n_children.append(np.bincount(context, minlength=len(parts[-1].token)))
        backoff = np.zeros(len(parts[-1].token))
        here = level.place >= 0
        backoff[level.place[here]] = _log(gamma[here])
        backoffs.append(np.where(n_children[-1] > 0, backoff, 0))
        parts.append(nodes)
        level = longer
    last = len(parts[-1].token)
    return _ngram(parts, [*n_children, np.zeros(last, np.int64)], [*backoffs, np.zeros(last)])


def _ngram(parts: list[_Nodes], n_children: list[Longs], backoffs: list[Doubles]) -> Ngram:
    token = np.concatenate([[-1], *(part.token for part in parts)]).astype(np.int32)
    ngram = Ngram(
        first=np.concatenate(([1], 1 + np.cumsum(np.concatenate(n_children)))).astype(np.int32),
        token=token,
        suffix=np.zeros(len(token), np.int32),
        logp=np.concatenate([[0.0], *(part.logp for part in parts)]).astype(np.float32),
        backoff=np.concatenate(backoffs).astype(np.float32),
    )
    link(ngram)
    return ngram


def _unigrams(counts: Counts, shared: Any, n_tokens: int) -> tuple[_Level, _Nodes]:
    _, token, found, _ = _adjusted(counts, shared, 1)
    adjusted = np.zeros(n_tokens, np.int64)
    adjusted[token] = found
    discount = _discounts(found)[np.minimum(adjusted, 3)]
    p = (adjusted - discount + discount.sum() / (n_tokens - 1)) / found.sum()  # <s> is none of what may follow
    logp = _log(p)
    logp[START] = NEVER
    tokens = np.arange(n_tokens, dtype=np.int32)
    return _Level(np.arange(n_tokens), tokens, tokens, tokens, p, tokens), _Nodes(tokens, logp)


def _longer(counts: Counts, shared: Any, n: int, threshold: int, level: _Level) -> tuple[_Level, _Nodes, Ints, Doubles]:
    """From the n-grams of one order to those of the next, `n`.

    Gives them, the nodes of those that are kept and the place of each one's context, and the weight of the lower
    order after each n-gram of `level`.
    """
    rows, last, adjusted, actual = _adjusted(counts, shared, n)
    first = counts.tokens(n - 1, rows)
    if n == 2:
        suffix, context = last, first
    else:
        suffix = (np.searchsorted(level.rows, rows, side="right") - 1).astype(np.int32)
        context = level.find(level.context[suffix], first)
    kept = actual > threshold
    discount = _discounts(adjusted)[np.minimum(adjusted, 3)]
    total = np.bincount(context, adjusted, len(level.p))
    left = np.bincount(context, np.where(kept, discount, adjusted), len(level.p))
    gamma = np.divide(left, total, out=np.ones(len(total)), where=total > 0)
    p = (adjusted - discount) / total[context]
    p += gamma[context] * level.p[suffix]
    del actual, adjusted, discount
    of_context = level.place[context[kept]]
    ordered = np.flatnonzero(kept)[np.argsort(_pairs(of_context, last[kept]))]
    place = np.full(len(rows), -1, np.int32)
    place[ordered] = np.arange(len(ordered))
    nodes = _Nodes(last[ordered], _log(p[ordered]))
    return _Level(rows, suffix, context, first, p, place), nodes, of_context, gamma


def _adjusted(counts: Counts, shared: Any, n: int) -> tuple[Longs, Ints, Longs, Longs]:
    """The n-grams of order `n` that are of the model: their rows, last tokens, Kneser-Ney's counts, and their own."""
    rows = np.flatnonzero(shared < n)
    actual = np.add.reduceat(counts.counts, rows)
    adjusted = actual
    if n < counts.order:
        longer = np.flatnonzero(shared < n + 1)
        before = np.diff(np.searchsorted(longer, rows), append=len(longer))
        adjusted = np.where(counts.tokens(n - 1, rows) == START, actual, before)
    if n > 1:  # before a text there is one <s>, those before it only fill the n-gram
        real = counts.tokens(n - 2, rows) != START
        rows, adjusted, actual = rows[real], adjusted[real], actual[real]
    return rows, counts.tokens(0, rows), adjusted, actual


def _discounts(adjusted: Longs) -> Doubles:
    """What is taken from counts of 0, 1, 2 and of 3 or more: equation 26 of Chen and Goodman."""
    n = np.bincount(np.minimum(adjusted, 5), minlength=6).astype(float)
    if n[1:4].all():
        y = n[1] / (n[1] + 2 * n[2])
        found = np.array([j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)])
        if (found > 0).all():  # with 0 something could never follow
            return np.array([0, *found])
    return np.array([0, *_FALLBACK])


def _log(p: Doubles) -> Floats:
    return np.log(np.maximum(p, _LEAST)).astype(np.float32)
