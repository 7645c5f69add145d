import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.augment.ink import Augmenter
from seqrec.errors import ConfigError
from seqrec.features._ink import Normalised
from seqrec.features.strokes import Extractor

EXTRACTOR = Extractor()
EACH = {
    "slant": 0.3,
    "rotation": 0.1,
    "scale": 0.3,
    "aspect": 0.3,
    "shift": 0.3,
    "warp": 0.2,
    "jitter": 0.05,
    "speed": 0.5,
    "drop": 0.5,
    "swap": 1.0,
    "reverse": 1.0,
}


def ink():
    """A small t of two crossing strokes, then a wavy line; with times."""
    x = np.linspace(0, 100, 200)
    wave = np.stack([40 + x, 20 * np.sin(x / 5), 2 + x / 100], axis=1)
    return [np.array([[0.0, -30, 0], [0, 20, 0.5]]), np.array([[-8.0, -15, 1], [9, -15, 1.2]]), wave]


def test_off_by_default():
    signal = ink()
    same = Augmenter()(signal, np.random.default_rng(0), EXTRACTOR)
    assert not isinstance(same, Normalised)
    assert all(np.array_equal(a, b) and a is not b for a, b in zip(signal, same, strict=True))


@pytest.mark.parametrize("name", EACH)
def test_each_option_changes_a_copy_and_the_seed_decides(name):
    signal, before = ink(), ink()
    plain = EXTRACTOR.normalise(signal)
    change = Augmenter(**{name: EACH[name]})
    once, again, other = (change(signal, np.random.default_rng(seed), EXTRACTOR) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(signal, before, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert isinstance(once, Normalised)
    assert not all(np.array_equal(a, b) for a, b in zip(once, plain, strict=True))
    if name not in ("swap", "reverse"):  # with chance 1 these leave nothing to the seed
        assert not all(np.array_equal(a, b) for a, b in zip(once, other, strict=True))
    assert len(EXTRACTOR.frames(once)) >= 1


def test_normalised_input_stays_as_it_was():
    signal = EXTRACTOR.normalise(ink())
    before = [stroke.copy() for stroke in signal]
    Augmenter(**EACH)(signal, np.random.default_rng(0), EXTRACTOR)
    assert all(np.array_equal(a, b) for a, b in zip(signal, before, strict=True))


def test_slant_is_a_shear_about_the_base_line():
    signal = Normalised([np.array([[1.0, -2.0], [1.0, 0.0], [3.0, 0.0]])])
    (moved,) = Augmenter(slant=0.4)(signal, np.random.default_rng(0), EXTRACTOR)
    assert np.allclose(moved[1:], signal[0][1:])
    assert moved[0, 1] == -2
    assert 0 < abs(moved[0, 0] - 1) <= 2 * np.tan(0.4)


def test_scale_and_aspect_within_their_range():
    signal = Normalised([np.array([[0.0, 0.0], [2.0, -2.0]])])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        wide, high = np.ptp(Augmenter(scale=0.2)(signal, rng, EXTRACTOR)[0], axis=0)
        assert wide == pytest.approx(high)
        assert 2 * np.exp(-0.2) <= wide <= 2 * np.exp(0.2)
        wide, high = np.ptp(Augmenter(aspect=0.2)(signal, rng, EXTRACTOR)[0], axis=0)
        assert high == pytest.approx(2)
        assert 2 * np.exp(-0.2) <= wide <= 2 * np.exp(0.2)


def test_wide_ink_is_turned_less():
    for width, most in ((3.0, 0.5), (60.0, 0.05)):
        signal = Normalised([np.array([[0.0, 0.0], [width, 0.0]])])
        for seed in range(20):
            (moved,) = Augmenter(rotation=0.5)(signal, np.random.default_rng(seed), EXTRACTOR)
            run, rise = moved[1] - moved[0]
            assert abs(np.arctan2(rise, run)) <= most + 1e-9


def test_warp_moves_neighbours_together_and_by_its_amount():
    x = np.arange(0, 400, 0.05)
    signal = Normalised([np.stack([x, np.zeros_like(x)], axis=1)])
    change = Augmenter(warp=0.1)
    moves = [change(signal, np.random.default_rng(seed), EXTRACTOR)[0] - signal[0] for seed in range(30)]
    assert np.std(moves) == pytest.approx(0.1, rel=0.25)
    assert np.abs(np.diff(moves[0], axis=0)).max() < 0.05


def test_drop_keeps_the_ends():
    stroke = np.stack([np.arange(100.0), np.zeros(100)], axis=1)
    kept = Augmenter(drop=0.5)(Normalised([stroke]), np.random.default_rng(0), EXTRACTOR)[0]
    assert 30 < len(kept) < 70
    assert kept[[0, -1]].tolist() == stroke[[0, -1]].tolist()
    dots = Augmenter(drop=1.0)(Normalised([stroke[:1]]), np.random.default_rng(0), EXTRACTOR)
    assert dots[0].tolist() == stroke[:1].tolist()


def test_swap_only_within_a_letter():
    stem, bar, far = np.array([[0, -2.0], [0, 0]]), np.array([[-0.5, -1.5], [0.5, -1.5]]), np.array([[3, 0.0], [4, -1]])
    word = np.array([[-3, 0.0], [3, -1]])
    rng = np.random.default_rng(0)
    swapped = Augmenter(swap=1.0)(Normalised([stem, bar, far]), rng, EXTRACTOR)
    assert [s.tolist() for s in swapped] == [bar.tolist(), stem.tolist(), far.tolist()]
    kept = Augmenter(swap=1.0)(Normalised([word, bar]), rng, EXTRACTOR)
    assert [s.tolist() for s in kept] == [word.tolist(), bar.tolist()]


def test_reverse_turns_short_strokes_and_keeps_times_ascending():
    short, long = np.array([[0, 0, 1.0], [1, 0, 2], [1, 1, 3]]), np.array([[0, 0, 4.0], [5, 0, 5]])
    turned = Augmenter(reverse=1.0)(Normalised([short, long]), np.random.default_rng(0), EXTRACTOR)
    assert turned[0].tolist() == [[1, 1, 1], [1, 0, 2], [0, 0, 3]]
    assert turned[1].tolist() == long.tolist()


def test_chances_and_ramps():
    changes = Augmenter.parse({"slant": {"most": 0.3, "p": 0.4}, "drop": {"most": 0.5, "ramp": [0, 1]}}, "test")
    signal = Normalised([np.array([[0.0, -2.0], [0.0, -1.5], [0.0, -1.0], [0.0, 0.0]])])
    made = [changes.at(0.0)(signal, np.random.default_rng(seed), EXTRACTOR)[0] for seed in range(1000)]
    assert {len(stroke) for stroke in made} == {4}
    assert np.mean([stroke[0, 0] != stroke[-1, 0] for stroke in made]) == pytest.approx(0.4, abs=0.05)
    for done in (0.5, 1.0):
        kept = [len(changes.at(done)(signal, np.random.default_rng(seed), EXTRACTOR)[0]) for seed in range(300)]
        assert np.mean(kept) == pytest.approx(4 - 2 * 0.5 * done, abs=0.15)


@pytest.mark.parametrize("options", [{"slant": -0.1}, {"drop": 1.5}, {"wavelength": 0.0}, {"tilt": 1}])
def test_bad_options(options):
    with pytest.raises(ConfigError):
        Augmenter.parse(options, "[augment.ink]")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=8), min_size=1, max_size=5
    ),
    st.integers(0, 99),
)
def test_any_ink_stays_ink(strokes, seed):
    signal = [np.array(stroke, dtype=np.float64) for stroke in strokes]
    changed = Augmenter(**EACH)(signal, np.random.default_rng(seed), EXTRACTOR)
    assert len(changed) == len(signal)
    assert all(len(stroke) and np.isfinite(stroke).all() for stroke in changed)
    assert len(EXTRACTOR.frames(changed)) >= 1
