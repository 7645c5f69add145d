import json
import zipfile

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from seqrec.config import Network
from seqrec.errors import ModelError
from seqrec.modelfolder import ModelFolder
from seqrec.network.onnx_graph import to_onnx
from seqrec.packing import half_precision, n_parameters, pack
from seqrec.runtime import OnnxRuntime, OnnxSession
from tests.models import SYMBOLS, image_model, linear_onnx

UNITS = 16


@pytest.fixture
def folder(tmp_path):
    """An image model whose network is one bidirectional LSTM with random weights."""
    model = image_model(tmp_path / "model")
    rng = np.random.default_rng(3)
    shapes = {"output/kernel": (2 * UNITS, 9), "output/bias": (9,)}
    for way in ("forward", "backward"):
        cell = f"layer0/{way}_lstm/lstm_cell"
        shapes |= {
            f"{cell}/kernel": (8, 4 * UNITS),
            f"{cell}/recurrent_kernel": (UNITS, 4 * UNITS),
            f"{cell}/bias": (4 * UNITS,),
        }
    weights = {name: rng.uniform(-0.5, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    (model / "model.onnx").write_bytes(to_onnx(Network(layers=1, units=UNITS), 8, weights))
    (model / "config.json").write_text(
        json.dumps(json.loads((model / "config.json").read_text()) | {"network": {"layers": 1, "units": UNITS}})
    )
    return model


PARAMETERS = 2 * (8 + UNITS + 1) * 4 * UNITS + (2 * UNITS + 1) * 9  # as in the fixture


def initializers(model):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load_model_from_string(model).graph.initializer}


def test_large_weights_alone_are_halved_and_keep_their_names(folder):
    original = (folder / "model.onnx").read_bytes()
    before, after = initializers(original), initializers(half_precision(original, "m"))
    weights = {name: values for name, values in before.items() if not name.startswith("const/")}
    assert len(weights) == 8
    for name, values in weights.items():
        if values.size > 64:
            assert name not in after
            assert after[f"{name}/float16"].dtype == np.float16
            np.testing.assert_array_equal(after[f"{name}/float16"], values.astype(np.float16))
        else:
            np.testing.assert_array_equal(after[name], values)
    assert sum(name.endswith("/float16") for name in after) == 5
    for name in before.keys() - weights.keys():
        assert after[name].dtype == before[name].dtype


def test_halved_weights_are_cast_back_under_their_name(folder):
    graph = onnx.load_model_from_string(half_precision((folder / "model.onnx").read_bytes(), "m")).graph
    casts = [node for node in graph.node if node.op_type == "Cast" and node.input[0].endswith("/float16")]
    assert all(node.output[0] + "/float16" == node.input[0] for node in casts)
    assert "output/kernel" in {node.output[0] for node in casts}


def test_halving_changes_little_and_twice_is_once(folder):
    original = (folder / "model.onnx").read_bytes()
    halved = half_precision(original, "m")
    frames = np.random.default_rng(1).standard_normal((2, 30, 8), np.float32)
    n_frames = np.array([30, 20], np.int64)
    (before, _), (after, n_out) = (OnnxSession(m, "m").run(frames, n_frames) for m in (original, halved))
    assert n_out.tolist() == [30, 20]
    assert 0 < np.abs(before - after).max() < 1e-2
    assert half_precision(halved, "m") == halved


def test_weights_beyond_half_precision_stay():
    kernel = np.full((8, 9), 1e5, np.float32)
    after = initializers(half_precision(linear_onnx(kernel, np.zeros(9)), "m"))
    np.testing.assert_array_equal(after["output/kernel"], kernel)


def test_a_packed_model_is_the_model(folder, tmp_path):
    packed = pack(ModelFolder(folder), tmp_path / "m.zip")
    assert packed.size == (tmp_path / "m.zip").stat().st_size
    assert 0 < packed.change < 1e-2
    loose, small = ModelFolder(folder), ModelFolder(tmp_path / "m.zip")
    assert (small.config, small.alphabet, small.card) == (loose.config, loose.alphabet, loose.card)
    assert small.training_rows == loose.training_rows
    frames = [np.random.default_rng(1).standard_normal((30, 8)).astype(np.float32)]
    a, b = (OnnxRuntime(model).log_probs(frames)[0] for model in (loose, small))
    np.testing.assert_allclose(a, b, atol=1e-2)
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        assert archive.namelist() == [
            "alphabet.json", "card.md", "config.json", "model.onnx", "normalizer.npz", "training.jsonl",
        ]  # fmt: skip


def test_full_precision_keeps_the_bytes(folder, tmp_path):
    packed = pack(ModelFolder(folder), tmp_path / "m.zip", half=False)
    assert packed.change == 0
    assert ModelFolder(tmp_path / "m.zip").onnx_bytes() == (folder / "model.onnx").read_bytes()
    assert packed.size > pack(ModelFolder(folder), tmp_path / "half.zip").size


def test_the_same_model_gives_the_same_bytes(folder, tmp_path):
    for name in ("a", "b"):
        pack(ModelFolder(folder), tmp_path / f"{name}.zip")
    pack(ModelFolder(tmp_path / "a.zip"), tmp_path / "again.zip")
    a, b, again = ((tmp_path / f"{name}.zip").read_bytes() for name in ("a", "b", "again"))
    assert a == b == again


def test_half_precision_is_not_taken_for_full(folder, tmp_path):
    pack(ModelFolder(folder), tmp_path / "half.zip")
    with pytest.raises(ModelError, match=r"is in float16 already.*Pack the folder that training wrote"):
        pack(ModelFolder(tmp_path / "half.zip"), tmp_path / "full.zip", half=False)
    assert not (tmp_path / "full.zip").exists()


@pytest.mark.parametrize(
    "part", ["alphabet.json", "normalizer.npz", "model.onnx", "training.jsonl", "card.md", "config.json"]
)
@pytest.mark.parametrize("half", [True, False])
def test_nothing_is_written_of_a_broken_model(folder, tmp_path, part, half):
    (folder / part).write_bytes(b"\xff broken")
    with pytest.raises(ModelError, match=part):
        pack(ModelFolder(folder), tmp_path / "out" / "m.zip", half=half)
    assert not (tmp_path / "out").exists()


def _outside(network):
    tensor = network.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="config.json")


def _untrue_shape(network):
    network.graph.initializer[0].dims[0] *= 1000


def _no_numbers(network):
    network.graph.initializer[0].ClearField("raw_data")


def _other_classes(network):
    network.CopyFrom(onnx.load_model_from_string(linear_onnx(np.zeros((8, 5)), np.zeros(5))))


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("spoil", [_outside, _untrue_shape, _no_numbers, _other_classes])
def test_a_hostile_network_is_not_packed(folder, tmp_path, monkeypatch, spoil, half):
    monkeypatch.chdir(folder)  # where the weights from outside would be found
    network = onnx.load(folder / "model.onnx")
    spoil(network)
    (folder / "model.onnx").write_bytes(network.SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx"):
        pack(ModelFolder(folder), tmp_path / "m.zip", half=half)
    assert not (tmp_path / "m.zip").exists()


def test_parameters_are_counted_packed_or_not(folder, tmp_path):
    pack(ModelFolder(folder), tmp_path / "m.zip")
    for model in (ModelFolder(folder), ModelFolder(tmp_path / "m.zip")):
        assert n_parameters(model.onnx_bytes(), "m") == PARAMETERS
    assert len(SYMBOLS) + 1 == 9


def test_parameters_of_what_is_no_network():
    with pytest.raises(ModelError, match="m: is not ONNX"):
        n_parameters(b"\xff\xff", "m")
