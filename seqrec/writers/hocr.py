"""hOCR, made new from the lines of an ALTO or PAGE file: page, blocks, lines, and words with their confidence.

A line that was not recognised stands there without words.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import IO

import seqrec
from seqrec import corpora
from seqrec.corpora import _pages
from seqrec.corpora._pages import Page
from seqrec.decoding import Hypothesis
from seqrec.inputs import Document
from seqrec.samples import Points, Sample
from seqrec.writers import placed
from seqrec.writers._pagetext import box, clean, content, element, outline

POSITIONS = ("px",)
SUFFIX = ".hocr"
PAGES = ("alto", "page")

_HEAD = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title></title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
<meta name="ocr-system" content="seqrec {seqrec.__version__}"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_line ocrx_word"/>
</head>
<body>
"""


def write(hypotheses: Iterable[Hypothesis], out: IO[str], document: Document) -> None:
    """Raises DataError when the document is neither ALTO nor PAGE."""
    page: Page = corpora.reader(_pages.kind(document.file) or "alto").load(document.file, document.folder)
    by_id = {hypothesis.id: hypothesis for hypothesis in hypotheses}
    parents = {child: parent for parent in page.root.iter() for child in parent}
    lines = [(parents[line], sample) for line, sample in page.lines if isinstance(sample, Sample)]
    blocks = [[sample for _, sample in group] for _, group in groupby(lines, key=lambda each: each[0])]
    inside = [_block(number, block, by_id) for number, block in enumerate(blocks, 1)]
    image = clean(page.image.name).replace('"', "%22")
    title = f'image "{image}"; {_bbox(_whole(page, blocks))}; ppageno 0'
    out.write(_HEAD + element("div", {"class": "ocr_page", "id": "page_1", "title": title}, "\n", *inside))
    out.write("\n</body>\n</html>\n")


def _whole(page: Page, blocks: list[list[Sample]]) -> Points:
    """The page, as far as its lines reach where the file does not tell its size."""
    return (0.0, 0.0), page.size or box(_points([line for block in blocks for line in block]))[2:]


def _points(lines: list[Sample]) -> Points:
    return tuple(point for line in lines for point in line.polygon or ()) or ((0.0, 0.0),)


def _block(number: int, lines: list[Sample], by_id: dict[str, Hypothesis]) -> str:
    inside = [_line(f"{number}_{n}", line, by_id.get(line.id)) for n, line in enumerate(lines, 1)]
    named = {"class": "ocr_carea", "id": f"block_{number}", "title": _bbox(_points(lines))}
    return element("div", named, "\n", *inside) + "\n"


def _line(number: str, line: Sample, hypothesis: Hypothesis | None) -> str:
    words = placed(hypothesis.words, hypothesis) if hypothesis else []
    shown = []
    for n, word in enumerate(words, 1):
        title = f"{_bbox(outline(line, word))}; x_wconf {round(100 * word.confidence)}"
        named = {"class": "ocrx_word", "id": f"word_{number}_{n}", "title": title}
        shown.append(element("span", named, content(word.text)))
    named = {"class": "ocr_line", "id": f"line_{number}", "title": _bbox(_points([line]))}
    return element("span", named, " ".join(shown) or content(hypothesis.text if hypothesis else "")) + "\n"


def _bbox(points: Points) -> str:
    return "bbox " + " ".join(f"{max(0, round(value))}" for value in box(points))
