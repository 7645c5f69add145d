"""CTC against the sum over all paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.alphabet import least_frames
from seqrec.network.ctc import ctc_loss


def collapse(path: tuple[int, ...]) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label]


def all_paths(logits: np.ndarray, labels: list[int]) -> float:
    """Negative log of the summed probability of every path (T labels out of C) that reads as `labels`, in float64."""
    steps, classes = logits.shape
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    scores = [
        sum(log_probs[t, c] for t, c in enumerate(path))
        for path in itertools.product(range(classes), repeat=steps)
        if collapse(path) == labels
    ]
    return float(-np.logaddexp.reduce(scores))


CASES = [([1, 2], 4), ([1, 1], 3), ([2], 1), ([], 3), ([1, 2, 1], 5)]


def batch(cases: list[tuple[list[int], int]], scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    logits = np.random.default_rng(2).normal(scale=scale, size=(len(cases), 5, 3)).astype(np.float32)
    labels = np.zeros((len(cases), 3), np.int32)
    for row, (text, _) in zip(labels, cases, strict=True):
        row[: len(text)] = text
    return logits, np.array([n for _, n in cases], np.int32), labels


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 100.0])
def test_loss_is_the_sum_over_all_paths(scale: float) -> None:
    logits, n_frames, labels = batch(CASES, scale)
    losses = ctc_loss(logits, n_frames, labels).numpy()
    for i, (text, n) in enumerate(CASES):
        assert losses[i] == pytest.approx(all_paths(logits[i, :n], text), rel=1e-4, abs=1e-6), CASES[i]


def test_by_hand() -> None:
    """Two frames, blank 0.6 and one symbol 0.4: the text "a" has the paths aa, a-, -a, 0.16 + 0.24 + 0.24 = 0.64."""
    logits = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]], np.float32))
    assert ctc_loss(logits, [2], [[1]]).numpy()[0] == pytest.approx(-np.log(0.64), rel=1e-5)
    assert ctc_loss(logits, [2], [[0]]).numpy()[0] == pytest.approx(-np.log(0.36), rel=1e-5)


def test_padding_changes_nothing_and_gets_no_gradient() -> None:
    logits, n_frames, labels = batch(CASES, 1.0)
    garbage = logits.copy()
    for row, n in zip(garbage, n_frames, strict=True):
        row[n:] = 50.0
    with tf.GradientTape() as tape:
        variable = tf.Variable(garbage)
        losses = ctc_loss(variable, n_frames, labels)
    np.testing.assert_allclose(losses, ctc_loss(logits, n_frames, labels), rtol=1e-6)
    gradient = tape.gradient(losses, variable).numpy()
    assert all(np.abs(gradient[i, n:]).sum() == 0 for i, n in enumerate(n_frames))
    assert all(np.abs(gradient[i, :n]).sum() > 0 for i, n in enumerate(n_frames))


@pytest.mark.parametrize("scale", [1e3, 1e5])
def test_sure_and_wrong_logits_give_a_finite_loss_and_gradient(scale: float) -> None:
    logits, n_frames, labels = batch(CASES, scale)
    with tf.GradientTape() as tape:
        variable = tf.Variable(logits)
        losses = ctc_loss(variable, n_frames, labels)
    assert np.isfinite(losses).all()
    assert np.isfinite(tape.gradient(losses, variable)).all()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 2), max_size=4))
def test_least_frames_is_the_border_between_possible_and_not(labels: list[int]) -> None:
    least = least_frames(labels)
    readable = {tuple(collapse(path)) for path in itertools.product(range(3), repeat=least)}
    assert tuple(labels) in readable
    if least > 1:
        shorter = {tuple(collapse(path)) for path in itertools.product(range(3), repeat=least - 1)}
        assert tuple(labels) not in shorter
