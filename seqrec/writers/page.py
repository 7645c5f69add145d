"""PAGE XML: the file that was given, its lines filled with what was recognised.

A recognised line gets a Word for each word, with its polygon, text and confidence, and the text of the line
with its confidence. A region that has a text of its own gets the text of its lines. Other lines, and all else,
stay as they are, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import IO
from xml.etree.ElementTree import Element

from seqrec.corpora import page as corpus
from seqrec.corpora._pages import children, descendants, unused
from seqrec.decoding import Hypothesis
from seqrec.inputs import Document
from seqrec.samples import Points, Sample
from seqrec.writers import placed
from seqrec.writers._pagetext import Text, box, content, element, outline, recognised

POSITIONS = ("px",)
SUFFIX = ".xml"
PAGES = ("page",)


def write(hypotheses: Iterable[Hypothesis], out: IO[str], document: Document) -> None:
    """Raises DataError when the document is no PAGE file."""
    page = corpus.load(document.file, document.folder)
    text = Text(document.file, page.root)
    lines = recognised(page, hypotheses)
    ids = _ids(page.root, [line for line, _, _ in lines])
    for line, sample, hypothesis in lines:
        new = [*_words(line, sample, hypothesis, text.prefix(line), ids)]
        new.append(_text(hypothesis.text, text.prefix(line), _confidence(line, hypothesis.confidence)))
        text.replace(line, {"Word", "TextEquiv"}, {"AlternativeImage", "Coords", "Baseline"}, new)
    _refill_regions(page.root, text, {line: hypothesis.text for line, _, hypothesis in lines})
    out.write(text.changed())


def _ids(root: Element, lines: list[Element]) -> set[str]:
    """The ids that new words cannot have: all but those of the old words."""
    old = {part for line in lines for word in children(line, "Word") for part in word.iter()}
    return {each.get("id", "") for each in root.iter() if each not in old}


def _words(line: Element, sample: Sample, hypothesis: Hypothesis, prefix: str, ids: set[str]) -> Iterator[str]:
    for number, word in enumerate(placed(hypothesis.words, hypothesis), 1):
        coords = _coords(outline(sample, word), line, prefix)
        text = _text(word.text, prefix, _confidence(line, word.confidence))
        yield element(f"{prefix}Word", {"id": unused(f"{line.get('id') or 'line'}_w{number}", ids)}, coords, text)


def _text(said: str, prefix: str, attributes: dict[str, str]) -> str:
    return element(
        f"{prefix}TextEquiv", attributes, element(f"{prefix}Unicode", {}, "\n".join(map(content, said.split("\n"))))
    )


def _coords(points: Points, line: Element, prefix: str) -> str:
    whole = _whole(points)
    if _is_old(line):
        return element(f"{prefix}Coords", {}, *(element(f"{prefix}Point", {"x": x, "y": y}) for x, y in whole))
    return element(f"{prefix}Coords", {"points": " ".join(f"{x},{y}" for x, y in whole)})


def _whole(points: Points) -> list[tuple[int, int]]:
    """Rounded to pixels, none twice in a row; the box where less than a triangle is left of them."""
    whole = [at for at, _ in groupby((max(0, round(x)), max(0, round(y))) for x, y in points)]
    if len(set(whole)) > 2:
        return whole
    left, top, right, bottom = (max(0, round(value)) for value in box(points))
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _confidence(line: Element, confidence: float) -> dict[str, str]:
    return {} if _is_old(line) else {"conf": f"{confidence:.4f}"}


def _is_old(line: Element) -> bool:
    """Versions 2009 and 2010: Point elements, no confidence of a text."""
    return children(line, "Coords")[0].get("points") is None


def _refill_regions(root: Element, text: Text, new: dict[Element, str]) -> None:
    for region in descendants(root, "TextRegion"):
        lines = children(region, "TextLine")
        if any(line in new for line in lines) and children(region, "TextEquiv"):
            said = "\n".join(new[line] if line in new else corpus.text_of(line) or "" for line in lines)
            text.replace(region, {"TextEquiv"}, {"TextLine"}, [_text(said, text.prefix(region), {})])
