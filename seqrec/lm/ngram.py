"""A back-off n-gram model as a trie of arrays, and the step from one state to the next."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from seqrec.compiling import compiled, uncounted

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


@uncounted
def find(keys: Ints, first: int, end: int, key: int) -> int:
    """Where a key lies among keys[first:end], which ascend; -1 where it does not."""
    low, high = first, end
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < end and keys[low] == key else -1


@uncounted
def child(ngram: Ngram, node: int, token: int) -> int:
    """The node of a known context and a token after it, -1 where there is none. Tokens are of the vocabulary."""
    if node == ROOT:
        return 1 + token
    found: int = find(ngram.token, ngram.first[node], ngram.first[node + 1], token)
    return found


@uncounted
def settled(ngram: Ngram, state: int) -> int:
    """The shortest context that says the same of all that may follow as `state` does."""
    while state != ROOT and ngram.first[state] == ngram.first[state + 1] and ngram.backoff[state] == 0:
        state = ngram.suffix[state]
    return state


@uncounted
def step(ngram: Ngram, state: int, token: int) -> tuple[int, float]:
    """The state after a token, and the token's natural log-probability; one outside of the vocabulary is <unk>."""
    if token < 0 or 1 + token >= ngram.first[1]:
        token = UNKNOWN
    logp = np.float32(0)
    node = child(ngram, state, token)
    while node < 0:
        logp += ngram.backoff[state]
        state = ngram.suffix[state]
        node = child(ngram, state, token)
    return settled(ngram, node), logp + ngram.logp[node]


@compiled
def step_all(ngram: Ngram, start: int, tokens: Ints, logps: Floats) -> None:
    """Fill `logps` (L,) with the log-probability of each of `tokens` (L,), texts that each end with </s>.

    Each text begins in the state `start`.
    """
    state = start
    for i in range(len(tokens)):
        state, logps[i] = step(ngram, state, tokens[i])
        if tokens[i] == END:
            state = start


def link(ngram: Ngram) -> None:
    """Fill `suffix` from `first` and `token`, order by order.

    Not compiled: nothing has to be when a model is loaded, and what compiled loops need takes the memory that the
    frames of a long sound had before they are read.
    """
    starts, n_tokens = levels(ngram), int(ngram.first[ROOT + 1]) - 1
    parent = np.repeat(np.arange(len(ngram.token), dtype=np.int32), np.diff(ngram.first))  # of nodes from 1 on
    key = parent * np.int64(n_tokens) + ngram.token[1:]  # ascending, as nodes are
    ngram.suffix[: starts[min(2, len(starts) - 1)]] = ROOT
    for start, end in pairwise(starts[2:]):
        node, shorter = np.arange(start, end), ngram.suffix[parent[start - 1 : end - 1]]
        while len(node):
            wanted = shorter * np.int64(n_tokens) + ngram.token[node]
            place = np.searchsorted(key, wanted)
            found = key[place] == wanted
            ngram.suffix[node[found]] = place[found] + 1
            node, shorter = node[~found], ngram.suffix[shorter[~found]]


def levels(ngram: Ngram) -> list[int]:
    """Where the n-grams of each order begin: that of the root, 0, that of 1-grams, 1, ..., and at last N."""
    starts = [0, 1]
    while starts[-1] < len(ngram.token):
        starts.append(int(ngram.first[starts[-1]]))
    return starts
