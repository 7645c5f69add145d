"""What every recipe's prepare.py shares: its command line, and the manifests it leaves."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from seqrec.errors import ConfigError, DataError, SeqrecError
from seqrec.files import atomic
from seqrec.options import Options
from seqrec.samples import OnError, Sample, write_manifest
from seqrec.splits import PARTS
from seqrec.writers import visible

O = TypeVar("O", bound=Options)  # noqa: E741


@dataclass(frozen=True)
class Given(Generic[O]):
    """What a recipe's `samples` has to work with."""

    source: Path  # the corpus; the current folder where none was given
    out: Path  # folder of the manifests, and of any files that are made for them
    options: O  # the [prepare] table
    smoke: bool  # a tiny version is enough
    on_error: OnError  # for what cannot be used


LEFT_OUT = 3  # exit code of a prepare.py that could not use everything; 1 is that of a crash

_SMOKE = {"train": 64, "dev": 16, "test": 16}


def prepare(
    samples: Callable[[Given[O]], Iterable[tuple[str, Sample]]],
    options: type[O],
    about: str,
    argv: list[str] | None = None,
) -> None:
    """Write train.jsonl, dev.jsonl and test.jsonl from the (split, sample) pairs that `samples` gives.

    What cannot be used is named on stderr, the rest is written, and the exit code is LEFT_OUT. A mistake
    that leaves nothing to write ends in one line and the exit code 2. With --smoke only the first few
    samples of each split are kept.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the manifests")
    parser.add_argument("--source", type=Path, help="the corpus, where it is not generated")
    parser.add_argument("--options", default="{}", help="the recipe's [prepare] table, as JSON")
    parser.add_argument("--smoke", action="store_true", help="a tiny version, to try the recipe out")
    given = parser.parse_args(argv)

    left_out = 0

    def name(error: SeqrecError) -> None:
        nonlocal left_out
        left_out += 1
        sys.stderr.write(f"left out: {visible(str(error))}\n")

    try:
        parsed = options.parse(_table(given.options), "[prepare]")
        pairs = samples(Given(given.source or Path(), given.out, parsed, given.smoke, name))
        counts = _write(pairs, given.out, _SMOKE if given.smoke else {})
    except SeqrecError as error:
        parser.exit(2, f"prepare: {visible(str(error))}\n")
    except OSError as error:
        parser.exit(2, f"prepare: {visible(str(error.filename))}: {error.strerror}\n")
    except KeyboardInterrupt:
        parser.exit(130, "prepare: interrupted\n")
    sys.stderr.write(", ".join(f"{split} {count:,}" for split, count in counts.items()) + " samples\n")
    if left_out:
        sys.exit(LEFT_OUT)


def more_text(given: Given[O], path: str) -> None:
    """Give the language model a word list too, a word a line; it is said where there is none. "" asks for none."""
    if not path:
        return
    try:
        words = Path(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        came = f"cannot be read ({error.strerror if isinstance(error, OSError) else 'no UTF-8'})"
        mend = "without it the language model knows the words of train alone: see the head of recipe.toml"
        sys.stderr.write(f"{visible(str(DataError(path, came, 'a word list, a word a line', mend)))}\n")
        return
    with atomic(given.out / "text.txt") as out:
        out.writelines(f"{word}\n" for word in words if word.isascii() and "'" not in word)


def _table(options: str) -> dict[str, Any]:
    try:
        table = json.loads(options)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise ConfigError("--options", f"{options!r:.60}", "a JSON object", """for instance '{"seed": 2}'""")
    return table


def _write(pairs: Iterable[tuple[str, Sample]], out: Path, most: dict[str, int]) -> dict[str, int]:
    parts: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for split, sample in pairs:
        if len(parts[split]) < most.get(split, sys.maxsize):
            parts[split].append(sample)
    if not any(parts.values()):
        raise DataError(out, "would get no sample", "one or more", "name the folder of the corpus with --source")
    for part, samples in parts.items():
        if not samples:
            (out / f"{part}.jsonl").unlink(missing_ok=True)  # of an earlier run
    return {split: write_manifest(out / f"{split}.jsonl", samples) for split, samples in parts.items() if samples}
