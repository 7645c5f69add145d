"""A recipe's stages, each skipped when nothing that it depends on has changed.

prepare  the recipe's prepare.py       -> data/train.jsonl, dev.jsonl, test.jsonl
check    what is wrong with the data   -> check.json
train                                  -> the model folder itself
decode   test, or dev where there is none -> hyp.jsonl
score                                  -> score.json, card.md
report                                 -> report.html
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqrec import __version__
from seqrec.config import Config, read_config
from seqrec.errors import ConfigError, DataError
from seqrec.files import atomic

STAGES = ("prepare", "check", "train", "decode", "score", "report")
_SMOKE = ("training.epochs=2", "augment.copies=0", "training.warmup=10")
_MODEL = ("model.onnx", "checkpoints", "training.jsonl", "card.md")


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
        if not path.with_name("prepare.py").is_file():
            raise ConfigError(path.parent, "has no prepare.py", "a recipe's folder, such as recipes/demo_ink")
        folder = path.resolve().parent.name
        name = folder if path.stem == "recipe" else f"{folder}_{path.stem}"
        return cls(path, config, source, exp or Path("exp") / name, smoke)

    def manifest(self, part: str) -> Path:
        return self.exp / "data" / f"{part}.jsonl"

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(part for part in ("train", "dev", "test") if self.manifest(part).exists())

    @property
    def judged(self) -> str:
        """The part that is decoded at the end."""
        return "test" if self.manifest("test").exists() else "dev"

    def inputs(self, stage: str) -> str:
        """A hash of everything that the stage depends on."""
        tables = self.config.model_dump()
        own: dict[str, Any] = {
            "prepare": [tables["prepare"], self.smoke, _text(self.path.with_name("prepare.py")), _listing(self.source)],
            "check": [tables["features"], tables["network"], tables["text"]],
            "train": [{k: v for k, v in tables.items() if k not in ("prepare", "card")}],
            "decode": [_digest(self.exp / "model.onnx")],
            "score": [_digest(self.exp / "hyp.jsonl"), tables["card"]],
            "report": [_digest(self.exp / "score.json"), _digest(self.exp / "training.jsonl")],
        }
        data = [] if stage == "prepare" else [_digest(self.manifest(part)) for part in ("train", "dev", "test")]
        return hashlib.sha256(json.dumps([__version__, own[stage], data], sort_keys=True).encode()).hexdigest()

    def outputs(self, stage: str) -> list[Path]:
        made = {
            "prepare": [self.manifest("train"), self.manifest("dev")],
            "check": [self.exp / "check.json"],
            "train": [self.exp / "model.onnx"],
            "decode": [self.exp / "hyp.jsonl"],
            "score": [self.exp / "score.json"],
            "report": [self.exp / "report.html"],
        }
        return made[stage]


class Done:
    """Which stages were completed, with what inputs: `stages.json` in the model folder."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.path = recipe, recipe.exp / "stages.json"
        try:
            self._known: dict[str, str] = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def begun(self, stage: str) -> bool:
        """Whether the stage was begun, and perhaps interrupted, with the inputs of now."""
        return self._known.get(f"{stage} begun") == self.recipe.inputs(stage)

    def complete(self, stage: str) -> bool:
        made = all(path.exists() for path in self.recipe.outputs(stage))
        return made and self._known.get(stage) == self.recipe.inputs(stage)

    def begin(self, stage: str) -> None:
        self._known.pop(stage, None)
        self._note(f"{stage} begun")

    def finish(self, stage: str) -> None:
        self._note(stage)

    def _note(self, key: str) -> None:
        self._known[key] = self.recipe.inputs(key.removesuffix(" begun"))
        with atomic(self.path) as out:
            json.dump(self._known, out, indent=1)


def choose(first: str | None, only: str | None) -> tuple[str, ...]:
    """The stages from `first` on, or just `only`. Raises ConfigError."""
    for name in (first, only):
        if name is not None and name not in STAGES:
            raise ConfigError("stage", f"unknown name {name!r}", f"one of {', '.join(STAGES)}")
    if only:
        return (only,)
    return STAGES[STAGES.index(first) :] if first else STAGES


