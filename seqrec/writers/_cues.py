"""Words with times -> what a subtitle shows, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from seqrec.decoding import Hypothesis
from seqrec.writers import Place, placed

LINE, LINES = 42, 2  # characters of a line, lines of a cue: what subtitling guidelines agree on
SHORTEST, LONGEST = 1.0, 7.0  # seconds that a cue is shown
PAUSE = 0.6  # seconds of silence at which a new cue begins


class Cue(NamedTuple):
    """Lines, shown from `start` to `end`, both in milliseconds."""

    start: int
    end: int
    lines: list[str]


def cues(hypotheses: Iterable[Hypothesis]) -> list[Cue]:
    """The cues of one sound: in order, none empty, none over another, each at least a millisecond long.

    A cue is shown for SHORTEST to LONGEST seconds, less where the next one comes sooner; a word longer
    than a line has a line of its own. Hypotheses, which may be parts of the sound, never share a cue.
    """
    groups: list[list[Place]] = []
    for hypothesis in hypotheses:
        groups += _groups(placed(hypothesis.words, hypothesis))
    groups.sort(key=lambda group: group[0].start)
    found: list[Cue] = []
    for number, group in enumerate(groups):
        last = max(word.end for word in group)
        following = groups[number + 1][0].start if number + 1 < len(groups) else float("inf")
        end = min(max(last, group[0].start + SHORTEST), group[0].start + LONGEST, max(following, group[0].start))
        start = max(_ms(group[0].start), found[-1].end if found else 0)
        found.append(Cue(start, max(_ms(end), start + 1), _wrapped(group)))
    return found


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _groups(words: list[Place]) -> list[list[Place]]:
    """The words of each cue: a new one begins after a pause, and where the words fill the cue or its time."""
    groups: list[list[Place]] = []
    for word in words:
        group = groups[-1] if groups else []
        pause = bool(group) and word.start - group[-1].end > PAUSE and word.start - group[0].start >= SHORTEST
        late = bool(group) and word.end - group[0].start > LONGEST
        if not group or pause or late or len(_wrapped([*group, word])) > LINES:
            groups.append([])
        groups[-1].append(word)
    return groups


def _wrapped(words: list[Place]) -> list[str]:
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word.text) > LINE:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word.text
    return lines
