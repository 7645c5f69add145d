"""Log-probabilities -> hypotheses, as a model and its user want it: the decoder, calibration, positions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqrec.decoding import Alternative, Hypothesis, Reading, Span, greedy
from seqrec.decoding.settings import How, Search
from seqrec.errors import ConfigError
from seqrec.features import Layout
from seqrec.modelfolder import ModelFolder

Place = tuple[float | None, float | None]  # start and end

if TYPE_CHECKING:
    from seqrec.decoding.beam import BeamDecoder
    from seqrec.lm.model import LanguageModel

HOTWORD = 5.0  # nats that a hot word adds where nothing else is said
DEFAULT = "default"  # the language model that the model folder carries


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to read: greedily, unless a beam, a language model, a lexicon, hot words or alternatives are asked for.

    `lm` is "default" for the language model that the model carries, or the path of an ARPA or binary file; `lexicon`
    a file with a word a line, outside of which nothing is read if it is `closed`; `hotwords` are texts and what
    each adds to the score where it is read, in nats. Weights that are None are those that the model was tuned to.
    """

    beam: int | None = None
    lm: str | Path | None = None
    lexicon: str | Path | None = None
    closed: bool = False
    hotwords: Mapping[str, float] = field(default_factory=dict)
    lm_weight: float | None = None
    char_bonus: float | None = None
    word_bonus: float | None = None
    nbest: int = 1
    positions: bool = False

    def __post_init__(self) -> None:
        if self.closed and self.lexicon is None:
            raise ConfigError("--closed", "comes without a lexicon", "--lexicon FILE beside it")
        for option, given in (("--lm", self.lm), ("--lexicon", self.lexicon)):
            if given == "":
                raise ConfigError(option, "is empty", "a file")
        if self.beam is not None and 1 < self.nbest > self.beam:
            raise ConfigError("--nbest", f"{self.nbest} of a beam of {self.beam}", f"--beam {self.nbest} or more")
        for name in ("lm_weight", "char_bonus", "word_bonus"):
            self._check_weight(f"--{name.replace('_', '-')}", getattr(self, name))

    def _check_weight(self, option: str, weight: float | None) -> None:
        if weight is None:
            return
        if not math.isfinite(weight):
            raise ConfigError(option, str(weight), "a finite number")
        if option == "--lm-weight" and not self.lm:
            raise ConfigError(option, "comes without a language model", "--lm beside it")
        if self.how == "greedy":
            raise ConfigError(option, "has no place in greedy decoding", "--beam N or --lm beside it")

    @property
    def how(self) -> How:
        if self.lm:
            return "lm"
        wide = (self.beam or 1) > 1 or self.nbest > 1 or self.lexicon or self.hotwords
        return "beam" if wide else "greedy"


