"""report.html: how a training went and what the model reads, on one page without scripts or foreign parts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from seqrec.alphabet import graphemes
from seqrec.features import Extractor
from seqrec.files import atomic
from seqrec.modelfolder import ModelFolder
from seqrec.report.plot import curves
from seqrec.report.signal import picture
from seqrec.samples import Sample, read_manifest
from seqrec.transcripts import read_hypotheses

_SHOWN = 12  # samples at the end of the page
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
.big { font-size: 2rem } .sample { border-top: 1px solid #ddd; padding: .7rem 0 } img { max-width: 100% }
del { background: #fdd } ins { background: #dfd; text-decoration: none } code { overflow-wrap: anywhere }
"""


def write_page(page: Path, exp: Path, manifest: Path) -> None:
    """Write the page of the model folder `exp`, whose `score.json` and `hyp.jsonl` belong to `manifest`."""
    folder = ModelFolder(exp, own_files=True)
    score = json.loads((exp / "score.json").read_text(encoding="utf-8"))
    heard = {one.id: one.text for one in read_hypotheses(exp / "hyp.jsonl")}
    samples = list(islice(read_manifest(manifest, lambda named_before: None), _SHOWN))
    with atomic(page) as out:
        out.write(_html(folder, score, samples, heard))


def _html(folder: ModelFolder, score: dict[str, Any], samples: Sequence[Sample], heard: dict[str, str]) -> str:
    rows = folder.training_rows
    rates = {"dev CER %": [100 * row["dev_cer"] for row in rows], "dev WER %": [100 * row["dev_wer"] for row in rows]}
    words, chars = score["words"], score["characters"]
    body = [
        f"<h1>{escape(folder.path.resolve().name)}</h1>",
        f"<p><span class=big>{score['cer']:.2%} CER, {score['wer']:.2%} WER</span> on {escape(score['part'])}: "
        f"{chars['errors']:,} errors in {chars['n']:,} characters, {words['errors']:,} in {words['n']:,} words, "
        f"{score['samples']:,} samples, greedy decoding</p>",
        "<h2>Training</h2>",
        curves({"loss per label": [row["loss"] for row in rows]}),
        curves(rates, highest=100),
        "<h2>What it reads</h2>",
        *(_sample(sample, heard.get(sample.id, ""), folder.extractor) for sample in samples),
        "<h2>Worst</h2>",
        *(f"<div class=sample>{escape(w['id'])}<br>{_marked(w['aligned'])}</div>" for w in score["worst"]),
        "<h2>Recipe</h2>",
        f"<pre>{escape(folder.config.model_dump_json(indent=1))}</pre>",
    ]
    title = escape(folder.path.resolve().name)
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    return head + "\n".join(body) + "\n"


def _sample(sample: Sample, hypothesis: str, extractor: Extractor) -> str:
    text = sample.text or ""
    right = graphemes(text) == graphemes(hypothesis)
    reads = escape(hypothesis) if right else f"{escape(hypothesis)} <small>for</small> {escape(text)}"
    return f"<div class=sample>{picture(sample, extractor)}<br>{reads} <small>{escape(sample.id)}</small></div>"


def _marked(aligned: str) -> str:
    def tagged(found: re.Match[str]) -> str:
        return f"<del>{found[1]}</del>" if found[1] else f"<ins>{found[2]}</ins>"

    return re.sub(r"\[-(.+?)-\]|\{\+(.+?)\+\}", tagged, escape(aligned))
