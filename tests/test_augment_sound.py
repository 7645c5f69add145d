"""Augmented sound: what each option changes, what it keeps, and that nothing breaks at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.augment import sound
from seqrec.augment.sound import Augmenter
from seqrec.errors import ConfigError
from seqrec.features.mfcc import Extractor

RATE = 16_000
EXTRACTOR = Extractor(rate=RATE)
EVERYTHING = Augmenter(
    speed=0.2, tempo=0.2, pitch=4.0, formants=0.15, shift=0.1, gain_db=6.0,
    p=1.0, reverb=(0.1, 0.4), noise_db=(0.0, 20.0), telephone=True, lowpass_hz=(1500.0, 3000.0),
)  # fmt: skip


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def pulses(hertz: float, seconds: float = 1.0) -> np.ndarray:
    """A voice without a mouth: all harmonics of a pitch, equally strong, up to 6 kHz."""
    return sum((tone(hertz * n, seconds) for n in range(1, int(6000 / hertz))), np.zeros(round(seconds * RATE)))


def spectrum(signal: np.ndarray) -> np.ndarray:
    """Magnitudes at 0, 1, 2 ... Hz of the signal's middle second or of all of it."""
    return np.abs(np.fft.rfft(signal * np.hanning(len(signal)), RATE))


def share_between(signal: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(signal)) ** 2
    hertz = np.fft.rfftfreq(len(signal), 1 / RATE)
    return float(power[(hertz >= low) & (hertz < high)].sum() / power.sum())


def augmented(signal: np.ndarray, seed: int = 1, **options: object) -> np.ndarray:
    return Augmenter.parse(options, "[augment.signal]")(signal, np.random.default_rng(seed), EXTRACTOR)


def test_nothing_changes_by_default() -> None:
    signal = tone(440)
    rng = np.random.default_rng(0)
    copy = Augmenter()(signal, rng, EXTRACTOR)
    np.testing.assert_array_equal(copy, signal)
    assert not np.shares_memory(copy, signal)
    assert rng.random() == np.random.default_rng(0).random()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6000), st.integers(0, 2**32 - 1), st.sampled_from([8000, 16_000, 44_100]))
