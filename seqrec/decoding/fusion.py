"""What a beam search knows besides the network: of a prefix, taken on label by label.

The score of a text, added to the log-probability of its labels, is

    lm_weight * the language model's log-probability + char_bonus * labels + word_bonus * words
    - unknown * words outside of the lexicon + the weights of the hot words in it.

Words are what white space parts; without any in the alphabet, the whole text is one word. With a language model
of words, a word under way has the score of its spelling, in the place of which its own comes at its end. One
that is outside of the vocabulary keeps it, beside that of <unk>; `unknown` stands for it in a model without spelling.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqrec.alphabet import BLANK, Alphabet
from seqrec.compiling import uncounted
from seqrec.decoding.hotwords import Hotwords, automaton, follow
from seqrec.decoding.lexicon import EMPTY, OUTSIDE, Trie, child, named, read_words, spelled, trie_of
from seqrec.errors import ConfigError
from seqrec.lm.model import LanguageModel
from seqrec.lm.ngram import END, UNKNOWN, Ngram, step
from seqrec.lm.texts import MARKERS

Array = np.ndarray[Any, Any]

_OFF, _CHARS, _WORDS = 0, 1, 2  # what a language model's tokens are
_OPEN, _CLOSED = 1, 2  # lexicons
_TOP = 0  # of a trie

STATE = np.dtype(
    [
        ("inside", np.int32),  # whether a word is under way
        ("chars", np.int32),  # of the model of characters,
        ("words", np.int32),  # and that of words
        ("word", np.int32),  # what is under way, in the trie of the vocabulary
        ("entry", np.int32),  # and in the lexicon; OUTSIDE if it is in neither
        ("hot", np.int32),
        ("spelling", np.float64),  # the part of the score that the word's own takes the place of
        ("score", np.float64),
        ("room", np.float64),  # the most that a label can add to the score: log-probabilities only take from it
        ("room_at_end", np.float64),  # the most that a space can
    ],
    align=True,
)


class Weights(NamedTuple):
    """See settings.Search."""

    lm: float
    char: float
    word: float
    unknown: float


class Fusion(NamedTuple):
    """What the compiled loops take: of every sort always, so that they are compiled once."""

    spaces: Array  # (S,) int32: the labels of white space
    is_space: Array  # (C,) bool
    unit: int
    chars: Ngram  # the language model's, or its model of spelling
    chars_start: int
    token: Array  # (C,) int32: of each label in it
    has_spelling: bool
    words: Ngram
    words_start: int
    vocabulary: Trie  # its entries are tokens of `words`
    lexicon: Trie
    closing: int
    hot: bool  # whether there are hot words
    hotwords: Hotwords


@uncounted
def begin(fusion: Fusion, weights: Weights, state: Any) -> None:
    """The state of the empty prefix."""
    state.inside, state.chars, state.words = 0, fusion.chars_start, fusion.words_start
    state.word, state.entry, state.hot = _TOP, _TOP, fusion.hotwords.start
    state.spelling, state.score = 0.0, 0.0
    _look_ahead(fusion, weights, state)


@uncounted
def extend(fusion: Fusion, weights: Weights, old: Any, label: int, new: Any) -> bool:
    """The state after one label more; False if it may not follow."""
    space = fusion.is_space[label]
    new.inside, new.chars, new.words, new.word, new.entry, new.hot = (
        0 if space else 1, old.chars, old.words, old.word, old.entry, old.hot,
    )  # fmt: skip
    new.spelling, new.score = old.spelling, old.score + weights.char
    if not space and not old.inside:
        new.score += weights.word
    if fusion.closing and not _look_up(fusion, weights, label, space, new):
        return False
    if fusion.unit == _CHARS:
        new.chars, logp = step(fusion.chars, old.chars, fusion.token[label])
        new.score += weights.lm * logp
    elif fusion.unit == _WORDS and space and old.inside:
        _end_word(fusion, weights, new)
    elif fusion.unit == _WORDS and not space:
        _spell(fusion, weights, label, new)
    if fusion.hot:
        _watch(fusion.hotwords, fusion.hotwords.border if space else label, new)
    _look_ahead(fusion, weights, new)
    return True


@uncounted
def _look_ahead(fusion: Fusion, weights: Weights, state: Any) -> None:
    """What may come at most."""
    most = weights.char
    if fusion.hot:
        most += fusion.hotwords.most[state.hot] - fusion.hotwords.credit[state.hot]
    state.room = most + (0.0 if state.inside else max(weights.word, 0.0))
    state.room_at_end = most - state.spelling


@uncounted
def _look_up(fusion: Fusion, weights: Weights, label: int, space: bool, state: Any) -> bool:
    """Walk the lexicon; False if that is closed and has no such word."""
    if space:
        missing = _lacks(fusion, state.entry)
        state.entry = _TOP
    else:
        missing = state.entry != OUTSIDE
        state.entry = child(fusion.lexicon, state.entry, label) if missing else OUTSIDE
        missing = missing and state.entry == OUTSIDE
    if missing:
        state.score -= weights.unknown
    return not (missing and fusion.closing == _CLOSED)


@uncounted
def _lacks(fusion: Fusion, entry: int) -> bool:
    """Whether a word that ends here is outside of the lexicon, which was not known before."""
    return entry != OUTSIDE and entry != _TOP and bool(fusion.lexicon.entry[entry] == OUTSIDE)


@uncounted
def _spell(fusion: Fusion, weights: Weights, label: int, state: Any) -> None:
    """A letter more of the word under way."""
    if state.word != OUTSIDE:
        state.word = child(fusion.vocabulary, state.word, label)
    if fusion.has_spelling:
        state.chars, logp = step(fusion.chars, state.chars, fusion.token[label])
        state.spelling += weights.lm * logp
        state.score += weights.lm * logp


@uncounted
def _end_word(fusion: Fusion, weights: Weights, state: Any) -> None:
    """The word's own score instead of that of its letters."""
    token = fusion.vocabulary.entry[state.word] if state.word != OUTSIDE else OUTSIDE
    state.words, logp = step(fusion.words, state.words, token if token != OUTSIDE else UNKNOWN)
    state.score += weights.lm * logp
    if token != OUTSIDE:
        state.score -= state.spelling
    elif fusion.has_spelling:
        state.score += weights.lm * step(fusion.chars, state.chars, END)[1]
    else:
        state.score -= weights.unknown
    state.word, state.chars, state.spelling = _TOP, fusion.chars_start, 0.0


