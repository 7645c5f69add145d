"""A sound as it lies in its file: can it be read, and is something in it?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import soundfile  # type: ignore[import-untyped]

from seqrec.checking.report import Problem
from seqrec.features._sound import sound_blocks
from seqrec.samples import Sample

_FLAT = 3  # samples in a row at the highest or lowest value: a wave that is not cut passes it faster
_LSB = 1.5 / 32768  # what counts as the same value: rounding to 16 bits, and a little
_CLIPPED = 5e-4  # share of samples in such rows that can be heard; recordings without a fault have none
_FAINT = 1e-3  # of full scale, -60 dB: 33 steps of 16 bits; the faintest of 3,000 recorded words had 22 times as much
_HOP = 0.02  # seconds of a stretch whose loudness is measured
_STRETCHES = 10  # fewer of them say nothing of how loudness changes
_STEADY = 2.0  # dB between loud and quiet stretches; white noise has 1.4 at 8 kHz, recorded words 15 and more


def measure(sample: Sample) -> tuple[float, float, tuple[Problem, ...]]:
    """A sound's seconds, samples per second, and what is wrong with it.

    All of the region is read, block by block. Raises DataError when it cannot be.
    """
    assert sample.path is not None
    try:
        rate = int(soundfile.info(sample.path).samplerate)
    except (OSError, ValueError, TypeError, ArithmeticError, soundfile.SoundFileError):
        rate = 16_000  # sound_blocks says why
    ends = _Ends(), _Ends()
    powers, count = [], 0
    for block in sound_blocks(sample.path, sample.start, sample.end, rate, math.inf):
        count += len(block)
        for end, signed in zip(ends, (block, -block), strict=True):
            end.add(signed)
        powers.append(_powers(block, max(1, round(_HOP * rate))))
    return count / rate, float(rate), tuple(_problems(ends, count, np.concatenate(powers)))


class _Ends:
    """The highest value of a signal in blocks, and how many samples lie there in rows of _FLAT or more."""

    def __init__(self) -> None:
        self.top, self.flat = -math.inf, 0

    def add(self, block: np.ndarray) -> None:
        top = float(block.max())
        if top > self.top + _LSB:
            self.flat = 0
        self.top = max(self.top, top)
        there = np.flatnonzero(np.diff(block >= self.top - _LSB, prepend=False, append=False))
        rows = there[1::2] - there[::2]
        self.flat += int(rows[rows >= _FLAT].sum())


def _powers(block: np.ndarray, hop: int) -> np.ndarray:
    """The mean power of each whole stretch of a block."""
    whole = block[: len(block) // hop * hop].reshape(-1, hop)
    return np.asarray((whole**2).mean(axis=1))


def _problems(ends: tuple[_Ends, _Ends], count: int, powers: np.ndarray) -> Iterator[Problem]:
    high, low = ends[0].top, -ends[1].top
    if high == low:
        yield Problem("silent", f"is silent: all {count} samples are {high:g}", "error")
    elif high - low < 2 * _FAINT:
        decibel = 20 * math.log10((high - low) / 2)
        yield Problem("silent", f"is all but silent: its loudest is {decibel:.0f} dB of full scale", "warning")
    elif (flat := ends[0].flat + ends[1].flat) >= _CLIPPED * count:
        peak = max(high, -low)
        said = f"is clipped: {flat / count:.2%} of it stays at its highest or lowest value, {peak:.2f} of full scale"
        yield Problem("clipped", said, "warning")
    elif len(powers) >= _STRETCHES and (range_ := _range(powers)) < _STEADY:
        said = f"is as loud throughout, within {range_:.1f} dB: noise or a tone, without speech"
        yield Problem("silent", said, "warning")


def _range(powers: np.ndarray) -> float:
    """Decibels between the loudest stretches and the quietest."""
    quiet, loud = np.percentile(10 * np.log10(np.maximum(powers, 1e-12)), [10, 95])
    return float(loud - quiet)
