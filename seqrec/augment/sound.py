"""Augmentation of sound: other voices, other speeds, other rooms, other lines.

Speed perturbation: Ko et al. 2015. Vocal tract length perturbation: Jaitly and Hinton 2013, here as a
warp of the spectral envelope (Oppenheim 1969), so that any extractor can follow. Time stretching:
waveform similarity (WSOLA, Verhelst and Roelands 1993). Reverberation: Moorer 1979, noise that dies away.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]
from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from scipy.fft import irfft, next_fast_len, rfft  # type: ignore[import-untyped]

from seqrec.augment._amount import OFF, Amount, Changes, both, by_default, chance, effort, span, upto
from seqrec.errors import ConfigError, DataError
from seqrec.features._sound import extent, read_sound
from seqrec.features.mfcc import Sound
from seqrec.files import below

_QUEFRENCY = 0.0015  # seconds; slower ripples of the log spectrum are its envelope, faster ones the voice's harmonics
_TELEPHONE = (300.0, 3400.0)  # Hz (ITU-T G.712)
_MU = 255.0  # mu-law companding (ITU-T G.711)
_CODECS = (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"))
_CODEC_RATES = (8000, 12_000, 16_000, 24_000, 48_000)  # Hz, that all of them take
_MOST_COMPRESSION = 0.99  # libsndfile refuses 1 for MP3
_SHORTEST = 0.01  # seconds read of a recording, so that there is a sample at any rate
_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"}


class Augmenter(Changes):
    """Signal (N,) -> another signal (M,), float32, as another speaker, room and line would give it.

    The voice (speed, tempo, pitch, formants), the shift and the gain change each time; reverb, noise, telephone,
    lowpass and codec as often as not, if their table does not say `p`.
    """

    speed: Annotated[Amount, both(0.5)] = OFF  # share; tempo, pitch and formants together, as a tape that runs faster
    tempo: Annotated[Amount, both(0.5)] = OFF  # share; duration alone
    pitch: Annotated[Amount, both(12)] = OFF  # semitones; pitch and formants, duration kept
    formants: Annotated[Amount, both(0.5)] = OFF  # share; alone: a shorter or longer vocal tract with the same pitch
    shift: Annotated[Amount, upto(60)] = OFF  # seconds of silence before, and after
    gain_db: Annotated[Amount, both(60)] = OFF
    reverb: Annotated[Amount | None, span(0.01, 10)] = None  # seconds until the echo has fallen by 60 dB
    noise_db: Annotated[Amount | None, span(-60, 120)] = None  # signal-to-noise ratio
    noise_folder: str | None = None  # of recordings that the noise is cut from; without it: white to pink
    telephone: Annotated[Amount | None, chance()] = by_default(False)  # 300 to 3400 Hz
    lowpass_hz: Annotated[Amount | None, span(100, 96_000)] = None  # cut-off
    codec: Annotated[Amount | None, effort(1)] = None  # Vorbis, Opus or MP3; 0: best quality, 1: smallest

    @field_validator("noise_folder")
    @classmethod
    def _is_used(cls, folder: str | None, info: ValidationInfo) -> str | None:
        if folder is not None and info.data.get("noise_db") is None:
            raise PydanticCustomError("unused", "noise_db = [low, high] beside it: how loud the noise is")
        return folder

    def sources(self) -> list[Any]:
        if self.noise_folder is None:
            return []
        states = ((path, path.stat()) for path, _ in _recordings(self.noise_folder))
        return [(path.name, state.st_size, state.st_mtime_ns) for path, state in states]

    def __call__(self, signal: np.ndarray, rng: np.random.Generator, extractor: Sound) -> np.ndarray:
        """A changed copy; the same generator state gives the same one. Raises DataError for a broken file of noise."""
        rate = extractor.rate
        signal = self._voice(np.array(signal, np.float32), rng, rate)
        if self.shift.happens(rng):
            signal = np.pad(signal, [round(self.shift.value(rng) * rate) for _ in range(2)])
        if self.reverb and self.reverb.happens(rng):
            signal = _reverberate(signal, self.reverb.value(rng), rng, rate)
        if self.noise_db and self.noise_db.happens(rng):
            decibel = self.noise_db.value(rng)
            signal = _with_noise(signal, self._noise(len(signal), rng, rate), decibel)
        if self.telephone and self.telephone.happens(rng):
            signal = _companded(_band(signal, rate, *_TELEPHONE))
        if self.lowpass_hz and self.lowpass_hz.happens(rng):
            signal = _band(signal, rate, 0.0, self.lowpass_hz.value(rng))
        if self.codec and self.codec.happens(rng):
            signal = _coded(signal, self.codec.value(rng), _CODECS[rng.integers(len(_CODECS))], rate)
        if gain := self.gain_db.draw(rng):
            signal = signal * np.float32(10 ** (gain / 20))
        return signal

    def _voice(self, signal: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
        """Speed and pitch are one resampling; tempo, the duration that pitch costs one time stretch."""
        speed, tempo, formants = (1 + amount.draw(rng) for amount in (self.speed, self.tempo, self.formants))
        pitch = 2 ** (self.pitch.draw(rng) / 12)
        signal = _resampled(signal, speed * pitch)
        return _warped(_stretched(signal, tempo / pitch, rate), formants, rate)

    def _noise(self, count: int, rng: np.random.Generator, rate: int) -> np.ndarray:
        if self.noise_folder is None:
            return _coloured(count, rng)
        files = _recordings(self.noise_folder)
        path, seconds = files[rng.integers(len(files))]
        start, lasts = rng.uniform(0, seconds), max(count / rate, _SHORTEST)
        if start + lasts <= seconds:
            noise = read_sound(path, start, start + lasts, rate, seconds + 1)
        else:
            end = read_sound(path, max(0.0, seconds - lasts), None, rate, seconds + 1)
            noise = np.roll(end, -round(start * rate))
        return np.resize(noise, count)  # what is too short begins anew


@lru_cache(maxsize=4)
def _recordings(folder: str) -> tuple[tuple[Path, float], ...]:
    """The sounds below a folder, sorted, with their seconds. Raises ConfigError, for a file that is none too."""
    where = "[augment.signal] noise_folder"
    if not Path(folder).is_dir():
        raise ConfigError(where, f"there is no folder {folder!r}", "a folder of recordings")
    paths = sorted(below(Path(folder), lambda locked: None, *_SUFFIXES))
    if not paths:
        raise ConfigError(where, f"{folder!r} holds no sound", f"files ending in {' '.join(sorted(_SUFFIXES))}")
    try:
        return tuple((path, extent(path, None, None, math.inf)[1]) for path in paths)
    except DataError as error:
        raise ConfigError(where, str(error), "", "take it out of the folder") from None


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


def _coloured(count: int, rng: np.random.Generator) -> np.ndarray:
    """Noise (count,) whose power falls with frequency f as f ** -0 to f ** -1."""
    size = next_fast_len(max(2, count), real=True)
    bins = size // 2 + 1
    spectrum = rng.standard_normal((bins, 2), np.float32).view(np.complex64)[:, 0]
    spectrum *= np.arange(1, bins + 1, dtype=np.float32) ** np.float32(-rng.uniform(0, 0.5))
    return np.asarray(irfft(spectrum, size)[:count])


def _with_noise(signal: np.ndarray, noise: np.ndarray, decibel: float) -> np.ndarray:
    """The noise's mean power is brought to `decibel` below the signal's."""
    wanted = np.sum(signal**2) * 10 ** (-decibel / 10)
    return _cut(signal + noise * np.float32(np.sqrt(wanted / max(np.sum(noise**2), 1e-20))), signal)


def _coded(signal: np.ndarray, compression: float, codec: tuple[str, str], rate: int) -> np.ndarray:
    """The signal after a lossy codec, in its place and of its length: libsndfile cuts what encoders put before it."""
    full = np.abs(signal).max(initial=0)
    if not full:
        return signal
    coded_at = next((known for known in _CODEC_RATES if known >= rate), _CODEC_RATES[-1])
    file, (container, subtype) = io.BytesIO(), codec
    given, level = _resampled(signal / max(full, 1), rate / coded_at), min(compression, _MOST_COMPRESSION)
    soundfile.write(file, given, coded_at, format=container, subtype=subtype, compression_level=level)
    file.seek(0)
    heard = _resampled(soundfile.read(file, dtype="float32")[0] * max(full, 1), coded_at / rate)
    return _cut(np.pad(heard, (0, max(0, len(signal) - len(heard)))), signal)


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
