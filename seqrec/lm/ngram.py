"""A back-off n-gram model as a trie of arrays, and the step from one state to the next."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

UNKNOWN, START, END = 0, 1, 2  # tokens: <unk>, <s>, </s>; the vocabulary's begin at 3
ROOT = 0

Ints = np.ndarray[Any, np.dtype[np.int32]]
Floats = np.ndarray[Any, np.dtype[np.float32]]


class Ngram(NamedTuple):
    """N nodes, breadth first: node 0 is the empty context, each other one an n-gram.

    Every token t has its unigram, node 1 + t. A state is the node of the longest context that is known.
    """

    first: Ints
    """(N + 1,): the children of node i are the nodes first[i] .. first[i + 1] - 1, by ascending token."""
    token: Ints
    """(N,): the last token of each n-gram; -1 at the root."""
    suffix: Ints
    """(N,): the longest proper suffix of each n-gram that is a node; the root's is itself."""
    logp: Floats
    """(N,): natural log-probability of the last token after the others; 0 at the root."""
    backoff: Floats
    """(N,): natural log of the weight of what is shorter, where a token does not follow; 0 at the root."""


@njit(nogil=True)
def step(ngram: Ngram, state: int, token: int) -> tuple[int, float]:
    """The state after a token, and the token's natural log-probability; one outside of the vocabulary is <unk>."""
    if token < 0 or 1 + token >= ngram.first[1]:
        token = UNKNOWN
    logp = np.float32(0)
    while state != ROOT:
        low, high = ngram.first[state], ngram.first[state + 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if ngram.token[middle] < token:
                low = middle + 1
            else:
                high = middle
        if low < end and ngram.token[low] == token:
            return settled(ngram, low), logp + ngram.logp[low]
        logp += ngram.backoff[state]
        state = ngram.suffix[state]
    return settled(ngram, 1 + token), logp + ngram.logp[1 + token]


@njit(nogil=True)
def settled(ngram: Ngram, state: int) -> int:
    """The shortest context that says the same of all that may follow as `state` does."""
    while state != ROOT and ngram.first[state] == ngram.first[state + 1] and ngram.backoff[state] == 0:
        state = ngram.suffix[state]
    return state
