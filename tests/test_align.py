"""Forced alignment: the best path against all paths, and where it puts characters and words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.alphabet import Alphabet, least_frames
from seqrec.decoding.align import _BLOCK, align, hypothesis, spans
from seqrec.errors import DataError
from seqrec.features import Layout

LETTERS = Alphabet((" ", "a", "b"))


def random_log_probs(frames: int, classes: int, seed: int) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 3, (frames, classes))
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def collapsed(path: tuple[int, ...]) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label]


def score(log_probs: np.ndarray, labels: list[int]) -> float:
    """The log-probability of the path that `align` finds."""
    found = align(log_probs, labels)
    path = np.zeros(len(log_probs), int)
    for begin, end, label in zip(found.begin, found.end, labels, strict=True):
        assert begin < end
        path[begin:end] = label
    assert collapsed(tuple(path)) == labels
    own = log_probs[np.arange(len(path)), path].astype(np.float64)
    np.testing.assert_allclose(log_probs.max(axis=1) - own, found.loss, atol=1e-5)
    return float(own.sum())


@settings(max_examples=60)
@given(st.integers(1, 6), st.lists(st.integers(1, 2), max_size=4), st.integers(0, 10_000))
def test_the_path_is_the_best_of_all(frames: int, labels: list[int], seed: int) -> None:
    log_probs = random_log_probs(frames, 3, seed)
    of = [path for path in itertools.product(range(3), repeat=frames) if collapsed(path) == labels]
    if not of:
        with pytest.raises(DataError, match=rf"{len(labels)} characters in a signal of {frames} frames"):
            align(log_probs, labels)
        return
    best = max(sum(float(log_probs[t, label]) for t, label in enumerate(path)) for path in of)
    assert score(log_probs, labels) == pytest.approx(best, abs=1e-4)


def slow_score(log_probs: np.ndarray, labels: list[int]) -> float:
    """The same recursion without blocks."""
    states = np.zeros(2 * len(labels) + 1, int)
    states[1::2] = labels
    skips = np.array([s > 2 and s % 2 == 1 and states[s] != states[s - 2] for s in range(len(states))])
    best = np.full(len(states) + 2, -np.inf)
    best[2] = 0
    for frame in log_probs.astype(np.float64):
        skipping = np.where(skips, best[:-2], -np.inf)
        best[2:] = np.maximum(np.maximum(best[2:], best[1:-1]), skipping) + frame[states]
    return float(best[-2:].max())


@pytest.mark.parametrize(
    ("frames", "count"),
    [(_BLOCK, 40), (_BLOCK + 1, 600), (2 * _BLOCK + 700, 300), (3 * _BLOCK, 1900), (2500, 0)],
)
def test_a_path_through_many_blocks(frames: int, count: int) -> None:
    labels = np.random.default_rng(count).integers(1, 4, count).tolist()
    log_probs = random_log_probs(frames, 4, count)
    assert score(log_probs, labels) == pytest.approx(slow_score(log_probs, labels), rel=1e-6)


def test_only_just_enough_frames() -> None:
    labels = [1, 1, 2, 2, 2, 1]
    found = align(random_log_probs(least_frames(labels), 3, 1), labels)
    assert found.begin.tolist() == [0, 2, 3, 5, 7, 8]
    with pytest.raises(DataError, match=r"line 7: 6 characters in a signal of 8 frames; expected at least 9 frames"):
        align(random_log_probs(8, 3, 1), labels, "line 7")


def test_what_the_network_excludes_is_unlikely_not_impossible() -> None:
    log_probs = np.where(np.eye(3)[[0, 1, 0, 0]], 0.0, -np.inf)
    assert align(log_probs, [1, 2]).begin.tolist() == [1, 2]


def frames_of(text: str, sure: float = 0.9) -> np.ndarray:
    """Log-probabilities of a path, written with "_" for the blank."""
    labels = [0 if symbol == "_" else LETTERS.encode(symbol)[0] for symbol in text]
    rest = (1 - sure) / LETTERS.size
    return np.log(np.eye(LETTERS.size)[labels] * sure + rest).astype(np.float32)


def layout(activity: str, start: float = 0.0, step: float = 1.0) -> Layout:
    """A frame for each digit, in tenths."""
    tenths = np.array(list(activity), np.float64) / 10
    return Layout("s", start + step * np.arange(len(activity) + 1), tenths)


@pytest.mark.parametrize(
    ("path", "text", "activity", "words", "chars"),
    [
        # Characters meet half-way between their frames; the word ends where all rests.
        ("_a__b__", "ab", "0999990", [(1, 6)], [(1, 3), (3, 6)]),
        # Words are parted where the signal rests longest, and white space has what is between.
        ("a__ ___b__", "a b", "9990999099", [(0, 3), (4, 10)], [(0, 3), (3, 4), (4, 10)]),
        ("a__ ___b__", "a b", "9099900999", [(0, 5), (7, 10)], [(0, 5), (5, 7), (7, 10)]),
        # The frame in which the first label is known may still rest.
        ("aa  b_", "a b", "990009", [(0, 2), (5, 6)], [(0, 2), (2, 5), (5, 6)]),
        # Where nothing rests, at the most restful frame; in the middle where all are alike.
        ("a_  __b", "a b", "9997999", [(0, 3), (3, 7)], [(0, 3), (3, 3), (3, 7)]),
        ("a_ ___b", "a b", "9999999", [(0, 4), (4, 7)], [(0, 4), (4, 4), (4, 7)]),
        # Labels at the ends of the line where there is only silence.
        ("a     b", "a b", "0990990", [(1, 3), (4, 6)], [(1, 3), (3, 4), (4, 6)]),
        # White space at the ends and in series.
        (" a_", " a", "0900", [(1, 2)], [(0, 1), (1, 2)]),
        ("a _ b_", "a  b", "900009", [(0, 1), (5, 6)], [(0, 1), (1, 3), (3, 5), (5, 6)]),
        ("a_ ", "a ", "900", [(0, 1)], [(0, 1), (1, 3)]),
        # A full stop after a blank is no click: its label is known there.
        ("a____b__", "ab", "99900200", [(0, 6)], [(0, 3), (3, 6)]),
        ("a__b____", "ab", "99900200", [(0, 3)], [(0, 2), (2, 3)]),
        # A click is not yet the word; and where nothing is loud, words are not looked for.
        ("___a__", "a", "020990", [(3, 5)], [(3, 5)]),
        ("_a__", "a", "0000", [(0, 4)], [(0, 4)]),
        (" _", " ", "00", [], [(0, 2)]),
        ("__", "", "00", [], []),
    ],
)  # fmt: skip
def test_where_words_and_characters_lie(
    path: str, text: str, activity: str, words: list[tuple[int, int]], chars: list[tuple[int, int]]
) -> None:
    path = path.ljust(len(activity), "_")
    assert spans(frames_of(path), LETTERS.encode(text), LETTERS, layout(activity), 1) == (words, chars)


def test_positions_are_those_of_the_source() -> None:
    # Each output frame is of two input frames, the last of one: 7 frames of half a second, from 10 s on.
    words, chars = spans(frames_of("a_ b"), LETTERS.encode("a b"), LETTERS, layout("9900099", 10, 0.5), 2)
    assert words == [(10.0, 11.0), (12.5, 13.5)]
    assert chars == [(10.0, 11.0), (11.0, 12.5), (12.5, 13.5)]


@settings(max_examples=150)
@given(
    st.text(" ab", max_size=12), st.integers(1, 4), st.integers(0, 30), st.integers(0, 3), st.integers(0, 10_000),
    st.sampled_from([0.0, 0.3, 1.0]),
)  # fmt: skip
def test_borders_go_forward_inside_of_the_signal(
    text: str, factor: int, more: int, missing: int, seed: int, loud: float
) -> None:
    labels = LETTERS.encode(text)
    count = least_frames(labels) + more
    rng = np.random.default_rng(seed)
    frames = count * factor - min(missing, factor - 1)
    edges = 5 + np.cumsum(np.append(0, rng.choice([0.0, 0.1, 2.0], frames)))
    activity = np.where(rng.random(frames) < loud, rng.random(frames), 0)
    words, chars = spans(random_log_probs(count, 4, seed), labels, LETTERS, Layout("px", edges, activity), factor)
    assert (len(words), len(chars)) == (len(text.split()), len(labels))
    for places in (words, chars):
        flat = [border for place in places for border in place]
        assert flat == sorted(flat)
        assert not flat or edges[0] <= flat[0] <= flat[-1] <= edges[-1]
    for (_, one), (other, _) in itertools.pairwise(chars):
        assert one == other
    for (first, last), (start, end) in zip(LETTERS.words(labels), words, strict=True):
        assert (start, end) == (chars[first][0], chars[last - 1][1])


def test_a_text_that_fits_is_sure_and_a_wrong_word_is_not() -> None:
    log_probs = frames_of("_a_b_ _b_a")
    right = hypothesis("x", log_probs, "ab ba", LETTERS, layout("9" * 10), 1)
    assert (right.id, right.text, right.unit, right.confidence) == ("x", "ab ba", "s", 1.0)
    assert [span.text for span in right.words] == ["ab", "ba"]
    assert "".join(span.text for span in right.chars) == "ab ba"
    wrong = hypothesis("x", log_probs, "ab bb", LETTERS, layout("9" * 10), 1)
    assert wrong.words[0].confidence > 0.99 > 0.2 > wrong.words[1].confidence
    assert wrong.chars[-1].confidence < 0.05 < 0.3 < wrong.confidence < 0.6
    # One of five labels is wrong, where "a" has 0.925 and "b" 0.025.
    assert wrong.confidence == pytest.approx((0.025 / 0.925) ** (1 / 5))


def test_what_is_left_out_of_a_text_makes_it_unsure() -> None:
    log_probs = frames_of("_a_b_ _b_a")
    short = hypothesis("x", log_probs, "ab", LETTERS, layout("9" * 10), 1)
    assert short.confidence < 0.1
    nothing = hypothesis("x", log_probs, "", LETTERS, layout("9" * 10), 1)
    assert (nothing.words, nothing.chars) == ((), ())
    assert nothing.confidence < 1e-6


def test_characters_outside_of_the_alphabet_are_named() -> None:
    with pytest.raises(DataError, match=r"x: 'z' \(U\+007A\) not in the alphabet"):
        hypothesis("x", frames_of("___"), "az", LETTERS, layout("999"), 1)
