"""CTC prefix beam search (Graves 2012, section 7.5; Hannun et al. 2014) as compiled loops.

A prefix is a sequence of labels, a node of a tree. After each frame those in the beam have two log-probabilities,
sums over all alignments of the frames so far: of the alignments that end with a blank, and of those that
end with the prefix's last label. What language model, lexicon and hot words say of a prefix is a function of its
labels, kept with its node; `fusion.extend` takes it one label on. Everything is in natural logs and float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqrec.alphabet import BLANK
from seqrec.compiling import compiled, uncounted
from seqrec.decoding.fusion import STATE, Fusion, Weights, begin, close, extend

Array = np.ndarray[Any, Any]

ROOT, NONE = 0, -1
NODES, ALIVE, KEPT, STAMP = 0, 1, 2, 3  # places in Memory.counts
_SMALL, _NEGLIGIBLE = 20.0, 40.0  # nats: log1p(exp(-x)) is exp(-x) then, and nothing, within the precision of float64

NODE = np.dtype(
    [
        ("parent", np.int32),
        ("label", np.int32),  # the last one of the prefix; BLANK at the root
        ("child", np.int32),  # the first of its children, the others follow as siblings
        ("sibling", np.int32),
        ("slot", np.int32),  # its place in the beam; NONE outside
    ]
)
PREFIX = np.dtype(
    [
        ("node", np.int32),  # NONE for a candidate that may not be in the tree yet
        ("parent", np.int32),
        ("label", np.int32),
        ("child", np.int32),  # slots: the first of its children in the beam, the others follow as siblings
        ("sibling", np.int32),
        ("blank", np.float64),  # log-probability of the alignments that end with a blank,
        ("label_end", np.float64),  # with the last label,
        ("total", np.float64),  # and of both
        ("score", np.float64),  # total, and what the fusion says
    ],
    align=True,
)


class Limits(NamedTuple):
    """What is left out, of labels and of prefixes; see settings.Search."""

    beam: int
    token: float
    score: float


class Memory(NamedTuple):
    """A search under way, changed in place: the tree, its N nodes so far, the beam, and room to work in."""

    nodes: Array
    states: Array  # of `fusion`, one for each node
    prefixes: Array  # (beam,), the best first
    candidates: Array  # (beam,)
    grown: Array  # (beam + 1,) states of candidates that are new, and of the one that is looked at
    order: Array  # (beam,) int32: a heap of candidates, the worst first
    labels: Array  # (C,) int32: those of a frame that may follow, the likeliest first
    marks: Array  # (C,) int64: the stamp of the last prefix that has its child with this label in the beam
    counts: Array  # (4,) int64: nodes, prefixes in the beam, candidates, stamps so far


def memory(beam: int, classes: int, nodes: int) -> Memory:
    """Room for a search with a tree of so many nodes, which `advance` fills."""
    return Memory(
        np.empty(nodes, NODE),
        np.empty(nodes, STATE),
        np.empty(beam, PREFIX),
        np.empty(beam, PREFIX),
        np.empty(beam + 1, STATE),
        np.empty(beam, np.int32),
        np.empty(classes, np.int32),
        np.zeros(classes, np.int64),
        np.zeros(4, np.int64),
    )


def larger(old: Memory) -> Memory:
    """The same search with room for twice as many nodes."""
    return old._replace(
        nodes=np.concatenate([old.nodes, np.empty_like(old.nodes)]),
        states=np.concatenate([old.states, np.empty_like(old.states)]),
    )


@uncounted
def advance(log_probs: Array, fusion: Fusion, weights: Weights, limits: Limits, memory: Memory) -> int:
    """Read frames of log_probs (T, C) float32; gives how many, fewer than T when the tree needs a larger memory."""
    if memory.counts[NODES] == 0:
        _plant(fusion, weights, memory)
    for t in range(len(log_probs)):
        if memory.counts[NODES] + limits.beam > len(memory.nodes):
            _compact(memory)
            if 2 * memory.counts[NODES] + limits.beam > len(memory.nodes):
                return t
        _read(log_probs[t], fusion, weights, limits, memory)
    return len(log_probs)


@uncounted
def _plant(fusion: Fusion, weights: Weights, memory: Memory) -> None:
    """The empty prefix, the root of the tree."""
    root, first = memory.nodes[0], memory.prefixes[0]
    root.parent, root.label, root.child, root.sibling, root.slot = NONE, BLANK, NONE, NONE, 0
    begin(fusion, weights, memory.states[0])
    first.node, first.parent, first.label = ROOT, NONE, BLANK
    first.blank, first.label_end, first.total, first.score = 0.0, -np.inf, 0.0, 0.0
    memory.counts[NODES], memory.counts[ALIVE] = 1, 1


@uncounted
def _read(frame: Array, fusion: Fusion, weights: Weights, limits: Limits, memory: Memory) -> None:
    """One frame. One that no prefix can take, all of whose labels are impossible, is passed over."""
    counts = memory.counts
    counts[KEPT] = 0
    best = _stay(frame, limits, memory)
    best = _grow(frame, fusion, weights, limits, memory, best)
    if best == -np.inf:
        return
    if counts[KEPT] < limits.beam:
        _heap(memory)
    _sort(memory)
    _settle(memory, best - limits.score)


@uncounted
def _stay(frame: Array, limits: Limits, memory: Memory) -> float:
    """The prefixes of the beam one frame on, as candidates; gives the best score.

    Paths that stay in a prefix take a blank or its last label; others come from its parent, however unlikely the label.
    """
    prefixes, candidates, nodes = memory.prefixes, memory.candidates, memory.nodes
    best = -np.inf
    for i in range(memory.counts[ALIVE]):
        prefixes[i].child = NONE
    for i in range(memory.counts[ALIVE]):
        old, new = prefixes[i], candidates[i]
        blank, label_end = old.total + frame[BLANK], old.label_end + frame[old.label]
        slot = nodes[old.parent].slot if old.parent != NONE else NONE
        if slot != NONE:
            parent = prefixes[slot]
            before = parent.blank if parent.label == old.label else parent.total
            label_end = _log_add(label_end, before + frame[old.label])
            old.sibling, parent.child = parent.child, i
        new.node, new.parent, new.label = old.node, old.parent, old.label
        new.blank, new.label_end, new.total = blank, label_end, _log_add(blank, label_end)
        new.score = new.total + memory.states[old.node].score
        best = max(best, new.score)
        _keep(limits, memory, i)
    return best


@uncounted
def _grow(frame: Array, fusion: Fusion, weights: Weights, limits: Limits, memory: Memory, best: float) -> float:
    """Prefixes that are longer by a label, where they are better than the worst candidate; gives the best score.

    No prefix gets more from the fusion for a label than the `room` in its state, and the likeliest labels
    come first: most pairs of prefix and label are never looked at.
    """
    prefixes, states, labels, marks = memory.prefixes, memory.states, memory.labels, memory.marks
    floor, cut = _highest(frame) - limits.token, _cut(limits, memory, best)
    count = _likely(frame, fusion.is_space, memory, floor, cut)
    for i in range(memory.counts[ALIVE]):
        old, state = prefixes[i], states[prefixes[i].node]
        room, room_at_end = state.room, state.room_at_end
        stamp = _mark(memory, old.child)
        for label in fusion.spaces:
            likely = frame[label] >= floor and old.total + frame[label] + state.score + room_at_end > cut
            if likely and marks[label] != stamp:
                best = max(best, _lengthen(frame[label], fusion, weights, limits, memory, i, label, cut))
                cut = _cut(limits, memory, best)
        for k in range(count):
            label = labels[k]
            total = old.total + frame[label]
            if total + state.score + room <= cut:
                break
            if label == old.label:
                total = old.blank + frame[label]
            if marks[label] != stamp and total + state.score + room > cut:
                best = max(best, _lengthen(frame[label], fusion, weights, limits, memory, i, label, cut))
                cut = _cut(limits, memory, best)
    return best


@uncounted
def _highest(frame: Array) -> float:
    highest = -np.inf
    for log_prob in frame:
        highest = max(highest, log_prob)
    return highest


@uncounted
def _cut(limits: Limits, memory: Memory, best: float) -> float:
    """What a candidate's score must be above."""
    cut = best - limits.score
    return max(cut, memory.candidates[memory.order[0]].score) if memory.counts[KEPT] == limits.beam else cut


