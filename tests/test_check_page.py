"""The page of a check: all that was found is there, and nothing in texts and names gets out of its place."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqrec.checking import Finding, Report, check
from seqrec.errors import DataError
from seqrec.report.check_page import write_check_page
from seqrec.report.embedded import embedded
from seqrec.samples import Sample
from tests.models import beeps, write_line

EVIL = "</style><script>alert('&\"')</script><img src=http://x/y onerror=alert(1)>\u202e\x07"


class Page(HTMLParser):
    """The elements of a page, with their attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(path: Path, report: Report, most: int = 200) -> Page:
    write_check_page(path, report, most)
    return Page(path.read_text(encoding="utf-8"))


def manifest(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def warned(path: Path, *places: int, kind: str = "odd") -> Report:
    found = tuple(Finding(str(path), f"s{place}", kind, f"number {place}", "warning", place) for place in places)
    return Report(found, {path: 1 + max(places, default=0)})


def test_all_that_a_check_finds(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", beeps(1), 8000)
    soundfile.write(tmp_path / "b.wav", beeps(2), 8000)
    (tmp_path / "page.wav").write_bytes(b"<!doctype html><html>")
    write_line(tmp_path / "line.png", "abc")
    rows = [
        {"id": "a", "text": "one", "path": "a.wav"},
        {"id": "a", "text": "again", "path": "b.wav"},
        {"id": "c", "text": "", "path": "line.png"},
        {"id": "d", "text": "web", "path": "page.wav"},
        {"id": "e", "text": " ", "strokes": [[[0, 0], [5, 5]]]},
    ]
    path = manifest(tmp_path / "train.jsonl", rows)
    path.write_text(path.read_text() + "no JSON\n")
    report = check([path])
    found = page(tmp_path / "out" / "check.html", report)
    said = " ".join(found.texts)
    assert {"train.jsonl" in said, "is not JSON" in said, "is an HTML page" in said} == {True}
    for kind, count in report.summary.items():
        assert {"id": kind} in found.of("h2")
        assert {"href": f"#{kind}"} in found.of("a")
        assert f"{count}" in found.texts
    assert len(found.of("svg")) == said.count("the text ' ' is empty") == 1
    assert len(found.of("audio")) == 1  # of b.wav; page.wav is none
    links = [unquote(a["href"] or "") for a in found.of("a") if not (a["href"] or "").startswith("#")]
    assert {"../b.wav", "../page.wav", "../line.png"} <= set(links)


def test_a_clean_report(tmp_path: Path) -> None:
    path = manifest(tmp_path / "a.jsonl", [{"id": "a", "text": "x", "strokes": [[[0, 0], [1, 1]]]}])
    found = page(tmp_path / "p.html", Report((), {path: 1}))
    assert any("Nothing was found." in text for text in found.texts)
    assert found.of("article") == []


def test_nothing_hostile_gets_out_of_its_place(tmp_path: Path) -> None:
    name = "x'\"<b>#?%41 &amp;.wav"
    soundfile.write(tmp_path / name, beeps(1), 8000)
    rows = [
        {"id": EVIL, "text": EVIL, "path": name, "group": EVIL},
        {"id": "ink", "text": "</bdi></article>", "strokes": [[[0, 0], [9, 9]]]},
    ]
    path = manifest(tmp_path / "<i>.jsonl", rows)
    findings = [Finding(str(path), EVIL, "odd", EVIL, "error", 0), Finding(str(path), "ink", "odd", EVIL, "warning", 1)]
    lost = Finding(f"{path}:3", None, "manifest", EVIL, "error")
    text_of = page(tmp_path / "p.html", Report((*findings, lost), {path: 2}))
    known = {
        "html", "meta", "title", "style", "h1", "h2", "table", "tr", "th", "td", "a", "section", "small", "article",
        "div", "span", "bdi", "img", "audio", "svg", "polyline", "p",
    }  # fmt: skip
    assert {tag for tag, _ in text_of.elements} <= known
    for _, attributes in text_of.elements:
        assert not [key for key in attributes if key.startswith("on")]
        for key in ("src", "href"):
            value = attributes.get(key) or ""
            assert value.startswith(("data:image/png", "data:audio/flac", "#")) or ":" not in value
    assert "".join(text_of.texts).count("alert(1)") == 5
    raw = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "\u202e" not in raw
    assert "\x07" not in raw
    (link,) = {unquote(a["href"] or "") for a in text_of.of("a")} - {"#odd", "#manifest"}
    assert (tmp_path / link).is_file()


def test_at_most_so_many_of_a_kind(tmp_path: Path) -> None:
    path = manifest(
        tmp_path / "a.jsonl", [{"id": f"s{i}", "text": "x", "strokes": [[[0, i], [1, 1]]]} for i in range(9)]
    )
    report = warned(path, *range(9)).with_findings(warned(path, 8, kind="other").findings)
    found = page(tmp_path / "p.html", report, most=4)
    assert len(found.of("article")) == 5
    assert any("the first 4 of 9; seqrec check --json prints all of them" in text for text in found.texts)
    assert len(found.of("svg")) == 5


def test_findings_of_a_sample_stand_together(tmp_path: Path) -> None:
    path = manifest(tmp_path / "a.jsonl", [{"id": "s0", "text": "x", "strokes": [[[0, 0], [1, 1]]]}])
    twice = (*warned(path, 0).findings, Finding(str(path), "s0", "odd", "and more", "warning", 0))
    found = page(tmp_path / "p.html", Report(twice, {path: 1}))
    assert len(found.of("article")) == len(found.of("svg")) == 1
    assert {"number 0", "and more"} <= {text.removeprefix(": ") for text in found.texts}


def test_a_large_page_has_links_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, 16_000 * 10)
    rows = []
    for i in range(100):
        rows.append({"id": f"s{i}", "text": "x", "path": "noise.wav", "start": i / 100})
    soundfile.write(tmp_path / "noise.wav", noise, 16_000)
    path = manifest(tmp_path / "a.jsonl", rows)
    found = page(tmp_path / "p.html", warned(path, *range(100)))
    assert len(found.of("article")) == 100
    assert 50 < len(found.of("audio")) < 70
    assert (tmp_path / "p.html").stat().st_size < 25 << 20


def test_a_manifest_that_is_gone(tmp_path: Path) -> None:
    found = page(tmp_path / "p.html", warned(tmp_path / "gone.jsonl", 0, 1))
    assert len(found.of("article")) == 2


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_check_page(tmp_path / "file" / "p.html", Report((), {}))


def content(html: str, kind: str) -> bytes:
    return base64.b64decode(html.split(f"data:{kind};base64,")[1].split("'")[0])


def test_a_sound_is_heard_from_its_region(tmp_path: Path) -> None:
    rate = 8000
    sound = np.concatenate([np.zeros(rate), 0.5 * np.ones(rate), np.zeros(rate)])
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="FLOAT")
    html = embedded(Sample("a", path=tmp_path / "a.wav", start=1.0, end=2.0))
    assert "1.00 s" in html
    heard, heard_rate = soundfile.read(io.BytesIO(content(html, "audio/flac")))
    assert (len(heard), heard_rate) == (16_000, 16_000)
    assert np.median(heard) == pytest.approx(0.5, abs=0.01)
    shown = np.asarray(Image.open(io.BytesIO(content(html, "image/png"))))
    assert shown.shape == (64, 480)
    assert (np.median(shown.argmin(axis=0)), shown[:, 100].min()) == (16, 64)  # a quarter below the top


