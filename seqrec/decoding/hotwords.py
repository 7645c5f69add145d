"""Words and phrases that are expected, found in a text label by label (Aho and Corasick 1975).

A hot word of weight W adds W to the score of a text, in nats, wherever it stands between two borders: the ends of the
text, and white space. In an alphabet without white space it may stand anywhere. What has been read of one
is credited at once, in equal parts for each label, and taken back when it goes on otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seqrec.compiling import uncounted
from seqrec.decoding.lexicon import OUTSIDE, Trie, child, trie_of

Array = np.ndarray[Any, Any]
Labels = tuple[int, ...]

_ROOT = 0


class Hotwords(NamedTuple):
    """A state is a node: the longest end of the text that is the beginning of a hot word, with its border."""

    trie: Trie  # N nodes
    suffix: Array  # (N,) int32: the longest proper end of each that is a node
    credit: Array  # (N,) float64: for what has been read of a hot word that may be under way
    gain: Array  # (N,) float64: weights of those that end here
    most: Array  # (N,) float64: the most that credit and gain may be after another label
    border: int  # the label that stands for all white space; 0 if there are no borders
    start: int  # the state before the first label


@uncounted
def follow(hotwords: Hotwords, state: int, label: int) -> int:
    """The state one label on; white space is `border`."""
    after: int = child(hotwords.trie, state, label)
    while after == OUTSIDE and state != _ROOT:
        state = int(hotwords.suffix[state])
        after = child(hotwords.trie, state, label)
    return max(after, _ROOT)


def automaton(weights: Mapping[Labels, float], border: int) -> Hotwords:
    """The automaton of labels, no white space at their ends, and weights. All white space in them is `border`."""
    edge = (border,) if border else ()
    patterns = [edge + labels + edge for labels in weights]
    trie = trie_of(patterns)
    nodes, edges = len(trie.label), len(edge)
    suffix = np.zeros(nodes, np.int32)
    credit, gain = np.zeros(nodes), np.zeros(nodes)
    for pattern, weight in zip(patterns, weights.values(), strict=True):
        node = _ROOT
        for read, label in enumerate(pattern, 1):
            node = child(trie, node, label)
            if read < len(pattern):
                part = weight * (read - edges) / (len(pattern) - 2 * edges)
                credit[node] = max(credit[node], part)
        gain[node] += weight
    found = Hotwords(trie, suffix, credit, gain, np.zeros(nodes), border, _ROOT)
    _link(found)
    return found._replace(start=int(trie.first[_ROOT]) if border and patterns else _ROOT)  # all begin with the border


def _link(found: Hotwords) -> None:
    """Fill in suffixes, and what a node has from its own. Breadth first: they are shorter."""
    trie, suffix, credit, gain, most = found[:5]
    for parent in range(len(trie.label)):
        for node in range(trie.first[parent], trie.first[parent + 1]):
            suffix[node] = follow(found, suffix[parent], trie.label[node]) if parent != _ROOT else _ROOT
            credit[node] = max(credit[node], credit[suffix[node]])
            gain[node] += gain[suffix[node]]
    for node in range(len(trie.label)):
        below = slice(trie.first[node], trie.first[node + 1])
        most[node] = max([most[suffix[node]], *(credit[below] + gain[below])])


NONE = automaton({}, 0)
