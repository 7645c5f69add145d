"""Sound -> mel-frequency cepstral coefficients, or the log-mel spectrogram they are made of.

Davis and Mermelstein 1980 (MFCC), Furui 1986 (deltas), Slaney 1998 (mel bands). The numbers are
librosa's: those of `librosa.feature.mfcc` for the pre-emphasised signal, `n_fft=points`,
`win_length=window`, and of `librosa.feature.delta(mode="nearest")`. Importing librosa takes longer
than computing the frames of an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from seqrec import features
from seqrec.errors import DataError
from seqrec.features import Layout
from seqrec.features._sound import extent, sound_blocks
from seqrec.samples import Sample

_PRODUCT = 200_000  # multiplications at once: OpenBLAS takes one thread for these, 25 times faster when cores are busy
_POWER_FLOOR = 1e-10  # -100 dB
_DEVIATION_FLOOR = 1e-3  # dB; a coefficient that never changes becomes 0
_ROWS = 4096  # frames
_NOISE, _LOUD = 10, 95  # percentiles of the frames' loudness, for the activity
_RANGE, _LEAST_RANGE = 50.0, 15.0  # dB from there to the noise, at most and at least: there may be no pause at all
_CURVATURE = (-17, -8, 7, 28)  # weights of the frames 1 to 4 away, times 462

Seconds = Annotated[float, Field(ge=0.001, le=1)]


class Sound(features.Extractor):
    """Reads sound; what is made of it, a class derived from this one says in `dim` and `frames`."""

    domain: ClassVar[Literal["sound"]] = "sound"

    rate: Annotated[int, Field(ge=1000, le=192_000)] = 16_000  # Hz; all sound is resampled to it
    hop: Seconds = 0.010  # from one frame to the next
    trim_silence: Annotated[float, Field(gt=0)] | None = None  # dB below the loudest; cut off at both ends
    longest: Annotated[float, Field(gt=0)] = 3600.0  # seconds of one sample; bounds the memory

    def read(self, sample: Sample) -> np.ndarray:
        """The sound of a file, or of the region `start` to `end` (seconds) of it: (N,) float32, N >= 1.

        Mono (the mean of the channels), at `rate`, without the silence at both ends where
        `trim_silence` says so (times then count from the first sound). Raises DataError.
        """
        signal = np.concatenate(list(self._blocks(sample)))
        heard = self._heard([signal])
        return signal if heard is None else signal[heard]

    def __call__(self, sample: Sample) -> np.ndarray:
        """The frames of what `read` gives."""
        return self._made(self._kept(sample, self._heard(self._blocks(sample))))

    def placed(self, sample: Sample) -> tuple[np.ndarray, Layout]:
        """Activity is loudness: 0 at the background noise or far below the loudest."""
        heard, meter = self._heard(self._blocks(sample)), _Meter(round(self.hop * self.rate))
        frames = self._made(meter(self._kept(sample, heard)))
        borders = self.borders(meter.count)
        mean = np.diff(meter.energy(borders)) / np.maximum(np.diff(borders), 1)
        assert sample.path is not None
        begin, end = extent(sample.path, sample.start, sample.end, self.longest)
        skipped = 0 if heard is None else heard.start
        return frames, Layout("s", np.minimum(begin + (skipped + borders) / self.rate, end), activity(mean))

    def borders(self, count: int) -> np.ndarray:
        """Where the frames of a signal of `count` samples meet, in samples: (T + 1,) float64 from 0 to `count`.

        Here frames are whole stretches of `hop` seconds, the last one perhaps shorter.
        """
        return np.append(np.arange(0.0, count, round(self.hop * self.rate)), count)

    def _made(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """The frames of a signal in blocks."""
        return self.frames(np.concatenate(list(blocks)))

    def _kept(self, sample: Sample, heard: slice | None) -> Iterator[np.ndarray]:
        """The sound in blocks (n,), or what is heard of it."""
        return self._blocks(sample) if heard is None else _cut(self._blocks(sample), heard)

    def _blocks(self, sample: Sample) -> Iterator[np.ndarray]:
        if sample.path is None:
            mend = 'take [features] kind = "strokes" for ink'
            raise DataError(f"sample {sample.id!r}", "holds pen strokes", "a sound file", mend)
        return sound_blocks(sample.path, sample.start, sample.end, self.rate, self.longest)

    def _heard(self, blocks: Iterable[np.ndarray]) -> slice | None:
        """From the first to the last stretch of `hop` seconds within `trim_silence` decibels of the loudest."""
        if self.trim_silence is None:
            return None
        meter = _Meter(round(self.hop * self.rate))
        for _ in meter(blocks):
            pass
        heard = np.flatnonzero(meter.power >= meter.power.max() * 10 ** (-self.trim_silence / 10))
        return slice(int(heard[0]) * meter.hop, (int(heard[-1]) + 1) * meter.hop)


class _Meter:
    """Measures a signal whose blocks go through: `power` of each stretch of `hop` samples, and all their `count`."""

    def __init__(self, hop: int) -> None:
        self.hop, self.count = hop, 0
        self._powers: list[np.ndarray] = []
        self._rest = np.empty(0, np.float32)

    def __call__(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.count += len(block)
            rest = np.concatenate([self._rest, block])
            whole = len(rest) // self.hop * self.hop
            self._powers.append((rest[:whole] ** 2).reshape(-1, self.hop).sum(axis=1))
            self._rest = rest[whole:]
            yield block

    @property
    def power(self) -> np.ndarray:
        return np.append(np.concatenate(self._powers), (self._rest**2).sum())

    def energy(self, places: np.ndarray) -> np.ndarray:
        """The sum of squares of all samples before each of some ascending places."""
        power = self.power
        stretches = np.minimum(np.arange(len(power) + 1) * self.hop, self.count)
        return np.asarray(np.interp(places, stretches, np.append(0.0, np.cumsum(power, dtype=np.float64))))


def activity(power: np.ndarray) -> np.ndarray:
    """Mean power of frames (T,) -> loudness in [0, 1]: decibels between the noise and the loud frames."""
    decibel = 10 * np.log10(np.maximum(power, _POWER_FLOOR))
    noise, loud = np.percentile(decibel, [_NOISE, _LOUD])
    noise = min(max(noise, loud - _RANGE), loud - _LEAST_RANGE)
    return np.asarray(((decibel - noise) / (loud - noise)).clip(0, 1))


class Extractor(Sound):
    """MFCC or log-mel frames of a mono signal in [-1, 1].

    Frame t is centred on second t * hop (the signal is padded with half a spectrum of zeros on both
    sides), so N samples give T = 1 + N // round(hop * rate) frames: one even for no sample at all.
    """

    window: Seconds = Field(default=0.025, validate_default=True)  # Hann
    output: Literal["mfcc", "logmel"] = "mfcc"
    mels: Annotated[int, Field(ge=1, le=256)] = 40
    coefficients: Annotated[int, Field(ge=1, validate_default=True)] = 13  # of "mfcc"; the first is the energy
    deltas: Annotated[int, Field(ge=0, le=2)] = 2  # orders of differences over time beside each number
    low_hz: Annotated[float, Field(ge=0)] = 0.0  # edges of the mel bands
    high_hz: float | None = Field(default=None, validate_default=True)  # None: half the rate
    preemphasis: Annotated[float, Field(ge=0, lt=1)] = 0.97
    dynamic_range: Annotated[float, Field(gt=0)] | None = 80.0  # dB; what is this far below the peak is cut off
    normalization: Literal["utterance", "none"] = "none"  # "utterance": each number to mean 0, variance 1 over time

    @field_validator("window")
    @classmethod
    def _covers(cls, window: float, info: ValidationInfo) -> float:
        if window < info.data.get("hop", 0):
            raise PydanticCustomError("short", "at least as long as hop")
        return window

    @field_validator("coefficients")
    @classmethod
    def _exist(cls, coefficients: int, info: ValidationInfo) -> int:
        if info.data.get("output") == "mfcc" and coefficients > info.data.get("mels", coefficients):
            raise PydanticCustomError("many", "at most as many as mels")
        return coefficients

    @field_validator("high_hz")
    @classmethod
    def _fits(cls, high_hz: float | None, info: ValidationInfo) -> float | None:
        if not {"rate", "mels", "low_hz"} <= info.data.keys():
            return high_hz  # one of them is the fault to report
        nyquist, least = info.data["rate"] / 2, info.data["low_hz"] + 10 * info.data["mels"]
        if not least <= (nyquist if high_hz is None else high_hz) <= nyquist:
            says = "{least} to {nyquist}: low_hz and 10 Hz per mel band, up to half the rate"
            raise PydanticCustomError("hertz", says, {"least": f"{least:g}", "nyquist": f"{nyquist:g}"})
        return high_hz

    def borders(self, count: int) -> np.ndarray:
        """Half a hop before and after the frames' centres."""
        hop = round(self.hop * self.rate)
        inner = np.minimum((np.arange(count // hop) + 0.5) * hop, count)
        return np.concatenate([[0.0], inner, [float(count)]])

    @property
    def dim(self) -> int:
        return (self.coefficients if self.output == "mfcc" else self.mels) * (1 + self.deltas)

    def frames(self, signal: np.ndarray) -> np.ndarray:
        """Signal (N,) at `rate` -> frames (T, dim) float32, finite for finite sound: silence too."""
        return self._frames([np.asarray(signal, np.float32)])

    def _made(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Block by block: a sound may last an hour."""
        return self._frames(blocks)

    def _frames(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        if self.output == "mfcc":
            mel = self._log_mel(blocks, self.mels)
            found, width = np.zeros((len(mel), self.dim), np.float32), self.coefficients
            _multiply(mel, _dct(self.mels, width), found[:, :width])  # [T, mels] -> [T, coefficients]
            del mel
        else:
            found, width = self._log_mel(blocks, self.dim), self.mels
        _put_deltas(found, width)
        if self.normalization == "utterance":
            found -= found.mean(axis=0, dtype=np.float64)
            variance = sum(np.square(found[rows], dtype=np.float64).sum(axis=0) for rows in _parts(found)) / len(found)
            found /= np.maximum(np.sqrt(variance), _DEVIATION_FLOOR)
        return found

    def _log_mel(self, blocks: Iterable[np.ndarray], columns: int) -> np.ndarray:
        """Signal (N,) in blocks -> mel spectrogram in dB, and zeros beside it: (T, columns), of which the first `mels`.

        There is one array from the begin on, which grows: that of an hour takes 170 MB, with nothing beside it.
        """
        window, bank = _filters(self.rate, self.window, self.mels, self.low_hz, self.high_hz or self.rate / 2)
        hop, step = round(self.hop * self.rate), max(1, _PRODUCT // bank.size)
        rest = margin = np.zeros(len(window) // 2, np.float32)
        found = np.empty((0, columns), np.float32)
        for block in chain(_emphasised(blocks, self.preemphasis), [None]):
            rest = np.concatenate([rest, margin if block is None else block])
            count = 1 + (len(rest) - len(window)) // hop
            if block is not None:
                count = count // step * step  # products of the same rows give the same numbers in all blocks
            if count > 0:
                framed = np.lib.stride_tricks.sliding_window_view(rest, len(window))[: count * hop : hop]
                known = len(found)
                found.resize((known + count, columns), refcheck=False)
                for begin in range(0, count, step):
                    spectrum = np.fft.rfft(framed[begin : begin + step] * window)  # [t, points / 2 + 1]
                    power = spectrum.real**2 + spectrum.imag**2
                    found[known + begin : known + min(begin + step, count), : self.mels] = power @ bank
                rest = rest[count * hop :]
        decibel = found[:, : self.mels]
        np.log10(np.maximum(decibel, _POWER_FLOOR, out=decibel), out=decibel)
        decibel *= 10
        if self.dynamic_range is not None:
            np.maximum(decibel, decibel.max() - self.dynamic_range, out=decibel)
        return found


def _emphasised(blocks: Iterable[np.ndarray], share: float) -> Iterator[np.ndarray]:
    """Each sample less a share of the one before; the first one as if it had always been there."""
    before = None
    for block in blocks:
        if len(block):
            yield block - share * np.concatenate([block[:1] if before is None else before, block[:-1]])
            before = block[-1:]


def _cut(blocks: Iterable[np.ndarray], kept: slice) -> Iterator[np.ndarray]:
    """Those samples of a signal in blocks."""
    place = 0
    for block in blocks:
        yield block[max(0, kept.start - place) : max(0, kept.stop - place)]
        place += len(block)


def _multiply(rows: np.ndarray, matrix: np.ndarray, product: np.ndarray) -> None:
    """Put rows (T, N) @ matrix (N, M), computed in float64, into the product (T, M): equal rows stay equal."""
    step = max(1, _PRODUCT // matrix.size)
    for begin in range(0, len(rows), step):
        product[begin : begin + step] = rows[begin : begin + step] @ matrix


@cache
def _filters(rate: int, seconds: float, mels: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """A Hann window (points,) and a mel filter bank (points / 2 + 1, mels), both float32.

    `points`, the size of the Fourier transform, is the power of two that holds the window and that
    is fine enough to give every band a bin of its own. The bands are triangles of equal area.
    """
    length = round(seconds * rate)
    edges = _hertz(np.linspace(_mel(low), _mel(high), mels + 2))
    points = 1 << int(np.ceil(np.log2(max(length, rate / np.diff(edges).min()))))
    window = np.zeros(points)
    begin = (points - length) // 2
    window[begin : begin + length] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    bins = np.arange(points // 2 + 1)[:, None] * (rate / points)
    rising, falling = (bins - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - bins) / np.diff(edges)[1:]
    bank = np.minimum(rising, falling).clip(0) * (2 / (edges[2:] - edges[:-2]))
    return window.astype(np.float32), bank.astype(np.float32)


def _mel(hertz: float) -> float:
    """Slaney's mel scale: linear up to 1000 Hz, 15 of these, and logarithmic beyond."""
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * float(np.log(hertz / 1000) / np.log(6.4))


def _hertz(mel: np.ndarray) -> np.ndarray:
    hertz: np.ndarray = np.where(mel < 15, 200 * mel / 3, 1000 * 6.4 ** ((mel - 15) / 27))
    return hertz


@cache
def _dct(size: int, count: int) -> np.ndarray:
    """The first vectors of the orthonormal discrete cosine transform (type II), as columns: (size, count)."""
    vectors = np.sqrt(2 / size) * np.cos(np.pi / size * (np.arange(size)[:, None] + 0.5) * np.arange(count))
    vectors[:, 0] /= np.sqrt(2)
    return np.asarray(vectors)


def _put_deltas(found: np.ndarray, width: int) -> None:
    """Put beside the first `width` numbers of frames (T, width * (1 + orders)), where there are zeros, the slope
    and the curvature of the straight line and of the parabola through 9 frames, the edge frames repeated (as in HTK).
    """
    orders, count, static = found.shape[1] // width - 1, len(found), found[:, :width]
    for rows in _parts(found):
        here = static[rows]
        for i in range(1, 5) if orders else ():
            at = np.arange(rows.start, rows.start + len(here))
            ahead, behind = static[np.minimum(at + i, count - 1)] - here, here - static[np.maximum(at - i, 0)]
            found[rows, width : 2 * width] += (ahead + behind) * np.float32(i / 60)
            if orders == 2:
                found[rows, 2 * width :] += (ahead - behind) * np.float32(_CURVATURE[i - 1] / 462)


def _parts(rows: np.ndarray) -> Iterator[slice]:
    """Some rows at a time, so that what is computed on the way needs little memory."""
    for begin in range(0, len(rows), _ROWS):
        yield slice(begin, begin + _ROWS)
