"""Praat's TextGrid, the long text format, a file for each sound: a tier of words and one of characters.

Intervals fill each tier from 0 to the end of the sound; those without a text lie between words.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO

from seqrec.decoding import Hypothesis
from seqrec.inputs import Document
from seqrec.writers import Place, placed

POSITIONS = ("s",)
SUFFIX = ".TextGrid"

_Interval = tuple[int, int, str]  # start and end in microseconds, text


def write(hypotheses: Iterable[Hypothesis], out: IO[str], document: Document) -> None:
    words: list[Place] = []
    chars: list[Place] = []
    for hypothesis in hypotheses:
        words += placed(hypothesis.words, hypothesis)
        chars += (char for char in placed(hypothesis.chars, hypothesis) if char.text.strip())
    tiers = {"words": _apart(words), "chars": _apart(chars)}
    end = max(1, round(_duration(document.file) * 1e6), *(tier[-1][1] for tier in tiers.values() if tier))
    out.write('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
    out.write(f"xmin = 0\nxmax = {_seconds(end)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n")
    for number, (name, tier) in enumerate(tiers.items(), 1):
        intervals = _filled(tier, end)
        out.write(f'    item [{number}]:\n        class = "IntervalTier"\n        name = "{name}"\n')
        out.write(f"        xmin = 0\n        xmax = {_seconds(end)}\n        intervals: size = {len(intervals)}\n")
        for place, (start, stop, text) in enumerate(intervals, 1):
            out.write(f"        intervals [{place}]:\n            xmin = {_seconds(start)}\n")
            out.write(f'            xmax = {_seconds(stop)}\n            text = "{_quoted(text)}"\n')


def _apart(places: list[Place]) -> list[_Interval]:
    """In order, none over another, none empty: Praat refuses those."""
    found: list[_Interval] = []
    for place in sorted(places, key=lambda place: place.start):
        start = max(round(place.start * 1e6), found[-1][1] if found else 0)
        found.append((start, max(round(place.end * 1e6), start + 1), place.text))
    return found


def _filled(tier: list[_Interval], end: int) -> list[_Interval]:
    filled: list[_Interval] = []
    for start, stop, text in (*tier, (end, end, "")):
        before = filled[-1][1] if filled else 0
        filled += [(before, start, "")] * (start > before) + [(start, stop, text)] * (stop > start)
    return filled


def _duration(sound: Path) -> float:
    """Seconds, 0 where the file does not say: then the last word ends it."""
    import soundfile  # type: ignore[import-untyped]

    try:
        return float(soundfile.info(sound).duration)
    except (OSError, ValueError, TypeError, ArithmeticError, soundfile.SoundFileError):
        return 0.0


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1e6:.6f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return text.replace('"', '""')
