"""The CTC loss and its gradient (Graves, Fernandez, Gomez and Schmidhuber 2006), with true lengths.

TensorFlow's own kernel runs on one core, is slower than a layer of the network, and gives infinity for
very sure and very wrong logits. This one works on logarithms in float64, where nothing overflows, and
on every core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from seqrec.alphabet import BLANK
from seqrec.compiling import compiled
from seqrec.network.products import Floats
from seqrec.network.recurrent import together

Doubles = np.ndarray[Any, np.dtype[np.float64]]

_NEVER = -1e300  # the logarithm of a probability of 0
_LN_2, _ROOT_2 = np.log(2.0), np.sqrt(2.0)
_LOG2_E, _LN_2_HIGH, _LN_2_LOW = 1 / _LN_2, 0.693145751953125, _LN_2 - 0.693145751953125
_EXP_TERMS = tuple(float(1 / np.prod(np.arange(1.0, k + 1))) for k in range(11, -1, -1))  # 1 / k!
_LOG_TERMS = tuple(2 / k for k in range(17, 0, -2))  # of log((1 + s) / (1 - s)) = 2 s + 2 s^3 / 3 + ...


def ctc_loss(logits: tf.Tensor, n_frames: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Negative log-likelihood (B,) of each sample's labels.

    logits (B, T, C); n_frames (B,) true lengths; labels (B, L) int32, padded with the blank, 0. A sample
    with fewer than `seqrec.alphabet.least_frames` frames has the loss infinity; one with a
    logit that is not finite has NaN. Raises ValueError for labels or lengths outside of the logits.
    """
    loss: tf.Tensor = _ctc(logits, tf.cast(n_frames, tf.int32), tf.cast(labels, tf.int32))
    return loss


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _ctc(logits: tf.Tensor, n_frames: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, Any]:
    given = tuple(tf.stop_gradient(value) for value in (logits, n_frames, labels))
    loss, d_logits = tf.numpy_function(_losses, given, (tf.float32, tf.float32), stateful=False)
    loss.set_shape(logits.shape[:1])
    d_logits.set_shape(logits.shape)
    return loss, lambda d_loss: (d_loss[:, None, None] * d_logits, None, None)


