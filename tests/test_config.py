from __future__ import annotations

from pathlib import Path

import pytest

from seqrec.config import Config, Conv, Network, config_from_json, read_config
from seqrec.errors import ConfigError

RECIPE = """
[features]
kind = "mfcc"
[network]
cell = "gru"
subsample = [2, 2]
conv = [{filters = 8, pool = [2, 2]}]
[training]
learning_rate = 1
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_a_recipe_is_read(recipe: Path) -> None:
    config = read_config(recipe)
    assert config.features == {"kind": "mfcc"}
    assert config.network == Network(cell="gru", subsample=(2, 2), conv=(Conv(filters=8, pool=(2, 2)),))
    assert config.training.learning_rate == 1.0
    assert config.training.patience == 20


def test_overrides_win_and_may_make_tables(recipe: Path) -> None:
    given = (
        "network.units=64", "network.cell=dense", "prepare.n=3", "features.mels = 20",
        "training.minutes=0.5", 'prepare.words=["a", "b"]', "augment.signal.noise=0.1",
    )  # fmt: skip
    config = read_config(recipe, given)
    assert (config.network.units, config.network.cell, config.training.minutes) == (64, "dense", 0.5)
    assert config.prepare == {"n": 3, "words": ["a", "b"]}
    assert config.features == {"kind": "mfcc", "mels": 20}
    assert config.augment.signal == {"noise": 0.1}


def test_a_folder_of_noise_lies_beside_the_recipe(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(RECIPE + "[augment.signal]\nnoise_folder = 'street'\nspeed = 0.1\n", encoding="utf-8")
    assert read_config(recipe).augment.signal == {"noise_folder": str(tmp_path / "street"), "speed": 0.1}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("network.units", r"--set: 'network\.units'; expected table\.key=value"),
        ("units=3", r"--set: 'units=3'; expected table\.key=value"),
        ("network..units=3", "expected table.key=value"),
        ("network.cell.x=3", "'cell' is not a table"),
        ("network.unis=3", "unknown key 'network.unis'.* Did you mean 'units'"),
        ("network.units=-1", "network.units: -1; expected greater than or equal to 1"),
        ("network.units=many", "network.units: 'many'; expected a valid integer"),
        ("netwrk.units=3", "unknown key 'netwrk'.* Did you mean 'network'"),
        ("network.context=4", "network.context: 4; expected an odd number of frames"),
        ("network.subsample=[2, 2, 2, 2]", r"network.subsample: .*expected at most one number per layer"),
        ("training.seed=4294967296", "training.seed: 4294967296; expected less than"),
        ("prepare.x=" + "[" * 3000, r"--set: 'prepare.x=\[+ \(.*recursion.* expected a value in TOML"),
        ("prepare.x=" + "9" * 5000, r"--set: 'prepare.x=9+ \(.*4300 digits.* expected a value in TOML"),
        ("network.cell=transformer", "network.cell: 'transformer'; expected 'lstm', 'gru', 'rnn' or 'dense'"),
    ],
)
def test_bad_overrides(recipe: Path, override: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        read_config(recipe, (override,))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "features: nothing"),
        (b"[features\n", "is not TOML"),
        (b"a = " + b"[" * 5000, r"is not TOML \(.*recursion"),
        (b"a = " + b"9" * 5000, r"is not TOML \(.*4300 digits"),
        (b"[features]\n[prepare]\na = " + b"[" * 300 + b"]" * 300, "is nested too deep"),
        ("[features]\nkind = 'é'".encode("latin-1"), "is not UTF-8"),
        (b"[features]\nkind = 'x'\n[trainng]\n", "unknown key 'trainng'.* Did you mean 'training'"),
        (b"[features]\n[training]\nclip = nan\n", "training.clip: nan"),
        (b"[features]\n[network]\ndropout = 1.0\n", "network.dropout: 1.0; expected less than 1"),
        (b"[features]\n[training]\nsince = 2020-01-01\n", "neither text, number, list nor table"),
    ],
)
def test_bad_recipes(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "recipe.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=f"recipe.toml: .*{expected}"):
        read_config(tmp_path / "recipe.toml")


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_bytes(b"\xef\xbb\xbf[features]\r\nkind = 'x'\r\n")
    assert read_config(tmp_path / "recipe.toml").features == {"kind": "x"}


def test_a_missing_recipe(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_config(path)


def test_the_snapshot_holds_everything(recipe: Path) -> None:
    config = read_config(recipe, ("prepare.n=3",))
    assert config_from_json(config.model_dump_json(), "config.json") == config


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, "[]", "3", '{"features": {"kind": "\\ud800"}}', '{"features": 3}', '{"network": {}}'],
)
def test_bad_snapshots(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^model/config\.json: "):
        config_from_json(text, "model/config.json")


@pytest.mark.parametrize(
    ("network", "factor", "counts"),
    [
        (Network(), 1, {0: 0, 1: 1, 7: 7}),
        (Network(subsample=(2, 2)), 4, {1: 1, 4: 1, 5: 2, 8: 2}),
        (Network(stack=3, conv=(Conv(filters=1, pool=(2, 5)),)), 6, {6: 1, 7: 2, 12: 2}),
    ],
)
def test_frames_after_subsampling(network: Network, factor: int, counts: dict[int, int]) -> None:
    assert network.factor == factor
    assert {n: network.n_out(n) for n in counts} == counts


def test_defaults_are_not_shared() -> None:
    one, two = Config(features={}), Config(features={})
    one.prepare["n"] = 1
    assert two.prepare == {}
