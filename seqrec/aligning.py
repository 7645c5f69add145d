"""Known texts put to their places in the signals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from seqrec.decoding import Failure, Hypothesis
from seqrec.decoding.align import hypothesis
from seqrec.errors import DataError, ModelError, SeqrecError
from seqrec.features import Layout
from seqrec.modelfolder import ModelFolder
from seqrec.runtime import Runtime
from seqrec.samples import Sample

_TOGETHER = 256  # samples that go through the network together, at most
_NUMBERS = 4 << 20  # in their frames: 16 MB


def align(folder: ModelFolder, runtime: Runtime, samples: Iterable[Sample | Failure]) -> Iterator[Hypothesis | Failure]:
    """The text of every sample at its place in the signal, in order; one that fails never stops the others.

    The confidence of a text, a word or a character is low where it does not fit the signal. A Failure among the
    samples passes through in its place.
    """
    group = _Group(folder, runtime)
    for sample in samples:
        group.add(sample)
        if group.full:
            yield from group.results()
            group = _Group(folder, runtime)
    yield from group.results()


class _Group:
    """Samples that go through the network together; what failed stands in the place of its frames."""

    def __init__(self, folder: ModelFolder, runtime: Runtime) -> None:
        self._folder, self._runtime = folder, runtime
        self._given: list[tuple[str, str, np.ndarray, Layout] | Failure] = []
        self._numbers = 0

    @property
    def full(self) -> bool:
        return len(self._given) == _TOGETHER or self._numbers > _NUMBERS

    def add(self, sample: Sample | Failure) -> None:
        if isinstance(sample, Sample):
            try:
                text, (frames, layout) = _text(sample), self._folder.extractor.placed(sample)
                if not np.isfinite(frames).all():
                    raise DataError(sample.path or sample.id, "gives frames with NaN or infinity", "finite numbers")
            except SeqrecError as error:
                sample = Failure(sample.id, error)
            else:
                self._numbers += frames.size
                self._given.append((sample.id, text, frames, layout))
                return
        self._given.append(sample)

    def results(self) -> Iterator[Hypothesis | Failure]:
        log_probs = iter(self._log_probs([each[2] for each in self._given if not isinstance(each, Failure)]))
        for each in self._given:
            yield each if isinstance(each, Failure) else self._result(each[0], each[1], each[3], next(log_probs))

    def _log_probs(self, frames: list[np.ndarray]) -> list[np.ndarray | ModelError]:
        """All at once, and one by one when that fails."""
        try:
            return list(self._runtime.log_probs(frames))
        except ModelError as error:
            if len(frames) == 1:
                return [error]
            return [made for each in frames for made in self._log_probs([each])]

    def _result(self, id: str, text: str, layout: Layout, log_probs: np.ndarray | ModelError) -> Hypothesis | Failure:
        try:
            if isinstance(log_probs, ModelError):
                raise log_probs
            if np.isnan(log_probs).any():
                raise ModelError(self._folder.path, f"gives NaN for {id!r}", "numbers", "train it again")
            factor = self._folder.config.network.factor
            return hypothesis(id, log_probs, text, self._folder.alphabet, layout, factor)
        except SeqrecError as error:
            return Failure(id, error)


def _text(sample: Sample) -> str:
    if sample.text is None:
        raise DataError(sample.id, "has no text", "a text for every sample")
    return sample.text
