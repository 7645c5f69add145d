"""What only shows among all samples: the same twice, what differs from the rest, characters that are rare."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqrec.checking.looking import Looked, Seen, Symbols, add_symbol
from seqrec.checking.outliers import FEWEST, far, far_rates, odd_ones
from seqrec.checking.report import Finding, Problem
from seqrec.checking.texts import codes

PARTS = ("test", "dev", "", "train")  # the manifests' order, by whose copy of a signal stays
_RULE = 0.9  # the share from which on a sampling rate, or dark writing on light paper, is the rule
_FEWEST = 10  # samples that make a rule
_LIGHT, _DARK = 0.4, 0.6  # shares of dark pixels: between them it is not clear what is ink; a line has some 0.1
_FAR = 5.0  # deviations from the usual length for a text; of 40,000 words and lines 30 are there, half of them wrong
_FAR_LENGTH = 8.0  # deviations above the usual length whatever the text: long lines are no fault by themselves
_RARE = 5  # samples with a character: from fewer it is hardly learnt
_SMALL = 100  # samples; in fewer most characters are rare
_LAST = 1 << 62  # the line of what is said after all samples
_UNITS = {"sound": "s", "image": "heights wide", "ink": "corpus heights of pen travel"}
_DOMAINS, _FORMS = ("", *_UNITS), ("", "NFC", "NFD")


def part_of(path: Path) -> str:
    """Which part a manifest is by its name: train, dev or test, "" where that does not say."""
    words = re.split("[^a-z]+", path.stem.lower())
    return next((part for part in PARTS if part and part in words), "")


@dataclass
class Sheet:
    """What is remembered of a manifest: a few numbers of each sample, and what has been found."""

    path: Path
    found: list[tuple[int, Finding]] = field(default_factory=list)  # with the line that it is about
    ids: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))
    texts: array[int] = field(default_factory=lambda: array("Q"))  # hashes
    domains: array[int] = field(default_factory=lambda: array("b"))  # numbers in _DOMAINS
    forms: array[int] = field(default_factory=lambda: array("b"))  # numbers in _FORMS
    characters: array[int] = field(default_factory=lambda: array("i"))
    lengths: array[float] = field(default_factory=lambda: array("d"))
    traits: array[float] = field(default_factory=lambda: array("d"))
    symbols: Symbols = field(default_factory=dict)

    def add(self, seen: Seen) -> None:
        self.ids.append(seen.id)
        self.lines.append(seen.line)
        self.texts.append(seen.text)
        self.domains.append(_DOMAINS.index(seen.domain))
        self.forms.append(_FORMS.index(seen.form))
        self.characters.append(seen.characters)
        self.lengths.append(seen.length)
        self.traits.append(seen.trait)

    def note(self, place: int, problem: Problem) -> None:
        """Note what is wrong with the sample at a place."""
        finding = Finding(str(self.path), self.ids[place], *problem, place)
        self.found.append((self.lines[place], finding))

    def note_line(self, line: int, where: str, message: str) -> None:
        """Note what is wrong with a line that is no sample, or with the manifest."""
        self.found.append((line, Finding(where, None, "manifest", message, "error")))

    @property
    def findings(self) -> list[Finding]:
        """Sample by sample; what is not one sample's fault comes last."""
        return [finding for _, finding in sorted(self.found, key=lambda each: each[0])]


