"""Labels that a model finds very unlikely: what is probably mislabelled, the most doubtful first.

A label's doubt is how much likelier the model finds what it reads instead, in nats a character: the loss of the
label's best CTC path against the best path of all, over the stretch of at most _STRETCH characters that fits worst,
so that a wrong word in a long line is seen too. For comparison, labels of other samples are held against the same
signals: what is about as doubtful as those is no misreading. A model that reads badly doubts all labels; then only
what stands out among its doubts is named, and nothing where it hardly tells a sample's own label from another's.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from seqrec.alphabet import BLANK, Alphabet, UnknownSymbols, graphemes, least_frames
from seqrec.checking import Finding, Report
from seqrec.decoding import Failure, greedy
from seqrec.decoding.align import align
from seqrec.errors import DataError
from seqrec.recognizer import Recognizer, load
from seqrec.samples import Sample, read_manifest

KIND = "mislabelled"

_STRETCH = 8  # characters: about a word
_SHARE = 0.5  # of the median doubt of others' labels, from which on a label is named
_SPREADS = 4.0  # distances of the upper quartile from the median that a named doubt lies above the median at least
_OTHERS = 4096  # comparisons with others' labels: enough for a median
_RECENT = 256  # labels before a sample's own, among which another is chosen
_LEAST = 8  # comparisons without which nothing is named
_SHOWN = 60  # characters of a text that are kept and shown


@dataclass(frozen=True, slots=True)
class Judged:
    """The label of the sample at `place` among a manifest's readable ones, what the model reads, and the doubt."""

    where: Path
    place: int
    id: str
    text: str
    read: str
    doubt: float


@dataclass(frozen=True)
class Verdicts:
    """The samples with their own labels, and the doubts of others' labels on the same signals."""

    own: tuple[Judged, ...]
    others: array[float]

    @cached_property
    def _usual(self) -> float:
        return float(np.median([each.doubt for each in self.own]))

    @cached_property
    def _foreign(self) -> float:
        return _SHARE * float(np.median(self.others))

    @property
    def enough(self) -> bool:
        """Whether there is enough to compare with."""
        return len(self.others) >= _LEAST

    @property
    def telling(self) -> bool:
        """Whether the model finds most samples' own labels far likelier than those of others."""
        return self.enough and self._usual < self._foreign

    @cached_property
    def threshold(self) -> float:
        """The doubt from which on a label is named; infinite where the model cannot tell."""
        if not self.telling:
            return np.inf
        upper = float(np.percentile([each.doubt for each in self.own], 75))
        return max(self._foreign, self._usual + _SPREADS * (upper - self._usual))

    def ranked(self) -> list[Judged]:
        """The most doubtful first; of equal ones in the order of the data."""
        return sorted(self.own, key=lambda each: -each.doubt)

    def named(self) -> list[Judged]:
        return [each for each in self.ranked() if each.doubt >= self.threshold]


def doubtful(
    model: str, manifests: Sequence[Path], report: Report, on_sample: Callable[[], None] | None = None,
    *, own_files: bool = False,
) -> Iterator[Finding]:  # fmt: skip
    """Warnings of the kind "mislabelled" for the samples of checked manifests, the most doubtful first.

    Samples with errors, by the report, are left out, unless it is only that the model does not know a character.
    `on_sample` is called after each of the others. Kept of each are some hundred bytes. Raises ModelError.
    """
    failed: list[Finding] = []

    def note(where: Path, place: int, failure: Failure) -> None:
        failed.append(Finding(str(where), failure.id, KIND, f"cannot be judged: {failure.error}", "warning", place))

    verdicts = judge(load(model, own_files=own_files), _to_judge(manifests, report), note, on_sample)
    yield from failed
    if verdicts.own and not verdicts.telling:
        yield Finding(model, None, KIND, _of_no_use(verdicts), "warning", None)
    for each in verdicts.named():
        yield Finding(str(each.where), each.id, KIND, _message(each, verdicts.threshold), "warning", each.place)


def _to_judge(manifests: Iterable[Path], report: Report) -> Iterator[tuple[Path, int, Sample]]:
    for path in dict.fromkeys(manifests):
        bad = {
            place for place, found in report.rejected.get(path, {}).items() if {f.kind for f in found} != {"alphabet"}
        }
        try:
            for place, sample in enumerate(read_manifest(path, lambda error: None)):
                if place not in bad and sample.text:
                    yield path, place, sample
        except DataError:  # it is in the report
            continue


