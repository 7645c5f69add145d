"""The report page, its pictures and plots, and the model's card."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqrec.errors import DataError, ModelError
from seqrec.features import extractor
from seqrec.modelfolder import ModelFolder
from seqrec.report.card import card, write_card
from seqrec.report.page import write_page
from seqrec.report.plot import curves
from seqrec.report.signal import ink_svg, picture
from seqrec.samples import Sample
from tests.models import SOUND, beeps, image_model, write_line

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert('&')</script>"
ROWS = [
    {"epoch": 1, "loss": 2.0, "dev_cer": 0.5, "dev_wer": 1.5, "total_seconds": 30.0},
    {"epoch": 2, "loss": 1.0, "dev_cer": 0.125, "dev_wer": 0.25, "total_seconds": 66.0},
]
COUNTS = {"n": 8, "errors": 2, "substitutions": 1, "insertions": 1, "deletions": 0}
WORST = {"id": EVIL, "reference": "cafe", "hypothesis": "<cabe", "aligned": "{+<+}ca[-f-]{+b+}e", "errors": 2}
SCORE = {
    "part": "test", "cer": 0.25, "wer": 1.0, "samples": 2, "characters": COUNTS, "words": {**COUNTS, "n": 2},
    "worst": [WORST],
}  # fmt: skip


@pytest.fixture
def exp(tmp_path: Path) -> Path:
    """A model folder with all that a report is made from."""
    folder = image_model(tmp_path / "exp")
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "score.json").write_text(json.dumps(SCORE))
    hypotheses = [{"id": "a", "text": "abc"}, {"id": EVIL, "text": EVIL}]
    (folder / "hyp.jsonl").write_text("".join(json.dumps(row) + "\n" for row in hypotheses))
    write_line(tmp_path / "a.png", "abc")
    samples = [
        {"id": "a", "text": "abc", "path": "a.png"},
        {"id": EVIL, "text": "cafe", "path": "missing.png"},
        {"id": "silent", "path": "a.png"},
    ]
    lines = ["no JSON", *map(json.dumps, samples)]
    (tmp_path / "test.jsonl").write_text("".join(line + "\n" for line in lines))
    return folder


class Page(HTMLParser):
    """Which tags a page has, whether they close as they open, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.said = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br", "img", "html"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


def test_the_page(exp: Path) -> None:
    write_page(exp / "report.html", exp, exp.parent / "test.jsonl")
    html = (exp / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert "25.00% CER, 100.00% WER on test: 2 errors in 8 characters, 2 in 2 words, 2 samples" in page.said
    assert page.tags.count("svg") == 2
    assert page.tags.count("img") == 2  # of a.png, twice
    assert "script" not in page.tags
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert f"{EVIL} for cafe" in page.said
    assert "<ins>&lt;</ins>ca<del>f</del><ins>b</ins>e" in html
    assert '"kind": "columns"' in page.said


def test_marks_in_the_text_itself_break_nothing(exp: Path) -> None:
    worst = [{**WORST, "aligned": aligned} for aligned in ("[-", "+}a[-{+b-]", "{+[-+}{+-]+}", "[--]")]
    (exp / "score.json").write_text(json.dumps({**SCORE, "worst": worst}))
    write_page(exp / "report.html", exp, exp.parent / "test.jsonl")
    Page((exp / "report.html").read_text(encoding="utf-8"))


def test_a_page_of_what_is_missing(exp: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        write_page(exp / "report.html", exp, exp / "none.jsonl")
    (exp / "training.jsonl").unlink()
    with pytest.raises(ModelError, match=r"training.jsonl: is missing"):
        write_page(exp / "report.html", exp, exp.parent / "test.jsonl")
    assert not (exp / "report.html").exists()


def svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def points(element: ElementTree.Element) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in element.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_curves() -> None:
    drawn = svg(curves({"a & b": [4.0, 2.0, 0.0], "flat": [4.0, 4.0, 4.0]}))
    falling, flat = map(points, drawn.iter("polyline"))
    assert [x for x, _ in falling] == [48, 340, 632]
    assert [y for _, y in falling] == [8, 102, 196]
    assert {y for _, y in flat} == {8}
    said = [element.text for element in drawn.iter("text")]
    assert said == ["0", "1", "2", "3", "4", "a & b", "flat", "epoch 1", "3"]


def test_curves_are_cut_off() -> None:
    assert points(next(svg(curves({"x": [300.0, 50.0]}, highest=100)).iter("polyline"))) == [(48, 8), (632, 102)]
    assert points(next(svg(curves({"x": [10.0, 5.0]}, highest=100)).iter("polyline"))) == [(48, 8), (632, 102)]


@pytest.mark.parametrize("values", [[1.0], [0.0]])
def test_a_single_epoch_is_a_dot(values: list[float]) -> None:
    drawn = next(svg(curves({"x": values})).iter("polyline"))
    first, second = points(drawn)
    assert first == second
    assert drawn.attrib["stroke-linecap"] == "round"


def test_ink_keeps_its_shape() -> None:
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    drawn = svg(ink_svg([square, np.array([[5.0, 5.0, 0.1]])]))
    assert (drawn.attrib["width"], drawn.attrib["height"]) == ("64", "64")
    corners, dot = map(points, drawn.iter("polyline"))
    assert corners == [(4, 4), (60, 4), (60, 60), (4, 60)]
    assert dot == [(32, 32), (32, 32)]


@pytest.mark.parametrize(("wide", "high"), [(1e6, 1.0), (0.0, 0.0), (0.0, 9.0), (1e-12, 1e12)])
def test_ink_of_any_shape_fits(wide: float, high: float) -> None:
    drawn = svg(ink_svg([np.array([[-3.0, 7.0], [-3 + wide, 7 + high]])]))
    assert 8 <= int(drawn.attrib["width"]) <= 1600
    for x, y in points(next(drawn.iter("polyline"))):
        assert 0 <= x <= int(drawn.attrib["width"])
        assert 0 <= y <= 64


def image_of(html: str) -> np.ndarray:
    data = re.search("base64,([^']+)", html)
    assert data
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data[1]))))