class Comparing:
    """The samples of some manifests held against each other; they are added manifest by manifest, in order."""

    def __init__(self, paths: Sequence[Path], n_out: Callable[[int], int] | None) -> None:
        self.sheets = {path: Sheet(path) for path in paths}
        self.n_out = n_out or (lambda n: n)
        self.ids: dict[str, Sheet] = {}  # the last manifest that had it
        self.signals: dict[bytes, tuple[Sheet, int]] = {}  # manifest and place of the first sample
        self.spoken: dict[int, tuple[Sheet, int]] = {}  # the same of texts with their groups

    def add(self, path: Path, looked: Looked) -> None:
        """Add what has been seen in the next lines of a manifest."""
        sheet = self.sheets[path]
        for line, where, message in looked.bad:
            sheet.note_line(line, where, message)
        for symbol, (count, ids) in looked.symbols.items():
            add_symbol(sheet.symbols, symbol, count, ids)
        for seen in looked.seen:
            sheet.add(seen)
            place = len(sheet.ids) - 1
            for problem in (*self._same_id(sheet, seen), *seen.problems, *self._short(seen)):
                sheet.note(place, problem)
            for problem in self._again(sheet, place, seen):
                sheet.note(place, problem)

    def _same_id(self, sheet: Sheet, seen: Seen) -> Iterator[Problem]:
        before = self.ids.get(seen.id)
        self.ids[seen.id] = sheet
        if before is not None:
            yield Problem("id", f"the id is also in {before.path}", "error" if before is sheet else "warning")

    def _short(self, seen: Seen) -> Iterator[Problem]:
        have = self.n_out(seen.n_frames)
        if seen.n_frames > 0 and have < seen.n_least:
            subsampled = "" if have == seen.n_frames else f" ({seen.n_frames} before subsampling)"
            said = f"{have} frames{subsampled} for {seen.characters} characters; expected {seen.n_least} or more"
            yield Problem("short", said, "error")

    def _again(self, sheet: Sheet, place: int, seen: Seen) -> Iterator[Problem]:
        """Whether the signal, or the text of the same group, came before."""
        if seen.signal:
            first, at = self.signals.setdefault(seen.signal, (sheet, place))
            other = "" if first.texts[at] == seen.text else ", with another text"
            if first is not sheet:
                yield Problem("leak", f"the same signal is in {first.path} as {first.ids[at]!r}{other}", "error")
                return
            if first.ids[at] != seen.id:  # else it is the same line twice
                yield Problem("duplicate", f"the same signal came before as {first.ids[at]!r}{other}", "warning")
        if seen.spoken and part_of(sheet.path):
            first, at = self.spoken.setdefault(seen.spoken, (sheet, place))
            if first is not sheet:
                said = f"the same text of the same group is in {first.path} as {first.ids[at]!r}"
                yield Problem("leak", said, "warning")

    def close(self, unseen: bool) -> None:
        """Note what shows only now, where all samples are known; with `unseen`, what train does not have."""
        everything = [(sheet, place) for sheet in self.sheets.values() for place in range(len(sheet.ids))]
        for number, problem in _odd(list(self.sheets.values())):
            sheet, place = everything[number]
            sheet.note(place, problem)
        train = [sheet for sheet in self.sheets.values() if part_of(sheet.path) == "train"]
        self._rare(train or list(self.sheets.values()))
        if unseen and train:
            self._unseen(train)

    def _rare(self, sheets: list[Sheet]) -> None:
        """Note once each the characters that hardly any sample has."""
        symbols: Symbols = {}
        for sheet in sheets:
            for symbol, (count, ids) in sheet.symbols.items():
                add_symbol(symbols, symbol, count, ids)
        if sum(len(sheet.ids) for sheet in sheets) < _SMALL:
            return
        for symbol, (count, ids) in sorted(symbols.items()):
            if count < _RARE and symbol.isprintable():  # what is not, is told of sample by sample
                where = next(sheet for sheet in sheets if symbol in sheet.symbols)
                samples = "one sample" if count == 1 else f"{count} samples"
                said = f"{symbol!r} ({codes(symbol)}) is in {samples} only: {', '.join(ids)}"
                where.found.append((_LAST, Finding(str(where.path), None, "rare", said, "warning")))

    def _unseen(self, train: list[Sheet]) -> None:
        """Note once each, with its first sample, the characters that occur in no manifest of train."""
        known = {symbol for sheet in train for symbol in sheet.symbols}
        for sheet in self.sheets.values():
            for symbol, (count, ids) in sorted(sheet.symbols.items()):
                if symbol not in known:
                    said = f"{symbol!r} ({codes(symbol)}) is in no text of train; samples that have it: {count}"
                    sheet.found.append((_LAST, Finding(str(sheet.path), ids[0], "unseen", said, "warning")))


