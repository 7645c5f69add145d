"""`seqrec info`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seqrec.modelfolder import ModelFolder


@click.command(short_help="What a model is and how it was trained.")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(model: str, as_json: bool) -> None:
    """Say what MODEL reads and writes, its size, its best epoch and its card.

    \b
    seqrec info recipes/fsdd/model.zip
    """
    from seqrec.modelfolder import ModelFolder

    facts = _facts(ModelFolder(model))
    if as_json:
        import json

        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        _say(facts)


def _facts(folder: ModelFolder) -> dict[str, Any]:
    from seqrec.packing import n_parameters

    config, alphabet = folder.config, folder.alphabet
    return {
        "model": str(folder.path),
        "features": config.features | {"domain": folder.extractor.domain, "dim": folder.extractor.dim},
        "network": config.network.model_dump(mode="json", exclude_defaults=True) | _main(folder),
        "parameters": n_parameters(folder.onnx_bytes(), folder.where("model.onnx")),
        "alphabet": {"form": alphabet.form, "size": len(alphabet.symbols), "symbols": list(alphabet.symbols)},
        "finetune": config.finetune.model_dump(mode="json") if config.finetune else None,
        "epochs": sum(row.get("epoch") != 0 for row in folder.training_rows) if folder.has("training.jsonl") else None,
        "best": _best(folder),
        "decoding": _decoding(folder),
        "card": folder.card if folder.has("card.md") else None,
    }


def _decoding(folder: ModelFolder) -> dict[str, Any] | None:
    """What was tuned on dev: errors and how far confidences are from the truth, by the way of decoding."""
    if not folder.has("decoding.json"):
        return None
    settings = folder.settings
    return {
        "language_model": folder.has("lm.bin"),
        "search": settings.search.model_dump(mode="json"),
        "dev": {
            how: found.model_dump(mode="json")
            | {f"{level}_calibration_error": curve.error for level, curve in settings.calibration[how]}
            for how, found in settings.measured.items()
        },
    }


def _main(folder: ModelFolder) -> dict[str, Any]:
    network = folder.config.network
    return {"cell": network.cell, "layers": network.layers, "units": network.units, "frames_per_output": network.factor}


def _best(folder: ModelFolder) -> dict[str, Any] | None:
    """The epoch with the least dev CER, which the model is from; of equals a fine-tuning's last."""
    rows = folder.training_rows if folder.has("training.jsonl") else []
    rated = [row for row in rows if isinstance(row.get("dev_cer"), int | float)]
    return min(rated[::-1] if folder.config.finetune else rated, key=lambda row: float(row["dev_cer"]), default=None)


def _say(facts: dict[str, Any]) -> None:
    from seqrec.writers import visible

    symbols = "".join(facts["alphabet"]["symbols"])
    rows = {
        "model": facts["model"],
        "features": _brief(facts["features"]),
        "network": _brief(facts["network"]),
        "parameters": f"{facts['parameters']:,}",
        "alphabet": f"{facts['alphabet']['size']} symbols, {facts['alphabet']['form']}: {symbols}",
        "training": f"{facts['epochs']} epochs" if facts["epochs"] else "not recorded",
    }
    if facts["finetune"]:
        rows["fine-tuned"] = f"from {_brief(facts['finetune'])}"
    if facts["best"]:
        rows["best epoch"] = _brief(facts["best"])
    if facts["decoding"]:
        rows |= _decoded(facts["decoding"])
    for name, value in rows.items():
        click.echo(f"{name:12}{visible(value)}")
    click.echo()
    for line in (facts["card"] or "no card.md").splitlines():
        click.echo(visible(line))


_HOW = {"greedy": "greedy", "beam": "beam", "lm": "with LM"}


def _decoded(decoding: dict[str, Any]) -> dict[str, str]:
    """A row for each way of decoding, and one for the weights."""
    rows = {}
    for how, dev in decoding["dev"].items():
        error = dev["word_calibration_error"]
        said = "" if error is None else f", confidence of words {error:.1%} off"
        seen = "" if dev["seen"] is None else f", {dev['seen']:.1%} of the words in the LM's text"
        rows[_HOW[how]] = f"dev CER {dev['cer']:.2%}, WER {dev['wer']:.2%}{said}{seen}"
    return rows | {"search": _brief(decoding["search"])}


def _brief(table: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in table.items()
    )