def test_a_line_is_shown_black_on_white(tmp_path: Path) -> None:
    sample = Sample("a", path=write_line(tmp_path / "a.png", "aaa"))
    shown = image_of(picture(sample, extractor({"kind": "columns", "height": 8, "polarity": "dark", "flatten": False})))
    assert shown.shape == (64, 56)
    assert shown[:4].min() < 64
    assert shown[16:].min() > 240


def test_a_sound_is_shown_as_its_frames(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", beeps(2), 8000)
    table = {**SOUND, "mels": 8, "coefficients": 1}
    shown = image_of(picture(Sample("a", path=tmp_path / "a.wav"), extractor(table)))
    assert shown.shape == (64, 408)  # 51 frames of 8 bands
    assert shown.min() < 3
    assert shown.max() == 255


@pytest.mark.parametrize("kind", ["mfcc", "columns", "strokes"])
def test_what_cannot_be_read_has_no_picture(tmp_path: Path, kind: str) -> None:
    assert picture(Sample("a", path=tmp_path / "missing"), extractor({"kind": kind})) == ""


def test_the_card(exp: Path) -> None:
    said = card(ModelFolder(exp), {"test": SCORE})
    assert "- **Reads**: line images\n" in said
    assert "- **Alphabet**: 8 symbols: ` a b c d e f g h `\n" in said
    assert "- **Network**: 3 x 128 lstm, bidirectional\n" in said
    assert "- **Trained**: 2 epochs, 1.1 minutes, seed 1\n" in said
    assert "- **Dev**: CER 12.50%, WER 25.00% (epoch 2, chosen by dev CER)\n" in said
    assert "- **test**: CER 25.00% of 8 characters, WER 100.00% of 2 words, 2 samples, greedy decoding\n" in said
    assert "Licence" not in said
    write_card(ModelFolder(exp))
    assert "test" not in (exp / "card.md").read_text(encoding="utf-8")


def test_a_card_of_odd_things(exp: Path) -> None:
    config = json.loads((exp / "config.json").read_text())
    config["card"] = {"data": "One\n# line", "licence": "CC0"}
    config["network"] = {"cell": "dense", "conv": [{"filters": 4}], "layers": 1, "units": 8}
    (exp / "config.json").write_text(json.dumps(config))
    symbols = [" ", "*", "`", "``", "\n", "é"]
    (exp / "alphabet.json").write_text(json.dumps({"form": "NFC", "symbols": symbols}))
    said = card(ModelFolder(exp), {})
    assert "- **Data**: One # line\n- **Licence**: CC0\n" in said
    assert "6 symbols: ``` ␣ * ` `` \\u000a é ```\n" in said
    assert "- **Network**: 1 x 8 dense, behind 1 convolutions\n" in said