def _losses(logits: np.ndarray, n_frames: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The losses (B,) and their gradients (B, T, C)."""
    batch, steps, classes = logits.shape
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"labels from {labels.min()} to {labels.max()} for {classes} classes")
    if batch and not (n_frames.min() >= 0 and n_frames.max() <= steps):
        raise ValueError(f"true lengths from {n_frames.min()} to {n_frames.max()} in {steps} frames")
    losses, gradients = np.zeros(batch, np.float32), np.zeros_like(logits)
    tasks = []
    for b in range(batch):
        own = labels[b][labels[b] != BLANK]
        tasks.append((_sample, logits[b], int(n_frames[b]), own, losses[b : b + 1], gradients[b]))
    together(tasks)
    return losses, gradients


@compiled
def _sample(logits: Floats, n: int, labels: np.ndarray, loss: Floats, gradient: Floats) -> None:
    """One sample: logits (T, C), labels (L,) without blanks; loss (1,) and gradient (T, C) are written."""
    classes = logits.shape[1]
    states = 2 * len(labels) + 1
    label_of = np.zeros(states, np.int64)
    skip = np.full(states, _NEVER)  # 0 where the blank before a state may be left out
    for i in range(len(labels)):
        label_of[2 * i + 1] = labels[i]
        if i == 0 or labels[i] != labels[i - 1]:
            skip[2 * i + 1] = 0.0
    log_probs = np.empty((n, classes))
    for t in range(n):
        if not _log_softmax(logits[t], log_probs[t]):
            loss[0] = np.nan
            gradient[:n] = np.nan
            return
    ahead = np.empty((n, states))
    total = _paths_ahead(log_probs, label_of, skip, ahead)
    if total < 0.5 * _NEVER:
        loss[0] = np.inf
        return
    loss[0] = -total
    _gradient(log_probs, label_of, skip, ahead, total, gradient)


@compiled
def _log_softmax(logits: Floats, log_probs: Doubles) -> bool:
    """False when a logit is not finite."""
    highest, finite = logits[0], True
    for k in range(len(logits)):
        finite &= np.isfinite(logits[k])
        highest = logits[k] if logits[k] > highest else highest
    if not finite:
        return False
    for k in range(len(logits)):
        log_probs[k] = np.float64(logits[k]) - np.float64(highest)
    total = 0.0
    for k in range(len(logits)):
        total += _exp(log_probs[k])
    total = np.log(total)
    for k in range(len(logits)):
        log_probs[k] -= total
    return True


@compiled
def _paths_ahead(log_probs: Doubles, label_of: np.ndarray, skip: Doubles, ahead: Doubles) -> Any:
    """ahead (n, S): log-probability of all paths to a state, its own frame included. Returns that of the labels."""
    n, states = ahead.shape
    if n == 0:
        return 0.0 if states == 1 else _NEVER
    before = np.full(states + 2, _NEVER)  # two more at the start, which no path comes from
    before[1] = 0.0  # a path starts in the first blank or the first label
    for t in range(n):
        _step(before, skip, ahead[t])
        for s in range(states):
            ahead[t, s] += log_probs[t, label_of[s]]
        before[2:] = ahead[t]
        before[1] = _NEVER
    last = ahead[n - 1]
    return last[0] if states == 1 else _log_sum(last[states - 1], last[states - 2], _NEVER)


@compiled
def _step(before: Doubles, skip: Doubles, after: Doubles) -> None:
    """after[s] from before[s + 2] (stayed), before[s + 1] (moved on) and before[s] (left out a blank)."""
    for s in range(len(after)):
        after[s] = _log_sum(before[s + 2], before[s + 1], before[s] + skip[s])


@compiled
def _gradient(
    log_probs: Doubles, label_of: np.ndarray, skip: Doubles, ahead: Doubles, total: float, gradient: Floats
) -> None:
    """Probability of each label minus its share among all paths; backwards, states in reverse order."""
    n, states = ahead.shape
    before = np.full(states + 2, _NEVER)
    before[1] = 0.0
    back, share = np.empty(states), np.empty(states)
    skip_back = np.full(states, _NEVER)
    skip_back[1:2] = 0.0
    for s in range(2, states):
        skip_back[s] = skip[states + 1 - s]
    for t in range(n - 1, -1, -1):
        _step(before, skip_back, back)  # the frame's own label is not included
        for s in range(states):
            share[s] = back[states - 1 - s] + ahead[t, s] - total
        _exp_of(share, share)
        _exp_of(log_probs[t], gradient[t])
        for s in range(states):
            gradient[t, label_of[s]] -= share[s]
            before[s + 2] = back[s] + log_probs[t, label_of[states - 1 - s]]
        before[1] = _NEVER


@compiled
def _log_sum(a: Any, b: Any, c: Any) -> Any:
    """log(e^a + e^b + e^c)"""
    highest = a if a > b else b
    highest = highest if highest > c else c
    total = _exp(a - highest) + _exp(b - highest) + _exp(c - highest)  # 1 to 3
    half = total > _ROOT_2
    total = 0.5 * total if half else total
    s = (total - 1) / (total + 1)
    value = _LOG_TERMS[0]
    for term in _LOG_TERMS[1:]:
        value = value * s * s + term
    return highest + value * s + (_LN_2 if half else 0.0)


@compiled
def _exp_of(values: Doubles, out: np.ndarray) -> None:
    for k in range(len(values)):
        out[k] = _exp(values[k])


@compiled
def _exp(x: Any) -> Any:
    """e^x for x <= 0 (a little above is no harm), as a series on [-ln 2 / 2, ln 2 / 2], so that loops use vectors."""
    x = -700.0 if x < -700.0 else x
    whole = np.floor(x * _LOG2_E + 0.5)
    rest = x - whole * _LN_2_HIGH - whole * _LN_2_LOW
    value = _EXP_TERMS[0]
    for term in _EXP_TERMS[1:]:
        value = value * rest + term
    return value * np.int64((np.int64(whole) + 1023) << 52).view(np.float64)