def _odd(sheets: Sequence[Sheet]) -> Iterator[tuple[int, Problem]]:
    """What is wrong with samples that differ from the rest, by the sample's number among all."""
    domains, forms, characters, lengths, traits = (
        np.concatenate([np.array(getattr(sheet, name)) for sheet in sheets])
        for name in ("domains", "forms", "characters", "lengths", "traits")
    )
    yield from _odd_forms(forms)
    yield from _odd_rates(np.flatnonzero(domains == _DOMAINS.index("sound")), traits)
    yield from _inverted(np.flatnonzero(domains == _DOMAINS.index("image")), traits)
    for domain, unit in _UNITS.items():
        known = (domains == _DOMAINS.index(domain)) & (lengths > 0)
        yield from _far_lengths(np.flatnonzero(known), lengths, unit)
        yield from _far_rates(np.flatnonzero(known & (characters > 0)), lengths, characters, unit)


def _odd_forms(forms: np.ndarray) -> Iterator[tuple[int, Problem]]:
    composed, apart = (int((forms == _FORMS.index(form)).sum()) for form in ("NFC", "NFD"))
    if composed and apart:
        few, many = ("NFD", "NFC") if apart <= composed else ("NFC", "NFD")
        said = f"the text is in {few}, as {min(composed, apart)} are; {max(composed, apart)} others are in {many}"
        for number in np.flatnonzero(forms == _FORMS.index(few)):
            yield int(number), Problem("form", said, "warning")


def _odd_rates(sounds: np.ndarray, traits: np.ndarray) -> Iterator[tuple[int, Problem]]:
    rates = traits[sounds]
    odd = odd_ones(rates, _RULE, _FEWEST)
    for number in sounds[odd]:
        said = f"has {traits[number]:.0f} samples a second; {np.mean(~odd):.1%} of all have {rates[~odd][0]:.0f}"
        yield int(number), Problem("rate", said, "warning")


def _inverted(images: np.ndarray, traits: np.ndarray) -> Iterator[tuple[int, Problem]]:
    clear = images[(traits[images] < _LIGHT) | (traits[images] > _DARK)]
    dark = traits[clear] > _DARK
    odd = odd_ones(dark, _RULE, _FEWEST)
    for number in clear[odd]:
        inks = ("light on dark", "dark on light")
        here, there = inks if traits[number] > _DARK else inks[::-1]
        said = f"is written {here}; {np.mean(~odd):.1%} of all are {there}"
        yield int(number), Problem("inverted", said, "warning")


def _far_lengths(numbers: np.ndarray, lengths: np.ndarray, unit: str) -> Iterator[tuple[int, Problem]]:
    if len(numbers) < FEWEST:
        return
    usual = float(np.median(lengths[numbers]))
    for number in numbers[far(np.log(lengths[numbers])) > _FAR_LENGTH]:
        said = f"is {lengths[number]:.3g} {unit}; the middle one of all is {usual:.3g}"
        yield int(number), Problem("outlier", said, "warning")


def _far_rates(
    numbers: np.ndarray, lengths: np.ndarray, characters: np.ndarray, unit: str
) -> Iterator[tuple[int, Problem]]:
    if len(numbers) < FEWEST:
        return
    away, usual = far_rates(lengths[numbers], characters[numbers])
    for at in np.flatnonzero(np.abs(away) > _FAR):
        number = int(numbers[at])
        said = f"is {lengths[number]:.3g} {unit} for {characters[number]} characters; usual are {usual[at]:.3g}"
        yield number, Problem("outlier", f"{said}: does the text belong to it?", "warning")
