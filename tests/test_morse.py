"""seqrec.synth.morse"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.synth.morse import (
    CODE,
    Channel,
    Fist,
    keying,
    length_in_dots,
    make_channel,
    make_fist,
    make_text,
    receive,
    tone,
)

EVEN = Fist(wpm=12, pitch=600, dash=3, gap=1, unevenness=0, drift=0)  # a dot lasts 0.1 s
CLEAR = Channel(noise=0, hum=0, other=0, fade_depth=0, fade_hz=0)
RATE = 100  # of the key alone: a dot is then 10 values


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def dots(key: np.ndarray) -> str:
    """A key at RATE as a row of '#' and '.', one a dot."""
    return "".join("#" if down else "." for down in key[5::10])


def test_the_codes_are_distinct_and_of_dots_and_dashes() -> None:
    assert len(set(CODE.values())) == len(CODE) == 38
    assert set("".join(CODE.values())) == {".", "-"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E", "#"),
        ("T", "###"),
        ("A", "#.###"),
        ("EE", "#...#"),
        ("E E", "#.......#"),
        ("N T", "###.#.......###"),
    ],
)
def test_an_even_fist_keys_one_three_and_seven_dots(text: str, expected: str) -> None:
    assert dots(keying(text, EVEN, RATE, rng(), (0, 0))) == expected
    assert length_in_dots(text) == len(expected)


def test_paris_lasts_50_dots_with_the_gap_after_it() -> None:
    assert length_in_dots("PARIS") + 7 == 50


def test_silence_stands_around_the_text() -> None:
    assert dots(keying("E", EVEN, RATE, rng(), (0.2, 0.3))) == "..#..."


def test_long_dashes_and_gaps() -> None:
    fist = Fist(wpm=12, pitch=600, dash=4, gap=2, unevenness=0, drift=0)
    assert dots(keying("NE E", fist, RATE, rng(), (0, 0))) == "####.#......#..............#"


def test_an_uneven_fist_varies_the_lengths() -> None:
    shaky = Fist(wpm=12, pitch=600, dash=3, gap=1, unevenness=0.1, drift=0)
    lengths = {len(keying("HHH", shaky, 8000, rng(seed), (0, 0))) for seed in range(5)}
    assert len(lengths) == 5


@pytest.mark.parametrize("text", ["é", "a", "A-B"])
def test_unknown_characters_are_refused(text: str) -> None:
    with pytest.raises(KeyError):
        keying(text, EVEN, RATE, rng(), (0, 0))


def test_a_tone_has_its_pitch_where_the_key_is_down_and_is_silent_elsewhere() -> None:
    key = np.repeat([0.0, 1.0, 0.0], 8000)
    heard = tone(key, 600, 0, 8000)
    assert np.argmax(np.abs(np.fft.rfft(heard[8000:16000]))) == 600  # 1 s: bins of 1 Hz
    assert heard[8100:15900].max() == pytest.approx(1, abs=0.01)
    assert not heard[:7900].any()
    assert not heard[16100:].any()


def test_a_clear_channel_gives_the_key_back() -> None:
    heard = receive("K", EVEN, CLEAR, rng())
    level = np.sqrt(np.convolve(heard**2, np.full(80, 1 / 80), "same"))  # over 10 ms
    down = level > level.max() / 2
    edges = np.diff(np.flatnonzero(np.diff(down.astype(int)))) / 8000  # seconds
    np.testing.assert_allclose(edges, [0.3, 0.1, 0.1, 0.1, 0.3], atol=0.01)


@pytest.mark.parametrize(
    ("channel", "louder"),
    [
        (Channel(noise=0.3, hum=0, other=0, fade_depth=0, fade_hz=0), range(1000, 3000)),
        (Channel(noise=0, hum=0.3, other=0, fade_depth=0, fade_hz=0), range(40, 70)),
        (Channel(noise=0, hum=0, other=0.3, fade_depth=0, fade_hz=0), range(200, 451)),
    ],
)
def test_each_disturbance_lies_where_it_belongs(channel: Channel, louder: range) -> None:
    def strength(given: Channel) -> float:
        heard = receive("CQ DE K", EVEN, given, rng())
        spectrum = np.abs(np.fft.rfft(heard)) / np.abs(heard).max()
        hertz = np.fft.rfftfreq(len(heard), 1 / 8000)
        return float(spectrum[(hertz >= louder.start) & (hertz < louder.stop)].max())

    assert strength(channel) > 3 * strength(CLEAR)


def test_fading_weakens_some_marks() -> None:
    fading = Channel(noise=0, hum=0, other=0, fade_depth=0.9, fade_hz=0.5)
    heard = np.abs(receive("TTTTT", EVEN, fading, rng()))
    marks = [part.max() for part in np.array_split(heard[heard > 0.001], 5)]
    assert min(marks) < 0.5 * max(marks)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(10, 200))
def test_texts_fit_and_can_be_keyed(seed: int, room: float) -> None:
    text = make_text(rng(seed), room)
    assert text == " ".join(text.split())
    assert set(text) <= set(CODE) | {" "}
    assert 0 < length_in_dots(text) <= max(30, room)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_sound_stays_in_range_and_comes_again_with_its_seed(seed: int) -> None:
    def heard() -> np.ndarray:
        source = rng(seed)
        fist = make_fist(source, (12, 30), (400, 900))
        return receive("QTH?", fist, make_channel(source, (0.05, 0.7)), source)

    first = heard()
    assert first.dtype == np.float32
    assert 0.15 < np.abs(first).max() <= 0.9 + 1e-6
    np.testing.assert_array_equal(first, heard())
