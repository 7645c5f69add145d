"""Products of matrices and squashing functions, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from seqrec.network.products import ROWS, WIDTH, packed, product
from seqrec.network.recurrent import exp, sigmoid, tanh

SIZES = st.integers(1, 2 * ROWS + 3)


def matrices(rows: int, k: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng((rows, k, columns))
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in ((rows, k), (k, columns), (rows, columns)))


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(1, 40), st.integers(1, 2 * WIDTH + 5), st.sampled_from([0, 1]))
def test_product_of_packed_columns(rows: int, k: int, columns: int, add: int) -> None:
    a, p, out = matrices(rows, k, columns)
    wanted = a.astype(np.float64) @ p + add * out
    product(a.ravel(), 0, k, 1, rows, packed(p), 0, k * WIDTH, WIDTH, k, columns, out.reshape(-1), 0, columns, add)
    np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(1, 40), st.integers(1, 2 * WIDTH + 5))
def test_product_of_a_transposed_matrix_with_rows_apart(rows: int, k: int, columns: int) -> None:
    """a is read down its columns, p from a wider array, out is written into the middle of another."""
    a, p, _ = matrices(rows, k, columns)
    stride = columns + WIDTH
    wide = np.full((k, stride), np.nan, np.float32)
    wide[:, :columns] = p
    out = np.full((rows + 2, columns + 4), 7, np.float32)
    place = out.shape[1] + 2
    down = np.ascontiguousarray(a.T).ravel()
    product(down, 0, 1, rows, rows, wide.ravel(), 0, WIDTH, stride, k, columns, out.reshape(-1), place, out.shape[1], 0)
    np.testing.assert_allclose(out[1:-1, 2:-2], a.astype(np.float64) @ p, rtol=1e-5, atol=1e-5)
    out[1:-1, 2:-2] = 7
    assert (out == 7).all(), "written outside of its place"


@njit
def over(values: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(values)):
        out[0, i], out[1, i], out[2, i] = exp(values[i]), sigmoid(values[i]), tanh(values[i])


def test_squashing_functions() -> None:
    x = np.concatenate([np.linspace(-87, 87, 200_001), [0.0, -1e-3, 1e-7]]).astype(np.float32)
    out = np.empty((3, len(x)), np.float32)
    over(x, out)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(out[0], np.exp(exact), rtol=3e-7)
    np.testing.assert_allclose(out[1], 1 / (1 + np.exp(-exact)), atol=2e-7)
    np.testing.assert_allclose(out[2], np.tanh(exact), atol=3e-7)


@pytest.mark.parametrize(("x", "low", "high"), [(1e4, 1.0, 1.0), (-1e4, 0.0, -1.0), (3e38, 1.0, 1.0)])
def test_squashing_extremes(x: float, low: float, high: float) -> None:
    out = np.empty((3, 1), np.float32)
    over(np.array([x], np.float32), out)
    assert out[1, 0] == pytest.approx(low, abs=1e-30)
    assert out[2, 0] == high


def test_nan_stays_nan() -> None:
    out = np.zeros((3, 40), np.float32)
    over(np.full(40, np.nan, np.float32), out)
    assert np.isnan(out).all()
