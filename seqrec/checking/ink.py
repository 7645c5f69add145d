"""Pen ink: is there any, and does its time run forwards?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seqrec.checking.report import Problem
from seqrec.features import _ink
from seqrec.samples import Sample

_FURTHEST = 1e12  # units; nothing that a tablet gives


def problems(sample: Sample) -> Iterator[Problem]:
    """What is wrong with the strokes of a sample."""
    strokes = [stroke for stroke in sample.strokes or () if len(stroke)]
    if not strokes:
        yield Problem("stroke", "has no points; expected strokes with points", "error")
        return
    if not _measurable(strokes):
        yield Problem("stroke", f"goes too far; expected numbers below {_FURTHEST:g}", "error")
        return
    count = sum(map(len, strokes))
    if all((stroke[:, :2] == strokes[0][0, :2]).all() for stroke in strokes):
        letters = sum(map(str.isalnum, sample.text or ""))
        if letters:  # a full stop is one point
            said = "has one point" if count == 1 else f"has all its {count} points in one place"
            yield Problem("stroke", f"{said} for {letters} letters", "error" if letters > 1 else "warning")
    if all(stroke.shape[1] == 3 for stroke in strokes):
        steps = np.diff(np.concatenate([stroke[:, 2] for stroke in strokes]))
        if (steps < 0).any():
            at = int(steps.argmin()) + 1
            yield Problem("stroke", f"its time runs backwards, by {-steps.min():.4g} s at point {at}", "warning")


def lengths(drawings: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """The way of the pen on the paper in corpus heights (D,); 0 where there is none, or none that can be measured."""
    found = np.zeros(len(drawings))
    good = [number for number, strokes in enumerate(drawings) if _measurable(strokes)]
    if good:
        ink = _ink.join([drawings[number] for number in good])
        _, steps, drawing = ink.steps
        found[good] = np.bincount(drawing, steps, ink.count) / _ink.corpus_height(ink)
    return found


def _measurable(strokes: Sequence[np.ndarray]) -> bool:
    inked = [stroke for stroke in strokes if len(stroke)]
    return bool(inked) and all(np.abs(stroke[:, :2]).max() < _FURTHEST for stroke in inked)