def prepare(recipe: Recipe) -> None:
    """Run prepare.py in a process of its own; it names on stderr what it leaves out. Raises DataError."""
    script = recipe.path.with_name("prepare.py")
    command = [sys.executable, str(script), "--out", str(recipe.exp / "data")]
    command += ["--options", json.dumps(recipe.config.prepare)]
    if recipe.source is not None:
        command += ["--source", str(recipe.source)]
    if recipe.smoke:
        command.append("--smoke")
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise DataError(script, "failed", "", "see its message above; real data need --source FOLDER")


def check(recipe: Recipe) -> list[str]:
    """What is wrong with the data, a line each; the errors first. Writes check.json."""
    from seqrec import checking
    from seqrec.features import extractor

    config = recipe.config
    features = extractor(config.features, f"{recipe.path} [features]", own_files=True)
    manifests = [recipe.manifest(part) for part in recipe.parts]
    report = checking.check(manifests, features, None, config.network.n_out, form=config.text.form)
    lines = sorted((str(finding) for finding in report.findings), key=lambda said: "warning" in said)
    with atomic(recipe.exp / "check.json") as out:
        json.dump({"summary": report.summary, "findings": lines}, out, ensure_ascii=False, indent=1)
    return lines


def make_room(recipe: Recipe) -> Path | None:
    """Move an older training out of the way, so that nothing is lost; returns where to."""
    if not any((recipe.exp / name).exists() for name in _MODEL):
        return None
    number = 1
    while (aside := recipe.exp / "older" / str(number)).exists():
        number += 1
    aside.mkdir(parents=True)
    for name in (*_MODEL, "config.json", "alphabet.json", "normalizer.npz", "score.json", "report.html"):
        if (recipe.exp / name).exists():
            (recipe.exp / name).rename(aside / name)
    return aside


def decode(recipe: Recipe, on_failure: Callable[[str], None], on_sample: Callable[[], None]) -> int:
    """Decode the judged part to hyp.jsonl; returns how many samples failed."""
    from seqrec.decoding import Hypothesis
    from seqrec.inputs import samples_of
    from seqrec.recognizer import load
    from seqrec.writers import jsonl

    recognizer = load(recipe.exp)
    failures = 0

    def hypotheses() -> Iterable[Hypothesis]:
        nonlocal failures
        manifest = str(recipe.manifest(recipe.judged))
        for result in recognizer.decode(samples_of([manifest], recognizer.domain, sys.stdin.buffer)):
            on_sample()
            if isinstance(result, Hypothesis):
                yield result
            else:
                failures += 1
                on_failure(str(result.error))

    with atomic(recipe.exp / "hyp.jsonl") as out:
        jsonl.write(hypotheses(), out)
    return failures


def score(recipe: Recipe) -> dict[str, Any]:
    """Errors of the judged part; writes score.json and completes card.md."""
    from seqrec.modelfolder import ModelFolder
    from seqrec.report.card import write_card
    from seqrec.scoring import as_row, pair
    from seqrec.scoring import score as count
    from seqrec.transcripts import read_hypotheses, read_references

    part, hyp = recipe.judged, recipe.exp / "hyp.jsonl"
    paired = pair(read_references(recipe.manifest(part)), read_hypotheses(hyp), str(hyp))
    row = {"part": part, **as_row(count(paired.pairs, 20), paired)}
    with atomic(recipe.exp / "score.json") as out:
        json.dump(row, out, ensure_ascii=False, indent=1)
    write_card(ModelFolder(recipe.exp), {part: row})
    return row


def report(recipe: Recipe) -> Path:
    """Write report.html and return its place."""
    from seqrec.report.page import write_page

    page = recipe.exp / "report.html"
    write_page(page, recipe.exp, recipe.manifest(recipe.judged))
    return page


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _listing(source: Path | None) -> list[Any]:
    """What a source folder holds, by name, size and time."""
    if source is None:
        return []
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    return [
        str(source.resolve()),
        *((str(f.relative_to(source)), f.stat().st_size, f.stat().st_mtime_ns) for f in files),
    ]


def _digest(path: Path) -> str:
    if not path.exists():
        return ""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
