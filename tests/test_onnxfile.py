"""Weights that are no numbers, found without the onnx library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, load_model_from_string, numpy_helper

import seqrec
from seqrec.errors import ModelError
from seqrec.modelfolder import ModelFolder
from seqrec.onnxfile import broken_weight
from tests.models import image_model, linear_onnx


def with_weight(tensor):
    network = load_model_from_string(linear_onnx(np.zeros((8, 9)), np.zeros(9)))
    network.graph.initializer.append(tensor)
    return network.SerializeToString()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 150, 299])
def test_one_number_that_is_none(dtype, value, place):
    numbers = np.arange(300, dtype=dtype)
    assert broken_weight(with_weight(numpy_helper.from_array(numbers, "layer0/kernel"))) is None
    numbers[place] = value
    assert broken_weight(with_weight(numpy_helper.from_array(numbers, "layer0/kernel"))) == "layer0/kernel"


def test_numbers_in_a_list():
    for value, found in ((1.5, None), (np.nan, "list")):
        assert broken_weight(with_weight(helper.make_tensor("list", TensorProto.FLOAT, [3], [0, value, 2]))) == found


def test_integers_are_never_broken():
    tensors = [numpy_helper.from_array(np.full(9, -1, dtype), "n") for dtype in (np.int64, np.int32, np.int8)]
    assert [broken_weight(with_weight(tensor)) for tensor in tensors] == [None] * 3


@given(st.binary(max_size=60), st.integers(0, 200))
def test_what_is_no_onnx_file(data, end):
    assert broken_weight(data) is None
    broken_weight(linear_onnx(np.full((8, 9), np.nan), np.zeros(9))[:end] + data)


def test_a_model_with_nan_gives_no_text(tmp_path):
    model = image_model(tmp_path / "m")
    kernel = np.zeros((8, 9))
    kernel[3, 4] = np.nan
    (model / "model.onnx").write_bytes(linear_onnx(kernel, np.zeros(9)))
    for use in (seqrec.load, lambda path: ModelFolder(path).onnx_bytes()):
        with pytest.raises(ModelError, match=r"model\.onnx: holds NaN or infinity in 'output/kernel'"):
            use(model)