def test_of_a_long_sound_the_begin_is_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000 * 25), 8000)
    html = embedded(Sample("a", path=tmp_path / "a.wav"))
    assert "the first 10 of 25.00 s" in html
    assert soundfile.info(io.BytesIO(content(html, "audio/flac"))).duration == pytest.approx(10, abs=0.01)


def test_a_line_is_cut_from_its_page(tmp_path: Path) -> None:
    paper = np.full((300, 400), 255, np.uint8)
    paper[100:200, 50:350] = 7
    Image.fromarray(paper).save(tmp_path / "a.png")
    box = ((50.0, 100.0), (350.0, 100.0), (350.0, 200.0), (50.0, 200.0))
    html = embedded(Sample("a", path=tmp_path / "a.png", polygon=box))
    shown = np.asarray(Image.open(io.BytesIO(content(html, "image/png"))))
    assert shown.shape == (64, 192)
    assert shown.max() == 7


BROKEN: list[Callable[[Path], Sample]] = [
    lambda folder: Sample("a", path=folder / "missing.wav"),
    lambda folder: Sample("a", path=folder / "missing.png"),
    lambda folder: Sample("a", path=folder),
    lambda folder: Sample("a", strokes=()),
    lambda folder: Sample("a", strokes=(np.zeros((0, 2)),)),
    lambda folder: Sample("a", strokes=(np.array([[-1e308, 0], [1e308, 1.0]]),)),
]


@pytest.mark.parametrize("made", BROKEN)
def test_what_cannot_be_shown(tmp_path: Path, made: Callable[[Path], Sample]) -> None:
    assert embedded(made(tmp_path)) == ""


@pytest.mark.parametrize("strokes", [[[[1, 1]]], [[[1, 1]] * 5000], [[[i, i % 7]] for i in range(3000)]])
def test_ink_of_any_kind_is_drawn(strokes: list[list[list[float]]]) -> None:
    html = embedded(Sample("a", strokes=tuple(np.array(stroke, float) for stroke in strokes)))
    assert html.startswith("<svg")
    assert len(html) < 100_000