class Reader:
    """A model's log-probabilities -> hypotheses. Raises ModelError, ConfigError, DataError.

    `notes` say what of the language model, lexicon or hot words does not fit the alphabet.
    """

    def __init__(self, folder: ModelFolder, decoding: Decoding, threads: int) -> None:
        self.alphabet, self.decoding, self.threads = folder.alphabet, decoding, threads
        self.notes: tuple[str, ...] = ()
        self.settings = folder.settings
        self.calibration = self.settings.calibration.get(decoding.how)
        self.factor = folder.config.network.factor
        self.beam = None if decoding.how == "greedy" else self._beam(folder)

    def _beam(self, folder: ModelFolder) -> BeamDecoder:
        from seqrec.decoding import fusion
        from seqrec.decoding.beam import BeamDecoder

        wanted = self.decoding
        fused = None
        if wanted.lm or wanted.lexicon or wanted.hotwords:
            lm = _language_model(folder, wanted.lm)
            lexicon = None if wanted.lexicon is None else Path(wanted.lexicon)
            fused = fusion.build(self.alphabet, lm, lexicon, wanted.closed, wanted.hotwords)
            self.notes = fused.notes
        return BeamDecoder(self.alphabet, _search(folder.settings.search, wanted), fused)

    def is_ready(self) -> bool:
        """Whether reading can begin at once: search and alignment are compiled at their first use on a machine."""
        if self.decoding.positions:
            from seqrec.decoding import align

            if not align.is_ready():
                return False
        return self.beam is None or self.beam.is_ready()

    def read(self, log_probs: Sequence[np.ndarray]) -> list[Reading]:
        """What is in each sample's log-probabilities (T, C), none of which is NaN."""
        if self.beam is not None:
            return self.beam.decode_all(log_probs, self.threads)
        return [greedy.read(each, self.alphabet) for each in log_probs]

    def hypotheses(
        self, ids: Sequence[str], log_probs: Sequence[np.ndarray], layouts: Sequence[Layout | None]
    ) -> list[Hypothesis]:
        """A hypothesis for each sample; `layouts` say where its frames lie where that is wanted."""
        readings = self.read(log_probs)
        return [self.hypothesis(*each) for each in zip(ids, readings, log_probs, layouts, strict=True)]

    def hypothesis(self, id: str, reading: Reading, log_probs: np.ndarray, layout: Layout | None) -> Hypothesis:
        """What has been read of a sample's log_probs, as a hypothesis."""
        if self.calibration is not None:
            reading = self.calibration.apply(reading)
        symbols = [self.alphabet.symbols[label - 1] for label in reading.labels]
        parts = ["".join(symbols[start:end]) for start, end in self.alphabet.words(reading.labels)]
        words, chars = self._places(reading, log_probs, layout)
        others = reading.nbest[: self.decoding.nbest] if self.decoding.nbest > 1 else ()
        return Hypothesis(
            id,
            "".join(symbols),
            reading.line,
            tuple(Span(word, p, *place) for word, p, place in zip(parts, reading.words, words, strict=True)),
            tuple(Span(symbol, p, *place) for symbol, p, place in zip(symbols, reading.chars, chars, strict=True)),
            tuple(Alternative(self.alphabet.decode(labels), p) for labels, p in others),
            layout.unit if layout else None,
        )

    def _places(
        self, reading: Reading, log_probs: np.ndarray, layout: Layout | None
    ) -> tuple[Sequence[Place], Sequence[Place]]:
        """Where words and characters begin and end; nowhere without a layout."""
        if layout is None:
            return [(None, None)] * len(reading.words), [(None, None)] * len(reading.chars)
        from seqrec.decoding import align

        return align.spans(log_probs, reading.labels, self.alphabet, layout, self.factor)


def hotwords_of(said: Iterable[str]) -> dict[str, float]:
    """The weights of hot words "TEXT=W". Raises ConfigError for what is none, and for one that comes twice."""
    found: dict[str, float] = {}
    for text, weight in map(hotword, said):
        if text in found:
            raise ConfigError("--hotword", f"{text!r:.80} comes twice", "each word once")
        found[text] = weight
    return found


def hotword(said: str) -> tuple[str, float]:
    """A hot word "TEXT=W" or "TEXT" and its weight. Raises ConfigError."""
    text, equals, weight = said.rpartition("=")
    text, weight = (text, weight) if equals else (said, str(HOTWORD))
    try:
        nats = float(weight)
    except ValueError:
        nats = math.nan
    if not text.strip() or not math.isfinite(nats):
        expected = "TEXT or TEXT=W with a number W, such as 'Montreal=5'"
        raise ConfigError("--hotword", f"{said!r:.80}", expected)
    return text.strip(), nats


def _language_model(folder: ModelFolder, lm: str | Path | None) -> LanguageModel | None:
    if lm is None:
        return None
    if lm == DEFAULT:
        return folder.language_model
    from seqrec.lm import files

    return files.load(lm)


def _search(tuned: Search, wanted: Decoding) -> Search:
    """The model's own weights, tuned with its language model, but for those that are asked for."""
    if not wanted.lm:
        tuned = Search(beam=tuned.beam)
    weights = ("beam", "lm_weight", "char_bonus", "word_bonus")
    asked = {name: value for name in weights if (value := getattr(wanted, name)) is not None}
    return tuned.model_copy(update=asked)
