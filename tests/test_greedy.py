from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.alphabet import Alphabet
from seqrec.decoding import greedy

AB = Alphabet(("a", "b"))
SPACED = Alphabet((" ", "7", "\u00a0"))


def frames(*labels, sure=0.8, classes=3):
    rest = (1 - sure) / (classes - 1)
    return np.log([[sure if c == label else rest for c in range(classes)] for label in labels])


def text(log_probs, alphabet=AB):
    labels = greedy.read(log_probs, alphabet).labels
    assert list(labels) == greedy.best_path(log_probs, alphabet)
    return alphabet.decode(labels)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([1, 1, 2, 2], "ab"),
        ([1, 0, 1], "aa"),
        ([1, 1, 0, 0, 1, 2, 2, 1], "aaba"),
        ([0, 0, 0], ""),
        ([2], "b"),
        ([0, 2, 0], "b"),
    ],
)
def test_repeats_join_and_blanks_part(path, expected):
    assert text(frames(*path)) == expected


def test_two_frames_worked_out_by_hand():
    # Two frames over (blank, a, b). The best path is blank blank, of probability 0.6 * 0.6 = 0.36,
    # though "a" is likelier over all its paths: 0.4 * 0.4 + 2 * 0.4 * 0.6 = 0.64.
    found = greedy.read(np.log([[0.6, 0.4, 1e-30], [0.6, 0.4, 1e-30]]), AB)
    assert (found.labels, found.words, found.chars) == ((), (), ())
    assert found.line == pytest.approx(0.36)


def test_a_line_is_its_peaks_and_what_may_lie_between_them():
    # The peaks of "ab" are the frames 1 and 3. Before the first, blank and a agree with it (0.9), between them
    # blank, a and b (1.0 - 0.1 of c), after the last blank and b (0.7).
    probabilities = [
        [0.6, 0.3, 0.05, 0.05],
        [0.1, 0.8, 0.05, 0.05],
        [0.5, 0.2, 0.2, 0.1],
        [0.2, 0.05, 0.7, 0.05],
        [0.6, 0.2, 0.1, 0.1],
    ]
    found = greedy.read(np.log(probabilities), Alphabet(("a", "b", "c")))
    assert found.labels == (1, 2)
    assert found.line == pytest.approx(0.9 * 0.8 * 0.9 * 0.7 * 0.7)
    assert found.words == pytest.approx((found.line,))
    assert found.chars == pytest.approx((0.8 * 0.9, 0.7 * (0.9 * 0.7) ** 0.5))
    assert found.nbest == ()


def test_a_word_takes_the_spaces_beside_it():
    # "7 77": gaps of one blank frame, but for the first and the last.
    path = [2, 0, 1, 0, 2, 0, 2]
    log_probs = frames(*path, sure=0.7, classes=4)  # 0.1 for the others
    found = greedy.read(log_probs, SPACED)
    assert found.labels == (2, 1, 2, 2)
    assert found.words == pytest.approx((0.7 * 0.9 * 0.7, 0.7 * 0.9 * 0.7 * 0.8 * 0.7))  # 0.8: blank and 7
    assert found.line == pytest.approx(0.7**4 * 0.9 * 0.9 * 0.8)


@pytest.mark.parametrize("path", [[1, 0, 2, 0, 1, 2, 1], [1, 2, 3, 2, 3, 1], [0, 3, 1, 2, 0, 1, 0, 2, 0, 3]])
def test_white_space_at_the_ends_is_left_out(path):
    found = greedy.read(frames(*path, sure=0.9, classes=4), SPACED)
    said = SPACED.decode(path).strip()
    assert SPACED.decode(found.labels) == said
    assert len(found.words) == len(said.split()) == 2


def test_white_space_at_the_ends_does_not_count():
    # Blank, both spaces and 7 may stand before and after the peak: all of each frame.
    found = greedy.read(frames(1, 0, 2, 3, sure=0.7, classes=4), SPACED)
    assert (found.labels, found.line) == ((2,), pytest.approx(0.7))


def test_only_white_space_is_an_empty_text():
    found = greedy.read(frames(1, 0, 3, sure=0.7, classes=4), SPACED)
    assert (found.labels, found.words) == ((), ())
    assert found.line == pytest.approx(0.9**3)


def test_no_frames_are_an_empty_text_for_certain():
    found = greedy.read(np.empty((0, 3), np.float32), AB)
    assert (found.labels, found.words, found.chars, found.line) == ((), (), (), 1.0)
    assert greedy.best_path(np.empty((0, 3), np.float32), AB) == []


def test_symbols_of_several_code_points():
    assert text(frames(1, 2), Alphabet(("sch", "é"))) == "sché"


def test_certain_frames_have_probability_one():
    log_probs = np.full((4, 3), -np.inf, np.float32)
    log_probs[:, 1] = 1e-6  # rounding of float32 may pass 0
    found = greedy.read(log_probs, AB)
    assert (found.line, found.words, found.chars) == (1.0, (1.0,), (1.0,))


def test_the_first_of_equal_peaks_counts_once():
    found = greedy.read(np.log([[0.1, 0.8, 0.1]] * 3), AB)
    assert found.labels == (1,)
    assert found.line == pytest.approx(0.8 * 0.9 * 0.9)


def brute_force(probabilities, labels, peaks):
    """The sum over all paths that have each label at its peak and else, between two, only them and blanks."""
    total = 0.0
    sides = [0, *labels, 0]
    for path in product(range(probabilities.shape[1]), repeat=len(probabilities)):
        places = np.searchsorted(peaks, np.arange(len(path)))
        at_peaks = all(path[peak] == label for peak, label in zip(peaks, labels, strict=True))
        between = all(
            t in peaks or label in (0, sides[place], sides[place + 1])
            for t, (label, place) in enumerate(zip(path, places, strict=True))
        )
        if at_peaks and between:
            total += np.prod(probabilities[np.arange(len(path)), list(path)])
    return total


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1, max_size=6))
def test_any_line_against_all_paths(weights):
    probabilities = np.array(weights) / np.sum(weights, axis=1, keepdims=True)
    log_probs = np.log(probabilities)
    found = greedy.read(log_probs, AB)
    path = log_probs.argmax(axis=1)
    runs = np.split(np.arange(len(path)), np.flatnonzero(np.diff(path)) + 1)
    peaks = [int(run[log_probs[run, path[run[0]]].argmax()]) for run in runs if path[run[0]]]
    assert found.labels == tuple(path[peaks])
    assert found.line == pytest.approx(brute_force(probabilities, found.labels, peaks), rel=1e-6)
    assert all(found.line <= p * (1 + 1e-9) for p in (*found.words, *found.chars))
    assert all(0 <= p <= 1 for p in (found.line, *found.words, *found.chars))