def _of_no_use(verdicts: Verdicts) -> str:
    if not verdicts.enough:
        return f"{len(verdicts.own)} samples, too few different labels to judge by; expected more data"
    return (
        "finds the labels hardly likelier than those of other samples; expected a model that reads such data: "
        "train or fine-tune one on them, or see whether all labels are shifted"
    )


def _message(judged: Judged, threshold: float) -> str:
    return (
        f"the model finds {judged.text!r} very unlikely and reads {judged.read!r} (doubt {judged.doubt:.1f}, named "
        f"from {threshold:.1f} on); correct the text, or leave the sample out with --reject {KIND}"
    )


def judge(
    recognizer: Recognizer,
    samples: Iterable[tuple[Path, int, Sample]],
    on_failure: Callable[[Path, int, Failure], None],
    on_sample: Callable[[], None] | None = None,
) -> Verdicts:
    """The doubts of labelled samples, each with its manifest and place.

    What cannot be recognised goes to `on_failure`; labels longer than their frames allow are passed over.
    """
    waiting: deque[tuple[Path, int, str, str]] = deque()

    def taken() -> Iterator[Sample]:
        for where, place, sample in samples:
            waiting.append((where, place, sample.id, sample.text or ""))
            yield sample

    bench = _Bench(recognizer.alphabet)
    for log_probs in recognizer.log_probs(taken()):
        where, place, id, text = waiting.popleft()
        if isinstance(log_probs, Failure):
            on_failure(where, place, log_probs)
        else:
            bench.hear(where, place, id, text, log_probs)
        if on_sample is not None:
            on_sample()
    return Verdicts(tuple(bench.own), bench.others)


class _Bench:
    """Doubts of a sample's own label, and of another's from those just before it."""

    def __init__(self, alphabet: Alphabet) -> None:
        self.own: list[Judged] = []
        self.others = array("d")
        self._alphabet, self._rng = alphabet, np.random.default_rng(0)
        self._recent: deque[str] = deque(maxlen=_RECENT)

    def hear(self, where: Path, place: int, id: str, text: str, log_probs: np.ndarray) -> None:
        doubt, read = doubt_of(log_probs, text, self._alphabet)
        if doubt is not None:
            self.own.append(Judged(where, place, id, _short(text), _short(read), doubt))
        other = self._recent[self._rng.integers(len(self._recent))] if self._recent else text
        if len(self.others) < _OTHERS and other != text:
            doubt, _ = doubt_of(log_probs, other, self._alphabet)
            self.others.extend([] if doubt is None else [doubt])
        self._recent.append(text)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + " ..."


def doubt_of(log_probs: np.ndarray, text: str, alphabet: Alphabet) -> tuple[float | None, str]:
    """How unlikely a text is in log_probs (T, C), in nats a character, and what is read instead.

    0 where it is what is read; None where it has no characters, or more than fit into the frames. A character
    outside of the alphabet stands for whatever the model finds likeliest there.
    """
    path = log_probs.argmax(axis=1)
    first = path != BLANK
    first[1:] &= path[1:] != path[:-1]
    read = alphabet.decode(greedy.best_path(log_probs, alphabet))
    labels = _labels(text.strip(), alphabet)
    if not labels or least_frames(labels) > len(log_probs):
        return None, read
    if alphabet.size in labels:
        any_label = log_probs[:, BLANK + 1 :].max(axis=1, keepdims=True)
        log_probs = np.concatenate([log_probs, any_label], axis=1)
    found = align(log_probs, labels)
    borders = np.concatenate([[0], (found.end[:-1] + found.begin[1:] + 1) // 2, [len(log_probs)]])
    loss, count = (np.append(0.0, np.cumsum(of))[borders] for of in (found.loss, first))
    width = min(_STRETCH, len(labels))
    lost, n_read = (sums[width:] - sums[:-width] for sums in (loss, count))
    return float((lost / np.maximum(n_read, width)).max()), read


def _labels(text: str, alphabet: Alphabet) -> list[int]:
    """Labels, for characters outside of the alphabet the one after its last."""
    try:
        return alphabet.encode(text)
    except UnknownSymbols:
        known = {symbol: label for label, symbol in enumerate(alphabet.symbols, 1)}
        return [known.get(symbol, alphabet.size) for symbol in graphemes(alphabet.normalize(text))]
