"""Language models in files: which kind a file is, and reading and writing by it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from seqrec.errors import ConfigError
from seqrec.files import atomic
from seqrec.lm import binary
from seqrec.lm.arpa import KENLM, read_arpa, write_arpa
from seqrec.lm.model import LanguageModel
from seqrec.lm.texts import Progress, Unit, no_progress, numbered_lines, opened

SUFFIXES = (".bin", ".arpa", ".arpa.gz")
_HEAD = 100  # lines in which a model says that it is one


def check_name(path: str | Path) -> None:
    """That a model can be written there. Raises ConfigError."""
    if not str(path).lower().endswith(SUFFIXES):
        raise ConfigError(path, "has no suffix that says what to write", " or ".join(SUFFIXES))


def is_model(path: str | Path) -> bool:
    """Whether a file is a language model, and no text to train on: by what it begins with."""
    if str(path).lower().endswith(SUFFIXES):
        return True
    if not Path(path).is_file() or Path(path).suffix.lower() == ".jsonl":
        return False
    with opened(path, "a text file") as stream:
        if binary.is_binary(stream.read(len(binary.MAGIC))):
            return True
        stream.seek(0)
        lines = islice(numbered_lines(str(path), stream), _HEAD)
        return any(line.startswith(KENLM) or line.strip().lower() == b"\\data\\" for _, line in lines)


def load(path: str | Path, unit: Unit | None = None, progress: Progress = no_progress) -> LanguageModel:
    """Read a model: ours, or ARPA, whose unit is guessed unless it is said. Raises DataError or ModelError."""
    with opened(path, "a language model, .bin or .arpa") as stream:
        if binary.is_binary(stream.read(len(binary.MAGIC))):
            stream.seek(0)
            return binary.from_bytes(stream.read(), str(path))
    return read_arpa(path, unit, progress)


def save(model: LanguageModel, path: str | Path, progress: Progress = no_progress) -> None:
    """Write a model: ARPA, or ours where the name ends in `.bin`. Raises ConfigError or DataError."""
    check_name(path)
    if str(path).lower().endswith(".bin"):
        with atomic(path, "wb") as out:
            out.write(binary.to_bytes(model))
    else:
        write_arpa(model, path, progress)
