"""A stream of sound, parted at its pauses into utterances."""

from __future__ import annotations

from collections import deque
from typing import Annotated

import numpy as np
import soxr  # type: ignore[import-untyped]
from pydantic import Field

from seqrec.alphabet import BLANK
from seqrec.errors import ConfigError, DataError
from seqrec.features import Layout
from seqrec.features.mfcc import Sound, activity
from seqrec.options import Options
from seqrec.reader import Reader
from seqrec.runtime import Runtime
from seqrec.streaming import Stream

RATES = range(100, 1_000_001)  # Hz
_REACH = 0.1  # seconds of sound beside its centre that a frame may depend on
_MARGIN = 0.25  # seconds of silence that an utterance keeps at both ends
_FADE = 0.5  # dB a second by which the loudest sound so far is forgotten
_SILENT = 1e-10  # power of what is quiet whatever came before: 100 dB below full scale
_LOUDEST = 1e6  # full scale is 1

Seconds = Annotated[float, Field(gt=0, le=3600)]


class Timing(Options):
    """How a stream of sound is cut, in seconds; measured in docs/decoding.md."""

    step: Seconds = 0.5  # how often the network runs
    ahead: Seconds = 1.5  # what must have followed before text settles
    back: Seconds = 2.0  # what was before, and is read again beside it
    pause: Seconds | None = 0.6  # silence that ends an utterance; None: only `longest` does
    quiet: Annotated[float, Field(gt=0)] = 35.0  # dB below the loudest of late; what is quieter is silence
    longest: Seconds = 30.0  # from here on an utterance ends after a word, without a pause


