"""Sound -> mel-frequency cepstral coefficients, or the log-mel spectrogram they are made of.

Davis and Mermelstein 1980 (MFCC), Furui 1986 (deltas). The numbers are librosa's: those of
`librosa.feature.mfcc` for the pre-emphasised signal, `n_fft=points`, `win_length=window`, and of
`librosa.feature.delta(mode="nearest")`.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from seqrec import features
from seqrec.errors import DataError
from seqrec.features._sound import read_sound
from seqrec.samples import Sample

_PRODUCT = 200_000  # multiplications at once: OpenBLAS takes one thread for these, 25 times faster when cores are busy
_POWER_FLOOR = 1e-10  # -100 dB
_DEVIATION_FLOOR = 1e-3  # dB; a coefficient that never changes becomes 0

Seconds = Annotated[float, Field(ge=0.001, le=1)]


class Extractor(features.Extractor):
    """MFCC or log-mel frames of a mono signal in [-1, 1].

    Frame t is centred on second t * hop (the signal is padded with half a spectrum of zeros on both
    sides), so N samples give T = 1 + N // round(hop * rate) frames: one even for no sample at all.
    """

    domain: ClassVar[Literal["sound"]] = "sound"

    rate: Annotated[int, Field(ge=1000, le=192_000)] = 16_000  # Hz; all sound is resampled to it
    hop: Seconds = 0.010  # from one frame to the next
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
    trim_silence: Annotated[float, Field(gt=0)] | None = None  # dB below the loudest; cut off at both ends
    longest: Annotated[float, Field(gt=0)] = 3600.0  # seconds of one sample; bounds the memory

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

    @property
    def dim(self) -> int:
        return (self.coefficients if self.output == "mfcc" else self.mels) * (1 + self.deltas)

    def read(self, sample: Sample) -> np.ndarray:
        """The sound of a file, or of the region `start` to `end` (seconds) of it: (N,) float32, N >= 1.

        Mono (the mean of the channels), at `rate`, without the silence at both ends where
        `trim_silence` says so (times then count from the first sound). Raises DataError.
        """
        if sample.path is None:
            mend = 'take [features] kind = "strokes" for ink'
            raise DataError(f"sample {sample.id!r}", "holds pen strokes", "a sound file", mend)
        signal = read_sound(sample.path, sample.start, sample.end, self.rate, self.longest)
        return signal if self.trim_silence is None else _trim(signal, self.trim_silence, round(self.hop * self.rate))

    def frames(self, signal: np.ndarray) -> np.ndarray:
        """Signal (N,) at `rate` -> frames (T, dim) float32, finite for finite sound: silence too."""
        from scipy.fft import dct  # type: ignore[import-untyped]

        found = self._log_mel(np.asarray(signal, np.float32))
        if self.output == "mfcc":
            found = dct(found, norm="ortho")[:, : self.coefficients]  # [T, mels] -> [T, coefficients]
        found = _with_deltas(found, self.deltas)
        if self.normalization == "utterance":
            found -= found.mean(axis=0, dtype=np.float64)
            found /= np.maximum(found.std(axis=0, dtype=np.float64), _DEVIATION_FLOOR)
        return np.ascontiguousarray(found, np.float32)

    def _log_mel(self, signal: np.ndarray) -> np.ndarray:
        """Signal (N,) -> mel spectrogram (T, mels) in dB."""
        from scipy.fft import rfft

        window, bank = _filters(self.rate, self.window, self.mels, self.low_hz, self.high_hz or self.rate / 2)
        points, hop = len(window), round(self.hop * self.rate)
        padded = np.pad(signal, points // 2)
        emphasised = padded[points // 2 :][: len(signal)]
        emphasised[1:] -= self.preemphasis * signal[:-1]
        emphasised[:1] *= 1 - self.preemphasis  # as if the first sample had always been there
        framed = np.lib.stride_tricks.sliding_window_view(padded, points)[::hop]  # [T, points]
        mel = np.empty((len(framed), self.mels), np.float32)
        step = max(1, _PRODUCT // bank.size)
        for begin in range(0, len(framed), step):
            spectrum = rfft(framed[begin : begin + step] * window)  # [t, points / 2 + 1]
            mel[begin : begin + step] = (spectrum.real**2 + spectrum.imag**2) @ bank
        decibel = 10 * np.log10(np.maximum(mel, _POWER_FLOOR))
        return decibel if self.dynamic_range is None else np.maximum(decibel, decibel.max() - self.dynamic_range)


@cache
def _filters(rate: int, seconds: float, mels: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """A window (points,) and a mel filter bank (points / 2 + 1, mels), both float32.

    `points`, the size of the Fourier transform, is the power of two that holds the window and that
    is fine enough to give every band a bin of its own.
    """
    import librosa.filters

    length = round(seconds * rate)
    narrowest = np.diff(librosa.mel_frequencies(n_mels=mels + 2, fmin=low, fmax=high)).min()
    points = 1 << int(np.ceil(np.log2(max(length, rate / narrowest))))
    window = librosa.util.pad_center(librosa.filters.get_window("hann", length), size=points)
    bank = librosa.filters.mel(sr=rate, n_fft=points, n_mels=mels, fmin=low, fmax=high)
    return window.astype(np.float32), np.ascontiguousarray(bank.T)


def _with_deltas(static: np.ndarray, orders: int) -> np.ndarray:
    """(T, F) -> (T, F * (1 + orders)): slopes and curvatures over 9 frames, the edge frames repeated (as in HTK)."""
    if not orders:
        return static
    from librosa.feature import delta

    return np.hstack([static, *(delta(static, order=n, axis=0, mode="nearest") for n in range(1, orders + 1))])


def _trim(signal: np.ndarray, decibel: float, hop: int) -> np.ndarray:
    """The signal from its first to its last stretch of `hop` samples within `decibel` of the loudest."""
    power = np.add.reduceat(signal**2, np.arange(0, len(signal), hop))
    heard = np.flatnonzero(power >= power.max() * 10 ** (-decibel / 10))
    return signal[heard[0] * hop : (heard[-1] + 1) * hop]
