import numpy as np
import pytest
from onnx import TensorProto, helper, load_model_from_string

from seqrec import runtime
from seqrec.errors import DataError, ModelError
from seqrec.modelfolder import ModelFolder
from seqrec.runtime import OnnxRuntime, pad
from tests.models import image_model, linear_onnx, write_model


@pytest.fixture
def folder(tmp_path):
    return image_model(tmp_path / "model")


def frames(rng, *lengths, dim=8):
    return [rng.standard_normal((n, dim)).astype(np.float32) for n in lengths]


def test_padding_puts_zeros_after_the_end():
    padded, n_frames = pad([np.ones((1, 2), np.float32), np.full((3, 2), 2, np.float32)])
    assert padded.tolist() == [[[1, 1], [0, 0], [0, 0]], [[2, 2], [2, 2], [2, 2]]]
    assert n_frames.tolist() == [1, 3]
    assert n_frames.dtype == np.int64


def test_log_probs_worked_out_by_hand(tmp_path):
    # mean 1, deviation 2: the frame 3 becomes 1; logits (0, log 3) have probabilities 1/4 and 3/4
    onnx = linear_onnx(np.array([[0.0, np.log(3)]]), np.zeros(2))
    features = {"kind": "mfcc", "output": "logmel", "mels": 1, "coefficients": 1, "deltas": 0}
    model = write_model(tmp_path / "m", features, "a", onnx, np.ones(1), np.full(1, 2.0))
    found = OnnxRuntime(ModelFolder(model)).log_probs([np.array([[3.0]], np.float32)])
    assert np.exp(found[0]) == pytest.approx(np.array([[0.25, 0.75]]), abs=1e-6)


def test_each_sample_has_its_own_length_and_place(folder):
    model = OnnxRuntime(ModelFolder(folder))
    given = frames(np.random.default_rng(1), 5, 1, 9, 3, 9)
    together = model.log_probs(given)
    assert [len(each) for each in together] == [5, 1, 9, 3, 9]
    for alone, among in zip(given, together, strict=True):
        np.testing.assert_allclose(model.log_probs([alone])[0], among, atol=1e-5)
    assert model.log_probs([]) == []


class Recorded(OnnxRuntime):
    """Notes the shape of every run."""

    def run(self, frames, n_frames):
        self.shapes = [*getattr(self, "shapes", []), frames.shape[:2]]
        return super().run(frames, n_frames)


def test_runs_are_sorted_by_length_and_bounded(folder, monkeypatch):
    monkeypatch.setattr(runtime, "BATCH_FRAMES", 20)
    model = Recorded(ModelFolder(folder))
    found = model.log_probs(frames(np.random.default_rng(1), 10, 4, 50, 3, 9, 5))
    assert [len(each) for each in found] == [10, 4, 50, 3, 9, 5]
    assert model.shapes == [(3, 5), (2, 10), (1, 50)]


@pytest.mark.parametrize("shape", [(3, 7), (0, 8), (8,), (2, 3, 8)])
def test_frames_of_another_shape(folder, shape):
    with pytest.raises(DataError, match=r"expected \(T, 8\) with T >= 1"):
        OnnxRuntime(ModelFolder(folder)).log_probs([np.zeros(shape, np.float32)])


def raw_graph(nodes, outputs=(("log_probs", TensorProto.FLOAT), ("n_out", TensorProto.INT64))):
    """A network with the right inputs that does something else."""
    inputs = [
        helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["B", "T", 8]),
        helper.make_tensor_value_info("n_frames", TensorProto.INT64, ["B"]),
    ]
    made = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "network", inputs, made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.mark.parametrize(
    ("onnx", "said"),
    [
        (b"", "cannot be loaded"),
        (b"no network at all", "cannot be loaded"),
        (linear_onnx(np.zeros((8, 9)), np.zeros(9))[:200], "cannot be loaded"),
        (linear_onnx(np.zeros((8, 9)), np.zeros(9)).replace(b"n_frames", b"n_framed"), "takes frames, n_framed"),
        (linear_onnx(np.zeros((8, 9)), np.zeros(9)).replace(b"n_out", b"n_put"), "gives log_probs, n_put"),
    ],
)
def test_what_is_no_network_of_ours(folder, onnx, said):
    (folder / "model.onnx").write_bytes(onnx)
    with pytest.raises(ModelError, match=said) as raised:
        OnnxRuntime(ModelFolder(folder))
    assert "model.onnx" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("onnx", "said"),
    [
        (linear_onnx(np.zeros((5, 9)), np.zeros(9)), r"fails on frames \(2, 4, 8\)"),
        (linear_onnx(np.zeros((8, 7)), np.zeros(7)), r"gives log_probs \(2, 4, 7\).*expected \(2, T, 9\)"),
        (
            raw_graph([("Identity", ["frames"], ["log_probs"]), ("Shape", ["frames"], ["n_out"])]),
            r"gives log_probs \(2, 4, 8\) and n_out \(3,\)",
        ),
        (
            raw_graph([("Concat", ["frames", "frames"], ["log_probs"], None, None), ("Neg", ["n_frames"], ["n_out"])]),
            "cannot be loaded",
        ),
    ],
)
def test_a_network_that_does_not_fit_the_folder(folder, onnx, said):
    (folder / "model.onnx").write_bytes(onnx)
    with pytest.raises(ModelError, match=said):
        OnnxRuntime(ModelFolder(folder)).log_probs([np.zeros((4, 8), np.float32), np.zeros((3, 8), np.float32)])


def test_lengths_out_of_range(tmp_path):
    onnx = raw_graph([("Identity", ["frames"], ["log_probs"]), ("Neg", ["n_frames"], ["n_out"])])
    model = image_model(tmp_path / "model", "abcdefg")  # 7 symbols and the blank: as many as numbers a frame
    (model / "model.onnx").write_bytes(onnx)
    with pytest.raises(ModelError, match=r"gives n_out \[-2\]; expected 0 to 2"):
        OnnxRuntime(ModelFolder(model)).log_probs([np.zeros((2, 8), np.float32)])


def test_threads_do_not_change_the_result(folder):
    given = frames(np.random.default_rng(2), 40)
    one, two = (OnnxRuntime(ModelFolder(folder), threads).log_probs(given)[0] for threads in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_weights_in_other_files_are_not_read(folder, tmp_path, monkeypatch):
    (tmp_path / "weights.bin").write_bytes(np.ones(72, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    network = load_model_from_string((folder / "model.onnx").read_bytes())
    kernel = network.graph.initializer[0]
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    kernel.external_data.add(key="location", value="weights.bin")
    (folder / "model.onnx").write_bytes(network.SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx: takes weights from other files"):
        OnnxRuntime(ModelFolder(folder))
