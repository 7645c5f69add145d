"""How sure a text is: raw probabilities of an n-best list, and their calibration on samples whose text is known.

A decoder's own probabilities rank its words well but are too sure of themselves. Calibration sends each through
a curve with two numbers (Platt 1999), of which the temperature of Guo et al. (2017) is the slope, so that of
the words with confidence 0.9 nine in ten are right. It never changes the order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from seqrec.alphabet import Alphabet, graphemes
from seqrec.decoding import Hypothesis, Reading, greedy
from seqrec.options import Options

Array = np.ndarray[Any, Any]

BINS = 15  # of the expected calibration error
FOLDS = 5  # of the cross-validation that measures it

TEMPERATURE = 1.5  # of the scores of an n-best list, which are too far apart
SUPPORT = 0.1  # weight of what the frames say beside the n-best list, in logarithms
_MOST = 1 << 27  # frames times labels whose alignment is not too slow
_EDGE = 1e-6  # raw probabilities of 0 and 1 are taken as this far from them; float32 gives no more
_PRIOR = 1.0  # standard deviation of offset and of the slope's logarithm before anything is known
_SLOPES = (0.05, 5.0)


def posteriors(
    nbest: Sequence[Sequence[int]],
    scores: Sequence[float] | Array,
    alphabet: Alphabet,
    log_probs: Array | None = None,
) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """Raw probabilities of the first text of an n-best list: of the line, its words (W,) and its labels (L,).

    `nbest` are labels, `scores` their natural logarithms, up to a constant. The probability of a word or a label
    is that of the texts that have it at the same place (Levenshtein alignment with the first); a part of
    a longer word does not count.

    In a long line the texts differ in a few places and agree in all others, sure or not. What the frames say,
    log_probs (T, C), if given, therefore counts too, the more the larger the share of the texts that agree.
    """
    from seqrec.decoding import matching  # compiled, as align is: greedy decoding does without

    first = nbest[0]
    ends = np.fromiter(map(len, nbest), np.int64, len(nbest)).cumsum()
    labels = np.fromiter(chain.from_iterable(nbest), np.int32, int(ends[-1]))
    places = np.array(alphabet.words(first), np.int64).reshape(-1, 2)
    spaces = np.array(sorted(alphabet.spaces), np.int32)
    flat = np.asarray(scores, np.float64) / TEMPERATURE
    weights = np.column_stack([softmax(flat), np.full(len(nbest), 1 / len(nbest))])
    line, words, chars = (np.zeros((n, 2)) for n in (1, len(places), len(first)))
    matching.shares(labels, ends, weights, places, spaces, line, words, chars)
    if log_probs is not None and len(log_probs) * len(first) <= _MOST:
        line_support, *support = _support(first, log_probs, alphabet)
        for shares, logs in zip((words, chars), support, strict=True):
            logs *= shares[:, 1] * SUPPORT
            shares[:, 0] *= np.exp(logs)
        line[0, 0] *= np.exp(support[0].sum() if len(places) else line_support * line[0, 1] * SUPPORT)
    found_line, found_words, found_chars = (some[:, 0].clip(0, 1).tolist() for some in (line, words, chars))
    return found_line[0], tuple(found_words), tuple(found_chars)


def _support(labels: Sequence[int], log_probs: Array, alphabet: Alphabet) -> tuple[float, Array, Array]:
    """What the frames alone say of a text: see greedy.support."""
    from seqrec.decoding.align import align

    log_probs = np.require(log_probs, np.float32, ["C", "A", "W"])  # what align is compiled for
    found = align(log_probs, labels)
    places = zip(found.begin.tolist(), found.end.tolist(), labels, strict=True)
    peaks = [begin + int(log_probs[begin:end, label].argmax()) for begin, end, label in places]
    return greedy.support(log_probs, np.array(peaks, np.intp), labels, alphabet)


def softmax(scores: Sequence[float] | Array) -> Array:
    """Natural logarithms (K,), up to a constant -> probabilities (K,), whose sum is 1; equal where all are -inf."""
    logs = np.asarray(scores, np.float64)
    top = logs.max()
    weights = np.exp(logs - top) if np.isfinite(top) else np.ones(len(logs))
    probabilities: Array = weights / weights.sum()
    return probabilities


class Curve(Options):
    """raw -> 1 / (1 + exp(-(slope * logit(raw) + offset))), which grows strictly and stays within (0, 1).

    `n` is how many it was fitted on; `error` the expected calibration error of such curves on groups that they
    were not fitted on, none where there were fewer than two.
    """

    slope: Annotated[float, Field(ge=_SLOPES[0], le=_SLOPES[1])] = 1.0
    offset: Annotated[float, Field(ge=-20, le=20)] = 0.0
    n: Annotated[int, Field(ge=0)] = 0
    error: Annotated[float, Field(ge=0, le=1)] | None = None

    def apply(self, raw: Sequence[float] | Array) -> Array:
        """Confidences (N,) of raw probabilities (N,)."""
        confidences: Array = 1 / (1 + np.exp(-(self.slope * _logit(raw) + self.offset)))
        return confidences


class Calibration(Options):
    """The curves of a decoder's line, word and character probabilities."""

    line: Curve = Curve()
    word: Curve = Curve()
    char: Curve = Curve()

    def apply(self, reading: Reading) -> Reading:
        """The reading with confidences in the place of raw probabilities; those of its alternatives stay."""
        return replace(
            reading,
            line=float(self.line.apply([reading.line])[0]),
            words=tuple(self.word.apply(reading.words).tolist()),
            chars=tuple(self.char.apply(reading.chars).tolist()),
        )


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far the confidences of `n` words, lines or characters are from the truth: `error`, in [0, 1].

    `confidence` is their mean, `right` the share that is right.
    """

    error: float
    n: int
    confidence: float
    right: float


def expected_calibration_error(
    confidences: Sequence[float] | Array, correct: Sequence[bool] | Array, bins: int = BINS
) -> Reliability:
    """Mean distance between confidence and share of right ones, over bins of equally many (Naeini et al. 2015).

    Of equal confidences each counts as their mean, so that their order does not matter. Nothing is 0 off.
    """
    values, place, n_equal = np.unique(np.asarray(confidences, np.float64), return_inverse=True, return_counts=True)
    n = len(place)
    if not n:
        return Reliability(0.0, 0, 0.0, 0.0)
    right = np.repeat(np.bincount(place, np.asarray(correct, np.float64)) / n_equal, n_equal)
    sure = np.repeat(values, n_equal)
    parts = np.array_split(sure - right, min(bins, n))
    error = sum(abs(part.sum()) for part in parts) / n
    return Reliability(float(error), n, float(sure.mean()), float(right.mean()))


def correct(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> list[bool]:
    """Which words (or characters) of the hypothesis are right: aligned by Levenshtein to an equal one."""
    start, n, m = 0, len(reference), len(hypothesis)
    while start < min(n, m) and reference[start] == hypothesis[start]:
        start += 1
    while min(n, m) > start and reference[n - 1] == hypothesis[m - 1]:
        n, m = n - 1, m - 1
    found = [True] * start + [False] * (m - start) + [True] * (len(hypothesis) - m)
    cost = _costs(reference[start:n], hypothesis[start:m])
    i, j = n - start, m - start
    while i and j:
        equal = reference[start + i - 1] == hypothesis[start + j - 1]
        if equal or cost[i, j] == cost[i - 1, j - 1] + 1:
            i, j = i - 1, j - 1
            found[start + j] = equal
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return found


def fit(
    readings: Sequence[Reading], texts: Sequence[str], alphabet: Alphabet, groups: Sequence[Hashable] | None = None
) -> Calibration:
    """The calibration of a decoder from what it read and the right texts.

    Few samples, or ones that are all right or all wrong, leave it near to no change. `groups` are the samples'
    writers or speakers, over which its error is measured by cross-validation; without, each is one of its own.
    It is not measured where one group has three quarters of the samples: the others tell nothing of it.
    """
    if groups is not None and max(Counter(groups).values(), default=0) >= 0.75 * len(groups):
        groups = [0] * len(groups)
    lines, words, chars = (_Judged() for _ in range(3))
    for number, (reading, text) in enumerate(zip(readings, texts, strict=True)):
        group = number if groups is None else groups[number]
        reference = alphabet.normalize(text).strip()
        symbols = [alphabet.symbols[label - 1] for label in reading.labels]
        said = "".join(symbols)
        lines.add([reading.line], [said == reference], group)
        words.add(reading.words, correct(reference.split(), said.split()), group)
        chars.add(reading.chars, correct(graphemes(reference), symbols), group)
    return Calibration(line=lines.curve(), word=words.curve(), char=chars.curve())


def expected_errors(hypothesis: Hypothesis) -> float:
    """How many characters of a text are expected to be wrong, by which texts are sorted for review.

    Characters that are missing have no confidence of their own; the text's own tells of them.
    """
    return max(1 - hypothesis.confidence, sum(1 - char.confidence for char in hypothesis.chars))


class _Judged:
    """Raw probabilities, whether each is right, and the group that it comes from."""

    def __init__(self) -> None:
        self._raw: list[float] = []
        self._right: list[bool] = []
        self._groups: list[Hashable] = []

    def add(self, raw: Sequence[float], right: Sequence[bool], group: Hashable) -> None:
        self._raw += raw
        self._right += right
        self._groups += [group] * len(raw)

    def curve(self) -> Curve:
        raw, right = np.array(self._raw), np.array(self._right, np.float64)
        fitted = _fit(raw, right)
        fold = _folds(self._groups)
        if fold.max(initial=0) == 0:
            return fitted
        unseen = np.empty(len(raw))
        for k in range(fold.max() + 1):
            unseen[fold == k] = _fit(raw[fold != k], right[fold != k]).apply(raw[fold == k])
        error = expected_calibration_error(unseen, right).error
        return fitted.model_copy(update={"error": round(error, 4)})


def _folds(groups: Sequence[Hashable]) -> Array:
    """The fold of each (N,): whole groups, the largest first, each into the fold with the fewest so far."""
    sizes = [0] * FOLDS
    fold = {}
    for group, n in Counter(groups).most_common():
        fold[group] = sizes.index(min(sizes))
        sizes[fold[group]] += n
    return np.array([fold[group] for group in groups], np.intp)


def _fit(raw: Array, right: Array) -> Curve:
    """The curve with the least log-loss on raw probabilities (N,) and whether they are right (N,), 0 or 1.

    What is said beforehand, that it changes nothing, weighs as much as a few of them.
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    logit = _logit(raw)

    def loss(wanted: Array) -> tuple[float, Array]:
        slope, offset = np.exp(wanted[0]), wanted[1]
        z = slope * logit + offset
        off = 1 / (1 + np.exp(-z)) - right
        loss = (np.logaddexp(0, z) - right * z).sum() + (wanted @ wanted) / (2 * _PRIOR**2)
        return float(loss), np.array([slope * (off @ logit), off.sum()]) + wanted / _PRIOR**2

    bounds = (tuple(np.log(_SLOPES)), (-20, 20))
    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds).x
    slope = float(np.exp(found[0]).clip(*_SLOPES))
    return Curve(slope=round(slope, 6), offset=round(float(found[1]), 6), n=len(raw))


def _logit(raw: Sequence[float] | Array) -> Array:
    p = _EDGE + (1 - 2 * _EDGE) * np.asarray(raw, np.float64)
    logit: Array = np.log(p / (1 - p))
    return logit


def _costs(a: Sequence[Hashable], b: Sequence[Hashable]) -> Array:
    """Edits between all beginnings of two sequences (N + 1, M + 1)."""
    known: dict[Hashable, int] = {}
    left, right = (np.array([known.setdefault(one, len(known)) for one in some], np.int64) for some in (a, b))
    column = np.arange(len(b) + 1)
    cost = np.empty((len(a) + 1, len(b) + 1), np.int64)
    cost[0] = column
    for i, one in enumerate(left, 1):
        row = cost[i]
        row[0] = i
        row[1:] = np.minimum(cost[i - 1, 1:] + 1, cost[i - 1, :-1] + (right != one))
        np.minimum.accumulate(row - column, out=row)
        row += column
    return cost
