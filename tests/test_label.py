"""`seqrec label`: the order of doubt, tables that survive spreadsheets and people, corrections that are never lost."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seqrec.corpora import labels
from seqrec.corpora._labels import Row, read_table, write_table
from seqrec.errors import DataError, SeqrecError
from seqrec.files import locked
from seqrec.labelling import label
from seqrec.reader import Decoding
from seqrec.recognizer import Recognizer, load
from seqrec.report._label_parts import SCRIPT
from seqrec.report.label_page import Shown, write_label_page
from seqrec.samples import Sample, raise_error, read_manifest, write_manifest
from tests.models import beeps, image_model, line, sound_model, write_line

NODE = shutil.which("node")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_model(tmp_path_factory.mktemp("models") / "letters")


@pytest.fixture(scope="module")
def recognizer(model: Path) -> Recognizer:
    return load(model, decoding=Decoding(nbest=3))


def faint(path: Path, text: str, ink: float) -> Sample:
    """A line whose last letter is as dark as `ink`, from 0 to 1."""
    image = line(text).astype(np.float64)
    column = image[:, -2]
    column[column == 0] = 255 * (1 - ink)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.round().astype(np.uint8)).save(path)
    return Sample(path.name, path=path)


@pytest.fixture
def lines(tmp_path: Path) -> list[Sample]:
    """Five lines, of which the third is the most doubtful, and the last two are equal."""
    sure = {"a": 0.65, "b": 0.7, "c": 0.55, "e": 1.0, "d": 1.0}
    return [faint(tmp_path / "lines" / f"{name}.png", f"abc{name}", ink) for name, ink in sure.items()]


def rows_of(out: Path) -> list[Row]:
    return [row for _, row in read_table(out / "labels.tsv", raise_error).rows]


def edit(out: Path, **texts: str) -> None:
    """Correct the texts of rows, by the first letter of their ids."""
    table = read_table(out / "labels.tsv", raise_error)
    rows = [row._replace(text=texts.get(row.id[0], row.text)) for _, row in table.rows]
    write_table(out / "labels.tsv", rows, table.others)


def page_data(out: Path) -> dict[str, Any]:
    page = (out / "labels.html").read_text(encoding="utf-8")
    [found] = re.findall(r"<script type=application/json id=data>(.*?)</script>", page, re.DOTALL)
    data: dict[str, Any] = json.loads(found)
    return data


# What is read, and in which order


def test_the_most_doubtful_comes_first_and_ties_go_by_id(
    recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    found = label(recognizer, lines, tmp_path / "out")
    assert found == (5, 0, 0, 0)
    rows = rows_of(tmp_path / "out")
    assert [row.id[0] for row in rows] == ["c", "a", "b", "d", "e"]
    confidences = [float(row.confidence) for row in rows]
    assert confidences == sorted(confidences)
    assert confidences[3] == confidences[4]
    assert [row.text for row in rows] == [row.read for row in rows] == ["abcc", "abca", "abcb", "abcd", "abce"]
    assert not any(row.checked for row in rows)
    assert "abc" in rows[0].alternatives
    assert rows[0].path == "../lines/c.png"


def test_the_page_shows_what_the_table_holds(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    label(recognizer, lines, tmp_path / "out")
    shown = page_data(tmp_path / "out")["rows"]
    for row, found in zip(rows_of(tmp_path / "out"), shown, strict=True):
        assert found["cells"][:5] == list(row[:5])
        assert found["cells"][5] == list(row.alternatives)
        assert (tmp_path / "out" / found["image"]).is_file()


def test_samples_with_a_text_are_left_out_unless_asked_for(
    recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    texts = [None, "abcb", "xyz", "", None]
    given = [sample.with_text(text) for sample, text in zip(lines, texts, strict=True)]
    assert label(recognizer, given, tmp_path / "out") == (3, 0, 0, 2)
    assert {row.id[0] for row in rows_of(tmp_path / "out")} == {"a", "e", "d"}
    assert label(recognizer, given, tmp_path / "out", labelled=True) == (5, 0, 0, 0)
    rows = {row.id[0]: row for row in rows_of(tmp_path / "out")}
    assert (rows["c"].text, rows["c"].read, rows["c"].alternatives[0]) == ("xyz", "xyz", "abcc")
    assert (rows["b"].text, rows["b"].read) == ("abcb", "abcb")
    sure = [recognizer.transcribe(sample).confidence for sample in lines]
    assert float(rows["c"].confidence) == pytest.approx((1 - sure[2]) / 2, abs=1e-4)
    assert float(rows["b"].confidence) == pytest.approx((1 + sure[1]) / 2, abs=1e-4)


def test_the_most_doubtful_of_many(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    """A row once in the table stays; when one is done, the next comes."""
    out = tmp_path / "out"
    label(recognizer, lines, out, most=2)
    assert [row.id[0] for row in rows_of(out)] == ["c", "a"]
    edit(out, a="abc")
    assert label(recognizer, lines, out, most=2) == (2, 1, 1, 0)
    assert [row.id[0] for row in rows_of(out)] == ["c", "b", "a"]
    assert label(recognizer, lines, out, most=1) == (2, 1, 1, 0)
    assert [sample.id[0] for sample in read_manifest(out / "samples.jsonl")] == ["a", "c", "b"]


def test_what_cannot_be_read_is_named_and_the_rest_is_done(
    recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    errors: list[SeqrecError] = []
    given = [Sample("broken", path=tmp_path / "broken.png"), *lines]
    assert label(recognizer, given, tmp_path / "out", on_error=errors.append).open == 5
    assert [str(tmp_path / "broken.png") in str(error) for error in errors] == [True]
    with pytest.raises(DataError, match="nothing could be read"):
        label(recognizer, given[:1], tmp_path / "other", on_error=errors.append)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_signal_comes_once_and_an_id_too(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    """However it is called: from another folder, through a link, beside a namesake."""
    out = tmp_path / "out"
    label(recognizer, lines[:2], out)
    (tmp_path / "link").symlink_to(tmp_path / "lines")
    again = Sample("../a.png", path=tmp_path / "out" / ".." / "link" / "a.png")
    namesake = Sample("a.png", path=lines[2].path)
    part = Sample("part", path=lines[0].path, polygon=((0.0, 0.0), (4.0, 0.0), (4.0, 8.0), (0.0, 8.0)))
    assert label(recognizer, [again, namesake, part], out).open == 4
    assert {row.id for row in rows_of(out)} == {"a.png", "b.png", "a.png_2", "part"}


# Again


def test_corrections_are_kept_and_the_rest_is_ranked_anew(
    recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    label(recognizer, lines[:4], out)
    table = read_table(out / "labels.tsv", raise_error)
    rows = [row for _, row in table.rows]
    marked = [rows[0]._replace(text="=corrected"), rows[1]._replace(checked="yes"), rows[2]._replace(text=""), rows[3]]
    write_table(out / "labels.tsv", [row._replace(others=("mine",)) for row in marked], ("note",))
    shutil.move(lines[0].path or "", lines[1].path or "")  # "a", which is checked, is away, and "b" is another
    assert label(recognizer, [lines[4]], out) == (2, 3, 2, 0)
    found = read_table(out / "labels.tsv", raise_error)
    assert found.others == ("note",)
    assert [row.id[0] for _, row in found.rows] == ["d", "e", "c", "a", "b"]
    kept = [row for _, row in found.rows][2:]
    assert kept == [row._replace(others=("mine",)) for row in marked[:3]]
    assert [row.others for _, row in found.rows] == [("",), *[("mine",)] * 4]


def test_a_better_model_ranks_what_is_there_without_any_input(
    recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    label(recognizer, lines, out)
    edit(out, c="corrected")
    better = load(image_model(tmp_path / "better", "stuvwxyz"), decoding=Decoding(nbest=2))
    assert label(better, [], out) == (4, 1, 1, 0)
    assert [row.text for row in rows_of(out)] == ["stus", "stut", "stuv", "stuw", "corrected"]
    assert rows_of(out)[-1].read == "abcc"


def test_what_is_corrected_while_the_model_reads_is_kept(
    recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    label(recognizer, lines, out)

    def somebody(done: int, total: int) -> None:
        if done == total:
            edit(out, d="mean", c="while")

    assert label(recognizer, [], out, progress=somebody) == (3, 2, 2, 0)
    assert {row.id[0]: row.text for row in rows_of(out) if row.is_done} == {"d": "mean", "c": "while"}


def test_a_row_that_somebody_removed_comes_back(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    out = tmp_path / "out"
    label(recognizer, lines, out)
    write_table(out / "labels.tsv", rows_of(out)[1:])
    label(recognizer, [], out)
    assert len(rows_of(out)) == 5


BROKEN = {
    "doubled": ("id\ttext\tchecked\tread\na.png\tx\tyes\tx\na.png\ty\tyes\tx\n", "labels.tsv:3: has the id 'a.png' of"),
    "unknown": ("id\ttext\tchecked\tread\nz.png\tx\tyes\tx\n", "labels.tsv:2: has an unknown id 'z.png'"),
    "short": ("id\ttext\tchecked\tread\na.png\tx\n", "labels.tsv:2: has 2 cells"),
    "long": ("id\ttext\tchecked\tread\na.png\tx\ty\tz\tand more\n", "labels.tsv:2: has 5 cells"),
    "no id": ("id\ttext\tchecked\tread\n\tx\tyes\tx\n", "labels.tsv:2: has no id"),
    "no header": ("a.png\tabca\tyes\tabca\n", "begins with 'a.png"),
    "empty": ("", "is empty"),
    "workbook": (b"PK\x03\x04...", "is a workbook"),
    "latin": ("id\ttext\tchecked\tread\na.png\té\tyes\te\n".encode("latin-1"), "is not UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_table_that_is_broken_is_refused_and_left_as_it_is(
    case: str, recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    content, said = BROKEN[case]
    out = tmp_path / "out"
    label(recognizer, lines[:1], out)
    (out / "labels.tsv").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    errors: list[SeqrecError] = []
    with pytest.raises(DataError, match=r"labels\.tsv") as raised:
        label(recognizer, lines, out, on_error=errors.append)
    assert said in " ".join(map(str, [*errors, raised.value]))
    assert len(errors) == (case in ("doubled", "unknown", "short", "long", "no id"))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_manifest_of_ones_own_is_not_replaced(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_manifest(tmp_path / "out" / "samples.jsonl", lines)
    before = (tmp_path / "out" / "samples.jsonl").read_bytes()
    with pytest.raises(DataError, match=r"samples.jsonl: lies there without a labels.tsv.* Choose another -o"):
        label(recognizer, lines, tmp_path / "out", most=1)
    assert (tmp_path / "out" / "samples.jsonl").read_bytes() == before
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name != ".lock"] == ["samples.jsonl"]


def test_two_at_once_are_refused(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    with locked(tmp_path / "out" / ".lock") as mine:
        assert mine
        with pytest.raises(DataError, match="another seqrec label is at work"):
            label(recognizer, lines, tmp_path / "out")


# The table

CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, max_size=12) | st.text("'=+-@\t\n\r\"0123 ab/|.,%e", max_size=8)
OTHERS = st.lists(TEXTS.filter(lambda text: bool(text) and "|" not in text), max_size=3).map(tuple)
ROWS = st.builds(
    Row, TEXTS.filter(bool), TEXTS, TEXTS, st.just("0.1234"), TEXTS, OTHERS, TEXTS, st.tuples(TEXTS)
)  # fmt: skip


@given(st.lists(ROWS, max_size=4))
def test_texts_survive_the_table(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.tsv"
    write_table(path, rows, ("=mine",))
    found = read_table(path, raise_error)
    assert [row for _, row in found.rows] == rows
    assert found.others == ("=mine",)


RISKY = (
    "=1+1", "+49 30", "-", "-5", "@SUM(A1)", "\tx", "007", "1.50", "1e5", "1,000", "12:30", "3/4", "5%", "(5)", "$5",
    "Mar 5", "5. März 2024", "MAR1", "5 pm", "TRUE", "false", "Wahr", "12345678901234567890", "'=1", "''-x",
)  # fmt: skip
PLAIN = (
    "7", "0", "123456789012345", "hello", "true story", "'tis", "it's 5 o'clock", "In 1742 the king went home", "a-b",
    "x=1", "lines/a1.png", "fsdd/7_theo_0.wav", "", " ", "é", "שלום",
)  # fmt: skip


@pytest.mark.parametrize("text", [*RISKY, *PLAIN])
def test_what_a_spreadsheet_would_change_is_marked_and_nothing_else(text: str, tmp_path: Path) -> None:
    write_table(tmp_path / "labels.tsv", [Row("x", text)])
    content = (tmp_path / "labels.tsv").read_text(encoding="utf-8")
    assert content.startswith("\ufeffid\ttext\tchecked\t")
    cell = content.splitlines()[1].partition("\t")[2].lstrip('"')
    assert cell.startswith("'" + text if text in RISKY else text)
    assert rows_of(tmp_path)[0].text == text


WORKED_OVER = {
    "UTF-16": lambda text: text.encode("utf-16"),
    "semicolons": lambda text: text.replace("\t", ";").encode(),
    "commas": lambda text: text.replace("\t", ",").encode("utf-8-sig"),
    "carriage returns": lambda text: text.replace("\n", "\r\n").encode(),
    "blank lines": lambda text: text.replace("\n", "\n\n").encode(),
    "all quoted": lambda text: "".join(
        "\t".join(f'"{cell}"' for cell in line.split("\t")) + "\n" for line in text.splitlines()
    ).encode(),
    "more cells": lambda text: text.replace("\n", "\t\t\n").encode(),
    "trimmed": lambda text: re.sub("\t+\n", "\n", text).encode(),
    "columns turned": lambda text: "".join(
        "\t".join(reversed(line.split("\t"))) + "\n" for line in text.splitlines()
    ).encode(),
    "no end": lambda text: text.rstrip("\n").encode(),
}  # fmt: skip


@pytest.mark.parametrize("way", WORKED_OVER)
def test_what_spreadsheets_and_editors_save_is_read(way: str, tmp_path: Path) -> None:
    rows = [Row("a", "=x", "yes", "0.5", "x", ("y", "z"), "a.png"), Row("b", "", "", "0.25", "", (), "")]
    write_table(tmp_path / "labels.tsv", rows)
    text = (tmp_path / "labels.tsv").read_text(encoding="utf-8-sig")
    (tmp_path / "labels.tsv").write_bytes(WORKED_OVER[way](text))
    assert rows_of(tmp_path) == rows


@pytest.mark.parametrize("typed", ['"', '"hi', '"hi" he said', 'he said "hi"', 'a"b', '""', '"x""'])
def test_quotation_marks_typed_in_an_editor_take_no_other_row_with_them(typed: str, tmp_path: Path) -> None:
    body = f'a\t{typed}\t\tx\nb\t"two\nlines"\t\tx\nc\tthird\t\tx\n'
    (tmp_path / "labels.tsv").write_text("id\ttext\tchecked\tread\n" + body, encoding="utf-8")
    found = {row.id: row.text for row in rows_of(tmp_path)}
    assert found == {"a": typed if typed != '""' else "", "b": "two\nlines", "c": "third"}


@pytest.mark.parametrize(
    ("checked", "text", "done"),
    [
        ("", "read", False), ("  ", " read ", False), ("no", "read", False), ("FALSE", "read", False),
        ("0", "read", False), ("yes", "read", True), ("x", "", True), ("", "real", True), ("no", "real", True),
        ("", "", True),
    ],
)  # fmt: skip
def test_when_a_row_is_done(checked: str, text: str, done: bool) -> None:
    assert Row("x", text, checked, read="read").is_done == done


# The corpus


def test_the_corpus_is_what_is_done_and_has_a_text(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    out = tmp_path / "out"
    label(recognizer, [Sample("a.png", path=lines[0].path, group="anna"), *lines[1:]], out)
    edit(out, a=" right ", c="", b="two\twords")
    found = {sample.id: sample for sample in labels.read(out, raise_error)}
    assert {id: sample.text for id, sample in found.items()} == {"a.png": "right", "b.png": "two\twords"}
    assert found["a.png"].group == "anna"
    assert (lines[0].path or Path()).samefile(found["a.png"].path or "")


@pytest.mark.parametrize("case", ["doubled", "unknown", "short", "long", "no id"])
def test_bad_rows_are_named_and_the_others_read(
    case: str, recognizer: Recognizer, lines: list[Sample], tmp_path: Path
) -> None:
    content, said = BROKEN[case]
    assert isinstance(content, str)
    label(recognizer, lines, tmp_path / "out")
    more = "b.png\tgood" + "\t" * (content.partition("\n")[0].count("\t") - 2) + "\tabcb\n"
    (tmp_path / "out" / "labels.tsv").write_text(content + more, encoding="utf-8")
    errors: list[SeqrecError] = []
    found = {sample.id: sample.text for sample in labels.read(tmp_path / "out", errors.append)}
    assert found.pop("b.png") == "good"
    assert found == ({"a.png": "x"} if case == "doubled" else {})
    assert [said in str(error) for error in errors] == [True]


def test_a_file_that_is_gone_is_named(recognizer: Recognizer, lines: list[Sample], tmp_path: Path) -> None:
    label(recognizer, lines, tmp_path / "out")
    edit(tmp_path / "out", a="right", b="right")
    (lines[0].path or Path()).unlink()
    errors: list[SeqrecError] = []
    assert [sample.id for sample in labels.read(tmp_path / "out", errors.append)] == ["b.png"]
    assert ["there is no file" in str(error) for error in errors] == [True]


# The page

HOSTILE = [
    "</script><script>alert(1)</script>", "<!--", "<img src=x onerror=alert(1)>", "\u2028\u2029", "&lt;", "'\"`${1}",
    "javascript:alert(1)", "\u202egnp.exe", "e\u0301\u0323", "\x00\x1b[2J", "שלום עולם", "नमस्ते", "#?%25",
]  # fmt: skip


def test_hostile_names_and_texts_stay_data(recognizer: Recognizer, tmp_path: Path) -> None:
    page = tmp_path / "labels.html"
    rows = [Row(text, text, text, "0.5", text, (text,), text, (text,)) for text in HOSTILE]
    shown = [Shown(row, Sample(row.id, path=Path(row.id.replace("\0", "")))) for row in rows]
    write_label_page(page, shown, HOSTILE[:1], recognizer.extractor)
    written = page.read_text(encoding="utf-8")
    assert len(re.findall("<script", written)) == len(re.findall("</script>", written)) == 2
    assert "<!--" not in written
    assert "<img" not in written
    assert page_data(tmp_path)["rows"][0]["cells"][1] == HOSTILE[0]
    [policy] = re.findall(r'http-equiv=Content-Security-Policy content="([^"]+)"', written)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", ["javascript:x.png", "a b#c?d%25&e.png", "ünï\u0301.png", "<b>'\".png"])
def test_files_are_linked_whatever_their_names(name: str, recognizer: Recognizer, tmp_path: Path) -> None:
    from urllib.parse import unquote

    label(recognizer, [Sample("x", path=write_line(tmp_path / "out" / name, "abc"))], tmp_path / "out")
    [row] = page_data(tmp_path / "out")["rows"]
    assert re.fullmatch(r"[\w%./-]+", row["image"], re.ASCII)
    assert unquote(row["image"]) == name


def test_ink_is_drawn_in_one_scale(recognizer: Recognizer, tmp_path: Path) -> None:
    """Letters fill the height; a dash does not become as high as they are, nor as wide as the page."""
    tall = [np.array([[0.0, 0.0], [50.0, 100.0]]), np.array([[50.0, 0.0, 0.1], [0.0, 50.0, 0.2]])]
    samples = [Sample(str(i), strokes=tuple(tall)) for i in range(3)]
    samples.append(Sample("dash", strokes=(np.array([[0.0, 0.0], [60.0, 1.0]]),)))
    samples.append(Sample("dot", strokes=(np.array([[7.0, 7.0]]),)))
    samples.append(Sample("none", strokes=()))
    drawn = [_drawn(tmp_path, samples)[place] for place in (0, 3, 4, 5)]
    assert drawn[0]["size"] == [176, 352]
    assert drawn[0]["strokes"] == [[0, 0, 176, 352], [176, 0, 0, 176]]
    assert drawn[1]["size"] == [352, 6]
    assert drawn[2]["strokes"] == [[0, 0]]
    assert "strokes" not in drawn[3]


def _drawn(folder: Path, samples: list[Sample]) -> list[dict[str, Any]]:
    from seqrec.features import extractor

    rows = [Shown(Row(sample.id, "x", read="x"), sample) for sample in samples]
    write_label_page(folder / "labels.html", rows, (), extractor({"kind": "strokes"}))
    rows_shown: list[dict[str, Any]] = page_data(folder)["rows"]
    return rows_shown


def test_what_browsers_do_not_know_is_converted(recognizer: Recognizer, tmp_path: Path) -> None:
    """A line of a TIFF page as PNG, a part of an AIFF sound as FLAC; what cannot be read is no link."""
    Image.fromarray(np.full((40, 200), 255, np.uint8)).save(tmp_path / "page.tif")
    box = ((20.0, 10.0), (120.0, 10.0), (120.0, 30.0), (20.0, 30.0))
    [row] = _shown(recognizer, tmp_path, Sample("line", path=tmp_path / "page.tif", polygon=box))
    assert row["image"].startswith(".shown/")
    with Image.open(tmp_path / row["image"]) as image:
        assert image.size == (112, 32)
    sound = load(sound_model(tmp_path / "sound"))
    soundfile.write(tmp_path / "x.aiff", beeps(9), 8000)
    [row] = _shown(sound, tmp_path, Sample("part", path=tmp_path / "x.aiff", start=0.5, end=1.0))
    assert soundfile.info(tmp_path / row["sound"]).duration == pytest.approx(0.5)
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    [row] = _shown(sound, tmp_path, Sample("bad", path=tmp_path / "bad.wav"))
    assert "sound" not in row


def _shown(recognizer: Recognizer, folder: Path, *samples: Sample) -> list[dict[str, Any]]:
    rows = [Shown(Row(sample.id, "x", read="x"), sample) for sample in samples]
    write_label_page(folder / "labels.html", rows, (), recognizer.extractor)
    shown: list[dict[str, Any]] = page_data(folder)["rows"]
    return shown


def test_regions_are_played_and_shown_as_such(recognizer: Recognizer, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", beeps(9), 8000)
    sound = load(sound_model(tmp_path / "sound"))
    [row] = _shown(sound, tmp_path, Sample("part", path=tmp_path / "x.wav", start=0.5, end=1.25))
    assert (row["sound"], row["part"]) == ("x.wav", [0.5, 1.25])
    write_line(tmp_path / "x.png", "abcabcabcabc")
    [row] = _shown(recognizer, tmp_path, Sample("l", path=tmp_path / "x.png", polygon=((9, 2), (15, 2), (15, 6))))
    assert (row["polygon"], row["box"]) == ([9, 2, 15, 2, 15, 6], [3, 0, 18, 12])


@pytest.mark.skipif(NODE is None, reason="no JavaScript outside of a browser here")
@settings(max_examples=4, deadline=None)
@given(rows=st.lists(ROWS, min_size=60, max_size=60))
def test_the_page_saves_the_table_as_seqrec_writes_it(
    tmp_path_factory: pytest.TempPathFactory, recognizer: Recognizer, rows: list[Row]
) -> None:
    """By the page's own functions, in no browser. What `read` and `text` say, whoever asks, decides what is done."""
    folder = tmp_path_factory.getbasetemp()
    rows += [Row(text, text, read=text, others=("",)) for text in (*RISKY, *PLAIN[:12])]
    rows += [Row(f"a{odd}", f"{odd}a", read="a") for odd in "\x1c\x1f\x85\ufeff\u3000\u200b"]
    shown = [Shown(row, Sample("x", path=Path("x.png"))) for row in rows]
    write_label_page(folder / "labels.html", shown, ("=mine",), recognizer.extractor)
    write_table(folder / "labels.tsv", rows, ("=mine",))
    functions = SCRIPT.removesuffix("begin();\n")
    assert functions != SCRIPT
    program = (
        "((document, location, navigator) => {" + functions + "\nprocess.stdout.write(JSON.stringify("
        "[table(), rows.map(isDone)]))})({getElementById: () => ({textContent: process.argv[2]})}, {}, {platform: ''})"
    )
    (folder / "page.js").write_text(program, encoding="utf-8")
    command = [str(NODE), str(folder / "page.js"), json.dumps(page_data(folder))]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    table, is_done = json.loads(done.stdout)
    assert table.encode() == (folder / "labels.tsv").read_bytes()
    assert is_done == [row.is_done for row in rows]


