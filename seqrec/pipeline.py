"""A recipe's stages, each skipped when nothing that it depends on has changed.

prepare  the recipe's prepare.py       -> data/train.jsonl, dev.jsonl, test.jsonl
check    what is wrong with the data   -> check.json
train                                  -> the model folder itself
tune     weights and calibration, on dev -> decoding.json, lm.bin
decode   test, or dev where there is none -> hyp.jsonl
score                                  -> score.json, card.md
report                                 -> report.html
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from seqrec.errors import DataError
from seqrec.files import atomic
from seqrec.preparing import LEFT_OUT
from seqrec.recipe import Recipe, check_options
from seqrec.samples import read_manifest

_MODEL = ("model.onnx", "checkpoints", "training.jsonl", "card.md")
_OF_MODEL = (
    "config.json",
    "alphabet.json",
    "normalizer.npz",
    "decoding.json",
    "lm.bin",
    "hyp.jsonl",
    "score.json",
    "report.html",
)


def prepare(recipe: Recipe) -> bool:
    """Run prepare.py in a process of its own; True when it could use everything, else it names on stderr what not.

    Raises DataError.
    """
    script = recipe.path.with_name("prepare.py")
    command = [sys.executable, str(script), "--out", str(recipe.exp / "data")]
    command += ["--options", json.dumps(recipe.config.prepare)]
    if recipe.source is not None:
        command += ["--source", str(recipe.source)]
    if recipe.smoke:
        command.append("--smoke")
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    if code not in (0, LEFT_OUT):
        raise DataError(script, "failed", "", "see its message above; real data need --source FOLDER")
    for path in recipe.outputs("prepare"):
        if not path.exists():
            raise DataError(script, f"wrote no {path.name}", "samples to train on, and others as dev to choose by")
    return code == 0


def check(recipe: Recipe, on_sample: Callable[[], None]) -> tuple[list[str], int]:
    """What is wrong with the data, in a few lines, and how many errors there are. Writes all to check.json."""
    from seqrec import checking
    from seqrec.checking.telling import told

    config = recipe.config
    features = check_options(config, str(recipe.path))
    manifests = [recipe.manifest(part) for part in dict.fromkeys(("train", "dev", recipe.judged))]
    report = checking.check(manifests, features, None, config.network.n_out, form=config.text.form, on_sample=on_sample)
    lines = [str(found) for found in report.findings]
    rejected = {path.stem: sorted(places) for path, places in report.rejected.items()}
    table = {"inputs": recipe.inputs("check"), "summary": report.summary, "findings": lines, "rejected": rejected}
    with atomic(recipe.exp / "check.json") as out:
        json.dump(table, out, indent=1)
    return list(told(report)), len(report.errors)


def make_room(recipe: Recipe) -> Path | None:
    """Move an older training out of the way, so that nothing is lost; returns where to."""
    if not any((recipe.exp / name).exists() for name in _MODEL):
        return None
    number = 1
    while (aside := recipe.exp / "older" / str(number)).exists():
        number += 1
    aside.mkdir(parents=True)
    for name in (*_MODEL, *_OF_MODEL):
        if (recipe.exp / name).exists():
            (recipe.exp / name).rename(aside / name)
    return aside


def decode(recipe: Recipe, on_failure: Callable[[str], None], on_sample: Callable[[], None]) -> int:
    """Decode the judged part to hyp.jsonl, with the language model if there is one; returns how many samples failed."""
    from seqrec.decoding import Hypothesis
    from seqrec.inputs import samples_of
    from seqrec.modelfolder import ModelFolder
    from seqrec.reader import Decoding
    from seqrec.recognizer import load
    from seqrec.writers import jsonl

    lm = "default" if ModelFolder(recipe.exp, own_files=True).has("lm.bin") else None
    recognizer = load(recipe.exp, own_files=True, decoding=Decoding(lm=lm))
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
    from seqrec.scoring import Transcript, pair
    from seqrec.scoring.analysis import analyse, as_row
    from seqrec.transcripts import read_hypotheses

    part, hyp = recipe.judged, recipe.exp / "hyp.jsonl"
    samples = read_manifest(recipe.manifest(part), lambda named_before: None)
    references = [Transcript(one.id, one.text, one.group) for one in samples if one.text is not None]
    paired = pair(references, read_hypotheses(hyp), str(hyp))
    row = {"part": part, **as_row(analyse(paired, worst=20))}
    with atomic(recipe.exp / "score.json") as out:
        json.dump(row, out, ensure_ascii=False, indent=1)
    trained = ModelFolder(recipe.exp).config
    with atomic(recipe.exp / "config.json") as out:  # its [card] may be older than the recipe's
        out.write(trained.model_copy(update={"card": recipe.config.card}).model_dump_json(indent=1) + "\n")
    write_card(ModelFolder(recipe.exp, own_files=True), {part: row})
    return row


def report(recipe: Recipe) -> Path:
    """Write report.html and return its place."""
    from seqrec.report.page import write_page

    page = recipe.exp / "report.html"
    write_page(page, recipe.exp, recipe.manifest(recipe.judged))
    return page
