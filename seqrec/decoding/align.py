"""Where a text lies in a signal: forced alignment, and the borders of its characters and words.

The path is that of greatest probability through the CTC topology (Graves et al. 2006, section 4.1) of the given
labels, as in L. Kürzinger et al., "CTC-segmentation of large corpora for German end-to-end speech recognition",
SPECOM 2020. It says in which frames the network was sure of a label, and these are often a single one at its begin,
or for the first and last label of a line anywhere. Words are therefore parted where the signal rests longest
between the frames of their outer labels, and characters half-way between their frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from seqrec import compiling
from seqrec.alphabet import BLANK, Alphabet, least_frames
from seqrec.compiling import compiled
from seqrec.decoding import Hypothesis, Span
from seqrec.errors import DataError
from seqrec.features import Layout

Place = tuple[float, float]  # start and end

_BLOCK = 2048  # frames whose steps are in memory at a time: a byte for each of at most 2 * 2048 states
_FLOOR = -1e9  # log-probability of what the network excludes: a text is unlikely, never impossible
_REST, _FULL = 0.15, 0.5  # activity: less is rest, more is certainly none


@dataclass(frozen=True, slots=True)
class Alignment:
    """The best path of L labels through T frames.

    Label l has the frames `begin[l]` to `end[l]`, (L,) both; blanks have the others. `loss` (T,) float64 is how
    much less log-probability the path has in a frame than the likeliest label there.
    """

    begin: np.ndarray
    end: np.ndarray
    loss: np.ndarray


def align(log_probs: np.ndarray, labels: Sequence[int], where: str = "text") -> Alignment:
    """The best path of the labels through log_probs (T, C), none of which is NaN.

    Memory is that of T / 2048 numbers for every state, and 8 MB. Raises DataError when there are fewer frames than
    the labels need.
    """
    least = least_frames(list(labels)) if len(labels) else 0
    if len(log_probs) < least:
        came = f"{len(labels)} characters in a signal of {len(log_probs)} frames"
        raise DataError(where, came, f"at least {least} frames", "is it the text of another signal?")
    states = np.full(2 * len(labels) + 1, BLANK, np.int64)
    states[1::2] = labels
    log_probs = np.require(log_probs, np.float32, ["C", "W"])  # other kinds of arrays would be compiled for anew
    path = _path(log_probs, states)
    frames = np.arange(len(log_probs))
    loss = log_probs.max(axis=1) - np.maximum(log_probs[frames, states[path]].astype(np.float64), _FLOOR)
    odd = 2 * np.arange(len(labels)) + 1
    return Alignment(np.searchsorted(path, odd, "left"), np.searchsorted(path, odd, "right"), loss)


def _path(log_probs: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The state of each frame, (T,) int64, ascending.

    Forwards only the scores before every block are kept. Backwards each block is computed again, as far as
    the path through it can come from: two states a frame.
    """
    count, last = len(log_probs), len(states) - 1
    skips = np.full(len(states), -np.inf)  # what it costs to come from two states before: nothing or all
    skips[3::2][states[3::2] != states[1:-2:2]] = 0.0
    score = np.full(len(states), -np.inf)
    score[0] = 0.0
    kept, none = [], np.empty((0, 0), np.uint8)
    for begin in range(0, count, _BLOCK):
        kept.append(score)
        score = _advanced(log_probs, states, skips, begin, min(begin + _BLOCK, count), score, 0, none)
    path = np.empty(count, np.int64)
    state = last - 1 if last and score[last - 1] > score[last] else last
    for begin, score in zip(reversed(range(0, count, _BLOCK)), reversed(kept), strict=True):
        end = min(begin + _BLOCK, count)
        low = max(0, state - 2 * (end - begin))
        steps = np.empty((end - begin, state + 1 - low), np.uint8)
        _advanced(log_probs, states, skips, begin, end, score[low : state + 1], low, steps)
        for t in range(end - 1, begin - 1, -1):
            path[t] = state
            state -= int(steps[t - begin, state - low])
    return path


