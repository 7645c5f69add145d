"""Looking at samples one by one, some lines of a manifest at a time, on every core."""

from __future__ import annotations

import json
import math
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqrec.alphabet import Alphabet, Form, UnknownSymbols, graphemes, least_frames
from seqrec.checking import ink
from seqrec.checking.report import Problem
from seqrec.checking.texts import form_of, label_problems
from seqrec.errors import DataError, SeqrecError
from seqrec.features import Extractor, extractor
from seqrec.inputs import SUFFIXES
from seqrec.probing import identity
from seqrec.processes import Processes, at_once, result
from seqrec.samples import LONGEST_LINE, Sample, open_manifest, parse_line

_FIRST = 32  # lines that are looked at here, to see whether it is worth while to start processes
_STARTING = 1.0  # seconds that this takes
_TASK_SECONDS = 0.3  # of a task: so long an interrupt may have to wait
_MOST_LINES, _MOST_BYTES = 1024, 4 << 20  # of a task
_EXAMPLES = 3  # samples that are named for a character
_SOUNDS = SUFFIXES["sound"] | {".oga"}


class Piece(NamedTuple):
    """Some lines of a manifest."""

    path: Path
    start: int  # bytes from the file's begin
    number: int  # of the first line, from 1
    lines: int
    size: int  # bytes


class Seen(NamedTuple):
    """What is remembered of a sample; the rest is told at once, in `problems`."""

    line: int
    id: str
    problems: tuple[Problem, ...]
    domain: str = ""  # where a signal was there to be measured
    length: float = 0.0  # seconds of sound, an image's width in heights, the pen's way in corpus heights
    trait: float = math.nan  # a sound's rate, an image's share of dark pixels
    signal: bytes = b""  # equal for the same signal
    n_frames: int = 0
    n_least: int = 0  # frames that CTC needs for the text
    characters: int = 0
    form: str = ""
    text: int = 0  # hashes: of the text, and of it with the group, 0 where it has none
    spoken: int = 0


Symbols = dict[str, tuple[int, list[str]]]  # in how many samples a character is, and the first ones' ids


@dataclass
class Looked:
    """What has been seen in a piece: its samples and its bad lines, in order."""

    seen: list[Seen] = field(default_factory=list)
    bad: list[tuple[int, str, str]] = field(default_factory=list)  # line, where, what is wrong
    symbols: Symbols = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Looker:
    """Looks at samples: with an extractor at their frames, with an alphabet at their characters."""

    extractor: Extractor | None
    alphabet: Alphabet | None
    form: Form

    def __call__(self, piece: Piece) -> Looked:
        began, looked = time.monotonic(), Looked()
        samples: list[tuple[int, Sample]] = []
        with open_manifest(piece.path) as stream:
            stream.seek(piece.start)
            for line in range(piece.number, piece.number + piece.lines):
                if (text := stream.readline(LONGEST_LINE)).strip():
                    try:
                        samples.append((line, parse_line(text, piece.path, line)))
                    except SeqrecError as error:
                        looked.bad.append((line, error.where, str(error).removeprefix(f"{error.where}: ")))
        looked.seen = self._all([Look(line, sample, self) for line, sample in samples])
        for _, sample in samples:
            _count_symbols(looked.symbols, sample, self.form)
        looked.seconds = time.monotonic() - began
        return looked

    def _all(self, looks: Sequence[Look]) -> list[Seen]:
        together = 1 if self.extractor is None else self.extractor.together
        ordered = sorted(looks, key=lambda look: str(look.sample.path))  # a page is opened once for its lines
        for first in range(0, len(ordered), together):
            group = ordered[first : first + together]
            for look in group:
                look.measure()
            if self.extractor is not None:
                _make_frames(self.extractor, [look for look in group if not look.failed])
        drawn = [look for look in looks if look.domain == "ink"]
        for look, length in zip(drawn, ink.lengths([look.sample.strokes or () for look in drawn]), strict=True):
            look.length = float(length)
        return [look.seen() for look in looks]

    def as_json(self) -> str | None:
        """From which another process makes it again; None for an extractor that was not made from a table."""
        if self.extractor is not None and self.extractor.table is None:
            return None
        features = None if self.extractor is None else self.extractor.table
        symbols = None if self.alphabet is None else self.alphabet.symbols
        return json.dumps([features, symbols, self.form])


class Look:
    """A sample while it is being looked at."""

    def __init__(self, line: int, sample: Sample, looker: Looker) -> None:
        self.line, self.sample, self.looker = line, sample, looker
        self.symbols = graphemes(unicodedata.normalize(looker.form, sample.text or ""))
        self.problems = [*label_problems(sample.text), *self._unknown()]
        self.failed = self.faulty = False  # there is no signal; there is nothing in it
        self.domain, self.length, self.trait = "", 0.0, math.nan
        self.signal, self.n_frames = b"", 0

    def _unknown(self) -> Iterator[Problem]:
        if self.looker.alphabet is not None:
            try:
                self.looker.alphabet.encode(self.sample.text or "")
            except UnknownSymbols as error:
                yield Problem("alphabet", str(error).removeprefix("text: "), "error")

    def measure(self) -> None:
        """Look at the signal as it lies in its file, or as the manifest has it."""
        sample = self.sample
        if sample.end is not None and sample.end <= (sample.start or 0.0):
            self.fail(Problem("region", f"ends at {sample.end:g} s; expected more than its start", "error"))
            return
        try:
            self.domain, self.length, self.trait, problems = _measured(sample)
        except DataError as error:
            if self.looker.extractor is None:
                self.fail(Problem("signal", str(error), "error"))
                return
            problems = ()  # an extractor of one's own may read what nothing else does
        self.problems += problems
        self.faulty = any(problem.severity == "error" for problem in problems)
        try:
            self.signal = b"" if self.faulty else identity(sample)
        except DataError as error:
            self.fail(Problem("signal", str(error), "error"))

    def fail(self, problem: Problem) -> None:
        self.failed = True
        self.problems.append(problem)

    def seen(self) -> Seen:
        sample = self.sample
        text = sample.text or ""
        order = {symbol: label for label, symbol in enumerate(self.symbols)}
        least = least_frames([order[symbol] for symbol in self.symbols])
        spoken = _hash(f"{text}\0{sample.group}") if text and sample.group is not None else 0
        return Seen(
            self.line, sample.id, tuple(self.problems), self.domain, self.length, self.trait, self.signal,
            self.n_frames, least, len(self.symbols) if text.strip() else 0, form_of(text), _hash(text), spoken,
        )  # fmt: skip


