"""Language models, lexicons and hot words in the beam search: each text's score, computed anew in plain Python."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.alphabet import Alphabet
from seqrec.decoding import fusion
from seqrec.decoding.beam import BeamDecoder, Labels
from seqrec.decoding.lexicon import OUTSIDE, child, trie_of
from seqrec.decoding.settings import Search
from seqrec.errors import ConfigError, DataError
from seqrec.lm.model import LanguageModel
from seqrec.lm.ngram import Ngram
from tests.test_beam import WIDE, all_texts, log_probs

AB = Alphabet((" ", "a", "b"))
SPACELESS = Alphabet(("a", "b", "c"))
SEARCH = WIDE.model_copy(update={"lm_weight": 0.7, "char_bonus": 0.3, "word_bonus": -0.4, "unknown": 1.7})
Bonus = Callable[[str], float]


class Bigrams:
    """A random bigram model: its trie, and its scores by the back-off formula on dictionaries."""

    def __init__(self, vocabulary: tuple[str, ...], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.vocabulary, tokens = vocabulary, 3 + len(vocabulary)
        self.unigram, self.backoff = rng.normal(-2, 1, tokens), rng.normal(-1, 0.5, tokens)
        pairs = [pair for pair in itertools.product(range(tokens), repeat=2) if rng.random() < 0.5 and pair[1] != 1]
        self.pairs = {pair: rng.normal(-1, 1) for pair in pairs}

    def model(self, unit: str, spelling: LanguageModel | None = None) -> LanguageModel:
        tokens, pairs = 3 + len(self.vocabulary), sorted(self.pairs)
        per = [sum(a == token for a, _ in pairs) for token in range(tokens)]
        first = np.cumsum([1, tokens, *per, *[0] * len(pairs)])
        ngram = Ngram(
            first.astype(np.int32),
            np.array([-1, *range(tokens), *(b for _, b in pairs)], np.int32),
            np.array([0] * (1 + tokens) + [1 + b for _, b in pairs], np.int32),
            np.array([0, *self.unigram, *(self.pairs[pair] for pair in pairs)], np.float32),
            np.array([0, *self.backoff, *[0] * len(pairs)], np.float32),
        )
        return LanguageModel(unit, self.vocabulary, ngram, 2, spelling)  # type: ignore[arg-type]

    def score(self, tokens: list[str]) -> float:
        ids = [1, *(3 + self.vocabulary.index(t) if t in self.vocabulary else 0 for t in tokens), 2]
        return sum(self.pairs.get((a, b), self.backoff[a] + self.unigram[b]) for a, b in itertools.pairwise(ids))


def common(text: str) -> float:
    return SEARCH.char_bonus * len(text) + SEARCH.word_bonus * len(text.split())


def truth(frames: np.ndarray, alphabet: Alphabet, bonus: Bonus) -> dict[Labels, float]:
    found: dict[Labels, list[float]] = defaultdict(list)
    for labels, score in all_texts(frames).items():
        text = alphabet.decode(labels)
        if bonus(text) > -np.inf:
            found[tuple(alphabet.encode(text.strip()))].append(score + common(text) + bonus(text))
    return {labels: float(np.logaddexp.reduce(scores)) for labels, scores in found.items()}


def check(frames: np.ndarray, alphabet: Alphabet, fused: fusion.Fused, bonus: Bonus) -> None:
    decoder = BeamDecoder(alphabet, SEARCH, fused)
    stream = decoder.start()
    decoder.advance(stream, frames)
    wanted = truth(frames, alphabet, bonus)
    assert dict(decoder.texts(stream)) == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    assert decoder.finish(stream).labels == max(wanted, key=wanted.__getitem__)


seeds = st.integers(0, 10**6)
lengths = st.integers(0, 6)
several = settings(deadline=None, max_examples=25)


def occurrences(text: str, part: str) -> int:
    return sum(text.startswith(part, at) for at in range(len(text)))


@several
@given(lengths, seeds, st.sampled_from([(" ", "a", "b"), ("a", "b"), ("b", "c", " ")]))
def test_model_of_characters(frames: int, seed: int, vocabulary: tuple[str, ...]) -> None:
    """Also one that lacks the space, or a letter, which then are <unk>."""
    lm = Bigrams(vocabulary, seed)
    given_ = log_probs(frames, 4, seed)
    check(given_, AB, fusion.build(AB, lm.model("char")), lambda text: SEARCH.lm_weight * lm.score(list(text)))


@several
@given(lengths, seeds, st.sampled_from([("a", "ab", "b"), ("ba",), ("b", "abba")]))
def test_model_of_words_with_spelling(frames: int, seed: int, vocabulary: tuple[str, ...]) -> None:
    lm, letters = Bigrams(vocabulary, seed), Bigrams(("a", "b"), seed + 1)

    def bonus(text: str) -> float:
        spelled = sum(letters.score(list(word)) for word in text.split() if word not in vocabulary)
        return SEARCH.lm_weight * (lm.score(text.split()) + spelled)

    given_ = log_probs(frames, 4, seed)
    check(given_, AB, fusion.build(AB, lm.model("word", letters.model("char"))), bonus)


@several
@given(lengths, seeds)
def test_model_of_words_without_spelling(frames: int, seed: int) -> None:
    lm = Bigrams(("ab", "a", "zz"), seed)

    def bonus(text: str) -> float:
        strange = sum(word not in ("ab", "a") for word in text.split())
        return SEARCH.lm_weight * lm.score(text.split()) - SEARCH.unknown * strange

    check(log_probs(frames, 4, seed), AB, fusion.build(AB, lm.model("word")), bonus)


@several
@given(lengths, seeds, st.booleans(), st.sampled_from([AB, SPACELESS]))
def test_lexicon(
    tmp_path_factory: pytest.TempPathFactory, frames: int, seed: int, closed: bool, alphabet: Alphabet
) -> None:
    path = tmp_path_factory.mktemp("lexicon") / "words"
    words = {"a", "aba", "bb"}
    path.write_text("\n".join(words))

    def bonus(text: str) -> float:
        strange = sum(word not in words for word in text.split())
        return -np.inf if closed and strange else -SEARCH.unknown * strange

    check(log_probs(frames, 4, seed), alphabet, fusion.build(alphabet, None, path, closed), bonus)


HOT = {"a": 1.0, "ab": 2.5, "b ab": 1.25, "ba": -3.0, "a b a": 4.0, "abab": 2.0}


@several
@given(lengths, seeds)
def test_hot_words_between_borders(frames: int, seed: int) -> None:
    def bonus(text: str) -> float:
        return sum(weight * occurrences(f" {text} ", f" {hot} ") for hot, weight in HOT.items())

    check(log_probs(frames, 4, seed), AB, fusion.build(AB, hotwords=HOT), bonus)


@several
@given(lengths, seeds)
def test_hot_words_anywhere_in_an_alphabet_without_space(frames: int, seed: int) -> None:
    hot = {"ab": 2.0, "abc": -1.0, "bab": 3.0, "c": 0.5}

    def bonus(text: str) -> float:
        return sum(weight * occurrences(text, part) for part, weight in hot.items())

    check(log_probs(frames, 4, seed), SPACELESS, fusion.build(SPACELESS, hotwords=hot), bonus)


@several
@given(lengths, seeds, st.booleans())
def test_all_together(tmp_path_factory: pytest.TempPathFactory, frames: int, seed: int, closed: bool) -> None:
    """Hot words belong to a closed lexicon; those that are discouraged do not."""
    path = tmp_path_factory.mktemp("lexicon") / "words"
    path.write_text("bb\r\n\r\nbab \n")
    lm, letters = Bigrams(("a", "bb"), seed), Bigrams(("a", "b"), seed + 1)
    words = {"bb", "bab", "a", "b", "ab", "abab"}

    def bonus(text: str) -> float:
        strange = sum(word not in words for word in text.split())
        spelled = sum(letters.score(list(word)) for word in text.split() if word not in lm.vocabulary)
        hot = sum(weight * occurrences(f" {text} ", f" {hot} ") for hot, weight in HOT.items())
        if closed and strange:
            return -np.inf
        return SEARCH.lm_weight * (lm.score(text.split()) + spelled) + hot - SEARCH.unknown * strange

    fused = fusion.build(AB, lm.model("word", letters.model("char")), path, closed, HOT)
    check(log_probs(frames, 4, seed), AB, fused, bonus)


def test_a_closed_lexicon_whose_words_do_not_end_in_time_gives_what_was_whole(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("aa\nbbbb\n")
    fused = fusion.build(AB, None, tmp_path / "words", True)
    spelled = [2, 0, 2, 1, 3, 0, 3]
    frames = np.log(np.where(np.arange(4) == np.array(spelled)[:, None], 0.97, 0.01).astype(np.float32))
    decoder = BeamDecoder(AB, Search(beam=1), fused)
    assert AB.decode(decoder.decode(frames).labels) == "aa"
    assert decoder.decode(frames[:1]).labels == ()


def test_hot_words_are_found_where_the_network_doubts() -> None:
    """Also in a narrow beam, as what has been read of one counts at once."""
    alphabet = Alphabet((" ", *"acdeot"))
    frames = np.full((7, 8), -9.0, np.float32)
    for t, (likely, doubt) in enumerate(zip("do cat ", "do toe ", strict=True)):
        frames[t, alphabet.encode(doubt)] = -1.5
        frames[t, alphabet.encode(likely)] = -0.3
    for hot, wanted in (({}, "do cat"), ({"toe": 3.0}, "do cat"), ({"toe": 4.0}, "do toe"), ({"cat": -4.0}, "do coe")):
        fused = fusion.build(alphabet, hotwords=hot)
        text = alphabet.decode(BeamDecoder(alphabet, Search(beam=3), fused).decode(frames).labels)
        assert text == wanted or (not wanted.endswith("t") and text != "do cat"), (hot, text)


@several
@given(st.lists(st.lists(st.integers(1, 4), max_size=5), max_size=20))
def test_trie(sequences: list[list[int]]) -> None:
    trie = trie_of(sequences)
    for labels in itertools.chain.from_iterable(itertools.product(range(1, 5), repeat=n) for n in range(1, 5)):
        node = 0
        for label in labels:
            node = child(trie, node, label) if node != OUTSIDE else OUTSIDE
        begins = any(tuple(one[: len(labels)]) == labels for one in sequences)
        assert (node != OUTSIDE) == begins
        if begins:
            assert trie.entry[node] == (sequences.index(list(labels)) if list(labels) in sequences else OUTSIDE)


def test_what_does_not_fit_the_alphabet_is_named(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("ab\nbaß\nçedille\n", encoding="utf-8")
    lm = Bigrams((" ", "a", "é"), 0).model("char")
    fused = fusion.build(AB, lm, tmp_path / "words", False, {"ab": 1.0, "böse": 2.0})
    assert fused.notes == (
        "language model: lacks 1 of the alphabet's 3 symbols: 'b'",
        "language model: 1 of its 3 characters are not in the alphabet: 'é'",
        f"{tmp_path / 'words'}: 2 of 3 words cannot be spelled: 'baß', 'çedille'",
        "hot words: 1 of 2 cannot be spelled: 'böse'",
    )
    words = Bigrams(("ab", "öl"), 0).model("word", Bigrams(("a", "b"), 0).model("char"))
    assert fusion.build(AB, words).notes == ("language model: 1 of 2 words cannot be spelled: 'öl'",)
    assert fusion.build(SPACELESS, None, None, False, {"a b": 1.0}).notes == (
        "hot words: 1 of 1 cannot be spelled: 'a b'",
    )


def test_normal_forms(tmp_path: Path) -> None:
    """Lexicons and hot words are written in any, models in NFC."""
    alphabet = Alphabet(("e", "e\u0301"), "NFD")
    (tmp_path / "words").write_text("\ufeff\u00e9\ne\u0301e\n", encoding="utf-8")
    lm = Bigrams(("e", "\u00e9"), 0).model("char")
    assert fusion.build(alphabet, lm, tmp_path / "words", True, {"e\u0301": 1.0, "\u00e9": 1.0}).notes == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ab\n\xff\xfe\n", r"words:2: is not UTF-8; expected a word. Save the file as UTF-8"),
        (b"ab\nba 17\n", r"words:2: 'ba 17' has white space in it; expected one word a line"),
        (b"\n \n", r"words: has no words; expected a word a line"),
        (b"", r"words: has no words"),
        ("\u0436\n\u044f\n".encode(), r"words: has no word that the alphabet can spell: '\u0436', '\u044f'"),
    ],
)
def test_broken_lexicons(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "words").write_bytes(content)
    with pytest.raises((DataError, ConfigError), match=said):
        fusion.build(AB, None, tmp_path / "words")


def test_a_lexicon_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"cannot be read \(No such file or directory\); expected a file with a word a line"
    ):
        fusion.build(AB, None, tmp_path / "words")


@pytest.mark.parametrize("unit", ["char", "word"])
def test_models_of_another_script(unit: str) -> None:
    lm = Bigrams((" ", "\u0436", "\u044f") if unit == "char" else ("\u0436\u044f",), 0).model(unit)
    with pytest.raises(
        ConfigError, match=r"language model: (knows no symbol of the alphabet: 'a', 'b'|has no word that)"
    ):
        fusion.build(AB, lm)


def test_hot_words_need_finite_weights() -> None:
    with pytest.raises(ConfigError, match="hot word 'a': has the weight nan; expected a finite number"):
        fusion.build(AB, hotwords={"a": float("nan")})
