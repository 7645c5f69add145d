"""One JSON object a line: `{"id": "a1", "text": "hello", "confidence": 0.9731}`, and all that is known beside.

`words` and `chars` have each a text and a confidence, and where positions were asked for a start and an end in
`unit`; `alternatives`, where they were asked for, a text and a probability.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any

from seqrec.decoding import Hypothesis, Span, Unit
from seqrec.writers import visible

_DIGITS: dict[Unit | None, int] = {"s": 3, "px": 1, "points": 1, None: 3}  # of positions


def write(hypotheses: Iterable[Hypothesis], out: IO[str]) -> None:
    for hypothesis in hypotheses:
        # JSON leaves DEL, C1 and bidirectional controls as they are; their escapes mean the same to a reader.
        out.write(visible(json.dumps(_row(hypothesis), ensure_ascii=False)) + "\n")


def _row(hypothesis: Hypothesis) -> dict[str, Any]:
    digits = _DIGITS[hypothesis.unit]
    row: dict[str, Any] = {"id": hypothesis.id, "text": hypothesis.text, "confidence": round(hypothesis.confidence, 4)}
    if hypothesis.unit:
        row["unit"] = hypothesis.unit
    if hypothesis.words:
        row["words"] = [_span(span, digits) for span in hypothesis.words]
    if hypothesis.chars:
        row["chars"] = [_span(span, digits) for span in hypothesis.chars]
    if hypothesis.alternatives:
        row["alternatives"] = [
            {"text": other.text, "probability": round(other.probability, 4)} for other in hypothesis.alternatives
        ]
    return row


def _span(span: Span, digits: int) -> dict[str, Any]:
    row: dict[str, Any] = {"text": span.text, "confidence": round(span.confidence, 4)}
    if span.start is not None and span.end is not None:
        row |= {"start": round(span.start, digits), "end": round(span.end, digits)}
    return row
