"""Comma-separated values with a header line: id, text, confidence.

Control characters are escaped, so that a row is always one line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import IO

from seqrec.decoding import Hypothesis
from seqrec.writers import visible


def write(hypotheses: Iterable[Hypothesis], out: IO[str]) -> None:
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["id", "text", "confidence"])
    for hypothesis in hypotheses:
        rows.writerow([visible(hypothesis.id), visible(hypothesis.text), f"{hypothesis.confidence:.4f}"])
