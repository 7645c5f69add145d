"""Augmented sound: what each option changes, what it keeps, and that nothing breaks at the edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.augment import sound
from seqrec.augment.sound import Augmenter
from seqrec.errors import ConfigError
from seqrec.features.mfcc import Extractor

RATE = 16_000
EXTRACTOR = Extractor(rate=RATE)
EVERYTHING = Augmenter.parse(
    {
        "speed": 0.2, "tempo": 0.2, "pitch": 4.0, "formants": 0.15, "shift": 0.1, "gain_db": 6.0, "telephone": 1,
        "reverb": {"range": [0.1, 0.4], "p": 1}, "noise_db": {"range": [0, 20], "p": 1}, "codec": {"most": 1, "p": 1},
        "lowpass_hz": {"range": [1500, 3000], "p": 1},
    },
    "test",
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


def always(value: float) -> dict[str, object]:
    return {"range": [value, value], "p": 1}


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
    added = augmented(signal, noise_db=always(decibel)) - signal
    assert 10 * np.log10(np.mean(signal**2) / np.mean(added**2)) == pytest.approx(decibel, abs=0.01)
    assert share_between(added, 4000, 8000) > 0.01


def test_noise_runs_from_white_to_pink() -> None:
    quiet = tone(440) * 0 + 1
    above = [share_between(augmented(quiet, seed, noise_db=always(0)) - 1, 4000, 8000) for seed in range(20)]
    assert 0.05 < min(above) < 0.2 < 0.4 < max(above) < 0.55  # pink: ln 2 / ln 8000 of the power, white: a half


def test_reverb_rings_on_and_falls_as_asked() -> None:
    click = np.zeros(RATE, np.float32)
    click[0] = 1
    room = augmented(click, reverb=always(0.4))
    assert len(room) == RATE
    early, late = (np.mean(room[round(at * RATE) :][:800] ** 2) for at in (0.05, 0.25))
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.2 / 0.4, abs=3)
    assert -0.5 < 10 * np.log10(1 / np.sum(room[1:] ** 2)) < 12.5


def test_telephone_keeps_its_band() -> None:
    white = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    heard = augmented(white, telephone=1)
    assert share_between(heard, 250, 3700) > 0.98
    assert len(np.unique(np.abs(sound._companded(white)))) <= 128


def test_lowpass() -> None:
    both = tone(500) + tone(5000)
    low = augmented(both, lowpass_hz=always(2000))
    assert share_between(low, 490, 510) > 0.999
    assert spectrum(low)[500] == pytest.approx(spectrum(both)[500], rel=0.01)


def test_p_is_how_often() -> None:
    signal = tone(440, 0.05)
    for table, share in (({"range": [0, 0], "p": 0.3}, 0.3), ([0, 0], 0.5)):
        changed = [not np.array_equal(augmented(signal, seed, noise_db=table), signal) for seed in range(400)]
        assert sum(changed) == pytest.approx(400 * share, abs=35)
    never = {"noise_db": {"range": [0, 0], "p": 0}, "telephone": 0, "reverb": {"range": [0.1, 0.2], "p": 0}}
    assert np.array_equal(augmented(signal, codec={"most": 1, "p": 0}, **never), signal)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("codec", sound._CODECS)
@pytest.mark.parametrize("compression", [0.0, 1.0])
def test_a_codec_moves_nothing(rate: int, codec: tuple[str, str], compression: float) -> None:
    at = np.arange(round(0.7 * rate) + 1) / rate
    signal = np.sin(2 * np.pi * (300 + 500 * at) * at) * np.exp(-(((at - 0.4) / 0.1) ** 2))
    for loud in (0.5, 3000.0):
        given = (loud * signal).astype(np.float32)
        heard = sound._coded(given, compression, codec, rate)
        assert (len(heard), heard.dtype) == (len(given), np.float32)
        shifts = np.correlate(heard, given[200:-200])
        assert int(shifts.argmax()) == pytest.approx(200, abs=1e-4 * rate)
        assert np.std(heard) == pytest.approx(np.std(given), rel=0.15)
        assert 0 < np.std(heard - given) < 0.6 * np.std(given)


def test_a_codec_that_compresses_more_keeps_less() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) / 10
    for codec in sound._CODECS:
        lost = [np.std(sound._coded(noise, compression, codec, RATE) - noise) for compression in (0.0, 1.0)]
        assert lost[0] < lost[1]


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Two recordings: a hum of 3 s at another rate, in two channels, and one of 700 Hz of 0.2 s."""
    hum = 0.1 * np.sin(2 * np.pi * 200 * np.arange(66_150) / 22_050)
    (tmp_path / "street" / "deep").mkdir(parents=True)
    soundfile.write(tmp_path / "street" / "hum.wav", np.stack([hum, hum], axis=1), 22_050)
    soundfile.write(tmp_path / "street" / "deep" / "short.flac", tone(700, 0.2), RATE)
    (tmp_path / "street" / "notes.txt").write_text("not a sound")
    return tmp_path / "street"