def _measured(sample: Sample) -> tuple[str, float, float, tuple[Problem, ...]]:
    """Domain, length, trait and problems of a signal; ink is measured later, many drawings at once.

    Raises DataError when it cannot be read.
    """
    if sample.path is None:
        return "ink", 0.0, math.nan, tuple(ink.problems(sample))
    if sample.path.suffix.lower() in _SOUNDS:
        from seqrec.checking import sound

        return "sound", *sound.measure(sample)
    from seqrec.checking import image

    return "image", *image.measure(sample)


def _make_frames(made_for: Extractor, looks: Sequence[Look]) -> None:
    """Count the frames of some samples, made together."""
    read: list[tuple[Look, object]] = []
    for look in looks:
        try:
            signal = made_for.read(look.sample)
            if not (signal.size if isinstance(signal, np.ndarray) else any(map(len, signal))):
                where = look.sample.path or f"sample {look.sample.id!r}"
                raise DataError(where, "is empty", f"{made_for.domain} to read")
            read.append((look, signal))
        except DataError as error:
            if not (look.faulty and look.domain == "ink"):  # else it has been told in better words
                look.fail(Problem("signal", str(error), "error"))
    made = made_for.frames_of([signal for _, signal in read]) if read else []
    for (look, _), frames in zip(read, made, strict=True):
        look.n_frames = len(frames)
        if not len(frames) or not np.isfinite(frames).all():
            said = "gives frames with NaN or infinity" if len(frames) else "gives no frames"
            look.fail(Problem("signal", said, "error"))


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") or 1


def _count_symbols(symbols: Symbols, sample: Sample, form: Form) -> None:
    for symbol in set(graphemes(unicodedata.normalize(form, sample.text or ""))):
        add_symbol(symbols, symbol, 1, [sample.id])


def add_symbol(symbols: Symbols, symbol: str, count: int, ids: list[str]) -> None:
    """Note that a character is in some more samples."""
    before, first = symbols.get(symbol, (0, []))
    symbols[symbol] = before + count, (first if len(first) >= _EXAMPLES else (first + ids)[:_EXAMPLES])


def look_at(
    paths: Sequence[Path], looker: Looker, jobs: int | None, note: Callable[[Path, DataError], None]
) -> Iterator[tuple[Path, Looked]]:
    """What is seen in manifests, in order; `note` is told of one that cannot be read or is empty."""
    pace = _Pace(sum(_size(path) for path in paths))
    made = looker.as_json()
    waiting: deque[tuple[Piece, Future[Looked]]] = deque()
    with Processes(jobs) as processes:
        for piece in (piece for path in paths for piece in _pieces(path, pace, note)):
            beside = made is not None and processes.jobs > 1 and pace.seconds_left > _STARTING
            waiting.append((piece, processes.submit(_look, made, piece) if beside else at_once(looker, piece)))
            while len(waiting) > 3 * processes.jobs or (waiting and waiting[0][1].done()):
                yield pace.done(*waiting.popleft())
        while waiting:
            yield pace.done(*waiting.popleft())


class _Pace:
    """How many lines make a task, and how long the rest would take one process."""

    def __init__(self, size: int) -> None:
        self.lines, self.rest, self.seconds_left = _FIRST, size, 0.0

    def done(self, piece: Piece, future: Future[Looked]) -> tuple[Path, Looked]:
        looked = result(future)
        self.rest -= piece.size
        self.seconds_left = looked.seconds / piece.size * self.rest
        fitting = int(_TASK_SECONDS / max(looked.seconds, 1e-9) * piece.lines)
        self.lines = max(1, min(fitting, 2 * piece.lines, _MOST_LINES))
        return piece.path, looked


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _pieces(path: Path, pace: _Pace, note: Callable[[Path, DataError], None]) -> Iterator[Piece]:
    """A manifest in pieces of as many lines as go together at the time."""
    empty, start, number = True, 0, 1
    try:
        with open_manifest(path) as stream:
            while True:
                lines = size = 0
                while lines < pace.lines and size < _MOST_BYTES and (line := stream.readline(LONGEST_LINE)):
                    lines, size, empty = lines + 1, size + len(line), empty and not line.strip()
                if not lines:
                    break
                yield Piece(path, start, number, lines, size)
                start, number = start + size, number + lines
    except OSError as error:
        note(path, DataError(path, f"cannot be read ({error.strerror})", "a JSONL manifest"))
    except DataError as error:
        note(path, error)
    else:
        if empty:
            note(path, DataError(path, "is empty", "one JSON object a line, each a sample"))


def _look(made: str, piece: Piece) -> Looked:
    return _looker_of(made)(piece)


@lru_cache(maxsize=1)
def _looker_of(made: str) -> Looker:
    features, symbols, form = json.loads(made)
    alphabet = None if symbols is None else Alphabet(tuple(symbols), form)
    return Looker(None if features is None else extractor(features, own_files=True), alphabet, form)
