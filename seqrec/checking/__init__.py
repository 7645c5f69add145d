"""Checking manifests before anything is trained on them: every bad sample by name, and why.

    kind        what is wrong                                                          severity
    manifest    a manifest, or a line of it, that cannot be read                       error
    id          an id that came before; in another manifest a warning                  error
    text        no text, or an empty one                                               error
    control     control characters or broken Unicode                                   error
    alphabet    characters outside of the given alphabet                               error
    unseen      characters of another manifest that train does not have                warning
    region      an end that is not after the start                                     error
    signal      missing, unreadable, empty, of another domain, or region outside of it error
    short       fewer frames than CTC needs for the text (Graves 2006)                 error
    pages       an image file of several pages, of which the first is read             warning
    duplicate   the signal of a sample in another manifest; in the same a warning      error

Manifests are read sample by sample; kept are ids, digests of signals and what was found. Of a signal
in several manifests, the copy in test stays rather than that in dev, and that rather than in train.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from seqrec.alphabet import Alphabet, Form, UnknownSymbols, graphemes, least_frames
from seqrec.checking.report import Finding, Report, Severity, write_clean
from seqrec.errors import DataError, SeqrecError
from seqrec.features import Extractor
from seqrec.probing import identity, more_pages, probe
from seqrec.samples import Sample, read_manifest

Problem = tuple[str, str, Severity]  # kind, message, severity

__all__ = ["Finding", "Report", "check", "label_problems", "write_clean"]

_KEEP = ("test", "dev", "", "train")  # the manifests' order, by whose copy of a signal stays
_UNFIT = {"Cc": "a control character", "Cs": "half of a UTF-16 pair"}
_ODD = {"\ufffd": "which stands for a character lost in a conversion", "\ufeff": "a byte order mark"}


def check(
    manifests: Iterable[Path],
    extractor: Extractor | None = None,
    alphabet: Alphabet | None = None,
    n_out: Callable[[int], int] | None = None,
    *,
    form: Form = "NFC",
    on_sample: Callable[[], None] | None = None,
) -> Report:
    """Check manifests together.

    With an extractor every sample's frames are computed, and their number after the network's
    subsampling, `n_out`, is held against its text; without, signals are opened by their suffix. Without
    an alphabet, the characters of each manifest are held against those of train. `form` is the Unicode
    form to count characters in, if no alphabet says so; `on_sample` is called after each sample.
    """
    paths = list(dict.fromkeys(manifests))
    checker = _Checker(extractor, alphabet, n_out or (lambda n: n), alphabet.form if alphabet else form)
    for path in sorted(paths, key=lambda path: _KEEP.index(_part(path))):
        checker.check(path, on_sample or (lambda: None))
    if alphabet is None:
        checker.compare_symbols()
    findings = [finding for path in paths for finding in checker.findings[path]]
    return Report(tuple(findings), {p: checker.samples[p] for p in paths})


def _part(path: Path) -> str:
    words = re.split("[^a-z]+", path.stem.lower())
    return next((part for part in _KEEP if part and part in words), "")


def label_problems(text: str | None) -> Iterator[Problem]:
    """What makes a text useless as a label, whatever its signal."""
    if text is None or not text.strip():
        yield "text", "has no text" if text is None else f"the text {text!r:.20} is empty", "error"
        return
    for character in dict.fromkeys(text):
        unfit = _UNFIT.get(unicodedata.category(character))
        if unfit:
            yield "control", f"the text holds U+{ord(character):04X}, {unfit}", "error"
        elif character in _ODD:
            yield "control", f"the text holds U+{ord(character):04X}, {_ODD[character]}", "warning"


class _Checker:
    """What must be remembered from one sample to the next."""

    def __init__(
        self, extractor: Extractor | None, alphabet: Alphabet | None, n_out: Callable[[int], int], form: Form
    ) -> None:
        self.extractor, self.alphabet, self.n_out, self.form = extractor, alphabet, n_out, form
        self.findings: dict[Path, list[Finding]] = {}
        self.samples: dict[Path, int] = {}
        self.ids: dict[str, Path] = {}  # the last manifest that had it
        self.signals: dict[bytes, tuple[Path, str]] = {}  # manifest and id of the first sample
        self.symbols: dict[Path, dict[str, tuple[str, int]]] = {}  # id of the first sample, how many

    def check(self, path: Path, on_sample: Callable[[], None]) -> None:
        findings: list[Finding] = []
        self.findings[path], self.symbols[path], self.samples[path] = findings, {}, 0

        def note(error: SeqrecError) -> None:
            said = str(error).removeprefix(f"{error.where}: ")
            findings.append(Finding(error.where, None, "manifest", said, "error"))

        try:
            for place, sample in enumerate(read_manifest(path, note)):
                findings += [Finding(str(path), sample.id, *problem, place) for problem in self.problems(path, sample)]
                self.samples[path] += 1
                on_sample()
        except DataError as error:
            note(error)

    def problems(self, path: Path, sample: Sample) -> Iterator[Problem]:
        before, self.ids[sample.id] = self.ids.get(sample.id), path
        if before is not None:
            yield "id", f"the id is also in {before}", "error" if before == path else "warning"
        yield from label_problems(sample.text)
        symbols = graphemes(unicodedata.normalize(self.form, sample.text or ""))
        yield from self._symbols(path, sample, symbols)
        if sample.end is not None and sample.end <= (sample.start or 0.0):
            yield "region", f"ends at {sample.end:g} s; expected more than its start", "error"
            return
        try:
            n_frames = self._frames(sample)
            key, unread = identity(sample), more_pages(sample)
        except DataError as error:
            yield "signal", str(error), "error"
            return
        if n_frames is not None:
            yield from self._length(n_frames, symbols)
        if unread:
            yield "pages", f"{sample.path} has {unread + 1} pages; only the first is read", "warning"
        first_path, first_id = self.signals.setdefault(key, (path, sample.id))
        if first_path != path:
            yield "duplicate", f"the same signal is in {first_path} as {first_id!r}", "error"
        elif first_id != sample.id:
            yield "duplicate", f"the same signal came before as {first_id!r}", "warning"

    def _symbols(self, path: Path, sample: Sample, symbols: list[str]) -> Iterator[Problem]:
        if self.alphabet is not None:
            try:
                self.alphabet.encode(sample.text or "")
            except UnknownSymbols as error:
                yield "alphabet", str(error).removeprefix("text: "), "error"
            return
        for symbol in set(symbols):
            first, count = self.symbols[path].get(symbol, (sample.id, 0))
            self.symbols[path][symbol] = first, count + 1

    def _frames(self, sample: Sample) -> int | None:
        """Frames of the sample, None where there is no extractor. Raises DataError."""
        if self.extractor is None:
            probe(sample)
            return None
        signal = self.extractor.read(sample)
        if not (signal.size if isinstance(signal, np.ndarray) else any(len(part) for part in signal)):
            raise DataError(sample.path or f"sample {sample.id!r}", "is empty", f"{self.extractor.domain} to read")
        return len(self.extractor.frames(signal))

    def _length(self, n_frames: int, symbols: list[str]) -> Iterator[Problem]:
        order = {symbol: label for label, symbol in enumerate(symbols)}
        least, have = least_frames([order[symbol] for symbol in symbols]), self.n_out(n_frames)
        if have < least:
            subsampled = "" if have == n_frames else f" ({n_frames} before subsampling)"
            yield "short", f"{have} frames{subsampled} for {len(symbols)} characters; expected {least} or more", "error"

    def compare_symbols(self) -> None:
        """Report once each, with its first sample, the characters that occur in no manifest of train."""
        train = [path for path in self.symbols if _part(path) == "train"]
        seen = {symbol for path in train for symbol in self.symbols[path]}
        for path in self.symbols if train else ():
            for symbol, (sample_id, count) in sorted(self.symbols[path].items()):
                if symbol not in seen:
                    code = " ".join(f"U+{ord(character):04X}" for character in symbol)
                    said = f"{symbol!r} ({code}) is in no text of train; samples that have it: {count}"
                    self.findings[path].append(Finding(str(path), sample_id, "unseen", said, "warning"))
