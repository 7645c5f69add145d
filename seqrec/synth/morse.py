"""Morse code as it comes out of a receiver: a hand at the key, a fading tone, noise, hum and other stations.

Timing follows ITU-R M.1677 (a dash is three dots, gaps are one, three and seven); a dot lasts 1.2 s
over the words per minute, as the standard word PARIS has 50 dots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# fmt: off
CODE = {
    "A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "F": "..-.", "G": "--.", "H": "....", "I": "..",
    "J": ".---", "K": "-.-", "L": ".-..", "M": "--", "N": "-.", "O": "---", "P": ".--.", "Q": "--.-", "R": ".-.",
    "S": "...", "T": "-", "U": "..-", "V": "...-", "W": ".--", "X": "-..-", "Y": "-.--", "Z": "--..",
    "0": "-----", "1": ".----", "2": "..---", "3": "...--", "4": "....-",
    "5": ".....", "6": "-....", "7": "--...", "8": "---..", "9": "----.", "/": "-..-.", "?": "..--..",
}
# fmt: on
_ABBREVIATIONS = (
    "CQ DE K R 73 88 TU UR RST 599 579 449 5NN ES FB OM YL HI WX ANT RIG PWR QTH QRZ QSL QSO QRM QRN QSB QRP QRT QSY "
    "NAME HR HW? QTH? AGN PSE BK CL TEST TNX FER RPT SRI VY GM GE GA CUL DX 20W 100W GUD SIG ABT TEMP CPY UFB"
)
_LETTERS, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"


@dataclass(frozen=True)
class Fist:
    """How somebody keys: speed, pitch, and how far from even."""

    wpm: float
    pitch: float  # Hz
    dash: float  # length of a dash in dots
    gap: float  # stretch of the gaps between letters and words (Farnsworth)
    unevenness: float  # standard deviation of the logarithm of every length
    drift: float  # Hz that the tone moves over the clip


@dataclass(frozen=True)
class Channel:
    """What happens between the transmitter and the ear; levels are amplitudes, the signal's being 1."""

    noise: float  # standard deviation of white noise over the whole band
    hum: float  # mains hum with its harmonics
    other: float  # another station at another pitch
    fade_depth: float  # 0 none, 1 down to nothing
    fade_hz: float


def make_fist(rng: np.random.Generator, wpm: tuple[float, float], pitch: tuple[float, float]) -> Fist:
    """A fist drawn at random, from a machine's evenness to a shaky straight key."""
    return Fist(
        wpm=rng.uniform(*wpm),
        pitch=rng.uniform(*pitch),
        dash=rng.uniform(2.6, 3.6),
        gap=rng.uniform(1.0, 1.5),
        unevenness=rng.choice([0.0, rng.uniform(0.02, 0.12)]),
        drift=rng.normal(0, 5),
    )


def make_channel(rng: np.random.Generator, noise: tuple[float, float]) -> Channel:
    """A channel drawn at random: always some noise, at times hum, another station, fading."""
    return Channel(
        noise=np.exp(rng.uniform(*np.log(noise))),
        hum=rng.choice([0.0, rng.uniform(0.05, 0.3)], p=[0.7, 0.3]),
        other=rng.choice([0.0, rng.uniform(0.03, 0.15)], p=[0.7, 0.3]),
        fade_depth=rng.choice([0.0, rng.uniform(0.2, 0.7)]),
        fade_hz=rng.uniform(0.1, 0.7),
    )


def make_text(rng: np.random.Generator, dots: float) -> str:
    """Words that fit into `dots`, at least 30: abbreviations, callsigns, groups of letters or of figures."""
    text, dots = "", max(dots, 30)
    while True:
        longer = f"{text} {_word(rng)}".strip()
        if length_in_dots(longer) <= dots:
            text = longer
        elif text:
            return text