def test_any_length_any_rate(count: int, seed: int, rate: int) -> None:
    signal = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    before = signal.copy()
    extractor = Extractor(rate=rate)
    once, again = (EVERYTHING(signal, np.random.default_rng(seed), extractor) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(signal, before)
    assert once.dtype == np.float32
    assert once.ndim == 1
    assert len(once) >= 1
    assert np.isfinite(once).all()


def test_silence_stays_silence() -> None:
    assert not EVERYTHING(np.zeros(4000, np.float32), np.random.default_rng(0), EXTRACTOR).any()


def test_generators_in_other_states_give_other_sounds() -> None:
    signal = pulses(120)
    lengths = {len(augmented(signal, seed, speed=0.15)) for seed in range(20)}
    assert len(lengths) > 15
    assert RATE / 1.15 - 2 < min(lengths) < max(lengths) < RATE / 0.85 + 2


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_speed_moves_pitch_and_length(factor: float) -> None:
    faster = sound._resampled(tone(1000), factor)
    assert len(faster) == pytest.approx(RATE / factor, abs=2)
    assert np.argmax(spectrum(faster)) == pytest.approx(1000 * factor, abs=2)


@pytest.mark.parametrize("tempo", [0.5, 0.8, 1.25, 2.0])
def test_tempo_keeps_the_pitch_and_the_level(tempo: float) -> None:
    faster = sound._stretched(pulses(125), tempo, RATE)
    assert len(faster) == pytest.approx(RATE / tempo, abs=1)
    assert np.std(faster) == pytest.approx(np.std(pulses(125)), rel=0.05)
    assert np.std(faster[:400]) > 0.5 * np.std(faster)
    middle = spectrum(faster)
    assert middle[[250, 500, 1000]].min() > 10 * middle[[190, 310, 560, 940]].max()


def test_tempo_keeps_events_in_their_places() -> None:
    signal = np.zeros(RATE, np.float32)
    signal[4000:4400] = tone(500, 0.025)
    for tempo in (0.8, 1.25):
        heard = np.flatnonzero(np.abs(sound._stretched(signal, tempo, RATE)) > 0.05)
        assert heard.mean() == pytest.approx(4200 / tempo, abs=200)


def test_pitch_keeps_the_length() -> None:
    for seed in range(5):
        higher = augmented(tone(1000), seed, pitch=3)
        assert len(higher) == pytest.approx(RATE, abs=2)
        assert 1000 * 2 ** (-3 / 12) - 3 < np.argmax(spectrum(higher)) < 1000 * 2 ** (3 / 12) + 3
    assert len({int(np.argmax(spectrum(augmented(tone(1000), seed, pitch=3)))) for seed in range(5)}) > 3


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_formants_move_and_the_pitch_stays(factor: float) -> None:
    hertz = np.arange(125, 6000, 125)
    resonance = np.exp(-(((hertz - 1500) / 300) ** 2))
    signal = sum(((r + 0.01) * tone(h) for h, r in zip(hertz, resonance, strict=True)), np.zeros(RATE))
    warped = sound._warped(signal.astype(np.float32), factor, RATE)
    harmonics = spectrum(warped)[hertz]
    assert np.sum(hertz * harmonics**2) / np.sum(harmonics**2) == pytest.approx(1500 * factor, rel=0.04)
    assert harmonics.max() > 10 * spectrum(warped)[hertz - 60].max()
    assert len(warped) == RATE


def test_formants_by_nothing_is_nothing() -> None:
    signal = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    np.testing.assert_allclose(sound._warped(signal, 1 + 1e-9, RATE), signal, atol=1e-4)


def test_shift_pads_both_ends() -> None:
    signal = tone(440, 0.5) + 1
    leading = []
    for seed in range(20):
        padded = augmented(signal, seed, shift=0.1)
        inside = np.flatnonzero(padded)
        leading.append(int(inside[0]))
        np.testing.assert_array_equal(padded[inside[0] : inside[-1] + 1], signal)
        assert len(padded) - 1 - inside[-1] <= 1600
    assert 0 <= min(leading) < 600 < 1000 < max(leading) <= 1600


def test_gain() -> None:
    gains = [20 * np.log10(augmented(tone(440), seed, gain_db=6)[100] / tone(440)[100]) for seed in range(20)]
    assert -6.001 < min(gains) < -2 < 2 < max(gains) < 6.001


@pytest.mark.parametrize("decibel", [0.0, 10.0, 30.0])
def test_noise_has_the_ratio_asked_for(decibel: float) -> None:
    signal = tone(440)
    added = augmented(signal, noise_db=[decibel, decibel], p=1) - signal
    assert 10 * np.log10(np.mean(signal**2) / np.mean(added**2)) == pytest.approx(decibel, abs=0.01)
    assert share_between(added, 4000, 8000) > 0.01


def test_noise_runs_from_white_to_pink() -> None:
    quiet = tone(440) * 0 + 1
    above = [share_between(augmented(quiet, seed, noise_db=[0, 0], p=1) - 1, 4000, 8000) for seed in range(20)]
    assert 0.05 < min(above) < 0.2 < 0.4 < max(above) < 0.55  # pink: ln 2 / ln 8000 of the power, white: a half


def test_reverb_rings_on_and_falls_as_asked() -> None:
    click = np.zeros(RATE, np.float32)
    click[0] = 1
    room = augmented(click, reverb=[0.4, 0.4], p=1)
    assert len(room) == RATE
    early, late = (np.mean(room[round(at * RATE) :][:800] ** 2) for at in (0.05, 0.25))
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.2 / 0.4, abs=3)
    assert -0.5 < 10 * np.log10(1 / np.sum(room[1:] ** 2)) < 12.5


def test_telephone_keeps_its_band() -> None:
    white = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    heard = augmented(white, telephone=True, p=1)
    assert share_between(heard, 250, 3700) > 0.98
    assert len(np.unique(np.abs(sound._companded(white)))) <= 128


def test_lowpass() -> None:
    both = tone(500) + tone(5000)
    low = augmented(both, lowpass_hz=[2000, 2000], p=1)
    assert share_between(low, 490, 510) > 0.999
    assert spectrum(low)[500] == pytest.approx(spectrum(both)[500], rel=0.01)


def test_p_is_how_often() -> None:
    signal = tone(440, 0.05)
    changed = [
        not np.array_equal(augmented(signal, seed, gain_db=0, noise_db=[0, 0], p=0.3), signal) for seed in range(200)
    ]
    assert 35 < sum(changed) < 85
    assert np.array_equal(augmented(signal, noise_db=[0, 0], telephone=True, reverb=[0.1, 0.2], p=0), signal)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"speeds": 0.1}, "unknown key 'speeds'"),
        ({"speed": 0.9}, "speed: 0.9"),
        ({"speed": -0.1}, "speed: -0.1"),
        ({"noise_db": [20, 5]}, "noise_db: [20, 5]; expected two numbers [low, high] in ascending order"),
        ({"noise_db": 20}, "noise_db"),
        ({"reverb": [0, 0.5]}, "reverb"),
        ({"p": 2}, "p: 2"),
    ],
)
def test_bad_options(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Augmenter.parse(table, "[augment.signal]")
    assert said in str(error.value)
