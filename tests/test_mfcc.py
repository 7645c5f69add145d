"""Sound files to frames: against librosa, at the edges, and files that are no sound."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seqrec.errors import ConfigError, DataError
from seqrec.features import _sound, extractor
from seqrec.features.mfcc import _ROWS, Extractor
from seqrec.samples import Sample


def tone(seconds: float, rate: int = 16_000, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def noise(count: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def save(path: Path, signal: np.ndarray, rate: int = 16_000, subtype: str | None = None) -> Path:
    soundfile.write(path, signal, rate, subtype)
    return path


def sound(path: Path, start: float | None = None, end: float | None = None) -> Sample:
    return Sample("a", path=path, start=start, end=end)


# Frames


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_frames_are_those_of_librosa(rate: int) -> None:
    signal = noise(rate) + tone(1, rate)
    points, window, hop = (512, 400, 160) if rate == 16_000 else (256, 200, 80)
    emphasised = np.concatenate([signal[:1] * 0.03, signal[1:] - 0.97 * signal[:-1]])
    options = {"n_fft": points, "win_length": window, "hop_length": hop, "n_mels": 40, "pad_mode": "constant"}
    static = librosa.feature.mfcc(y=emphasised, sr=rate, n_mfcc=13, **options)
    deltas = [librosa.feature.delta(static, order=order, mode="nearest") for order in (1, 2)]
    frames = Extractor(rate=rate).frames(signal)
    assert frames.dtype == np.float32
    assert frames.shape == (101, 39)
    np.testing.assert_allclose(frames, np.vstack([static, *deltas]).T, atol=2e-3)


def test_log_mel_is_that_of_librosa() -> None:
    signal = noise(12_345)
    options = {"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 64, "fmin": 50, "fmax": 7000}
    power = librosa.feature.melspectrogram(y=signal, sr=16_000, **options)
    made = Extractor(output="logmel", mels=64, low_hz=50.0, high_hz=7000.0, deltas=0, preemphasis=0.0)
    assert made.dim == 64
    np.testing.assert_allclose(made.frames(signal), librosa.power_to_db(power).T, atol=1e-3)


def test_a_log_mel_may_have_fewer_bands_than_coefficients() -> None:
    made = extractor({"kind": "mfcc", "output": "logmel", "mels": 4, "deltas": 0})
    assert made.frames(noise(1600)).shape == (11, 4)


def test_no_mel_band_is_without_a_bin() -> None:
    frames = Extractor(output="logmel", mels=128, deltas=0, rate=8000, dynamic_range=None).frames(noise(8000))
    assert (frames.max(axis=0) > -60).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.sampled_from([8000, 11_025, 16_000]), st.integers(0, 2))
def test_frame_count_and_dimension(count: int, rate: int, deltas: int) -> None:
    made = Extractor(rate=rate, deltas=deltas)
    frames = made.frames(noise(count))
    assert frames.shape == (1 + count // round(0.01 * rate), made.dim) == (len(frames), 13 * (1 + deltas))
    assert np.isfinite(frames).all()


def test_a_frame_is_centred_on_its_time() -> None:
    click = np.zeros(16_000, np.float32)
    click[8000] = 1
    energy = Extractor(deltas=0).frames(click)[:, 0]
    assert np.argmax(energy) == 50
    assert energy[48] == energy.min()


@pytest.mark.parametrize("normalization", ["utterance", "none"])
@pytest.mark.parametrize("output", ["mfcc", "logmel"])
@pytest.mark.parametrize("count", [1, 160, 16_000])
def test_silence_is_finite(count: int, output: str, normalization: str) -> None:
    made = extractor({"kind": "mfcc", "output": output, "normalization": normalization})
    frames = made.frames(np.zeros(count, np.float32))
    assert np.isfinite(frames).all()
    assert np.allclose(frames, 0 if normalization == "utterance" else frames[0], atol=1e-3)


def test_loudest_samples_stay_finite() -> None:
    assert np.isfinite(Extractor().frames(np.full(1000, _sound._LOUDEST, np.float32))).all()


def test_utterance_normalization() -> None:
    frames = Extractor(normalization="utterance").frames(noise(16_000))
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(frames.std(axis=0), 1, atol=1e-3)


def test_louder_changes_only_the_energy() -> None:
    made, signal = Extractor(), noise(4000)
    difference = made.frames(signal * 2) - made.frames(signal)
    np.testing.assert_allclose(difference[:, 0], 20 * np.log10(2) * np.sqrt(40), rtol=1e-4)
    np.testing.assert_allclose(difference[:, 1:], 0, atol=1e-3)


def test_frames_do_not_change_the_signal() -> None:
    signal = noise(4000)
    before = signal.copy()
    first = Extractor(normalization="utterance").frames(signal)
    np.testing.assert_array_equal(signal, before)
    np.testing.assert_array_equal(Extractor(normalization="utterance").frames(signal), first)


BLOCKWISE = [
    {},
    {"output": "logmel", "normalization": "utterance", "dynamic_range": 30.0},
    {"trim_silence": 30.0, "deltas": 1},
    {"hop": 0.02, "window": 0.02, "preemphasis": 0.0, "rate": 22_050},
]


@pytest.mark.parametrize("block", [7, 1000, 5001])
@pytest.mark.parametrize("options", BLOCKWISE)
def test_frames_of_blocks_are_those_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], block: int
) -> None:
    """To the last bit, whatever looks at the whole sound: the peak, means, silence at the ends."""
    signal = noise(9001) * np.linspace(0, 1, 9001, dtype=np.float32) ** 4
    made, sample = Extractor.parse(options, "test"), sound(save(tmp_path / "a.wav", signal, subtype="FLOAT"))
    whole = made.frames(made.read(sample))
    monkeypatch.setattr(_sound, "_BLOCK", block)
    np.testing.assert_array_equal(made.frames(made.read(sample)), whole)
    np.testing.assert_array_equal(made(sample), whole)


def test_many_frames_are_computed_as_few_are() -> None:
    """Differences and means over more rows than are taken at once."""
    signal = noise(80 * 10_000)
    made = Extractor(rate=8000, hop=0.01, window=0.01, normalization="utterance", dynamic_range=None)
    frames, plain = made.frames(signal), made.model_copy(update={"normalization": "none"}).frames(signal)
    assert len(frames) == 10_001 > 2 * _ROWS
    np.testing.assert_allclose(frames, (plain - plain.mean(axis=0)) / plain.std(axis=0), atol=1e-3)
    for middle in (_ROWS, 2 * _ROWS):
        few = plain[middle - 50 : middle + 50, :13]
        slopes = librosa.feature.delta(few, axis=0, mode="nearest")
        np.testing.assert_allclose(plain[middle - 40 : middle + 40, 13:26], slopes[10:-10], atol=1e-4)


# Reading


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    read = Extractor().read(sound(save(tmp_path / f"a.{suffix}", tone(1))))
    assert read.shape == (16_000,)
    assert read.dtype == np.float32
    assert np.corrcoef(read, tone(1))[0, 1] > 0.99


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_sample_types(tmp_path: Path, subtype: str) -> None:
    read = Extractor().read(sound(save(tmp_path / "a.wav", tone(0.1), subtype=subtype)))
    np.testing.assert_allclose(read, tone(0.1), atol=0.02)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", np.stack([tone(0.5), tone(0.5) * 0, tone(0.5) * 0.5], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(Extractor().read(sound(path)), tone(0.5) / 2, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_resampling_in_blocks_is_that_of_soxr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    monkeypatch.setattr(_sound, "_BLOCK", 1000)
    signal = noise(rate)
    read = Extractor().read(sound(save(tmp_path / "a.wav", signal, rate, "FLOAT")))
    assert len(read) == 16_000
    np.testing.assert_allclose(read, soxr.resample(signal, rate, 16_000), atol=1e-6)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (None, None, 0, 16_000),
        (0.25, 0.5, 4000, 8000),
        (0.5, None, 8000, 16_000),
        (None, 0.1, 0, 1600),
        (0.9, 1.4, 14_400, 16_000),
    ],
)
def test_regions(tmp_path: Path, suffix: str, start: float | None, end: float | None, first: int, last: int) -> None:
    path = save(tmp_path / f"a.{suffix}", noise(16_000), subtype="PCM_16")
    whole = Extractor().read(sound(path))
    np.testing.assert_array_equal(Extractor().read(sound(path, start, end)), whole[first:last])


@pytest.mark.parametrize(("count", "rate"), [(1, 16_000), (1, 48_000), (160, 16_000), (80, 8000)])
def test_very_short_files(tmp_path: Path, count: int, rate: int) -> None:
    frames = Extractor()(sound(save(tmp_path / "a.wav", noise(count), rate)))
    assert frames.shape[1] == 39
    assert 1 <= len(frames) <= 2
    assert np.isfinite(frames).all()


def test_silence_is_trimmed(tmp_path: Path) -> None:
    quiet = np.zeros(8000, np.float32)
    path = save(tmp_path / "a.wav", np.concatenate([quiet + 1e-4, tone(0.5), quiet]))
    assert len(Extractor().read(sound(path))) == 24_000
    np.testing.assert_allclose(Extractor(trim_silence=40.0).read(sound(path)), tone(0.5), atol=1e-3)
    assert len(Extractor(trim_silence=40.0).read(sound(save(path, quiet)))) == 8000


def test_a_stream_of_unknown_length(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", tone(0.5))
    whole = bytearray(path.read_bytes())
    whole[40:44] = struct.pack("<I", 0xFFFFFFFF)  # what ffmpeg writes into a pipe
    path.write_bytes(whole)
    assert len(Extractor().read(sound(path))) == 8000


def test_names_in_any_script(tmp_path: Path) -> None:
    assert len(Extractor().read(sound(save(tmp_path / "слово 词.wav", tone(0.1))))) == 1600


# What cannot be read


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def picture(path: Path, form: str) -> Path:
    Image.new("L", (300, 40), 255).save(path, form)
    return path


BAD = {
    "missing": (lambda folder: folder / "a.wav", "cannot be read (No such file or directory)"),
    "folder": (lambda folder: folder, "is a folder or device"),
    "null": (lambda folder: folder / "a\0.wav", "cannot be read ("),
    "empty": (lambda folder: write(folder / "a.wav", b""), "is empty; expected sound"),
    "text": (lambda folder: write(folder / "a.wav", "zwölf Wörter\n".encode() * 50), "is text; expected sound"),
    "text mp3": (lambda folder: write(folder / "a.mp3", b"seven\n" * 500), "is text; expected sound"),
    "html": (lambda folder: write(folder / "a.wav", b"\n<!DOCTYPE html><html>404"), "is an HTML page"),
    "lfs": (
        lambda folder: write(folder / "a.flac", b"version https://git-lfs.github.com/spec/v1\n"),
        "Git LFS pointer",
    ),
    "png": (lambda folder: picture(folder / "a.png", "PNG"), "is an image; expected sound: WAV, FLAC, OGG or MP3. For"),
    "jpeg": (lambda folder: picture(folder / "a.jpg", "JPEG"), "is an image"),
    "tiff": (lambda folder: picture(folder / "a.wav", "TIFF"), "is an image"),
    "m4a": (lambda folder: write(folder / "a.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0"), "is MP4 (M4A), WebM or WMA"),
    "zip": (lambda folder: write(folder / "a.zip", b"PK\x03\x04\0\0"), "is an archive"),
    "raw": (lambda folder: write(folder / "a.raw", b"\0\1" * 500), "cannot be read as sound"),
    "zeros": (lambda folder: write(folder / "a.wav", bytes(5000)), "cannot be read as sound"),
    "random": (lambda folder: write(folder / "a.wav", np.random.default_rng(0).bytes(5000)), "cannot be read as sound"),
    "header only": (lambda folder: cut(folder, "wav", 20), "cannot be read as sound"),
    "cut": (lambda folder: cut(folder, "wav", 16_044), "is cut off: 16000 of 32000 bytes of sound are there"),
    "cut behind the header": (lambda folder: cut(folder, "wav", 44), "is cut off: 0 of 32000 bytes of sound are there"),
    "cut flac": (
        lambda folder: cut(folder, "flac", 10_000),
        "is damaged (flac decoder lost sync); expected a whole file",
    ),
    "cut ogg": (lambda folder: cut(folder, "ogg", 4500), "holds no sound: 0 samples"),
    "no samples": (lambda folder: save(folder / "a.wav", noise(0)), "holds no sound: 0 samples"),
    "nan": (lambda folder: holding(folder, np.nan), "holds NaN, infinite or absurdly loud samples"),
    "infinite": (lambda folder: holding(folder, -np.inf), "holds NaN, infinite or absurdly loud samples"),
    "absurd": (lambda folder: holding(folder, 1e30), "holds NaN, infinite or absurdly loud samples"),
    "rate": (lambda folder: save(folder / "a.wav", noise(100), 7), "claims 7 samples a second; expected 100 to"),
}


def cut(folder: Path, suffix: str, size: int) -> Path:
    whole = save(folder / f"whole.{suffix}", noise(16_000)).read_bytes()
    assert len(whole) > size
    return write(folder / f"a.{suffix}", whole[:size])


def holding(folder: Path, value: float) -> Path:
    signal = noise(1000)
    signal[500] = value
    return save(folder / "a.wav", signal, subtype="FLOAT")


@pytest.mark.parametrize("name", BAD)
def test_bad_files(tmp_path: Path, name: str) -> None:
    make, said = BAD[name]
    path = make(tmp_path)
    with pytest.raises(DataError) as error:
        Extractor().read(sound(path))
    message = str(error.value)
    assert said in message
    assert message.startswith(str(tmp_path))
    assert "\n" not in message


def test_an_mp3_that_breaks_off(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = save(tmp_path / "whole.mp3", noise(48_000)).read_bytes()
    with pytest.raises(DataError, match=r"breaks off [\d.]+ s before its end"):
        Extractor().read(sound(write(tmp_path / "a.mp3", whole[: len(whole) // 3])))


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (1.0, None, "lasts 1.00 s, the region is 1 s to the end"),
        (3.0, 4.0, "lasts 1.00 s, the region is 3 s to 4 s"),
        (0.5, 1.6, "lasts 1.00 s, the region is 0.5 s to 1.6 s"),
        (0.5, 0.5, "region from 0.5 s to 0.5 s holds no sample"),
        (0.5, 0.2, "region from 0.5 s to 0.2 s holds no sample"),
    ],
)
def test_regions_outside(tmp_path: Path, start: float, end: float | None, said: str) -> None:
    path = save(tmp_path / "a.wav", tone(1))
    with pytest.raises(DataError) as error:
        Extractor().read(sound(path, start, end))
    assert said in str(error.value)


def test_too_long_for_one_sample(tmp_path: Path) -> None:
    path = save(tmp_path / "a.flac", np.zeros(16_000 * 30, np.float32))
    with pytest.raises(DataError, match="30 s in one sample; expected at most 10 s"):
        Extractor(longest=10.0).read(sound(path))
    assert len(Extractor(longest=10.0).read(sound(path, 15.0, 25.0))) == 160_000


def test_ink_is_refused() -> None:
    ink = Sample("w1", strokes=(np.zeros((3, 2)),))
    with pytest.raises(DataError, match=r"sample 'w1': holds pen strokes; expected a sound file"):
        Extractor().read(ink)


# Options


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"mel": 40}, "unknown key 'mel'"),
        ({"hop": 0.03}, "window: 0.025; expected at least as long as hop"),
        ({"coefficients": 41}, "coefficients: 41; expected at most as many as mels"),
        ({"mels": 10}, "coefficients: 13; expected at most as many as mels"),
        ({"mels": 10, "coefficients": 0, "output": "logmel"}, "coefficients: 0; expected greater than or equal to 1"),
        ({"high_hz": 9000}, "high_hz: 9000; expected 400 to 8000"),
        ({"low_hz": 7900}, "high_hz: None; expected 8300 to 8000"),
        ({"deltas": 3}, "deltas: 3"),
        ({"output": "mel"}, "output: 'mel'"),
        ({"rate": 8000.5}, "rate: 8000.5"),
        ({"trim_silence": 0}, "trim_silence"),
    ],
)
def test_bad_options(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        extractor({"kind": "mfcc", **table})
    assert said in str(error.value)
