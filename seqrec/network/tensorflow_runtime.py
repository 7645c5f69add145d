"""A model folder's network in TensorFlow, with the weights of its model.onnx."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from seqrec.errors import ModelError
from seqrec.modelfolder import ModelFolder
from seqrec.network.encoder import Encoder, set_weights
from seqrec.network.onnx_graph import weights_from_onnx
from seqrec.runtime import Runtime


class TensorflowRuntime(Runtime):
    """The same numbers as OnnxRuntime within 1e-4; on a GPU where TensorFlow finds one."""

    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        super().__init__(folder)
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        self.network = load_network(folder)

    def run(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, n_out = self.network(tf.constant(frames), tf.constant(n_frames.astype(np.int32)))
        return tf.nn.log_softmax(logits).numpy(), n_out.numpy().astype(np.int64)


def load_network(folder: ModelFolder) -> Encoder:
    """The network that config.json describes with the weights of model.onnx. Raises ModelError."""
    network = Encoder(folder.config.network, folder.extractor.dim, folder.alphabet.size)
    where = folder.where("model.onnx")
    try:
        set_weights(network, weights_from_onnx(folder.onnx_bytes(), where))
    except (KeyError, ValueError) as error:
        raise ModelError(where, f"does not fit config.json ({error})", "", "use the two from one training") from None
    return network
