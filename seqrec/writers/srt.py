"""SubRip subtitles, a file for each sound.

The arrow `-->`, for which the format has no escape, becomes `→`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from seqrec.decoding import Hypothesis
from seqrec.inputs import Document
from seqrec.writers._cues import cues

POSITIONS = ("s",)
SUFFIX = ".srt"


def write(hypotheses: Iterable[Hypothesis], out: IO[str], document: Document) -> None:
    for number, cue in enumerate(cues(hypotheses), 1):
        text = "\n".join(line.replace("-->", "→") for line in cue.lines)
        out.write(f"{number}\n{_time(cue.start)} --> {_time(cue.end)}\n{text}\n\n")


def _time(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"