def _word(rng: np.random.Generator) -> str:
    def some(symbols: str, least: int, most: int) -> str:
        return "".join(rng.choice(list(symbols), rng.integers(least, most + 1)))

    match rng.choice(["abbreviation", "callsign", "letters", "figures"], p=[0.4, 0.25, 0.25, 0.1]):
        case "abbreviation":
            return str(rng.choice(_ABBREVIATIONS.split()))
        case "callsign":
            end = rng.choice(["", "/P", "/M"], p=[0.8, 0.1, 0.1])
            return f"{some(_LETTERS, 1, 2)}{some(_DIGITS, 1, 1)}{some(_LETTERS, 1, 3)}{end}"
        case "letters":
            return some(_LETTERS, 2, 5)
        case _:
            return some(_DIGITS, 2, 4)


def length_in_dots(text: str) -> float:
    """How long a text lasts when keyed evenly, from the first mark to the end of the last, in dots."""
    return float(np.sum([length for _, length in _keying(text)]))


def _keying(text: str) -> list[tuple[str, int]]:
    """Marks and gaps in turn, each with its length in dots: ('-', 3), ('mark gap', 1) ..."""
    keyed: list[tuple[str, int]] = []
    for word in text.split(" "):
        for letter in word:
            for mark in CODE[letter]:
                keyed += [(mark, 1 if mark == "." else 3), ("mark gap", 1)]
            keyed[-1] = ("letter gap", 3)
        keyed[-1] = ("word gap", 7)
    return keyed[:-1]


def keying(text: str, fist: Fist, rate: int, rng: np.random.Generator, silence: tuple[float, float]) -> np.ndarray:
    """(N,) float64: 1 while the key is down, 0 while up, `rate` values a second; `silence` seconds around.

    Raises KeyError for a character that Morse does not know.
    """
    names, dots = zip(*_keying(text), strict=True)
    lengths = np.array(dots, float)
    lengths[np.isin(names, ["-"])] = fist.dash
    lengths[np.isin(names, ["letter gap", "word gap"])] *= fist.gap
    seconds = lengths * np.exp(rng.normal(0, fist.unevenness, len(lengths))) * 1.2 / fist.wpm
    edges = np.round(np.cumsum([silence[0], *seconds, silence[1]]) * rate).astype(int)
    return np.repeat(np.arange(len(edges)) % 2.0, np.diff(edges, prepend=0))


def tone(key: np.ndarray, pitch: float, drift: float, rate: int) -> np.ndarray:
    """(N,) a tone of amplitude 1, keyed with soft edges of 5 ms, that moves `drift` Hz from start to end."""
    edge = np.hanning(round(0.005 * rate) + 2)
    turns = np.cumsum(np.linspace(pitch, pitch + drift, len(key))) / rate
    soft: np.ndarray = np.convolve(key, edge / edge.sum(), "same")
    return soft * np.sin(2 * np.pi * turns)


def receive(text: str, fist: Fist, channel: Channel, rng: np.random.Generator, rate: int = 8000) -> np.ndarray:
    """(N,) float32 within -1 ... 1: the text as heard. Raises KeyError for an unknown character."""
    heard = tone(keying(text, fist, rate, rng, tuple(rng.uniform(0.1, 0.4, 2))), fist.pitch, fist.drift, rate)
    seconds = np.arange(len(heard)) / rate
    fading = np.sin(2 * np.pi * (channel.fade_hz * seconds + rng.random()))
    heard *= 1 - channel.fade_depth * (0.5 + 0.5 * fading)
    heard += channel.noise * rng.standard_normal(len(heard))
    mains = rng.choice([50, 60])
    for harmonic, level in enumerate([1.0, 0.5, 0.3], 1):
        heard += channel.hum * level * np.sin(2 * np.pi * mains * harmonic * seconds)
    heard += channel.other * _another(len(heard), fist, rate, rng)
    heard *= rng.uniform(0.2, 0.9) / np.abs(heard).max()
    return heard.astype(np.float32)


def _another(length: int, fist: Fist, rate: int, rng: np.random.Generator) -> np.ndarray:
    """(length,) a station 150 to 400 Hz away, keying something else."""
    pitch = fist.pitch + rng.uniform(150, 400) * (1 if fist.pitch < 600 else -1)
    other = make_fist(rng, (12, 30), (pitch, pitch))
    key = keying(make_text(rng, 100), other, rate, rng, (0.0, 0.0))
    return tone(np.resize(key, length), other.pitch, other.drift, rate)
