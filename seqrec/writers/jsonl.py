"""One JSON object a line: `{"id": "a1", "text": "hello", "confidence": 0.9731}`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO

from seqrec.decoding import Hypothesis
from seqrec.writers import visible


def write(hypotheses: Iterable[Hypothesis], out: IO[str]) -> None:
    for hypothesis in hypotheses:
        row = {"id": hypothesis.id, "text": hypothesis.text, "confidence": round(hypothesis.confidence, 4)}
        # JSON leaves DEL, C1 and bidirectional controls as they are; their escapes mean the same to a reader.
        out.write(visible(json.dumps(row, ensure_ascii=False)) + "\n")
