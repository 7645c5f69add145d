import json
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, load_model_from_string

from seqrec.config import Network
from seqrec.errors import DataError, ModelError
from seqrec.modelfolder import ModelFolder
from seqrec.network.onnx_graph import to_onnx
from seqrec.runtime import LONGEST, OVERLAP, PIECE, OnnxRuntime, groups_of, pad, pieces_of
from tests.models import IMAGE, SYMBOLS, image_model, linear_onnx, write_model


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


def lengths(groups):
    return [[piece.end - piece.begin for piece in group] for group in groups]


def test_runs_are_sorted_by_length_and_bounded():
    """At most BATCH_FRAMES = 1024 padded frames from eight rows on, before that MOST_FRAMES = 6144."""
    assert lengths(groups_of([500, 400, 600, 300, 700, 600], 1)) == [[300, 400, 500, 600, 600, 700]]
    assert lengths(groups_of([500] * 9, 1)) == [[500] * 8, [500]]
    assert lengths(groups_of([100] * 21, 1)) == [[100] * 10, [100] * 10, [100]]
    assert lengths(groups_of([3000, 2000, 2500, 8000, 3072], 1)) == [[2000, 2500], [3000, 3072], [8000]]
    assert list(groups_of([], 1)) == []


@given(length=st.integers(LONGEST + 1, 6 * LONGEST), factor=st.integers(1, 13))
def test_pieces_cover_a_sample_once(length, factor):
    """All but the last begin and end at whole outputs, and what is kept has OVERLAP frames around it."""
    covered = 0
    for piece in pieces_of(7, length, factor):
        assert piece.sample == 7
        assert piece.begin % factor == 0
        assert piece.end % factor == 0 or piece.end == length
        outputs = -(-(piece.end - piece.begin) // factor)
        kept = min(piece.count, outputs - piece.first)
        assert kept > 0
        assert piece.place == covered == piece.begin // factor + piece.first
        covered += kept
        assert piece.begin == 0 or piece.first * factor >= OVERLAP
        assert piece.end == length or piece.end - covered * factor >= OVERLAP
        assert piece.end - piece.begin <= PIECE + 2 * OVERLAP + 3 * factor
    assert covered == -(-length // factor)


def test_a_long_sample_comes_in_pieces_among_others(folder):
    """Where no frame looks at another, pieces change nothing."""
    model = OnnxRuntime(ModelFolder(folder))
    given = frames(np.random.default_rng(1), 5, 3 * LONGEST + 1, 9, LONGEST + 1, LONGEST)
    for alone, among in zip(given, model.log_probs(given), strict=True):
        log_probs, _ = model.run(model.normalizer(alone)[None], np.array([len(alone)]))
        np.testing.assert_allclose(among, log_probs[0], atol=1e-6)


def recurrent_model(folder, units=8, layers=2):
    """Frames of 8 -> (4 to one) -> 9 classes, with weights as large as trained ones."""
    rng = np.random.default_rng(7)
    network = Network(layers=layers, units=units, stack=2, subsample=(2,))
    weights, width = {}, 16
    for layer in range(layers):
        for way in ("forward", "backward"):
            name = f"layer{layer}/{way}_lstm/lstm_cell"
            weights[f"{name}/kernel"] = rng.normal(0, 0.5, (width, 4 * units))
            weights[f"{name}/recurrent_kernel"] = rng.normal(0, 0.5, (units, 4 * units))
            weights[f"{name}/bias"] = np.repeat([0.0, 1.0, 0.0, 0.0], units)
        width = 4 * units
    weights |= {"output/kernel": rng.normal(0, 1, (2 * units, 9)), "output/bias": np.zeros(9)}
    onnx = to_onnx(network, 8, {name: values.astype(np.float32) for name, values in weights.items()})
    write_model(folder, IMAGE, SYMBOLS, onnx, np.zeros(8), np.ones(8))
    config = {"features": IMAGE, "network": network.model_dump(mode="json")}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return ModelFolder(folder)


def test_pieces_change_nothing_that_matters(tmp_path):
    """A recurrent network's output away from a joint depends on it less and less."""
    model = OnnxRuntime(recurrent_model(tmp_path / "m"))
    [given] = frames(np.random.default_rng(2), 2 * LONGEST + 3)
    (whole,), _ = model.run(given[None], np.array([len(given)]))
    [pieces] = model.log_probs([given])
    assert pieces.shape == whole.shape == (LONGEST // 2 + 1, 9)
    np.testing.assert_allclose(np.exp(pieces), np.exp(whole), atol=0.01)
    assert (pieces.argmax(axis=1) == whole.argmax(axis=1)).all()


def test_a_network_of_another_factor_gives_no_pieces(tmp_path):
    folder = recurrent_model(tmp_path / "m")
    config = {"features": IMAGE, "network": {"layers": 2, "units": 8, "subsample": [3]}}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match=r"gives n_out \d+; expected \d+ as in config\.json"):
        OnnxRuntime(ModelFolder(folder.path)).log_probs([np.zeros((LONGEST + 1, 8), np.float32)])


def test_work_that_is_not_wanted_any_more_is_left(folder):
    class Slow(OnnxRuntime):
        runs = 0

        def run(self, frames, n_frames):
            Slow.runs += 1
            gate.wait()
            return super().run(frames, n_frames)

        run_beside = run

    gate = threading.Event()
    pending = Slow(ModelFolder(folder), threads=1).start([np.zeros((LONGEST, 8), np.float32)] * 20)
    pending.cancel()
    gate.set()
    with pytest.raises(CancelledError):
        pending.result()
    assert Slow.runs <= 1


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