@uncounted
def _lengthen(
    log_prob: float, fusion: Fusion, weights: Weights, limits: Limits, memory: Memory, i: int, label: int, cut: float
) -> float:
    """Prefix i with a label more is a candidate if its score is above `cut`; gives the score, -inf if it is not."""
    old, longer = memory.prefixes[i], memory.grown[limits.beam]
    if not extend(fusion, weights, memory.states[old.node], label, longer):
        return -np.inf
    total: float = (old.blank if label == old.label else old.total) + log_prob
    score: float = total + longer.score
    if score <= cut:
        return -np.inf
    full = memory.counts[KEPT] == limits.beam
    place = memory.order[0] if full else memory.counts[KEPT]
    new = memory.candidates[place]
    new.node, new.parent, new.label = NONE, old.node, label
    new.blank, new.label_end, new.total, new.score = -np.inf, total, total, score
    memory.grown[place] = longer
    if full:
        _sink(memory.order, memory.candidates, 0, limits.beam)
    else:
        _keep(limits, memory, place)
    return score


@uncounted
def _keep(limits: Limits, memory: Memory, place: int) -> None:
    """One candidate more; they are a heap as soon as there are as many as the beam takes."""
    memory.order[place] = place
    memory.counts[KEPT] = place + 1
    if place + 1 == limits.beam:
        _heap(memory)