def test_noise_from_a_folder(street: Path) -> None:
    signal, heard = tone(3000), set()
    for seed in range(12):
        added = augmented(signal, seed, noise_db=always(6), noise_folder=str(street)) - signal
        assert 10 * np.log10(np.mean(signal**2) / np.mean(added**2)) == pytest.approx(6, abs=0.01)
        loudest = int(np.argmax(spectrum(added)))
        heard.add(loudest)
        assert share_between(added, loudest - 20, loudest + 20) > 0.9
    assert heard == {200, 700}
    once, again = (augmented(signal, 5, noise_db=always(6), noise_folder=str(street)) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_noise_from_a_folder_for_any_length(street: Path) -> None:
    soundfile.write(street / "click.wav", [0.5], 44_100)
    for count in (1, 2, 7, 160, 3300, 60_000):
        for seed in range(6):
            signal = np.ones(count, np.float32)
            heard = augmented(signal, seed, noise_db=always(0), noise_folder=str(street))
            assert heard.shape == signal.shape
            assert np.isfinite(heard).all()


def test_a_folder_of_noise_is_looked_through_at_once(street: Path, tmp_path: Path) -> None:
    def sources(folder: Path) -> list[object]:
        return Augmenter.parse({"noise_db": [0, 9], "noise_folder": str(folder)}, "x").sources()

    assert [name for name, _, _ in sources(street)] == ["short.flac", "hum.wav"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "page.wav").write_text("<!doctype html>")
    for folder, said in (("nowhere", "there is no folder"), ("empty", "holds no sound"), ("bad", "page.wav")):
        with pytest.raises(ConfigError, match=said):
            sources(tmp_path / folder)


def test_a_ramp_makes_more_of_it() -> None:
    ramped = Augmenter.parse({"speed": {"most": 0.2, "ramp": [0.2, 0.6]}, "telephone": {"ramp": [0, 1]}}, "x")
    assert ramped.ramp == (0.0, 1.0)
    signal = tone(440)
    for done, most in ((0.1, 0.0), (0.4, 0.1), (0.6, 0.2), (1.0, 0.2)):
        at = ramped.at(done)
        made = [at(signal, np.random.default_rng(seed), EXTRACTOR) for seed in range(60)]
        lengths = np.array([len(each) for each in made])
        assert np.ptp(RATE / lengths) == pytest.approx(2 * most, rel=0.2, abs=1e-3)
        coded = [len(np.unique(each)) < 256 for each in made]
        assert sum(coded) == pytest.approx(60 * 0.5 * done, abs=10)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"speeds": 0.1}, "unknown key 'speeds'"),
        ({"speed": 0.9}, "speed: 0.9"),
        ({"speed": -0.1}, "speed: -0.1"),
        ({"noise_db": [20, 5]}, "noise_db: [20, 5]; expected two numbers [low, high] in ascending order"),
        ({"noise_db": 20}, "noise_db: 20; expected [low, high] from -60 to 120"),
        ({"noise_folder": "."}, "noise_db = [low, high] beside it"),
        ({"codec": 2}, "codec: 2; expected a number from 0 to 1"),
        ({"telephone": 2}, "telephone: 2; expected true, false, a chance from 0 to 1"),
        ({"telephone": {"most": 1}}, "p and ramp alone"),
        ({"reverb": [0, 0.5]}, "reverb"),
        ({"p": 0.5}, "unknown key 'p'"),
    ],
)
def test_bad_options(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Augmenter.parse(table, "[augment.signal]")
    assert said in str(error.value)
