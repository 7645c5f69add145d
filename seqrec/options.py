"""Strict, frozen option classes, and modules found by their file's name."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import json
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from seqrec.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Options(BaseModel):
    """Base of every options class: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, table: dict[str, Any], where: str) -> Self:
        """Validate a plain table (from TOML or JSON).

        Raises ConfigError naming the first bad key, with the nearest known one.
        """
        try:
            return cls.model_validate_json(json.dumps(table))
        except ValidationError as error:
            raise _config_error(error, cls, where) from None
        except (TypeError, ValueError, RecursionError):
            raise ConfigError(where, "a value that is neither text, number, list nor table") from None


def _config_error(error: ValidationError, cls: type[BaseModel], where: str) -> ConfigError:
    fault = error.errors(include_url=False)[0]
    if fault["type"] == "json_invalid":
        return ConfigError(where, "is nested too deep, or holds half of a character", "plain tables of whole text")
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = sorted(_fields_at(cls, fault["loc"][:-1]))
        return ConfigError(
            where, f"unknown key {key!r}", f"one of {', '.join(known)}", suggest(str(fault["loc"][-1]), known)
        )
    if fault["type"] == "missing":
        return ConfigError(where, f"{key}: nothing", "a value")
    came = f"{fault['input']!r:.80}"
    return ConfigError(where, f"{key}: {came}", fault["msg"].removeprefix("Input should be "))


def _fields_at(cls: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The known keys of the (nested) table that `path` leads to."""
    for part in path:
        field = cls.model_fields.get(str(part))
        nested = list(_types(field.annotation)) if field else []
        cls = next((t for t in nested if isinstance(t, type) and issubclass(t, BaseModel)), cls)
    return list(cls.model_fields)


def _types(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(t for arg in inner for t in _types(arg))]


def suggest(name: str, known: list[str]) -> str:
    """'did you mean ...?' with the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else ""


def names_in(package: str) -> list[str]:
    """The names that `find` knows in a package: its files, without those that start with '_'."""
    folder = importlib.import_module(package)
    return sorted(m.name for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_"))


def find(package: str, name: str, where: str = "", *, own_files: bool = False) -> ModuleType:
    """The module behind a name: `find("seqrec.features", "mfcc")` -> seqrec/features/mfcc.py.

    With `own_files`, a path such as "./mine.py" loads the user's own file; model folders, which
    may come from a stranger, are read without it. Raises ConfigError for an unknown name.
    """
    what = package.rpartition(".")[2]
    where = where or what
    if name.endswith(".py"):
        if not own_files:
            mend = "if it is yours, allow it with --own-files (own_files=True in Python)"
            raise ConfigError(where, f"{name!r} is a file of code", f"a name out of {what}", mend)
        return _own_file(Path(name), where)
    known = names_in(package)
    if not _NAME.fullmatch(name) or name not in known:
        raise ConfigError(where, f"unknown name {name!r}", f"one of {', '.join(known)}", suggest(name, known))
    return importlib.import_module(f"{package}.{name}")


def _own_file(path: Path, where: str) -> ModuleType:
    if not path.is_file():
        raise ConfigError(where, f"there is no file {str(path)!r}", "a Python file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as error:
        raise ConfigError(where, f"{str(path)!r} cannot be loaded ({error})", "a module of Python") from None
    return module