@uncounted
def _likely(frame: Array, is_space: Array, memory: Memory, floor: float, cut: float) -> int:
    """Put labels, not spaces, that may lead to candidates into memory.labels, the likeliest first; gives the count."""
    top = -np.inf
    for i in range(memory.counts[ALIVE]):
        old = memory.prefixes[i]
        state = memory.states[old.node]
        top = max(top, old.total + state.score + state.room)
    labels, count = memory.labels, 0
    for label in range(1, len(frame)):
        if frame[label] >= floor and top + frame[label] > cut and not is_space[label]:
            labels[count] = label
            count += 1
    gap = count // 2
    while gap > 0:  # Shell's sort
        for i in range(gap, count):
            label, at = labels[i], i
            while at >= gap and frame[labels[at - gap]] < frame[label]:
                labels[at] = labels[at - gap]
                at -= gap
            labels[at] = label
        gap = 1 if gap == 2 else int(gap / 2.2)
    return count


@uncounted
def _mark(memory: Memory, child: int) -> int:
    """Mark the labels of children in the beam; gives the stamp that they are marked with."""
    stamp = int(memory.counts[STAMP]) + 1
    memory.counts[STAMP] = stamp
    while child != NONE:
        memory.marks[memory.prefixes[child].label] = stamp
        child = memory.prefixes[child].sibling
    return stamp


@uncounted
def _settle(memory: Memory, cut: float) -> None:
    """The candidates, in their order, become the beam; those below `cut` are left out."""
    nodes, prefixes = memory.nodes, memory.prefixes
    for i in range(memory.counts[ALIVE]):
        nodes[prefixes[i].node].slot = NONE
    alive = 0
    for i in range(memory.counts[KEPT]):
        place = memory.order[i]
        new = memory.candidates[place]
        if new.score == -np.inf or new.score < cut:
            break
        if new.node == NONE:
            new.node = _child(memory, new.parent, new.label)
            memory.states[new.node] = memory.grown[place]
        prefixes[i] = new
        nodes[new.node].slot = i
        alive += 1
    memory.counts[ALIVE] = alive


@uncounted
def _child(memory: Memory, parent: int, label: int) -> int:
    """The node of a prefix and one label more: prefixes come back to the beam after they had left it."""
    nodes = memory.nodes
    child = int(nodes[parent].child)
    while child != NONE:
        if nodes[child].label == label:
            return child
        child = int(nodes[child].sibling)
    child = int(memory.counts[NODES])
    new = nodes[child]
    new.parent, new.label, new.child, new.sibling, new.slot = parent, label, NONE, nodes[parent].child, NONE
    nodes[parent].child = child
    memory.counts[NODES] += 1
    return child


