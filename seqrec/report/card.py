"""card.md: what a model is, what it was trained on and how well it does, for whoever gets it."""

from __future__ import annotations

import json
import re
from typing import Any

from seqrec.config import Finetune
from seqrec.files import atomic
from seqrec.modelfolder import ModelFolder
from seqrec.writers import visible


def write_card(folder: ModelFolder, tests: dict[str, dict[str, Any]] | None = None) -> None:
    """Write card.md from the folder's config and training; `tests` are scores by the set's name (see cli/run.py)."""
    with atomic(folder.path / "card.md") as out:
        out.write(card(folder, tests or {}))


def card(folder: ModelFolder, tests: dict[str, dict[str, Any]]) -> str:
    config, rows = folder.config, folder.training_rows
    # Of equals a fine-tuning keeps the last, any other training the first.
    last, best = rows[-1], min(rows[::-1] if config.finetune else rows, key=lambda row: row["dev_cer"])
    about, network = config.card, config.network
    symbols = " ".join(visible(symbol).replace(" ", "␣") for symbol in folder.alphabet.symbols)
    facts = {
        "Reads": {"sound": "sound", "ink": "pen ink", "image": "line images"}[folder.extractor.domain],
        "Data": about.data,
        "Licence": about.licence,
        "Attribution": about.attribution,
        "Split": about.split,
        "Alphabet": f"{len(folder.alphabet.symbols)} symbols: {_code(symbols)}",
        "Features": _code(json.dumps(config.features)),
        "Network": f"{network.layers} x {network.units} {network.cell}"
        + (", bidirectional" if network.cell != "dense" else "")
        + (f", behind {len(network.conv)} convolutions" if network.conv else ""),
        "Fine-tuned": _came_from(config.finetune),
        "Trained": f"{last['epoch']} epochs, {last['total_seconds'] / 60:.1f} minutes, seed {config.training.seed}",
        "Dev": f"CER {best['dev_cer']:.2%}, WER {best['dev_wer']:.2%} (epoch {best['epoch']}, chosen by dev CER)",
    }
    how = "with its language model" if folder.has("lm.bin") else "greedy decoding"
    lines = ["# A seqrec model", ""]
    lines += [f"- **{name}**: {' '.join(said.split())}" for name, said in facts.items() if said]
    lines += [
        f"- **{name}**: CER {s['cer']:.2%} of {s['characters']['n']} characters, "
        f"WER {s['wer']:.2%} of {s['words']['n']} words, {s['samples']} samples, {how}"
        for name, s in tests.items()
    ]
    return "\n".join([*lines, "", "Use: `seqrec decode MODEL INPUT`", ""])


def _came_from(options: Finetune | None) -> str:
    if options is None:
        return ""
    said = [f"from {options.base} ({options.digest[:12]})"]
    said += [f"{options.freeze} layers frozen"] if options.freeze else []
    said += [f"each layer at {options.layer_rate:g} times the rate above it"] if options.layer_rate < 1 else []
    said += [f"with {options.replay:,} of its training samples"] if options.replay else []
    return ", ".join(said)


def _code(text: str) -> str:
    """Markdown's code span, with a fence longer than any row of backticks in the text."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}"
