"""Augmentation of sound: other voices, other speeds, other rooms, other lines.

Speed perturbation: Ko et al. 2015. Vocal tract length perturbation: Jaitly and Hinton 2013, here as a
warp of the spectral envelope (Oppenheim 1969), so that any extractor can follow. Time stretching:
waveform similarity (WSOLA, Verhelst and Roelands 1993). Reverberation: Moorer 1979, noise that dies away.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import soxr  # type: ignore[import-untyped]
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from scipy.fft import irfft, next_fast_len, rfft  # type: ignore[import-untyped]

from seqrec.features.mfcc import Sound
from seqrec.options import Options

_QUEFRENCY = 0.0015  # seconds; slower ripples of the log spectrum are its envelope, faster ones the voice's harmonics
_TELEPHONE = (300.0, 3400.0)  # Hz (ITU-T G.712)
_MU = 255.0  # mu-law companding (ITU-T G.711)


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise PydanticCustomError("span", "two numbers [low, high] in ascending order")
    return span


Share = Annotated[float, Field(ge=0, le=0.5)]
Seconds = Annotated[float, Field(ge=0.01, le=10)]
Decibel = Annotated[float, Field(ge=-60, le=120)]
Hertz = Annotated[float, Field(ge=100, le=96_000)]
Ascending = AfterValidator(_ascending)


class Augmenter(Options):
    """Signal (N,) -> another signal (M,), float32, as another speaker, room and line would give it.

    The voice (speed, tempo, pitch, formants), the shift and the gain are drawn evenly from their
    ranges each time; reverb, noise, telephone and lowpass are each applied with probability `p`.
    """

    speed: Share = 0.0  # +- share; tempo, pitch and formants together, as a tape that runs faster
    tempo: Share = 0.0  # +- share; duration alone
    pitch: Annotated[float, Field(ge=0, le=12)] = 0.0  # +- semitones; pitch and formants, duration kept
    formants: Share = 0.0  # +- share; formants alone: a shorter or longer vocal tract with the same pitch
    shift: Annotated[float, Field(ge=0, le=60)] = 0.0  # seconds; at most so much silence before, and after
    gain_db: Annotated[float, Field(ge=0, le=60)] = 0.0  # +-
    p: Annotated[float, Field(ge=0, le=1)] = 0.5  # of each of the following
    reverb: Annotated[tuple[Seconds, Seconds], Ascending] | None = None  # until the echo has fallen by 60 dB
    noise_db: Annotated[tuple[Decibel, Decibel], Ascending] | None = None  # signal-to-noise ratio; white to pink
    telephone: bool = False  # 300 to 3400 Hz, 8-bit mu-law
    lowpass_hz: Annotated[tuple[Hertz, Hertz], Ascending] | None = None  # cut-off

    def __call__(self, signal: np.ndarray, rng: np.random.Generator, extractor: Sound) -> np.ndarray:
        """A changed copy; the same generator state gives the same one."""
        rate = extractor.rate
        signal = self._voice(np.array(signal, np.float32), rng, rate)
        if self.shift:
            signal = np.pad(signal, rng.integers(0, round(self.shift * rate), 2, endpoint=True))
        if self.reverb and rng.random() < self.p:
            signal = _reverberate(signal, rng.uniform(*self.reverb), rng, rate)
        if self.noise_db and rng.random() < self.p:
            signal = _add_noise(signal, rng.uniform(*self.noise_db), rng)
        if self.telephone and rng.random() < self.p:
            signal = _companded(_band(signal, rate, *_TELEPHONE))
        if self.lowpass_hz and rng.random() < self.p:
            signal = _band(signal, rate, 0.0, rng.uniform(*self.lowpass_hz))
        if self.gain_db:
            signal = signal * np.float32(10 ** (rng.uniform(-self.gain_db, self.gain_db) / 20))
        return signal

    def _voice(self, signal: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
        """Speed and pitch are one resampling; tempo, the duration that pitch costs one time stretch."""
        speed, tempo, formants = (_around_one(rng, share) for share in (self.speed, self.tempo, self.formants))
        pitch = 2 ** (rng.uniform(-self.pitch, self.pitch) / 12) if self.pitch else 1.0
        signal = _resampled(signal, speed * pitch)
        return _warped(_stretched(signal, tempo / pitch, rate), formants, rate)


def _around_one(rng: np.random.Generator, share: float) -> float:
    return 1.0 + rng.uniform(-share, share) if share else 1.0


def _resampled(signal: np.ndarray, factor: float) -> np.ndarray:
    """The signal played `factor` times as fast: (N,) -> about (N / factor,)."""
    if factor == 1:
        return signal
    faster: np.ndarray = soxr.resample(signal, factor, 1.0, quality="MQ")
    return faster if len(faster) else signal


def _stretched(signal: np.ndarray, tempo: float, rate: int) -> np.ndarray:
    """The signal `tempo` times as fast at the same pitch: (N,) -> about (N / tempo,).

    Each half-overlapping frame is taken where it continues the one before best, near its due place.
    """
    if tempo == 1:
        return signal
    hop, slack = round(0.012 * rate), round(0.006 * rate)
    length = max(1, round(len(signal) / tempo))
    window = np.hanning(2 * hop + 1)[:-1].astype(np.float32)
    padded = np.pad(signal, (slack + hop, slack + hop * (3 + math.ceil(tempo))))
    stretched, at = np.zeros(length + 4 * hop, np.float32), slack
    for to in range(0, length + hop, hop):  # where the frame is put; its centre lies at `to` in the cut result
        due = round(to * tempo)
        if to:
            continued = padded[at + hop : at + 2 * hop]
            at = due + int(np.argmax(np.correlate(padded[due : due + 2 * slack + hop], continued)))
        stretched[to : to + 2 * hop] += padded[at : at + 2 * hop] * window
    return stretched[hop : hop + length]


def _warped(signal: np.ndarray, formants: float, rate: int) -> np.ndarray:
    """The signal with its spectral envelopes stretched `formants` times along frequency, the pitch kept."""
    if formants == 1:
        return signal
    hop = 1 << round(math.log2(0.016 * rate))
    window = np.sqrt(np.hanning(2 * hop + 1)[:-1]).astype(np.float32)  # once before, once after
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(signal, (hop, 2 * hop)), 2 * hop)[::hop]
    spectra = rfft(framed * window)  # [T, hop + 1]
    spectra *= _envelope_gains(np.abs(spectra), formants, rate)
    halves = (irfft(spectra) * window).reshape(-1, 2, hop)
    return _cut((halves[1:, 0] + halves[:-1, 1]).reshape(-1), signal)


def _envelope_gains(magnitudes: np.ndarray, formants: float, rate: int) -> np.ndarray:
    """Gains (T, F) that move each frame's spectral envelope from frequency f to f * formants.

    The envelope is what is left of the log spectrum without the cepstrum's higher quefrencies.
    """
    last = magnitudes.shape[1] - 1
    cepstra = irfft(np.log(np.maximum(magnitudes, 1e-4 * magnitudes.max() + 1e-20)))
    keep = round(_QUEFRENCY * rate)
    cepstra[:, keep + 1 : -keep] = 0
    envelope = rfft(cepstra).real
    at = np.minimum(np.arange(last + 1) / formants, last)
    left = np.minimum(at.astype(int), last - 1)
    share = (at - left).astype(np.float32)
    moved = envelope[:, left] * (1 - share) + envelope[:, left + 1] * share
    return np.asarray(np.exp(moved - envelope))


def _reverberate(signal: np.ndarray, seconds: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """The signal and an echo that falls by 60 dB in `seconds`, 0 to 12 dB below it to begin with."""
    time = np.arange(round(seconds * rate)) / rate
    echo = rng.standard_normal(len(time), np.float32) * np.exp(-np.log(1000) * time / seconds)
    echo *= 10 ** (-rng.uniform(0, 12) / 20) / np.sqrt(np.sum(echo**2))
    echo[0] += 1
    size = next_fast_len(len(signal) + len(echo), real=True)
    return _cut(irfft(rfft(signal, size) * rfft(echo, size), size), signal)


def _add_noise(signal: np.ndarray, decibel: float, rng: np.random.Generator) -> np.ndarray:
    """Noise `decibel` below the signal's mean power; its power falls with frequency f as f ** -0 to f ** -1."""
    size = next_fast_len(max(2, len(signal)), real=True)
    bins = size // 2 + 1
    spectrum = rng.standard_normal((bins, 2), np.float32).view(np.complex64)[:, 0]
    spectrum *= np.arange(1, bins + 1, dtype=np.float32) ** np.float32(-rng.uniform(0, 0.5))
    noise = _cut(irfft(spectrum, size), signal)
    wanted = np.sum(signal**2) * 10 ** (-decibel / 10)
    return signal + noise * np.float32(np.sqrt(wanted / max(np.sum(noise**2), 1e-20)))


def _band(signal: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    """Only `low` to `high` Hz: zero phase, the gain of Butterworth filters of order 8 and 16."""
    size = next_fast_len(max(2, len(signal)), real=True)
    hertz = np.arange(size // 2 + 1) * (rate / size)
    gain = 1 / (1 + (hertz / high) ** 16)
    if low:
        gain *= (hertz / low) ** 8 / (1 + (hertz / low) ** 8)
    return _cut(irfft(rfft(signal, size) * gain, size), signal)


def _companded(signal: np.ndarray) -> np.ndarray:
    """The signal through 8-bit mu-law at full scale."""
    peak = np.abs(signal).max(initial=0)
    if not peak:
        return signal
    coded = np.round(np.log1p(_MU * np.abs(signal) / peak) / np.log1p(_MU) * 127) / 127
    return _cut(np.sign(signal) * peak * np.expm1(coded * np.log1p(_MU)) / _MU, signal)


def _cut(longer: np.ndarray, signal: np.ndarray) -> np.ndarray:
    return np.asarray(longer[: len(signal)], np.float32)