@uncounted
def _compact(memory: Memory) -> None:
    """Drop the nodes that no prefix of the beam comes from; parents stay before their children."""
    nodes, prefixes = memory.nodes, memory.prefixes
    for i in range(memory.counts[NODES]):
        nodes[i].sibling = NONE
    for i in range(memory.counts[ALIVE]):
        node = prefixes[i].node
        while node != NONE and nodes[node].sibling == NONE:
            nodes[node].sibling = 0
            node = nodes[node].parent
    count = 0
    for i in range(memory.counts[NODES]):
        if nodes[i].sibling == NONE:
            continue
        nodes[i].sibling = count  # where it moves to
        parent = nodes[i].parent
        if parent != NONE:
            parent = nodes[parent].child  # where the parent has moved to, see below
        label, slot = nodes[i].label, nodes[i].slot
        nodes[i].child = count
        nodes[count].parent, nodes[count].label, nodes[count].slot = parent, label, slot
        memory.states[count] = memory.states[i]
        if slot != NONE:
            prefixes[slot].node, prefixes[slot].parent = count, parent
        count += 1
    memory.counts[NODES] = count
    for i in range(count):
        nodes[i].child = NONE
    for i in range(1, count):
        parent = nodes[i].parent
        nodes[i].sibling, nodes[parent].child = nodes[parent].child, i


@uncounted
def ends(fusion: Fusion, weights: Weights, memory: Memory, nodes: Array, scores: Array) -> int:
    """The texts (alive,) that the prefixes of the beam are when nothing follows, and their scores; gives their count.

    With a closed lexicon, a prefix that ends within a word is no text. Where all do, their whole words are taken.
    """
    count, whole, scratch = int(memory.counts[ALIVE]), 0, memory.grown[len(memory.grown) - 1]
    for i in range(count):
        last = memory.prefixes[i]
        nodes[i], scores[i] = last.node, last.total + close(fusion, weights, memory.states[last.node], scratch)
        whole += scores[i] > -np.inf
    if whole:
        return count
    for i in range(count):
        node = nodes[i]
        while node != ROOT and memory.states[node].inside:
            node = memory.nodes[node].parent
        score = close(fusion, weights, memory.states[node], scratch)
        nodes[i], scores[i] = node, memory.prefixes[i].total + score
    return count


@compiled
def trace(nodes: Array, is_space: Array, last: Array) -> tuple[Array, Array]:
    """The labels of prefixes (K,), one after the other, without white space at their ends, and where each ends (K,)."""
    ends, starts = np.zeros(len(last), np.int64), last.copy()
    whole = 0
    for k in range(len(last)):
        while starts[k] != ROOT and is_space[nodes[starts[k]].label]:
            starts[k] = nodes[starts[k]].parent
        length, node = 0, starts[k]
        while node != ROOT:
            length += 1
            if not is_space[nodes[node].label]:
                ends[k] = whole + length
            node = nodes[node].parent
        whole = ends[k] = max(whole, ends[k])
    labels = np.empty(whole, np.int32)
    for k in range(len(last)):
        node = starts[k]
        for place in range(ends[k] - 1, ends[k - 1] - 1 if k else -1, -1):
            labels[place], node = nodes[node].label, nodes[node].parent
    return labels, ends


@uncounted
def _log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    if b == -np.inf or a - b > _NEGLIGIBLE:
        return a
    small = float(np.exp(b - a))
    return a + (small if a - b > _SMALL else float(np.log1p(small)))


@uncounted
def _sink(order: Array, candidates: Array, at: int, size: int) -> None:
    """Put a candidate of the heap into its place below, the worst being on top."""
    place = order[at]
    score = candidates[place].score
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and candidates[order[below + 1]].score < candidates[order[below]].score:
            below += 1
        if score <= candidates[order[below]].score:
            break
        order[at] = order[below]
        at = below
    order[at] = place


@uncounted
def _heap(memory: Memory) -> None:
    """Candidates -> a heap, the worst on top."""
    size = memory.counts[KEPT]
    for at in range(size // 2 - 1, -1, -1):
        _sink(memory.order, memory.candidates, at, size)


@uncounted
def _sort(memory: Memory) -> None:
    """A heap, the worst on top -> the best first."""
    order = memory.order
    for last in range(memory.counts[KEPT] - 1, 0, -1):
        order[0], order[last] = order[last], order[0]
        _sink(order, memory.candidates, 0, last)