# The command, as a process


def shell(*args: object, **keywords: Any) -> subprocess.CompletedProcess[str]:
    process = [sys.executable, "-m", "seqrec", *map(str, args)]
    return subprocess.run(process, capture_output=True, text=True, encoding="utf-8", timeout=300, **keywords)


def test_from_a_folder_to_a_corpus(model: Path, lines: list[Sample], tmp_path: Path) -> None:
    (tmp_path / "lines" / "broken.png").write_bytes(b"no image")
    done = shell("label", model, "lines", "-o", "out", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"open": 5, "done": 0, "texts": 0, "labelled": 0, "errors": 1}
    assert (done.returncode, "lines/broken.png" in done.stderr) == (1, True)
    os.remove(tmp_path / "lines" / "broken.png")
    table = (tmp_path / "out" / "labels.tsv").read_text(encoding="utf-8")
    corrected = table.replace("lines/a.png\tabca\t", "lines/a.png\tréal\t").replace("\tabcb\t\t", "\tabcb\tx\t")
    (tmp_path / "out" / "labels.tsv").write_text(corrected, encoding="utf-8")
    done = shell("label", model, "-o", "out", "--beam", 1, cwd=tmp_path)
    assert done.stdout.splitlines()[0] == "3 to look at, 2 done"
    assert (done.returncode, done.stderr) == (0, "")
    done = shell("prepare", "out", "-o", "data", "--split", "100/0/0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "read as labels" in done.stderr
    found = {sample.id: sample.text for sample in read_manifest(tmp_path / "data" / "train.jsonl")}
    assert found == {"lines/a.png": "réal", "lines/b.png": "abcb"}


def test_with_a_language_model_and_ink_on_standard_input(model: Path, tmp_path: Path) -> None:
    assert shell("label", model, "-o", tmp_path / "out").returncode == 1
    done = shell("label", model, "-", "-o", tmp_path / "out", input='{"id": "x"}\n')
    assert (done.returncode, done.stdout) == (1, "")
    assert "stdin:1: has neither" in done.stderr
    assert "nothing to label" in done.stderr
    done = shell("label", model, "-", "-o", tmp_path / "out", "--lm", tmp_path / "no.bin", input="")
    assert (done.returncode, "no.bin" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


@pytest.mark.parametrize("wrong", [["--most", "0"], ["--closed"], ["--beam", "0"], ["--hotword", "=5"], ["-o"]])
def test_wrong_usage(wrong: list[str], model: Path, tmp_path: Path) -> None:
    given = ["label", model, tmp_path, *([] if wrong == ["-o"] else ["-o", tmp_path / "out"]), *wrong]
    assert shell(*given).returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_interrupted_it_leaves_everything_as_it_was(model: Path, lines: list[Sample], tmp_path: Path) -> None:
    assert shell("label", model, "lines", "-o", "out", cwd=tmp_path).returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    command = [sys.executable, "-m", "seqrec", "label", str(model), "-", "-o", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not (tmp_path / "out" / ".lock").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr
        assert process.stderr.read() == b"seqrec: interrupted\n"
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
