"""Prefix beam search against the sum over all alignments."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.alphabet import Alphabet
from seqrec.decoding import prefixes
from seqrec.decoding.beam import BeamDecoder, Labels
from seqrec.decoding.settings import Search
from seqrec.errors import ModelError

WIDE = Search(beam=5000, token_threshold=1e9, score_threshold=1e9)
ABC = Alphabet(("a", "b", "c"))


def log_probs(frames: int, classes: int, seed: int, scale: float = 1.0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(scale=scale, size=(frames, classes))
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def all_texts(frames: np.ndarray) -> dict[Labels, float]:
    """Log-probability of every text: the sum over all paths that read as it."""
    paths = defaultdict(list)
    for path in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label)
        paths[labels].append(sum(float(frames[t, label]) for t, label in enumerate(path)))
    return {labels: float(np.logaddexp.reduce(found)) for labels, found in paths.items()}


def forward(frames: np.ndarray, labels: Labels) -> float:
    """Log-probability of a text by the forward variables of Graves et al. 2006, one column a frame."""
    inner = [0, *itertools.chain.from_iterable((label, 0) for label in labels)]
    alpha = np.full(len(inner) + 2, -np.inf)  # two impossible places before the first
    alpha[2] = 0.0
    for t, frame in enumerate(frames.astype(np.float64)):
        before = alpha.copy()
        for place, label in enumerate(inner):
            ways = [before[place + 2], before[place + 1] if place else -np.inf]
            if label and place > 1 and inner[place - 2] != label:
                ways.append(before[place])
            if t == 0:
                ways = [0.0 if place < 2 else -np.inf]
            alpha[place + 2] = np.logaddexp.reduce(ways) + frame[label]
    return float(np.logaddexp(alpha[-1], alpha[-2] if labels else -np.inf))


def found(frames: np.ndarray, alphabet: Alphabet = ABC, search: Search = WIDE) -> dict[Labels, float]:
    """The texts that the search ends with and their scores."""
    decoder = BeamDecoder(alphabet, search)
    stream = decoder.start()
    decoder.advance(stream, frames)
    return dict(decoder.texts(stream))


def alphabet_of(classes: int) -> Alphabet:
    return Alphabet(tuple("abcdefgh"[: classes - 1]))


def test_two_frames_worked_out_by_hand() -> None:
    # Over (blank, a): the best path is blank blank, 0.36, though "a" has 0.4 * 0.4 + 2 * 0.4 * 0.6 = 0.64 in all.
    reading = BeamDecoder(Alphabet(("a",))).decode(np.log(np.array([[0.6, 0.4], [0.6, 0.4]])))
    assert reading.labels == (1,)
    assert [labels for labels, _ in reading.nbest] == [(1,), ()]
    assert [share for _, share in reading.nbest] == pytest.approx([0.64, 0.36])


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 6), st.integers(1, 4), st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 5.0, 50.0]))
def test_at_full_width_every_text_has_the_sum_over_its_paths(
    frames: int, classes: int, seed: int, scale: float
) -> None:
    given_ = log_probs(frames, classes, seed, scale)
    truth, texts = all_texts(given_), found(given_, alphabet_of(classes))
    assert texts.keys() == truth.keys()
    assert [texts[labels] for labels in truth] == pytest.approx(list(truth.values()), rel=1e-9, abs=1e-9)
    assert np.logaddexp.reduce(list(texts.values())) == pytest.approx(0, abs=1e-5)  # float32 probabilities


@settings(deadline=None, max_examples=30)
@given(st.integers(10, 60), st.integers(0, 10**6), st.sampled_from([1.0, 4.0]), st.sampled_from([1, 4, 50]))
def test_scores_of_long_texts_are_part_of_their_forward_sums(frames: int, seed: int, scale: float, beam: int) -> None:
    """What is pruned is lacking; nothing is counted twice."""
    given_ = log_probs(frames, 4, seed, scale)
    texts = found(given_, search=Search(beam=beam))
    for labels, score in texts.items():
        assert score <= forward(given_, labels) + 1e-9


def test_a_wide_beam_lacks_little_of_the_forward_sum() -> None:
    given_ = log_probs(200, 30, 1, 8.0)
    alphabet = Alphabet(tuple(chr(97 + i) for i in range(29)))
    for labels, score in list(found(given_, alphabet, Search(beam=300)).items())[:10]:
        assert score == pytest.approx(forward(given_, labels), abs=0.5)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(2, 4), st.integers(0, 10**6))
def test_impossible_labels_are_in_no_text(frames: int, classes: int, seed: int) -> None:
    """Also where all that may come are impossible but one."""
    given_ = log_probs(frames, classes, seed)
    holes = np.random.default_rng(seed).random(given_.shape) < 0.4
    holes[np.arange(frames), np.random.default_rng(seed).integers(classes, size=frames)] = False
    given_[holes] = -np.inf
    truth = {labels: score for labels, score in all_texts(given_).items() if score > -np.inf}
    texts = found(given_, alphabet_of(classes))
    assert texts.keys() == truth.keys()
    assert [texts[labels] for labels in truth] == pytest.approx(list(truth.values()), rel=1e-9, abs=1e-9)


def test_a_frame_in_which_everything_is_impossible_is_passed_over() -> None:
    given_ = log_probs(5, 4, 0)
    hole = np.full((1, 4), -np.inf, np.float32)
    assert found(np.concatenate([given_[:3], hole, given_[3:]])) == found(given_)
    assert found(hole) == {(): 0.0}


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(0, 10**6), st.sampled_from([0.5, 2.0, 6.0]))
def test_what_the_thresholds_leave_out_is_less_likely(frames: int, seed: int, threshold: float) -> None:
    """A text of labels above the threshold keeps all paths but those through labels below."""
    given_ = log_probs(frames, 4, seed, 2.0)
    pruned = found(given_, search=WIDE.model_copy(update={"token_threshold": threshold}))
    truth = all_texts(given_)
    best = given_.argmax(axis=1)
    path = tuple(int(label) for label, _ in itertools.groupby(best) if label)
    assert path in pruned
    assert all(score <= truth[labels] + 1e-9 for labels, score in pruned.items())


def test_a_label_below_the_threshold_still_keeps_its_prefix_alive() -> None:
    """The blank and the repeated label never start anything new: no threshold is put to them."""
    given_ = np.log(np.array([[1e-9, 1 - 2e-9, 1e-9], [1e-9, 1e-9, 1 - 2e-9]], np.float32))
    texts = found(given_, Alphabet(("a", "b")), WIDE.model_copy(update={"token_threshold": 1.0}))
    assert texts[(1,)] == pytest.approx(np.log(2e-9), rel=1e-4)  # a a and a blank, both of them improbable
    assert texts.keys() == {(), (1,), (2,), (1, 2)}  # but not b a, nor a b a


def test_score_threshold() -> None:
    given_ = log_probs(6, 4, 3)
    truth = all_texts(given_)
    texts = found(given_, search=WIDE.model_copy(update={"score_threshold": 1.5}))
    assert max(texts, key=texts.__getitem__) == max(truth, key=truth.__getitem__)
    assert len(texts) < len(truth)
    assert min(texts.values()) >= max(texts.values()) - 1.5 - 1e-9


@pytest.mark.parametrize("beam", [1, 2, 3, 10, 1000])
def test_no_more_texts_than_the_beam_takes(beam: int) -> None:
    texts = list(found(log_probs(30, 4, 5), search=Search(beam=beam)).values())
    assert 1 <= len(texts) <= beam
    assert texts == sorted(texts, reverse=True)


def test_a_beam_of_one_on_sure_frames_is_the_best_path() -> None:
    given_ = log_probs(400, 4, 2, 100.0)
    path = tuple(int(label) for label, _ in itertools.groupby(given_.argmax(axis=1)) if label)
    assert BeamDecoder(ABC, Search(beam=1)).decode(given_).labels == path


@pytest.mark.parametrize("shape", [(0, 4), (0, 1), (3, 1)])
def test_without_frames_or_symbols_the_text_is_empty(shape: tuple[int, int]) -> None:
    reading = BeamDecoder(alphabet_of(shape[1])).decode(np.zeros(shape, np.float32))
    assert (reading.labels, reading.words, reading.chars) == ((), (), ())
    assert reading.nbest == (((), 1.0),)


def test_texts_that_differ_by_space_at_their_ends_are_one() -> None:
    alphabet = Alphabet((" ", "a", "\u00a0"))
    given_ = log_probs(5, 4, 7)
    merged: dict[Labels, list[float]] = defaultdict(list)
    for labels, score in all_texts(given_).items():
        text = alphabet.decode(labels).strip()
        merged[tuple(alphabet.encode(text))].append(score)
    texts = found(given_, alphabet)
    assert texts == pytest.approx({labels: np.logaddexp.reduce(scores) for labels, scores in merged.items()})
    reading = BeamDecoder(alphabet, WIDE).decode(given_)
    assert len(reading.words) == len(alphabet.decode(reading.labels).split())
    assert len(reading.chars) == len(reading.labels)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 10**6))
def test_frames_may_come_in_any_pieces(pieces: list[int], seed: int) -> None:
    given_ = log_probs(sum(pieces), 4, seed, 3.0)
    decoder = BeamDecoder(ABC)
    stream = decoder.start()
    for piece in np.split(given_, np.cumsum(pieces)):
        decoder.advance(stream, piece)
        assert decoder.best(stream) == decoder.finish(stream).labels
    assert decoder.finish(stream, given_) == decoder.decode(given_)


def test_the_tree_of_a_long_stream_is_that_of_its_text_not_of_its_frames() -> None:
    """100,000 frames with some 300 labels; prefixes that left the beam are forgotten."""
    rng = np.random.default_rng(3)
    frames = log_probs(100_000, 4, 3, 1.5)
    frames[:, 0] = 0.0
    frames[:, 1:] -= 9.0
    frames[::330, 1 + rng.integers(3)] = 3.0
    decoder = BeamDecoder(ABC)
    stream = decoder.start()
    decoder.advance(stream, frames)
    assert len(decoder.best(stream)) > 250
    assert len(stream.memory.nodes) <= 2048


def test_a_tree_that_outgrows_its_memory_says_the_same() -> None:
    """Ten labels a frame and a wide beam: the memory is doubled some times."""
    given_ = log_probs(4000, 4, 11, 8.0)
    small = BeamDecoder(ABC, Search(beam=2))
    stream = small.start()
    small.advance(stream, given_)
    assert len(stream.memory.nodes) > 1024
    roomy = prefixes.memory(2, 4, 100_000)
    other = small.start()
    other.memory = roomy
    small.advance(other, given_)
    assert small.finish(stream) == small.finish(other)


def test_many_at_once_are_read_as_one_by_one() -> None:
    some = [log_probs(frames, 4, frames, 3.0) for frames in range(40)]
    decoder = BeamDecoder(ABC, Search(beam=8))
    assert decoder.decode_all(some, 4) == decoder.decode_all(some) == [decoder.decode(each) for each in some]
    assert decoder.is_ready()


def test_any_layout_in_memory_and_read_only_arrays() -> None:
    given_ = log_probs(20, 4, 1)
    wanted = BeamDecoder(ABC).decode(given_)
    locked = given_.copy()
    locked.flags.writeable = False
    for other in (np.asfortranarray(given_), given_.astype(np.float64), locked, given_[::-1][::-1]):
        assert BeamDecoder(ABC).decode(other) == wanted


@pytest.mark.parametrize("shape", [(3, 5), (3, 3), (4,), (3, 4, 1)])
def test_log_probs_of_another_alphabet(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"log-probabilities: have shape .*; expected \(T, 4\)"):
        BeamDecoder(ABC).decode(np.zeros(shape, np.float32))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(0, 10**6), st.floats(-2, 2), st.floats(-2, 2))
def test_bonuses(frames: int, seed: int, char: float, word: float) -> None:
    alphabet = Alphabet(("a", " ", "b"))
    given_ = log_probs(frames, 4, seed)
    scored: dict[Labels, list[float]] = defaultdict(list)
    for labels, score in all_texts(given_).items():
        text = alphabet.decode(labels)
        bonus = char * len(labels) + word * len(text.split())
        scored[tuple(alphabet.encode(text.strip()))].append(score + bonus)
    truth = {labels: np.logaddexp.reduce(scores) for labels, scores in scored.items()}
    texts = found(given_, alphabet, WIDE.model_copy(update={"char_bonus": char, "word_bonus": word}))
    assert texts == pytest.approx(truth, rel=1e-9, abs=1e-9)
