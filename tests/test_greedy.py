import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.alphabet import Alphabet
from seqrec.decoding import greedy

AB = Alphabet(("a", "b"))


def frames(*labels, sure=0.8, classes=3):
    rest = (1 - sure) / (classes - 1)
    return np.log([[sure if c == label else rest for c in range(classes)] for label in labels])


def test_two_frames_worked_out_by_hand():
    # Two frames over (blank, a, b). The best path is blank blank, of probability 0.6 * 0.6 = 0.36,
    # though "a" is likelier over all its paths: 0.4 * 0.4 + 2 * 0.4 * 0.6 = 0.64.
    log_probs = np.log(np.array([[0.6, 0.4, 1e-30], [0.6, 0.4, 1e-30]]))
    found = greedy.decode(log_probs, AB, "one")
    assert (found.id, found.text) == ("one", "")
    assert found.confidence == pytest.approx(0.6)  # sqrt(0.36)


def test_confidence_is_the_geometric_mean_over_all_frames():
    log_probs = np.log([[0.1, 0.9, 1e-30], [0.5, 0.1, 0.4], [0.2, 0.1, 0.7]])
    found = greedy.decode(log_probs, AB)
    assert found.text == "ab"
    assert found.confidence == pytest.approx((0.9 * 0.5 * 0.7) ** (1 / 3))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ([1, 1, 2, 2], "ab"),
        ([1, 0, 1], "aa"),
        ([1, 1, 0, 0, 1, 2, 2, 1], "aaba"),
        ([0, 0, 0], ""),
        ([2], "b"),
        ([0, 2, 0], "b"),
    ],
)
def test_repeats_join_and_blanks_part(path, text):
    assert greedy.decode(frames(*path), AB).text == text


def test_no_frames_are_an_empty_text_without_confidence():
    found = greedy.decode(np.empty((0, 3), np.float32), AB, "none")
    assert (found.text, found.confidence) == ("", 0.0)


def test_symbols_of_several_code_points():
    found = greedy.decode(frames(1, 2, classes=3), Alphabet(("sch", "é")))
    assert found.text == "sché"


def test_certain_frames_have_confidence_one():
    log_probs = np.full((4, 3), -np.inf, np.float32)
    log_probs[:, 1] = 1e-6  # rounding of float32 may pass 0
    assert greedy.decode(log_probs, AB).confidence == 1.0


@given(st.lists(st.integers(0, 2), min_size=1), st.floats(0.4, 0.999))
def test_any_path_is_found_and_its_confidence_is_a_share(path, sure):
    log_probs = frames(*path, sure=sure)
    found = greedy.decode(log_probs, AB)
    assert found.confidence == pytest.approx(sure)
    joined = [label for i, label in enumerate(path) if i == 0 or path[i - 1] != label]
    assert greedy.best_path(log_probs) == [label for label in joined if label]
    assert found.text == "".join(" ab"[label] for label in joined if label)


def test_white_space_at_the_ends_is_left_out():
    alphabet = Alphabet((" ", "7"))
    path = np.eye(3, dtype=np.float32)[[1, 0, 2, 0, 1, 2, 1]]  # " 7 7 "
    assert greedy.decode(np.log(path + 1e-6), alphabet).text == "7 7"
