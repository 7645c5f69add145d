from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from seqrec.errors import ConfigError
from seqrec.features import extractor
from seqrec.options import Options, find, names_in, suggest


class Inner(Options):
    width: int = 3
    height: int = 4


class Outer(Options):
    rate: Annotated[int, Field(ge=1)]
    gain: float = 1.0
    name: str = "x"
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()


def test_a_table_becomes_typed_options() -> None:
    made = Outer.parse({"rate": 8, "gain": 2, "inner": {"width": 5}, "many": [{"height": 1}]}, "here")
    assert made == Outer(rate=8, gain=2.0, inner=Inner(width=5), many=(Inner(height=1),))


def test_options_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Outer(rate=1).rate = 2


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, r"^here: rate: nothing; expected a value"),
        ({"rate": 0}, r"^here: rate: 0; expected greater than or equal to 1"),
        ({"rate": "8"}, r"^here: rate: '8'; expected a valid integer"),
        ({"rate": 1.5}, r"^here: rate: 1\.5; expected a valid integer"),
        ({"rate": True}, r"^here: rate: True"),
        ({"rate": 1, "gain": float("nan")}, r"^here: gain: nan; expected a finite number"),
        ({"rate": 1, "name": 3}, r"^here: name: 3; expected a valid string"),
        ({"rate": 1, "gian": 2}, r"^here: unknown key 'gian'; .*\bgain\b.*\. Did you mean 'gain'\?"),
        ({"rate": 1, "inner": {"widht": 2}}, r"unknown key 'inner\.widht'; expected one of height, width\. Did you"),
        ({"rate": 1, "many": [{"qqqqqq": 2}]}, r"unknown key 'many\.0\.qqqqqq'; expected one of height, width$"),
        ({"rate": 1, "inner": 7}, r"^here: inner: 7"),
        ({"rate": object()}, r"^here: a value that is neither text, number, list nor table"),
    ],
)
def test_mistakes_are_named(table: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        Outer.parse(table, "here")
    assert "\n" not in str(caught.value)


def test_suggest() -> None:
    assert suggest("layrs", ["layers", "units"]) == "did you mean 'layers'?"
    assert suggest("zzz", ["layers", "units"]) == ""


def test_names_are_the_files_of_a_package() -> None:
    names = names_in("seqrec.corpora")
    assert {"fsdd", "manifest", "table"} <= set(names)
    assert names == sorted(names)
    assert not any(name.startswith("_") for name in names_in("seqrec.features"))


def test_find_gives_the_module() -> None:
    assert find("seqrec.corpora", "fsdd").__name__ == "seqrec.corpora.fsdd"


@pytest.mark.parametrize("name", ["", "fsd", "FSDD", "__init__", "../fsdd", "os.path", "fsdd.read", "_private"])
def test_find_knows_only_its_files(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^FORMAT: unknown name .* expected one of .*fsdd"):
        find("seqrec.corpora", name, "FORMAT")


def test_own_files_run_only_when_allowed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("ANSWER = 42\n")
    path = str(tmp_path / "mine.py")
    assert find("seqrec.features", path, own_files=True).ANSWER == 42
    with pytest.raises(ConfigError, match="is a file of code; expected a name out of features"):
        find("seqrec.features", path)
    with pytest.raises(ConfigError, match="there is no file"):
        find("seqrec.features", str(tmp_path / "none.py"), own_files=True)


@pytest.mark.parametrize("code", [b"def (:\n", b"\xff", b"import seqrec.no_such_module\n"])
def test_own_files_that_cannot_be_loaded(tmp_path: Path, code: bytes) -> None:
    (tmp_path / "mine.py").write_bytes(code)
    with pytest.raises(
        ConfigError, match=r"^features: '.*mine\.py' cannot be loaded \(.*; expected a module of Python"
    ):
        find("seqrec.features", str(tmp_path / "mine.py"), own_files=True)


@pytest.mark.parametrize("code", ["", "Extractor = 3\n", "class Extractor:\n    pass\n"])
def test_own_features_without_an_extractor(tmp_path: Path, code: str) -> None:
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(ConfigError, match=r"mine\.py' defines no Extractor; expected class Extractor\(seqrec"):
        extractor({"kind": str(tmp_path / "mine.py")}, own_files=True)
