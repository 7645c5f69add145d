"""Praat TextGrids (long or short text) beside their sounds: every labelled interval of a tier; --tier names it.

Described in "TextGrid file formats" of Praat's manual (fon.hum.uva.nl/praat/manual). What counts in such a file
are its free-standing numbers, texts in quotation marks (doubled within) and flags in <>; all else is comment.
UTF-8 or UTF-16; point tiers are passed over. An id is the path below the source and the interval's number, as
Praat counts it. The group is the folder, as aligners lay out speakers, or right in the source the recording.

`tier` is a name or a pattern such as "* - words", in any case; all that fit are read. Without it a tier of
sentences or words (by its name) is taken, else the one with the longest labels, and where there are several
the choice is said. Labels stay as they are, marks for silence and noise included.
"""

from __future__ import annotations

import codecs
import math
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from seqrec.corpora._pages import unused
from seqrec.corpora._source import Sign, Source
from seqrec.corpora._speech import open_file, sounds, walk
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample

_SUFFIX = ".textgrid"
_EXPECTED = "a folder of sounds, each with a .TextGrid of the same stem"
_LARGEST = 64 << 20  # bytes; an hour with a tier of phones is some 5 MB
_NAMES = ("utterance", "sentence", "phrase", "transcript", "transcription", "text", "ortho", "orthography", "word")
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_BEGINS = ("File type", '"ooTextFile')
_MEND = "save it anew in Praat with: Save as text file"
_TOKEN = re.compile(r'"[^"]*(?:""[^"]*)*"|<[^>\s]*>|![^\n]*|[^\s"]+|"')
_NUMBER = re.compile(r"([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)[A-Za-z%]*")


class Interval(NamedTuple):
    start: float  # seconds
    end: float
    label: str


class Tier(NamedTuple):
    name: str
    intervals: list[Interval]


def read(source: Path, on_error: OnError, *, tier: str = "") -> Iterator[Sample]:
    """Samples in the order of files, tiers and times. Raises DataError when the source is no folder or TextGrid."""
    said, seen, found = set[str](), set[str](), False
    for grid, sound, stem, group in _grids(source, on_error):
        found = True
        try:
            if sound is None:
                raise DataError(grid, "has no sound", f"one such as {grid.stem}.wav beside it")
            chosen = _chosen(parse(grid, on_error), tier, grid, on_error, said)
        except DataError as error:
            on_error(error)
            continue
        for each in chosen:
            name = f"{stem}-{each.name}" if len(chosen) > 1 else stem
            yield from _samples(each, unused(name, seen), group, grid, sound, on_error)
    if not found:
        on_error(DataError(source, "holds no TextGrid", _EXPECTED))


def signs(source: Source) -> Sign | None:
    for file in source.with_suffix(_SUFFIX):
        if "TextGrid" in source.head(file, 100):
            return Sign(3, f"holds TextGrids such as {file}", source.path)
    return None


def parse(path: Path, on_error: OnError) -> list[Tier]:
    """The interval tiers of a TextGrid. Where it breaks off goes to `on_error`. Raises DataError where it is none."""
    values = _Values(path)
    kind, holds = values.text("the kind of file"), values.text("the kind of object")
    if not kind.startswith("ooTextFile") or holds != "TextGrid":
        raise DataError(path, f"is {kind!r:.40} and holds {holds!r:.40}", "a TextGrid", "save the TextGrid alone")
    tiers: list[Tier] = []
    try:
        values.number("the begin"), values.number("the end")
        for number in range(1, values.count("the count of tiers") + 1):
            kind, name = values.text(f"the kind of tier {number}"), values.text(f"the name of tier {number}")
            values.number(f"the begin of tier {number}"), values.number(f"the end of tier {number}")
            tier, is_point = Tier(name, []), kind != "IntervalTier"
            if not is_point:
                tiers.append(tier)
            for place in range(1, values.count(f"the count of tier {number}") + 1):
                what = f"a time in tier {number}, {place}"
                start = values.number(what)
                end = start if is_point else values.number(what)
                tier.intervals.append(Interval(start, end, values.text(f"the label in tier {number}, {place}")))
    except DataError as error:
        on_error(error)
    return tiers