@uncounted
def _watch(hotwords: Hotwords, label: int, state: Any) -> None:
    """Hot words that begin, go on, end or break."""
    state.score -= hotwords.credit[state.hot]
    state.hot = follow(hotwords, state.hot, label)
    state.score += hotwords.credit[state.hot] + hotwords.gain[state.hot]


@uncounted
def close(fusion: Fusion, weights: Weights, state: Any, last: Any) -> float:
    """The score of a prefix when nothing follows; -inf if it may not end there. `last` is a state to work with."""
    last.score, last.words, last.word, last.chars = state.score, state.words, state.word, state.chars
    last.spelling, last.hot = state.spelling, state.hot
    if fusion.closing and state.inside and _lacks(fusion, state.entry):
        if fusion.closing == _CLOSED:
            return -np.inf
        last.score -= weights.unknown
    if fusion.unit == _CHARS:
        last.score += weights.lm * step(fusion.chars, last.chars, END)[1]
    elif fusion.unit == _WORDS:
        if state.inside:
            _end_word(fusion, weights, last)
        last.score += weights.lm * step(fusion.words, last.words, END)[1]
    if fusion.hotwords.border:
        _watch(fusion.hotwords, fusion.hotwords.border, last)
    return float(last.score - fusion.hotwords.credit[last.hot])


@dataclass(frozen=True)
class Fused:
    """What a search is given besides log-probabilities; `notes` say what of it does not fit the alphabet."""

    arrays: Fusion
    notes: tuple[str, ...] = ()


def build(
    alphabet: Alphabet,
    lm: LanguageModel | None = None,
    lexicon: Path | None = None,
    closed: bool = False,
    hotwords: Mapping[str, float] | None = None,
) -> Fused:
    """Fit a language model, a lexicon (a file with a word a line) and hot words with weights to an alphabet.

    Outside of a closed lexicon, to which the hot words belong, nothing is read. Raises ConfigError when nothing
    of one of them can be spelled, DataError when the file is broken.
    """
    models, notes = _models(alphabet, lm)
    trie, closing, wanted = EMPTY, _OFF, dict(hotwords or {})
    if lexicon is not None:
        closing = _CLOSED if closed else _OPEN
        expected = [word for text, weight in wanted.items() if weight > 0 for word in text.split()]
        trie, more = _spellable(alphabet, read_words(lexicon), str(lexicon), expected)
        notes += more
    expected_words, more = _hotwords(alphabet, wanted)
    spaces = np.array(sorted(alphabet.spaces), np.int32)
    is_space = np.zeros(alphabet.size, np.bool_)
    is_space[spaces] = True
    hot = len(expected_words.suffix) > 1
    arrays = Fusion(spaces, is_space, lexicon=trie, closing=closing, hot=hot, hotwords=expected_words, **models)
    return Fused(arrays, notes + more)


