"""A recipe in its folder: its config, what each stage depends on and makes, and what was done before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from seqrec import __version__
from seqrec.augment.frames import Augmenter
from seqrec.config import Config, read_config
from seqrec.errors import ConfigError
from seqrec.extraction import signal_augmenter
from seqrec.features import Extractor, extractor
from seqrec.files import atomic
from seqrec.options import suggest
from seqrec.samples import read_manifest

STAGES = ("prepare", "check", "train", "tune", "decode", "score", "report")
_REPORTED = ("config.json", "training.jsonl", "hyp.jsonl", "score.json")
_SMOKE = ("training.epochs=2", "augment.copies=0", "training.warmup=10")


@dataclass(frozen=True)
class Recipe:
    """A recipe's config and where it works: `folder` holds prepare.py, `exp` everything that is made."""

    path: Path
    config: Config
    source: Path | None
    exp: Path
    smoke: bool = False

    @classmethod
    def open(cls, path: Path, source: Path | None, exp: Path | None, overrides: tuple[str, ...], smoke: bool) -> Recipe:
        """`path` is a recipe's folder or its .toml file. Raises ConfigError."""
        if path.is_dir():
            path = path / "recipe.toml"
        config = read_config(path, (*(_SMOKE if smoke else ()), *overrides))
        check_options(config, str(path))
        if not path.with_name("prepare.py").is_file():
            raise ConfigError(path.parent, "has no prepare.py", "a recipe's folder, such as recipes/demo_ink")
        folder = path.resolve().parent.name
        name = folder if path.stem == "recipe" else f"{folder}_{path.stem}"
        name += "_smoke" if smoke else ""  # never in the place of the real one
        return cls(path, config, source, exp or Path("exp") / name, smoke)

    def manifest(self, part: str) -> Path:
        return self.exp / "data" / f"{part}.jsonl"

    @property
    def text(self) -> Path:
        """More text for the language model, where prepare.py makes some."""
        return self.exp / "data" / "text.txt"

    @property
    def judged(self) -> str:
        """The part that is decoded at the end."""
        return "test" if self.manifest("test").exists() else "dev"

    def inputs(self, stage: str) -> str:
        """A hash of everything that the stage depends on."""
        tables = self.config.model_dump()
        code = _digest(Path(kind)) if (kind := str(tables["features"]["kind"])).endswith(".py") else ""
        script = self.path.with_name("prepare.py")
        own: dict[str, Any] = {
            "prepare": [tables["prepare"], self.smoke, _digest(script), _listing(self.source)],
            "check": [tables["features"], code, tables["network"], tables["text"]],
            "train": [{k: v for k, v in tables.items() if k not in ("prepare", "decoding", "card")}, code],
            "tune": [tables["decoding"], _digest(self.exp / "model.onnx"), _digest(self.text)],
            "decode": [_digest(self.exp / name) for name in ("model.onnx", "decoding.json", "lm.bin")],
            "score": [_digest(self.exp / "hyp.jsonl"), tables["card"]],
            "report": [_digest(self.exp / name) for name in _REPORTED],
        }
        if stage == "train":
            own[stage].append(sorted(left_out(self)))
        data = [] if stage == "prepare" else [_data(self.manifest(part)) for part in ("train", "dev", "test")]
        return hashlib.sha256(json.dumps([__version__, own[stage], data], sort_keys=True).encode()).hexdigest()

    def outputs(self, stage: str) -> list[Path]:
        made = {
            "prepare": [self.manifest("train"), self.manifest("dev")],
            "check": [self.exp / "check.json"],
            "train": [self.exp / "model.onnx"],
            "tune": [self.exp / "decoding.json"],
            "decode": [self.exp / "hyp.jsonl"],
            "score": [self.exp / "score.json"],
            "report": [self.exp / "report.html"],
        }
        return made[stage]


class Done:
    """Which stages were begun or completed, with what inputs: `stages.json` in the model folder."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.path = recipe, recipe.exp / "stages.json"
        self._known = _json_object(self.path)

    def interrupted(self, stage: str) -> bool:
        """Whether the stage was begun with the inputs of now and did not come to its end."""
        return self._known_with(False, stage)

    def complete(self, stage: str) -> bool:
        """Whether the stage was done with the inputs of now and what it made is still there."""
        return all(path.exists() for path in self.recipe.outputs(stage)) and self._known_with(True, stage)

    def problems(self, stage: str) -> int:
        """How many inputs the stage could not use when it was completed."""
        return int(self._of(stage).get("problems", 0))

    def begin(self, stage: str) -> None:
        self._note(stage, False, 0)

    def finish(self, stage: str, problems: int) -> None:
        self._note(stage, True, problems)

    def _known_with(self, done: bool, stage: str) -> bool:
        of = self._of(stage)
        return of.get("done") is done and of.get("inputs") == self.recipe.inputs(stage)

    def _of(self, stage: str) -> dict[str, Any]:
        known = self._known.get(stage)
        return known if isinstance(known, dict) else {}

    def _note(self, stage: str, done: bool, problems: int) -> None:
        self._known[stage] = {"inputs": self.recipe.inputs(stage), "done": done, "problems": problems}
        with atomic(self.path) as out:
            json.dump(self._known, out, indent=1)


def check_options(config: Config, where: str) -> Extractor:
    """The config's extractor. Raises ConfigError for a mistake in its options, or in those of the augmentation."""
    features = extractor(config.features, f"{where} [features]", own_files=True)
    signal_augmenter(features, config.augment.signal)
    Augmenter.parse(config.augment.frames, "[augment.frames]")
    return features


def choose(first: str | None, only: str | None) -> tuple[str, ...]:
    """The stages from `first` on, or just `only`. Raises ConfigError."""
    for name in (first, only):
        if name is not None and name not in STAGES:
            known = list(STAGES)
            raise ConfigError("stage", f"unknown name {name!r}", f"one of {', '.join(known)}", suggest(name, known))
    if first and only:
        raise ConfigError("stage", "--from and --only together", "one of them")
    if only:
        return (only,)
    return STAGES[STAGES.index(first) :] if first else STAGES


def left_out(recipe: Recipe) -> frozenset[int]:
    """The places in the training manifest of samples in which `check` found errors; none where it has not been run."""
    table = _json_object(recipe.exp / "check.json")
    fits = table.get("inputs") == recipe.inputs("check")
    return frozenset(table.get("rejected", {}).get("train", ())) if fits else frozenset()


def _listing(source: Path | None) -> list[Any]:
    """What a source folder holds, by name, size and time."""
    if source is None:
        return []
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    return [
        str(source.resolve()),
        *((str(f.relative_to(source)), f.stat().st_size, f.stat().st_mtime_ns) for f in files),
    ]


def _data(manifest: Path) -> str:
    """A hash of a manifest and of the files that it names."""
    if not manifest.exists():
        return ""
    stat = manifest.stat()
    return _data_once(manifest, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _data_once(manifest: Path, modified: int, size: int) -> str:
    whole = hashlib.sha256(_digest(manifest).encode())
    paths = (sample.path for sample in read_manifest(manifest, lambda named_by_check: None))
    for path in dict.fromkeys(path for path in paths if path is not None):
        whole.update(_digest(path).encode())
    return whole.hexdigest()


def _json_object(path: Path) -> dict[str, Any]:
    """What the file holds, {} where it is missing or broken."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _digest(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
