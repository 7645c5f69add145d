"""Texts to a language model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seqrec.errors import ConfigError, DataError
from seqrec.lm.counts import count
from seqrec.lm.kneser_ney import estimate
from seqrec.lm.model import LanguageModel
from seqrec.lm.ngram import Ints
from seqrec.lm.texts import MARKERS, Progress, Tokenizer, Tokens, Unit, no_progress
from seqrec.samples import OnError, raise_error

ORDERS = {"char": 6, "word": 3}  # unless said
MAX_ORDER = 8
_BLOCK = 1 << 22  # tokens


@dataclass(frozen=True, slots=True)
class Training:
    """What model to make of texts.

    n-grams that are there prune[n - 1] times or less are left out, the last number standing for all higher orders.
    `vocabulary` is how many words are kept, the most frequent ones; the others count as <unk>. A model of words
    carries one of the characters of its words, of order `spelling`, unless that is 0. `memory`, in bytes, is what
    counting may take; beyond it, temporary files are used.
    """

    unit: Unit = "char"
    order: int | None = None
    prune: tuple[int, ...] = ()
    vocabulary: int | None = None
    spelling: int = 6
    memory: int = 1 << 30

    def __post_init__(self) -> None:
        for name, order, least in (("order", self.n, 1), ("spelling", self.spelling, 0)):
            if not least <= order <= MAX_ORDER:
                raise ConfigError(name, f"is {order}", f"{least} to {MAX_ORDER}")
        if self.vocabulary is not None and (self.unit == "char" or self.vocabulary < 1):
            raise ConfigError("vocabulary", f"is {self.vocabulary} for {self.unit}s", "a number of words, 1 or more")
        if self.prune:
            _check_prune(self.prune, self.n)

    @property
    def n(self) -> int:
        """The order."""
        return ORDERS[self.unit] if self.order is None else self.order


def _check_prune(prune: Sequence[int], order: int) -> None:
    came = " ".join(map(str, prune))
    if prune[0] != 0:
        raise ConfigError("prune", f"begins with {prune[0]}", "0: 1-grams stay", "limit the words with a vocabulary")
    if list(prune) != sorted(prune):
        raise ConfigError("prune", f"is {came}", "numbers that never fall: what an n-gram is made of is there as often")
    if len(prune) > order:
        raise ConfigError("prune", f"is {came}", f"at most {order} numbers, one for each order")


def train(
    texts: Iterable[str],
    training: Training,
    on_error: OnError = raise_error,
    progress: Progress = no_progress,
) -> LanguageModel:
    """The model of some texts, each a sentence; empty ones are left out.

    Raises DataError when there is no text, or no room for temporary files.
    """
    tokenizer = Tokenizer(training.unit)
    with Tokens(tokenizer.encode(texts, on_error), progress) as tokens:
        if not tokens.n:
            raise DataError("texts", "hold no text", "a text a line")
        return _train(tokens, tokenizer.vocabulary, training, progress)


def _train(tokens: Tokens, found: list[str], training: Training, progress: Progress) -> LanguageModel:
    vocabulary = sorted(found)
    if training.vocabulary is not None and training.vocabulary < len(found):
        vocabulary = sorted(_most_frequent(tokens, found, training.vocabulary))
    ids = {token: i for i, token in enumerate(vocabulary, len(MARKERS))}
    renamed = np.array([*range(len(MARKERS)), *(ids.get(token, 0) for token in found)], np.int32)

    def blocks() -> Iterable[Ints]:
        done = 0
        for block in tokens.blocks(_BLOCK):
            yield renamed[block]
            progress("counting", done := done + len(block), tokens.n)

    n_tokens = len(MARKERS) + len(vocabulary)
    counts = count(blocks(), training.n, n_tokens, training.memory)
    ngram = estimate(counts, n_tokens, training.prune, progress)
    spelling = None
    if training.unit == "word" and training.spelling:
        of_words = Training("char", training.spelling, memory=training.memory)
        spelling = train(found, of_words, progress=progress)
    return LanguageModel(training.unit, tuple(vocabulary), ngram, training.n, spelling)


def _most_frequent(tokens: Tokens, found: list[str], n: int) -> list[str]:
    counts = np.zeros(len(MARKERS) + len(found), np.int64)
    for block in tokens.blocks(_BLOCK):
        counts += np.bincount(block, minlength=len(counts))
    order = np.argsort(-counts[len(MARKERS) :], kind="stable")
    return [found[i] for i in order[:n]]
