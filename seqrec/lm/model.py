"""A language model: an n-gram model and the characters or words that its tokens are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqrec.alphabet import graphemes
from seqrec.lm.ngram import END, ROOT, START, UNKNOWN, Ngram, step_all
from seqrec.lm.texts import MARKERS, Progress, Tokenizer, Unit, no_progress, normalized
from seqrec.samples import OnError, raise_error


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Of `tokens` tokens, one for the end of each of `texts` texts among them, of which `unknown` are <unk>."""

    texts: int
    tokens: int
    unknown: int
    logp: float
    """Natural log-probability of all tokens."""
    logp_unknown: float
    """The part of it that is of <unk>."""

    @property
    def including(self) -> float:
        return math.exp(-self.logp / max(self.tokens, 1))

    @property
    def excluding(self) -> float:
        """Without the tokens that are <unk>."""
        return math.exp(-(self.logp - self.logp_unknown) / max(self.tokens - self.unknown, 1))


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """Tokens 0 to 2 are <unk>, <s> and </s>, token i + 3 is vocabulary[i]: a grapheme cluster or a word, in NFC.

    `spelling` is a model of characters for words outside of the vocabulary of a model of words.
    """

    unit: Unit
    vocabulary: tuple[str, ...]
    ngram: Ngram
    order: int
    spelling: LanguageModel | None = None

    @cached_property
    def ids(self) -> dict[str, int]:
        """The token of each character or word, and of the markers."""
        return {token: i for i, token in enumerate((*MARKERS, *self.vocabulary))}

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text; what is outside of the vocabulary is <unk>."""
        text = normalized(text)
        return [self.ids.get(token, UNKNOWN) for token in (graphemes(text) if self.unit == "char" else text.split())]

    def start(self) -> int:
        """The state at the begin of a text; not by `step`, see `link`."""
        node = 1 + START
        leads_on = self.ngram.first[node] < self.ngram.first[node + 1] or self.ngram.backoff[node] != 0
        return node if leads_on else ROOT

    def log_prob(self, tokens: Iterable[int]) -> float:
        """Natural log-probability of a text's tokens and of its end."""
        ids = np.array([*tokens, END], np.int32)
        return float(self._log_probs(ids).sum(dtype=np.float64))

    def _log_probs(self, tokens: np.ndarray) -> np.ndarray:
        found = np.zeros(len(tokens), np.float32)
        step_all(self.ngram, self.start(), tokens, found)
        return found

    def perplexity(
        self, texts: Iterable[str], on_error: OnError = raise_error, progress: Progress = no_progress
    ) -> Perplexity:
        """How well the model foretells some texts. Raises nothing for an empty one: that is left out."""
        found = np.zeros(5)
        for tokens in Tokenizer(self.unit, self.vocabulary).encode(texts, on_error):
            logps, unknown = self._log_probs(tokens), tokens == UNKNOWN
            counted = ((tokens == END).sum(), len(tokens), unknown.sum())
            found += [*counted, logps.sum(dtype=np.float64), logps[unknown].sum(dtype=np.float64)]
            progress("measuring", int(found[1]), 0)
        return Perplexity(*map(int, found[:3]), *map(float, found[3:]))
