"""ALTO: the file that was given, its lines filled with what was recognised.

A recognised line gets a String for each word, with its box and its confidence (WC), and an SP between them; an
empty one a single empty String. Other lines, and all else, stay as they are, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from seqrec.corpora import alto
from seqrec.decoding import Hypothesis
from seqrec.inputs import Document
from seqrec.samples import Points, Sample
from seqrec.writers import placed
from seqrec.writers._pagetext import Text, box, element, outline, recognised

POSITIONS = ("px",)
SUFFIX = ".xml"
PAGES = ("alto",)


def write(hypotheses: Iterable[Hypothesis], out: IO[str], document: Document) -> None:
    """Raises DataError when the document is no ALTO file."""
    page = alto.load(document.file, document.folder)
    text = Text(document.file, page.root)
    for line, sample, hypothesis in recognised(page, hypotheses):
        new = _strings(sample, hypothesis, text.prefix(line), page.scale)
        text.replace(line, {"String", "SP", "HYP"}, {"Shape"}, new)
    out.write(text.changed())


def _strings(sample: Sample, hypothesis: Hypothesis, prefix: str, scale: float) -> Iterator[str]:
    words = placed(hypothesis.words, hypothesis)
    outlines = [outline(sample, word) for word in words]
    if not words:
        assert sample.polygon
        said = {"CONTENT": hypothesis.text, "WC": f"{hypothesis.confidence:.4f}"}
        yield element(f"{prefix}String", said | _box(sample.polygon, scale))
    for number, (word, points) in enumerate(zip(words, outlines, strict=True)):
        if number:
            yield _space(outlines[number - 1], points, prefix, scale)
        said = {"CONTENT": word.text, "WC": f"{word.confidence:.4f}"}
        yield element(f"{prefix}String", said | _box(points, scale))


def _space(left: Points, right: Points, prefix: str, scale: float) -> str:
    """The space between two words: from where the one ends to where the other begins."""
    _, top, start, bottom = box(left)
    end = max(start, box(right)[0])
    return element(f"{prefix}SP", _box(((start, top), (end, bottom)), scale))


def _box(points: Points, scale: float) -> dict[str, str]:
    """In units of the file, whole numbers: it is integers that older versions and most readers expect."""
    left, top, right, bottom = (round(value / scale) for value in box(points))
    return {"HPOS": f"{left}", "VPOS": f"{top}", "WIDTH": f"{right - left}", "HEIGHT": f"{bottom - top}"}