def _models(alphabet: Alphabet, lm: LanguageModel | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields `unit` to `vocabulary`, and notes."""
    fields: dict[str, Any] = {"unit": _OFF, "token": np.zeros(alphabet.size, np.int32), "has_spelling": False}
    fields |= {"chars": _NO_NGRAM, "chars_start": 0, "words": _NO_NGRAM, "words_start": 0, "vocabulary": EMPTY}
    notes: tuple[str, ...] = ()
    spelling = lm if lm is None or lm.unit == "char" else lm.spelling
    if spelling is not None:
        fields["token"], notes = _tokens(alphabet, spelling, spelling is not lm)
        fields |= {"unit": _CHARS, "chars": _plain(spelling.ngram), "chars_start": spelling.start()}
    if lm is not None and lm.unit == "word":
        trie, more = _spellable(alphabet, lm.vocabulary, "language model")
        trie.entry[trie.entry != OUTSIDE] += len(MARKERS)
        fields |= {"unit": _WORDS, "words": _plain(lm.ngram), "words_start": lm.start(), "vocabulary": trie}
        fields["has_spelling"] = spelling is not None
        notes += more
    return fields, notes


def _tokens(alphabet: Alphabet, lm: LanguageModel, spelling: bool) -> tuple[Array, tuple[str, ...]]:
    """The token of each label (C,) in a model of characters, and notes on what is in one of both alone.

    A model of `spelling` has no white space.
    """
    names = [" " if symbol.isspace() else unicodedata.normalize("NFC", symbol) for symbol in alphabet.symbols]
    tokens = np.array([UNKNOWN, *(lm.ids.get(name, UNKNOWN) for name in names)], np.int32)
    wanted = set(names) - ({" "} if spelling else set())
    missing, foreign = sorted(wanted - set(lm.vocabulary)), sorted(set(lm.vocabulary) - set(names))
    if missing and set(missing) >= wanted - {" "}:
        raise ConfigError("language model", f"knows no symbol of the alphabet: {named(missing)}", "one of such texts")
    notes = []
    if missing:
        notes.append(f"language model: lacks {len(missing)} of the alphabet's {len(wanted)} symbols: {named(missing)}")
    if foreign:
        notes.append(
            f"language model: {len(foreign)} of its {len(lm.vocabulary)} characters are not in the alphabet:"
            f" {named(foreign)}"
        )
    return tokens, tuple(notes)


def _spellable(
    alphabet: Alphabet, words: Iterable[str], what: str, more: Iterable[str] = ()
) -> tuple[Trie, tuple[str, ...]]:
    """The trie of words, whose entries are their places, and a note on those that cannot be spelled.

    `more` are not named in it. Raises ConfigError if there are none.
    """
    found, missing = spelled(words, alphabet)
    if missing and not any(found):
        raise ConfigError(what, f"has no word that the alphabet can spell: {named(missing)}", "words of its symbols")
    others, _ = spelled(more, alphabet)
    notes = (f"{what}: {len(missing)} of {len(found)} words cannot be spelled: {named(missing)}",) if missing else ()
    return trie_of([*found, *others]), notes


def _hotwords(alphabet: Alphabet, weights: Mapping[str, float]) -> tuple[Hotwords, tuple[str, ...]]:
    """The automaton of hot words, and a note on those that cannot be spelled."""
    space = alphabet.encode(" ")[0] if " " in alphabet.symbols else min(alphabet.spaces, default=BLANK)
    for text, weight in weights.items():
        if not math.isfinite(weight):
            raise ConfigError(f"hot word {text!r:.40}", f"has the weight {weight}", "a finite number")
    parts = {text: spelled(text.split(), alphabet) for text in weights}
    unfit = [text for text, (words, missing) in parts.items() if missing or not words or (len(words) > 1 and not space)]
    found: dict[tuple[int, ...], float] = {}
    for text, (words, _) in parts.items():
        if text not in unfit:
            labels = tuple(label for word in words for label in (space, *word))[1:]
            labels = labels if space else tuple(words[0])
            found[labels] = found.get(labels, 0.0) + weights[text]
    notes = (f"hot words: {len(unfit)} of {len(weights)} cannot be spelled: {named(unfit)}",) if unfit else ()
    return automaton(found, space), notes


def _plain(ngram: Ngram) -> Ngram:
    """Arrays of the one sort that the loops are compiled for, which those of a file may not be."""
    types = (np.int32, np.int32, np.int32, np.float32, np.float32)
    return Ngram(*(np.require(array, kind, ["C", "A", "W"]) for array, kind in zip(ngram, types, strict=True)))


_NO_NGRAM = Ngram(*(np.zeros(2, np.int32),) * 3, *(np.zeros(2, np.float32),) * 2)