class SoundStream(Stream):
    """Sound at `rate` in Hz, in blocks (n,) or (n, channels): floats in [-1, 1] or integers.

    A hypothesis's id says where it lies, "12.48-15.20" in seconds from the stream's start, as do its positions.
    """

    def __init__(
        self, reader: Reader, runtime: Runtime, extractor: Sound, rate: int, timing: Timing | None = None
    ) -> None:
        super().__init__(reader, runtime)
        if rate not in RATES:
            raise ConfigError("rate", f"{rate} samples a second", f"{RATES[0]} to {RATES[-1]}")
        timing = timing or Timing()
        self._extractor, self._resampler = extractor, None
        if rate != extractor.rate:
            self._resampler = soxr.ResampleStream(rate, extractor.rate, 1, dtype="float32")
        self._pauses = _Pauses(extractor.hop, timing)
        # Lengths are in hops, which are frames, or in outputs of the network, of `factor` frames each.
        self._hop, self._factor = round(extractor.hop * extractor.rate), runtime.folder.config.network.factor
        self._step, self._reach = max(1, round(timing.step / extractor.hop)), int(np.ceil(_REACH / extractor.hop))
        self._ahead, self._back, self._longest = (
            int(np.ceil(seconds / extractor.hop / self._factor))
            for seconds in (timing.ahead, timing.back, timing.longest)
        )
        self._rest = np.empty(0, np.float32)  # less than a hop
        self._count = 0  # hops that have come
        self._held: deque[np.ndarray] = deque()  # quiet hops before an utterance or in its midst
        self._start: int | None = None  # hop at which the utterance under way begins

    def _take(self, block: np.ndarray) -> None:
        self._add(_mono(block))

    def _add(self, signal: np.ndarray, last: bool = False) -> None:
        if self._resampler is not None:
            signal = self._resampler.resample_chunk(signal, last=last)
        signal = np.concatenate([self._rest, signal])
        count = len(signal) // self._hop
        self._rest = signal[count * self._hop :]
        for hop in signal[: count * self._hop].reshape(count, self._hop):
            self._hear(hop)

    def _end(self) -> None:
        self._add(np.empty(0, np.float32), last=True)
        if self._start is not None:
            if len(self._rest):
                self._held.append(self._rest)
            self._keep()
            self._read(last=True)

    def _hear(self, hop: np.ndarray) -> None:
        self._held.append(hop)
        self._count += 1
        quiet = self._pauses(hop)
        if self._start is None:
            while len(self._held) > self._pauses.margin + 1:
                self._held.popleft()
            if quiet:
                return
            self._begin(self._count - len(self._held))
        if quiet <= self._pauses.margin:
            self._keep()
            if self._heard - self._seen >= self._step:
                self._read()
        elif quiet >= self._pauses.pause:
            self._read(last=True)

    def _begin(self, start: int) -> None:
        self._start = start
        self._signal: list[np.ndarray] = []  # of the utterance, from frame `_first` on
        self._powers: list[float] = []  # of the hops of the hypothesis under way, which begins with frame `_begun`
        self._first = self._begun = 0
        self._heard = self._seen = 0  # hops of the utterance, and those at the last run of the network
        self._outputs = 0  # that are settled

    def _keep(self) -> None:
        """What was held belongs to the utterance."""
        self._signal += self._held
        self._powers += (_power(hop) for hop in self._held)
        self._heard += len(self._held)
        self._held.clear()

    def _read(self, last: bool = False) -> None:
        self._seen = self._heard
        log_probs = self._log_probs(last)
        count = len(log_probs) if last else self._settled(log_probs)
        full = len(self._text) + count > self._longest
        if full and not last:
            count, full = self._word_end(log_probs, count)
        self._text.add(log_probs[:count], log_probs[count:])
        self._outputs += count
        if last or full:
            self._done_with(last)
        if last:
            self._start = None

    def _log_probs(self, last: bool) -> np.ndarray:
        """Of the outputs that are not settled, read with some of those before."""
        begin = max(0, self._outputs - self._back)
        first = max(0, begin * self._factor - self._reach)
        signal = np.concatenate(self._signal)[(first - self._first) * self._hop :]
        self._signal, self._first = [signal], first
        frames = self._extractor.frames(signal)[begin * self._factor - first :]
        if not last:
            frames = frames[: (self._heard // self._factor - begin) * self._factor]
        return self._text.log_probs(frames)[self._outputs - begin :]

    def _settled(self, log_probs: np.ndarray) -> int:
        """How many outputs settle: up to a blank, as a label may lie a little sooner or later the next time."""
        limit = max(0, len(log_probs) - self._ahead)
        blanks = np.flatnonzero(log_probs[:limit].argmax(axis=1) == BLANK)
        if len(blanks):
            return int(blanks[-1]) + 1
        return limit if limit > self._back else 0

    def _word_end(self, log_probs: np.ndarray, count: int) -> tuple[int, bool]:
        """Of `count` outputs, as many as end with white space, and whether the utterance may end there."""
        spaces = list(self._text.reader.alphabet.spaces)
        found = np.flatnonzero(np.isin(log_probs[:count].argmax(axis=1), spaces))
        if len(found):
            return int(found[-1]) + 1, True
        return count, not spaces or len(self._text) + count > 2 * self._longest

    def _done_with(self, last: bool) -> None:
        """What is settled becomes a hypothesis."""
        assert self._start is not None
        end = self._heard if last else self._outputs * self._factor
        begin, end = self._start + self._begun, self._start + end
        hop = self._extractor.hop
        self._close(
            f"{begin * hop:.2f}-{end * hop:.2f}", self._layout() if self._text.reader.decoding.positions else None
        )
        self._powers = self._powers[self._outputs * self._factor - self._begun :]
        self._begun = self._outputs * self._factor

    def _layout(self) -> Layout:
        """Where the frames of the hypothesis are; each is centred between two hops."""
        assert self._start is not None
        count = min(self._outputs * self._factor - self._begun, len(self._powers))
        powers = np.array(self._powers[:count])
        edges = self._start + self._begun + np.arange(count + 1) - 0.5
        edges = np.clip(edges, self._start + self._begun, None) * self._extractor.hop
        return Layout("s", edges, activity((powers + np.append(powers[:1], powers[:-1])) / 2))


def _mono(block: np.ndarray) -> np.ndarray:
    """Any sound -> (n,) float32, full scale being 1. Raises DataError."""
    if block.ndim not in (1, 2) or block.dtype.kind not in "fiu":
        raise DataError("stream", f"a block of shape {block.shape}, {block.dtype}", "a sound (n,) of numbers")
    if block.dtype.kind != "f":
        info = np.iinfo(block.dtype)
        half = (int(info.max) - int(info.min) + 1) / 2
        block = (block.astype(np.float64) - (info.min + half)) / half
    if block.size and not np.abs(block).max() <= _LOUDEST:  # also where it is NaN
        raise DataError("stream", "NaN, infinite or absurdly loud samples", "samples between -1 and 1")
    return np.asarray(block if block.ndim == 1 else block.mean(axis=1), np.float32)


def _power(hop: np.ndarray) -> float:
    return float(hop @ hop) / max(1, len(hop))


class _Pauses:
    """How many hops it has been quiet, the one given among them."""

    def __init__(self, hop: float, timing: Timing) -> None:
        self.margin = round(_MARGIN / hop)
        self.pause = max(round((timing.pause or 0) / hop), self.margin + 1)
        self._never = timing.pause is None
        self._share, self._fade = 10 ** (-timing.quiet / 10), 10 ** (-_FADE * hop / 10)
        self._loudest, self._count = 0.0, 0

    def __call__(self, hop: np.ndarray) -> int:
        power = _power(hop)
        self._loudest = max(power, self._loudest * self._fade)
        loud = self._never or power > max(self._loudest * self._share, _SILENT)
        self._count = 0 if loud else self._count + 1
        return self._count
