"""The network: every cell, padded batches, ONNX against TensorFlow, our LSTM against Keras'."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from seqrec.config import Conv, Network
from seqrec.errors import ModelError
from seqrec.network.encoder import Dropout, Encoder, set_weights, weights_of
from seqrec.network.gru import BidirectionalGRU
from seqrec.network.lstm import BidirectionalLSTM
from seqrec.network.onnx_graph import to_onnx, weights_from_onnx

DIM, CLASSES = 11, 7
LENGTHS = np.array([23, 11, 6, 1])
SHAPES = {
    "plain": {},
    "joined": {"stack": 2, "subsample": (3,), "layer_norm": True},
    "images": {"conv": (Conv(filters=4, pool=(2, 2)), Conv(filters=3, kernel=(4, 2), pool=(1, 3))), "subsample": (2,)},
}
EVERY = list(itertools.product(("lstm", "gru", "rnn", "dense"), SHAPES))


def network(cell: str, shape: str = "plain") -> Encoder:
    keras.utils.set_random_seed(3)
    made = Encoder(Network(cell=cell, layers=2, units=8, context=5, **SHAPES[shape]), DIM, CLASSES)
    for variable in made.trainable_variables:
        variable.assign(0.4 * tf.random.normal(variable.shape))
    return made


def padded(fill: float = 0.0) -> np.ndarray:
    """(4, 23, 11) frames, `fill` after each sample's end."""
    frames = np.random.default_rng(5).normal(size=(len(LENGTHS), LENGTHS.max(), DIM)).astype(np.float32)
    for row, n in zip(frames, LENGTHS, strict=True):
        row[n:] = fill
    return frames


