"""WebVTT subtitles, a file for each sound. What the format obeys, `&`, `<` and `>`, is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO
from xml.sax.saxutils import escape

from seqrec.decoding import Hypothesis
from seqrec.inputs import Document
from seqrec.writers._cues import cues

POSITIONS = ("s",)
SUFFIX = ".vtt"


def write(hypotheses: Iterable[Hypothesis], out: IO[str], document: Document) -> None:
    out.write("WEBVTT\n")
    for cue in cues(hypotheses):
        text = "\n".join(map(escape, cue.lines))
        out.write(f"\n{_time(cue.start)} --> {_time(cue.end)}\n{text}\n")


def _time(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
