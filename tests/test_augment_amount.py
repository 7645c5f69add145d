"""The grammar of amounts: what each value means, how often, from when on, and what is said of wrong ones."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.augment import frames, image, ink, sound
from seqrec.augment._amount import Amount
from seqrec.config import config_from_json
from seqrec.errors import ConfigError
from seqrec.extraction import shares_of_copies, signal_augmenter
from seqrec.features import extractor

RECIPES = sorted((Path(__file__).parent.parent / "recipes").glob("*/*.toml"))
MODELS = sorted((Path(__file__).parent.parent / "recipes").glob("*/model.zip"))


def amount(value: Any, key: str = "blur") -> Amount:
    module = {"blur": image, "noise_db": sound, "codec": sound, "telephone": sound, "warp": ink, "time_masks": frames}
    made = getattr(module.get(key, image).Augmenter.parse({key: value}, "[x]"), key)
    assert isinstance(made, Amount)
    return made


@pytest.mark.parametrize(
    ("key", "value", "low", "high", "p"),
    [
        ("blur", 0.1, 0, 0.1, 1),  # from nothing to the most
        ("shear", 10, -10, 10, 1),  # to both sides
        ("thickness", 0.2, -0.1, 0.2, 1),  # thinner by half
        ("warp", 0.1, 0.1, 0.1, 1),  # just so much
        ("time_masks", 2, 2, 2, 1),
        ("codec", 0.5, 0, 0.5, 0.5),  # as often as not
        ("telephone", True, 1, 1, 0.5),
        ("telephone", 0.2, 1, 1, 0.2),
        ("blur", [0.05, 0.1], 0.05, 0.1, 1),
        ("shear", [-3, 10], -3, 10, 1),
        ("noise_db", [10, 35], 10, 35, 0.5),
        ("blur", {"most": 0.1}, 0, 0.1, 1),
        ("blur", {"range": [0.05, 0.1], "p": 0.3}, 0.05, 0.1, 0.3),
        ("noise_db", {"range": [10, 35], "p": 1}, 10, 35, 1),
        ("shear", {"most": 10, "p": 0.25}, -10, 10, 0.25),
        ("telephone", {"p": 0.1}, 1, 1, 0.1),
    ],
)
def test_what_a_value_means(key: str, value: Any, low: float, high: float, p: float) -> None:
    made = amount(value, key)
    assert (made.low, made.high, made.p, made.ramp) == (low, high, p, None)
    assert made


@pytest.mark.parametrize("value", [0, 0.0, [0, 0], {"most": 0}, {"most": 0.1, "p": 0}])
def test_nothing(value: Any) -> None:
    rng = np.random.default_rng(0)
    assert not amount(value)
    assert amount(value).draw(rng) == 0
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("blur", -0.1, "a number from 0 to 1, [low, high] from 0 to 1, or a table with most or range, p and ramp"),
        ("blur", 1.5, "a number from 0 to 1"),
        ("blur", "much", "a number from 0 to 1"),
        ("blur", True, "a number from 0 to 1"),
        ("blur", [0.1], "[low, high] from 0 to 1"),
        ("blur", [0.1, 2], "[low, high] from 0 to 1"),
        ("blur", [0.2, 0.1], "two numbers [low, high] in ascending order"),
        ("blur", ["a", "b"], "[low, high] from 0 to 1"),
        ("shear", [-61, 0], "[low, high] from -60 to 60"),
        ("blur", {}, "a table with either most or range"),
        ("blur", {"p": 0.5}, "a table with either most or range"),
        ("blur", {"most": 0.1, "range": [0, 1]}, "a table with either most or range"),
        ("blur", {"mots": 0.1}, "not 'mots'; did you mean 'most'?"),
        ("blur", {"most": [0, 1]}, "most to be a number from 0 to 1"),
        ("blur", {"range": 0.1}, "range to be [low, high] from 0 to 1"),
        ("blur", {"most": 0.1, "p": 2}, "p to be a chance from 0 to 1"),
        ("blur", {"most": 0.1, "p": True}, "p to be a chance from 0 to 1"),
        ("blur", {"most": 0.1, "ramp": 0.5}, "ramp to be two shares of the training, such as [0.2, 0.6]"),
        ("blur", {"most": 0.1, "ramp": [0.5, 0.5]}, "ramp to be two shares of the training from 0 to 1, in ascending"),
        ("blur", {"most": 0.1, "ramp": [0, 2]}, "ramp to be two shares of the training from 0 to 1, in ascending"),
        ("noise_db", 10, "[low, high] from -60 to 120, or a table with range, p and ramp"),
        ("noise_db", {"most": 10}, "[low, high] from -60 to 120"),
        ("time_masks", 1.5, "a whole number from 0 to 100"),
        ("telephone", "yes", "true, false, a chance from 0 to 1, or a table with p and ramp"),
        ("telephone", {"range": [0, 1]}, "a table with p and ramp alone"),
    ],
)
def test_what_is_said_of_a_wrong_value(key: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        amount(value, key)
    assert str(error.value).startswith(f"[x]: {key}: {value!r}; expected ")
    assert expected in str(error.value)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_drawn_evenly_within_the_range(low: float, width: float, p: float, seed: int) -> None:
    made, rng = Amount(low, low + width, p), np.random.default_rng(seed)
    drawn = np.array([made.draw(rng) for _ in range(50)])
    drawn = np.concatenate([drawn, made.draws(rng, 50)])
    assert ((drawn == 0) | ((low <= drawn) & (drawn <= low + width))).all()


def test_p_is_counted() -> None:
    for p in (0.0, 0.1, 0.5, 0.9, 1.0):
        made, rng = amount({"range": [0.2, 0.4], "p": p}), np.random.default_rng(1)
        for drawn in (np.array([made.draw(rng) for _ in range(2000)]), made.draws(rng, 2000)):
            assert np.mean(drawn > 0) == pytest.approx(p, abs=0.04)
            if p:
                assert drawn[drawn > 0].mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("done", "strength"), [(0.0, 0.0), (0.2, 0.0), (0.3, 0.25), (0.4, 0.5), (0.6, 1.0), (1.0, 1.0)]
)
def test_ramps(done: float, strength: float) -> None:
    """What fades is scaled; the others come more often."""
    blur = amount({"range": [0.1, 0.4], "ramp": [0.2, 0.6]}).at(done)
    assert (blur.low, blur.high, blur.p, blur.ramp) == pytest.approx((0.1 * strength, 0.4 * strength, 1, None))
    noise = amount({"range": [10, 35], "p": 0.8, "ramp": [0.2, 0.6]}, "noise_db").at(done)
    assert (noise.low, noise.high, noise.p) == pytest.approx((10, 35, 0.8 * strength))
    rng = np.random.default_rng(2)
    assert np.mean([noise.happens(rng) for _ in range(2000)]) == pytest.approx(0.8 * strength, abs=0.03)
    phone = amount({"ramp": [0.2, 0.6]}, "telephone").at(done)
    assert phone.p == pytest.approx(0.5 * strength)


def test_a_table_of_ramps() -> None:
    changes = image.Augmenter.parse({"shear": 5, "blur": {"most": 0.1, "ramp": [0.1, 0.5]}}, "x")
    more = image.Augmenter.parse(
        {"noise": {"most": 0.1, "ramp": [0.3, 0.9]}, "blur": {"most": 1, "ramp": [0.1, 0.2]}}, "x"
    )
    assert (changes.ramp, more.ramp) == ((0.1, 0.5), (0.1, 0.9))
    assert (changes.at(0.3).blur.low, changes.at(0.3).blur.high) == pytest.approx((0, 0.05))
    assert changes.at(0.3).shear == changes.shear
    assert changes.at(0.3).ramp is None
    assert shares_of_copies(changes, 4) == pytest.approx((0, 0.1 + 0.4 / 3, 0.1 + 0.8 / 3, 0.5))
    assert shares_of_copies(changes, 0) == ()
    plain = image.Augmenter.parse({"shear": 5}, "x")
    assert plain.at(0.1) is plain
    assert shares_of_copies(plain, 3) == (0, 0, 0)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_recipes_mean_what_they_did(path: Path) -> None:
    """A plain number was always the most, or just so much; a pair was drawn from in every second sample."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    domain = {"mfcc": sound, "strokes": ink, "columns": image}[table["features"]["kind"]]
    given = table.get("augment", {}).get("signal", {})
    made = domain.Augmenter.parse(given, path.name)
    for key, value in given.items():
        found = getattr(made, key)
        if isinstance(value, list):
            assert (found.low, found.high, found.p) == (*value, 0.5)
        else:
            assert (found.high, found.p) == (value, 1)
    frames.Augmenter.parse(table.get("augment", {}).get("frames", {}), path.name)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_the_shipped_models_tables_are_read(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        [name] = [name for name in packed.namelist() if name.endswith("config.json")]
        shipped = config_from_json(packed.read(name).decode(), path.name)
    made = signal_augmenter(extractor(shipped.features), shipped.augment.signal)
    frames.Augmenter.parse(shipped.augment.frames, path.name)
    assert made.ramp is None
    assert all(getattr(made, key) for key in shipped.augment.signal)