def log_probs(net: Encoder, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    logits, n_out = net(frames, n_frames.astype(np.int32))
    return tf.nn.log_softmax(logits).numpy(), n_out.numpy()


@pytest.mark.parametrize(("cell", "shape"), EVERY)
def test_a_sample_depends_neither_on_its_neighbours_nor_on_its_padding(cell: str, shape: str) -> None:
    net = network(cell, shape)
    together, n_out = log_probs(net, padded(fill=7.0), LENGTHS)
    for i, n in enumerate(LENGTHS):
        alone, n_alone = log_probs(net, padded()[i : i + 1, :n], LENGTHS[i : i + 1])
        assert n_out[i] == n_alone[0] == alone.shape[1] == net.config.n_out(int(n))
        np.testing.assert_allclose(together[i, : n_out[i]], alone[0], atol=1e-5)


@pytest.mark.parametrize(("cell", "shape"), EVERY)
def test_onnx_gives_what_tensorflow_gives(cell: str, shape: str) -> None:
    net = network(cell, shape)
    session = onnxruntime.InferenceSession(to_onnx(net.config, DIM, weights_of(net)))
    ours, n_out = log_probs(net, padded(), LENGTHS)
    theirs, n_theirs = session.run(None, {"frames": padded(fill=7.0), "n_frames": LENGTHS.astype(np.int64)})
    assert n_theirs.tolist() == n_out.tolist()
    for i, n in enumerate(n_out):
        np.testing.assert_allclose(theirs[i, :n], ours[i, :n], atol=1e-5)


def test_every_weight_is_used() -> None:
    for cell, shape in EVERY:
        net = network(cell, shape)
        with tf.GradientTape() as tape:
            logits, _ = net(padded(), LENGTHS.astype(np.int32))
            loss = tf.reduce_sum(logits**2)
        gradients = tape.gradient(loss, [v.value for v in net.trainable_variables])
        assert all(g is not None and np.abs(g).max() > 0 for g in gradients), (cell, shape)


def test_weights_return_from_onnx() -> None:
    net = network("lstm", "images")
    weights = weights_of(net)
    returned = weights_from_onnx(to_onnx(net.config, DIM, weights), "model.onnx")
    assert returned.keys() == weights.keys()
    other = network("lstm", "images")
    for variable in other.trainable_variables:
        variable.assign(tf.zeros(variable.shape))
    set_weights(other, returned)
    assert all(np.array_equal(a, b) for a, b in zip(weights.values(), weights_of(other).values(), strict=True))


@pytest.mark.parametrize("data", [b"", b"not an ONNX file", b"\x08\x09" * 50])
def test_weights_from_something_else(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"^x\.onnx: "):
        weights_from_onnx(data, "x.onnx")


KERAS = {BidirectionalLSTM: keras.layers.LSTM, BidirectionalGRU: keras.layers.GRU}
BATCHES = {  # lengths, features, units: full tiles and odd ends of them, one row, one frame, more frames than a block
    "all the same": ([9, 9, 9, 9], 5, 16),
    "padded": ([9, 4, 1, 7, 2, 9, 3, 8, 5, 6, 9], 7, 12),
    "one frame": ([1, 1, 1, 1], 3, 8),
    "one row": ([150], 33, 40),
    "one unit": ([6, 2], 1, 1),
    "long": ([140, 3, 139], 39, 32),
}


@pytest.mark.parametrize("ours", KERAS)
@pytest.mark.parametrize("batch", BATCHES)
def test_our_layers_are_those_of_keras(ours: type, batch: str) -> None:
    """Outputs, and gradients of the inputs and of every weight."""
    lengths, features, units = BATCHES[batch]
    keras.utils.set_random_seed(1)
    mask = tf.sequence_mask(lengths)
    real = tf.cast(mask, tf.float32)[:, :, None]
    shape = (len(lengths), max(lengths))
    frames, wanted = tf.random.normal((*shape, features)) * real, tf.random.normal((*shape, 2 * units)) * real
    layer = ours(units)
    layer(frames, mask=mask)
    layer.set_weights([0.4 * np.random.randn(*w.shape) for w in layer.get_weights()])
    keras_own = keras.layers.Bidirectional(KERAS[ours](units, return_sequences=True))
    keras_own.build(frames.shape)
    keras_own.set_weights(layer.get_weights())

    def run(layer: keras.layers.Layer) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(frames)
            outputs = layer(frames, mask=mask) * real
            loss = tf.reduce_sum(outputs * wanted)
        return outputs, tape.gradient(loss, [frames, *(v.value for v in layer.trainable_variables)])

    (outputs, gradients), (outputs_keras, gradients_keras) = run(layer), run(keras_own)
    np.testing.assert_allclose(outputs, outputs_keras, atol=1e-5)
    np.testing.assert_array_equal(layer(frames, mask=mask) * (1 - real), tf.zeros_like(outputs))
    for a, b in zip(gradients, gradients_keras, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("ours", KERAS)
def test_layers_in_a_graph_give_what_they_give_outside(ours: type) -> None:
    layer, frames, mask = ours(5), tf.random.normal((3, 8, 4)), tf.sequence_mask([8, 2, 5])

    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(frames, mask=mask) ** 2)
        return tape.gradient(loss, [v.value for v in layer.trainable_variables])

    layer(frames, mask=mask)
    for inside, outside in zip(tf.function(gradients)(), gradients(), strict=True):
        np.testing.assert_array_equal(inside, outside)


def test_one_step_by_hand() -> None:
    """All weights 0 but the biases: i = f = o = 1/2, g = tanh(1), so c = g / 2 and h = tanh(c) / 2."""
    layer = BidirectionalLSTM(1)
    layer(tf.zeros((1, 1, 2)), mask=tf.constant([[True]]))
    bias = np.array([0, 0, 1, 0], np.float32)
    layer.set_weights([np.zeros((2, 4)), np.zeros((1, 4)), bias, np.zeros((2, 4)), np.zeros((1, 4)), -bias])
    h = np.tanh(np.tanh(1) / 2) / 2
    output = layer(tf.ones((1, 1, 2)), mask=tf.constant([[True]]))
    np.testing.assert_allclose(output[0, 0], [h, -h], rtol=1e-6)


def test_one_step_of_a_gru_by_hand() -> None:
    """All weights 0 but the biases: z = r = 1/2, the candidate tanh(1 + 2 / 2), so h = tanh(2) / 2."""
    layer = BidirectionalGRU(1)
    layer(tf.zeros((1, 1, 2)), mask=tf.constant([[True]]))
    bias = np.array([[0, 0, 1], [0, 0, 2]], np.float32)
    layer.set_weights([np.zeros((2, 3)), np.zeros((1, 3)), bias, np.zeros((2, 3)), np.zeros((1, 3)), -bias])
    output = layer(tf.ones((1, 1, 2)), mask=tf.constant([[True]]))
    np.testing.assert_allclose(output[0, 0], [np.tanh(2) / 2, -np.tanh(2) / 2], rtol=1e-6)


def test_dropout_keeps_the_mean_and_never_repeats_itself() -> None:
    layer = Dropout(0.25, seed=4)
    ones = tf.ones((100, 37, 11))
    first, second = layer(ones, training=True).numpy(), layer(ones, training=True).numpy()
    assert set(np.unique(first)) == {0.0, np.float32(4 / 3)}
    assert np.mean(first == 0) == pytest.approx(0.25, abs=0.01)
    assert np.mean((first == 0) & (second == 0)) == pytest.approx(0.0625, abs=0.01)
    np.testing.assert_array_equal(layer(ones), ones)
    np.testing.assert_array_equal(Dropout(0.25, seed=4)(ones, training=True), first)
    assert (Dropout(0.25, seed=5)(ones, training=True).numpy() != first).any()
    np.testing.assert_array_equal(Dropout(0.0, seed=4)(ones, training=True), ones)
