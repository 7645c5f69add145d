"""CTC against the sum over all paths."""

from __future__ import annotations

import itertools
from collections.abc import Callable

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


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 100.0, 1e4, 1e6, 1e30])
def test_loss_is_the_sum_over_all_paths(scale: float) -> None:
    logits, n_frames, labels = batch(CASES, scale)
    losses = ctc_loss(logits, n_frames, labels).numpy()
    for i, (text, n) in enumerate(CASES):
        assert losses[i] == pytest.approx(all_paths(logits[i, :n], text), rel=1e-6, abs=1e-6), CASES[i]


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


def gradient_of(loss: Callable[..., tf.Tensor], logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with tf.GradientTape() as tape:
        variable = tf.Variable(logits)
        losses = loss(variable)
    return losses.numpy(), tape.gradient(losses, variable).numpy()


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_loss_and_gradient_are_those_of_tensorflow(scale: float) -> None:
    """Its dense version, at lengths and texts as in practice."""
    rng = np.random.default_rng(3)
    n_frames, n_labels = np.array([60, 45, 21], np.int32), np.array([17, 9, 10], np.int32)
    labels = rng.integers(1, 4, (3, 17)).astype(np.int32)  # many repeats
    labels[np.arange(17) >= n_labels[:, None]] = 0
    n_frames[2] = least_frames(labels[2, :10].tolist())
    logits = rng.normal(scale=scale, size=(3, 60, 9)).astype(np.float32)
    ours, gradient = gradient_of(lambda x: ctc_loss(x, n_frames, labels), logits)
    theirs, wanted = gradient_of(
        lambda x: tf.nn.ctc_loss(labels, x, n_labels, n_frames, logits_time_major=False, blank_index=0), logits
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(gradient, wanted, atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_gradient_is_the_slope_of_the_loss(scale: float) -> None:
    """Along a random line; at 1e4, where a step of 1 is small, the losses are straight but for their corners."""
    logits, n_frames, labels = batch(CASES, scale)
    line = np.random.default_rng(8).normal(size=logits.shape).astype(np.float32)
    _, gradient = gradient_of(lambda x: ctc_loss(x, n_frames, labels), logits)
    for i, (text, n) in enumerate(CASES):
        step = 1e-3 * scale**0.5
        up, down = (all_paths(logits[i, :n].astype(np.float64) + s * step * line[i, :n], text) for s in (1, -1))
        assert (gradient[i] * line[i]).sum() == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-3)


def test_what_cannot_be_read_from_its_frames_has_no_finite_loss() -> None:
    logits = np.zeros((3, 4, 3), np.float32)
    losses, gradient = gradient_of(lambda x: ctc_loss(x, [2, 4, 0], [[1, 1], [1, 1], [1, 0]]), logits)
    assert np.isinf(losses).tolist() == [True, False, True]
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_show_in_the_loss_of_their_sample_alone(value: float) -> None:
    logits, n_frames, labels = batch(CASES, 1.0)
    logits[1, 1, 2] = value
    losses = ctc_loss(logits, n_frames, labels).numpy()
    assert np.isnan(losses).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(("n_frames", "labels"), [([4], [[3]]), ([4], [[-1]]), ([5], [[1]]), ([-1], [[1]])])
def test_labels_and_lengths_outside_of_the_logits_are_refused(n_frames: list[int], labels: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"labels from|true lengths from"):
        ctc_loss(np.zeros((1, 4, 3), np.float32), n_frames, labels)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 2), max_size=4))
def test_least_frames_is_the_border_between_possible_and_not(labels: list[int]) -> None:
    least = least_frames(labels)
    readable = {tuple(collapse(path)) for path in itertools.product(range(3), repeat=least)}
    assert tuple(labels) in readable
    if least > 1:
        shorter = {tuple(collapse(path)) for path in itertools.product(range(3), repeat=least - 1)}
        assert tuple(labels) not in shorter