@compiled
def _advanced(
    log_probs: np.ndarray, states: np.ndarray, skips: np.ndarray, begin: int, end: int,
    score: np.ndarray, low: int, steps: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """From the scores of the states from `low` on before frame `begin` to those before `end`; and the steps taken.

    States that cannot be reached yet, or from which the end cannot be reached any more, are left out.
    """
    count = len(score)
    old, new = np.full(count + 2, -np.inf), np.full(count + 2, -np.inf)  # two more at the begin
    old[2:] = score
    row = np.empty(log_probs.shape[1])
    for t in range(begin, end):
        for c in range(len(row)):
            row[c] = max(np.float64(log_probs[t, c]), _FLOOR)
        first = max(0, len(states) - 2 * (len(log_probs) - t) - low)
        past = min(count, 2 * t + 2 - low)
        if len(steps):
            for i in range(first, past):
                stay, step, skip = old[i + 2], old[i + 1], old[i] + skips[i + low]
                steps[t - begin, i] = (2 if skip > stay else 0) if skip > step else (1 if step > stay else 0)
        for i in range(first, past):
            best = max(max(old[i + 2], old[i + 1]), old[i] + skips[i + low])
            new[i + 2] = best + row[states[i + low]]
        old, new = new, old
    return old[2:]


def is_ready() -> bool:
    """Whether alignment can begin at once: it is compiled at its first use on a machine, which takes some seconds."""
    return compiling.is_ready(_advanced)


def spans(
    log_probs: np.ndarray, labels: Sequence[int], alphabet: Alphabet, layout: Layout, factor: int, where: str = "text"
) -> tuple[list[Place], list[Place]]:
    """Where each word, as `Alphabet.words` gives them, and each label begins and ends, in the unit of `layout`.

    Both never go back, and words do not overlap. `layout` is of the signal's frames, of which `factor` give one of
    log_probs (T, C). Raises DataError for more labels than fit into the frames.
    """
    return _spans(align(log_probs, labels, where), labels, alphabet, layout, factor)


def hypothesis(
    id: str, log_probs: np.ndarray, text: str, alphabet: Alphabet, layout: Layout, factor: int
) -> Hypothesis:
    """A known text at its place in the signal.

    Confidence compares the text with what the model would read instead: the likelihood ratio, its root taken for
    the number of labels, is 1 where both are the same and falls with every character that does not fit. Raises
    DataError for characters outside of the alphabet, and where there are more than fit into the frames.
    """
    labels = alphabet.encode(text, id)
    found = align(log_probs, labels, id)
    words, chars = _spans(found, labels, alphabet, layout, factor)
    middle = (found.end[:-1] + found.begin[1:] + 1) // 2
    losses = np.add.reduceat(found.loss, np.append(0, middle)) if len(labels) else np.empty(0)

    def span(first: int, last: int, place: Place) -> Span:
        return Span(alphabet.decode(labels[first:last]), float(np.exp(-losses[first:last].mean())), *place)

    return Hypothesis(
        id,
        alphabet.decode(labels),
        float(np.exp(-found.loss.sum() / max(1, len(labels)))),
        tuple(span(*word, place) for word, place in zip(alphabet.words(labels), words, strict=True)),
        tuple(span(i, i + 1, place) for i, place in enumerate(chars)),
        unit=layout.unit,
    )


def _spans(
    found: Alignment, labels: Sequence[int], alphabet: Alphabet, layout: Layout, factor: int
) -> tuple[list[Place], list[Place]]:
    words = alphabet.words(labels)
    borders = _borders(found, words, layout.activity, factor)
    places = np.interp(borders, np.arange(len(layout.edges)), layout.edges).tolist()
    chars = list(pairwise(places))
    return [(chars[first][0], chars[last - 1][1]) for first, last in words], chars


def _borders(found: Alignment, words: Sequence[tuple[int, int]], activity: np.ndarray, factor: int) -> np.ndarray:
    """The borders (L + 1,) of L labels, ascending, in frames of the signal: each label lies between two of them."""
    count = len(activity)
    begin, end = np.minimum(found.begin * factor, count), np.minimum(found.end * factor, count)
    gaps = _gaps(begin, end, words, _REST - activity, factor)
    borders = np.empty(len(begin) + 1)
    borders[1:-1] = (end[:-1] + begin[1:]) / 2
    after = 0
    for (first, last), (gap, following) in zip(words, pairwise(gaps), strict=True):
        borders[after : first + 1] = np.linspace(*gap, first + 1 - after)  # white space shares the gap
        borders[first] = gap[1]
        borders[first + 1 : last] = borders[first + 1 : last].clip(gap[1], following[0])
        after = last
    borders[after:] = np.linspace(*gaps[-1], len(borders) - after)
    return borders


def _gaps(
    begin: np.ndarray, end: np.ndarray, words: Sequence[tuple[int, int]], rest: np.ndarray, factor: int
) -> list[tuple[float, float]]:
    """What lies before, between and after the words, in frames.

    `rest` is above 0 in frames that rest. The first label's own frames are searched too, for the network may
    know it a little before it begins.
    """
    if not words:
        return [(0.0, float(len(rest)))]
    start = _silent(rest, int(begin[words[0][0]]))
    stop = len(rest) - _silent(rest[::-1], len(rest) - int(end[words[-1][1] - 1]))
    gaps = [(0.0, float(start))]
    for (_, last), (first, _) in pairwise(words):
        low = int(max(end[last - 1], gaps[-1][1]))
        high = max(min(int(begin[first]) + factor, stop), low)
        left, right = _longest(rest[low:high])
        gaps.append((low + left, low + right))
    gaps.append((max(float(stop), gaps[-1][1]), float(len(rest))))
    return gaps


def _silent(rest: np.ndarray, known: int) -> int:
    """How many frames rest at the begin, before the first one in full activity; none where no frame is.

    What is active from the frame on in which the first label is `known` is no click: it is a full stop, say.
    """
    full = int((rest < _REST - _FULL).argmax())
    active = np.flatnonzero(rest[known:full] < 0)
    sums = np.append(0.0, np.cumsum(rest[: known + int(active[0]) if len(active) else full]))
    return int(sums.argmax())


def _longest(rest: np.ndarray) -> tuple[float, float]:
    """The stretch of the largest sum; where nothing rests, no more than a point at the most restful frame."""
    if not len(rest) or rest.max() <= 0:
        most = np.flatnonzero(rest == rest.max(initial=-np.inf))
        middle = float(most[len(most) // 2]) if len(most) else 0.0
        return middle, middle
    sums = np.append(0.0, np.cumsum(rest))
    right = int((sums[1:] - np.minimum.accumulate(sums)[:-1]).argmax()) + 1
    return float(sums[:right].argmin()), float(right)
