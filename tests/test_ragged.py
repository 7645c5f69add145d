"""Ragged rows and strings: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.ragged import Ragged, Strings

rows = st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5), max_size=8)


@given(rows)
def test_rows(given_rows: list[list[int]]) -> None:
    ragged = Ragged.of(given_rows)
    assert [ragged[i].tolist() for i in range(len(ragged))] == given_rows
    assert ragged.lengths.tolist() == [len(row) for row in given_rows]
    assert (ragged.flat.dtype, ragged.offsets.dtype) == (np.int32, np.int64)


def test_rows_of_rows() -> None:
    ragged = Ragged(np.arange(8.0).reshape(4, 2), np.array([0, 1, 1, 4]))
    assert ragged[0].tolist() == [[0, 1]]
    assert ragged[1].shape == (0, 2)
    assert ragged[2].tolist() == [[2, 3], [4, 5], [6, 7]]


@given(st.lists(st.text(max_size=5)))
def test_strings(given_strings: list[str]) -> None:
    strings = Strings(given_strings)
    assert (len(strings), list(strings)) == (len(given_strings), given_strings)
    assert [strings[i] for i in range(len(strings))] == given_strings


def test_half_a_pair_and_what_is_not_there() -> None:
    assert list(Strings(["\ud83d", ""])) == ["\ud83d", ""]
    with pytest.raises(IndexError):
        Strings(["a"])[1]