class _Values:
    """The numbers and texts of a file, one after the other. All methods raise DataError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tokens = (token[0] for token in _TOKEN.finditer(_decoded(path)))

    def text(self, what: str) -> str:
        value = self._next(what)
        if isinstance(value, float):
            raise DataError(self._path, f"has {value:g} for {what}", "text in quotation marks", _MEND)
        return value

    def number(self, what: str) -> float:
        value = self._next(what)
        if isinstance(value, str) or not math.isfinite(value):
            raise DataError(self._path, f"has {value!r:.40} for {what}", "a number", _MEND)
        return value

    def count(self, what: str) -> int:
        value = self.number(what)
        if value < 0 or value % 1:
            raise DataError(self._path, f"has {value:g} for {what}", "a count", _MEND)
        return int(value)

    def _next(self, what: str) -> float | str:
        for token in self._tokens:
            if token == '"':
                raise DataError(self._path, f"lacks a quotation mark, at {what}", "all of them in pairs", _MEND)
            if token.startswith('"'):
                return token[1:-1].replace('""', '"')
            if number := _NUMBER.fullmatch(token):
                return float(number[1])
        raise DataError(self._path, f"ends before {what}", "a whole TextGrid", _MEND)


def _decoded(path: Path) -> str:
    try:
        with open_file(path) as stream:
            raw = stream.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a TextGrid") from None
    if len(raw) > _LARGEST:
        raise DataError(path, f"is larger than {_LARGEST >> 20} MB", "the TextGrid of one recording")
    if raw.startswith(b"ooBinaryFile"):
        raise DataError(path, "is a binary TextGrid", "one in text", _MEND)
    try:
        text = raw[2:].decode(_WIDE[raw[:2]]) if raw[:2] in _WIDE else raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(path, "is neither UTF-8 nor UTF-16", "a TextGrid in one of them", _MEND) from None
    if "\0" in text or not text.lstrip().startswith(_BEGINS):
        raise DataError(path, "holds NUL characters" if "\0" in text else "is no file of Praat's", "a TextGrid", _MEND)
    return text


def _grids(source: Path, on_error: OnError) -> Iterator[tuple[Path, Path | None, str, str]]:
    """Each TextGrid, its sound, its path below the source without suffix, and its group."""
    if source.is_file():
        sound = sounds(source.parent, sorted(os.listdir(source.parent))).get(source.stem)
        yield source, sound, source.stem, source.stem
        return
    for folder, names in walk(source, on_error, _EXPECTED):
        there, below = sounds(folder, names), folder.relative_to(source).as_posix()
        grids = {name[: -len(_SUFFIX)]: folder / name for name in names if name.lower().endswith(_SUFFIX)}
        for stem, grid in grids.items():
            at_top = below == "."
            yield grid, there.get(stem), stem if at_top else f"{below}/{stem}", stem if at_top else below
        for stem in sorted(there.keys() - grids.keys()):
            on_error(DataError(there[stem], "has no TextGrid", f"{stem}.TextGrid beside it"))


def _chosen(tiers: list[Tier], wanted: str, grid: Path, on_error: OnError, said: set[str]) -> list[Tier]:
    """The tiers to read, one or more. Raises DataError when there is none."""
    names = ", ".join(repr(tier.name) for tier in tiers)[:200] or "none"
    if wanted:
        pattern = wanted.casefold()
        found = [t for t in tiers if t.name.casefold() == pattern or fnmatchcase(t.name.casefold(), pattern)]
        if not found:
            raise DataError(grid, f"has no tier {wanted!r:.40}", f"a tier of intervals: {names}", "choose with --tier")
        return found
    labelled = [tier for tier in tiers if any(interval.label.strip() for interval in tier.intervals)]
    if not labelled:
        raise DataError(grid, f"has no labels in its tiers of intervals ({names})", "one or more")
    ranks = [_rank(tier.name) for tier in labelled]
    best = min(ranks)
    found = [tier for tier, rank in zip(labelled, ranks, strict=True) if rank == best]
    if best == len(_NAMES):
        found = [max(labelled, key=_mean_length)]
    choice = ", ".join(repr(tier.name) for tier in found)
    if len(labelled) > len(found) and f"{choice} of {names}" not in said:
        said.add(f"{choice} of {names}")
        on_error(DataError(grid, f"of its tiers {names}, {choice} is read", "one tier", "choose with --tier"))
    return found


def _rank(name: str) -> int:
    words = {word.removesuffix("s") for word in re.split(r"[\W\d_]+", name.casefold())}
    return next((rank for rank, known in enumerate(_NAMES) if known in words), len(_NAMES))


def _mean_length(tier: Tier) -> float:
    lengths = [len(label) for label in (interval.label.strip() for interval in tier.intervals) if label]
    return sum(lengths) / len(lengths)


def _samples(tier: Tier, name: str, group: str, grid: Path, sound: Path, on_error: OnError) -> Iterator[Sample]:
    for number, (start, end, label) in enumerate(tier.intervals, 1):
        if not label.strip():
            continue
        if 0 <= start < end:
            yield Sample(id=f"{name}-{number}", text=label.strip(), path=sound, start=start, end=end, group=group)
        else:
            where = f"{grid}, tier {tier.name!r:.40}, interval {number}"
            on_error(DataError(where, f"lasts from {start:g} s to {end:g} s", "an end after the start, both from 0 on"))
