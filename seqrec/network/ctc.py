"""The CTC loss (Graves, Fernandez, Gomez and Schmidhuber 2006) with true lengths."""

from __future__ import annotations

import tensorflow as tf

from seqrec.alphabet import BLANK


def ctc_loss(logits: tf.Tensor, n_frames: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Negative log-likelihood (B,) of each sample's labels.

    logits (B, T, C); n_frames (B,) true lengths; labels (B, L) int32, padded with the blank, 0.
    Every sample needs `seqrec.alphabet.least_frames` frames. Sparse labels choose TensorFlow's C++
    kernel, several times quicker than its graph version.
    """
    n_frames = tf.cast(n_frames, tf.int32)
    labels = tf.pad(tf.cast(labels, tf.int32), ((0, 0), (0, 1)))
    empty = tf.reduce_all(labels == BLANK, axis=1)
    # The kernel refuses empty labels: such rows get a stand-in here and their own formula below.
    stand_in = tf.one_hot(0, tf.shape(labels)[1], dtype=tf.int32)
    sparse = tf.sparse.from_dense(tf.where(empty[:, None], stand_in, labels))
    loss = tf.nn.ctc_loss(
        sparse, logits, label_length=None, logit_length=n_frames, logits_time_major=False, blank_index=BLANK
    )
    # The kernel works on float32 probabilities, so that very sure and very wrong logits give infinity.
    finite = tf.reduce_all(tf.math.is_finite(loss))
    loss = tf.cond(finite, lambda: loss, lambda: _in_log_domain(logits, n_frames, labels))
    return tf.where(empty, _all_blank(logits, n_frames), loss)


def _in_log_domain(logits: tf.Tensor, n_frames: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The same loss by TensorFlow's graph version: slow, but finite.

    With repeated labels and logits around 1e4 it is some 10 % too low.
    """
    n_labels = tf.reduce_sum(tf.cast(labels != BLANK, tf.int32), axis=1)
    loss: tf.Tensor = tf.nn.ctc_loss(labels, logits, n_labels, n_frames, logits_time_major=False, blank_index=BLANK)
    return loss


def _all_blank(logits: tf.Tensor, n_frames: tf.Tensor) -> tf.Tensor:
    """Negative log-likelihood (B,) of the empty text: a blank in every frame."""
    log_blank = tf.nn.log_softmax(logits)[:, :, BLANK]
    return -tf.reduce_sum(tf.where(tf.sequence_mask(n_frames, tf.shape(logits)[1]), log_blank, 0.0), axis=1)
