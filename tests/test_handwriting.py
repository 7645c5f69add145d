"""seqrec.synth.handwriting"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.synth.handwriting import _SKELETONS, LETTERS, Writer, _points, make_writer, write

words = st.text(LETTERS, min_size=1, max_size=8)
seeds = st.integers(0, 10_000)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def copybook(**habits: float) -> Writer:
    """A writer who draws the first form of every letter as it stands, 10 units high, upright."""
    forms = {letter: tuple(_points(s) for s in drawn[0].split("/")) for letter, drawn in _SKELETONS.items()}
    plain = Writer(forms, size=10, aspect=1, slant=0, slope=0, reach=1, spacing=2, joining=0, unrest=0, speed=15)
    return replace(plain, **habits)


def box(ink: tuple[np.ndarray, ...]) -> np.ndarray:
    """Left, top, right, bottom."""
    points = np.concatenate(ink)
    return np.concatenate([points.min(axis=0)[:2], points.max(axis=0)[:2]])


def test_the_letters_are_a_to_z() -> None:
    assert LETTERS == "abcdefghijklmnopqrstuvwxyz"


def test_an_l_stands_on_the_base_line_and_y_grows_downwards() -> None:
    (stroke,) = write("l", copybook(), rng())
    np.testing.assert_allclose(stroke[0, :2], [1, -17], atol=1.1)  # the base line drifts by up to 1
    assert stroke[-1, 1] == pytest.approx(-1, abs=1.1)


@pytest.mark.parametrize(("word", "apart", "joined"), [("nn", 2, 1), ("in", 3, 2), ("pn", 2, 2), ("titi", 8, 5)])
def test_strokes_apart_and_joined(word: str, apart: int, joined: int) -> None:
    assert len(write(word, copybook(joining=0), rng())) == apart
    assert len(write(word, copybook(joining=1), rng())) == joined


def test_a_joined_word_gets_its_dots_last() -> None:
    word, dot = write("in", copybook(joining=1), rng())
    assert dot[0, 2] > word[-1, 2]
    assert dot[:, 1].max() < -12
    assert dot[-1, 0] < word[-1, 0]


@pytest.mark.parametrize(
    ("habits", "expected"),
    [
        ({"size": 20}, [2, 2, 2, 2]),
        ({"aspect": 1.5}, [1.5, 1, 1.5, 1]),
    ],
)
def test_size_and_aspect_stretch_the_word(habits: dict[str, float], expected: list[float]) -> None:
    changed, plain = (box(write("dog", copybook(**h), rng())) for h in (habits, {}))
    np.testing.assert_allclose(changed, np.array(expected) * plain, atol=0.3)


def test_reach_lengthens_what_passes_the_corpus() -> None:
    _, top, _, bottom = box(write("lp", copybook(reach=2), rng()))
    _, plain_top, _, plain_bottom = box(write("lp", copybook(), rng()))
    assert top == pytest.approx(2 * plain_top + 10, abs=0.1)
    assert bottom == pytest.approx(2 * plain_bottom, abs=0.1)


def test_a_slanted_ascender_leans_to_the_right() -> None:
    (stroke,) = write("l", copybook(slant=0.5), rng())
    assert stroke[0, 0] > stroke[:, 0].min() + 6


def test_the_pen_is_slow_in_bends_and_at_ends() -> None:
    (stroke,) = write("l", copybook(), rng())
    speed = np.hypot(*np.diff(stroke[:, :2], axis=0).T)
    straight, bend = (stroke[:-1, 1] < -6) & (stroke[:-1, 1] > -13), stroke[:-1, 1] > -1.5
    assert speed[straight].min() > 2 * speed[bend].max()
    assert speed[0] < speed[straight].min() / 2


def test_unknown_letters_are_refused() -> None:
    with pytest.raises(KeyError):
        write("A", copybook(), rng())


@settings(deadline=None)
@given(words, seeds)
def test_ink_is_finite_forward_in_time_and_the_same_for_the_same_seed(word: str, seed: int) -> None:
    first, again = (write(word, make_writer(source), source) for source in (rng(seed), rng(seed)))
    for stroke, same in zip(first, again, strict=True):
        assert stroke.shape[1] == 3
        assert len(stroke) >= 2
        assert np.isfinite(stroke).all()
        np.testing.assert_array_equal(stroke, same)
    clock = np.concatenate(first)[:, 2]
    assert (np.diff(clock) >= 0).all()
    assert len(clock) < 400 * len(word)


@settings(deadline=None)
@given(words)
def test_writers_differ_and_so_does_one_writer_from_time_to_time(word: str) -> None:
    source = rng(1)
    anna, ben = make_writer(source), make_writer(source)
    boxes = [box(write(word, writer, source)) for writer in (anna, anna, ben)]
    assert not np.allclose(boxes[0], boxes[1])
    assert not np.allclose(boxes[0], boxes[2])
