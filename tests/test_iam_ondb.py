"""IAM-OnDB: its layout, its writers, its sets, and its known faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqrec.corpora import NoSplit, iam_ondb
from seqrec.corpora._source import Source
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import Sample, raise_error


def stroke(*points: tuple[object, ...]) -> str:
    inside = "".join(f'<Point x="{x}" y="{y}" time="{t}"/>' for x, y, t in points)
    return f'<Stroke colour="black" start_time="0" end_time="0">\n{inside}\n</Stroke>'


INK = stroke((1073, 1058, 769.05), (1072, 1085, 769.07)) + stroke((1204, 1330, 769.64))


def line(folder: Path, form: str, number: int, ink: str = INK) -> Path:
    path = folder / form[:3] / form[:7] / f"{form}-{number:02}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<WhiteboardCaptureSession>\n<WhiteboardDescription>\n'
        '<SensorLocation corner="top_left"/><DiagonallyOppositeCoords x="6512" y="1376"/>'
        '<VerticallyOppositeCoords x="966" y="1376"/><HorizontallyOppositeCoords x="6512" y="787"/>\n'
        f"</WhiteboardDescription>\n<StrokeSet>\n{ink}\n</StrokeSet>\n</WhiteboardCaptureSession>\n"
    )
    return path


def text(folder: Path, form: str, *lines: str, head: str = "OCR:\n\nA move to\nstop\n\nCSR: \n\n") -> Path:
    path = folder / form[:3] / form[:7] / f"{form}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "\n".join(lines) + "\n")
    return path


def original(folder: Path, form: str, writer: str) -> Path:
    path = folder / form[:3] / form[:7] / f"strokes{form[7:]}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<WhiteboardCaptureSession><General><Form id="{form}" writerID="{writer}"/></General><StrokeSet>{INK}'
    )  # cut short: the writer is told before
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two forms, of two lines and of one; folders as the archives unpack."""
    for form, lines in (("a01-000u", ["A MOVE to", "stop Mr."]), ("a01-000x", ['&quot;Mr.&quot; &amp; "R&D"'])):
        text(tmp_path / "ascii-all" / "ascii", form, *lines)
        for number in range(1, len(lines) + 1):
            line(tmp_path / "lineStrokes-all" / "lineStrokes", form, number)
    return tmp_path


def read(source: Path) -> tuple[list[Sample], list[str]]:
    errors: list[SeqrecError] = []
    found = list(iam_ondb.read(source, errors.append))
    return found, [str(error) for error in errors]


def test_lines(corpus: Path) -> None:
    found = list(iam_ondb.read(corpus, raise_error))
    assert [(sample.id, sample.text, sample.group) for sample in found] == [
        ("a01-000u-01", "A MOVE to", "a01-000u"),
        ("a01-000u-02", "stop Mr.", "a01-000u"),
        ("a01-000x-01", '"Mr." & "R&D"', "a01-000x"),
    ]
    first, second = found[0].strokes or ()
    assert first.tolist() == [[1073, 1058, 0], [1072, 1085, pytest.approx(0.02)]]
    assert second.tolist() == [[1204, 1330, pytest.approx(0.59)]]


@pytest.mark.parametrize("inside", ["lineStrokes-all", "lineStrokes-all/lineStrokes"])
def test_a_folder_of_the_corpus_will_do(corpus: Path, inside: str) -> None:
    assert [sample.text for sample in iam_ondb.read(corpus / inside, raise_error)][:1] == ["A MOVE to"]


def test_writers(corpus: Path) -> None:
    original(corpus / "original-xml-all" / "original", "a01-000u", "10025")
    assert [sample.group for sample in iam_ondb.read(corpus, raise_error)] == ["10025", "10025", "a01-000x"]
    (corpus / "forms.txt").write_text("# forms\na01-000u 10001\na01-000x 10002\n")
    assert [sample.group for sample in iam_ondb.read(corpus, raise_error)] == ["10001", "10001", "10002"]


def test_a_writer_that_cannot_be_read_costs_no_line(corpus: Path) -> None:
    original(corpus / "original", "a01-000u", "1").write_text("<WhiteboardCaptureSession><General>")
    found, errors = read(corpus)
    assert [sample.group for sample in found] == ["a01-000u", "a01-000u", "a01-000x"]
    assert len(errors) == 1
    assert "strokesu.xml: is not complete XML" in errors[0]


def test_the_official_split(corpus: Path) -> None:
    with pytest.raises(NoSplit, match=r"has no trainset\.txt; expected trainset\.txt, testset_v\.txt"):
        list(iam_ondb.splits(corpus, raise_error))
    (corpus / "task1").mkdir()
    for name, forms in (("trainset", ""), ("testset_v", "a01-000u\n"), ("testset_t", ""), ("testset_f", "")):
        (corpus / "task1" / f"{name}.txt").write_text(forms)
    errors: list[SeqrecError] = []
    got = [(part, sample.id) for part, sample in iam_ondb.splits(corpus, errors.append)]
    assert got == [("dev", "a01-000u-01"), ("dev", "a01-000u-02")]
    assert len(errors) == 1
    assert str(errors[0]).startswith(f"{corpus}: a01-000x is in none of its sets; expected trainset, testset_v, ")
    (corpus / "task1" / "testset_t.txt").write_text("a01-000x\r\n")
    (corpus / "task1" / "testset_f.txt").unlink()
    (corpus / "task1" / "trainset.txt").write_text(" a01-000u \n")
    errors.clear()
    got = [(part, sample.id) for part, sample in iam_ondb.splits(corpus, errors.append)]
    assert got == [("train", "a01-000u-01"), ("train", "a01-000u-02"), ("dev", "a01-000x-01")]
    said = [str(error).partition(": ")[2] for error in errors]
    assert said == [
        "a01-000u is in train, too; expected each form once",
        "cannot be read (No such file or directory); expected a form a line",
    ]


@pytest.mark.parametrize(
    ("head", "lines", "said"),
    [
        ("OCR:\n\nA move\n", [], '2 lines of ink are left out: it has no text below "CSR:"'),
        ("CSR:\n\n", ["", " "], '2 lines of ink are left out: it has no text below "CSR:"'),
        ("", ["A MOVE to", "stop"], "it has no text below"),
        ("CSR:\n", ["only one"], "2 lines of ink are left out: it has 1 lines of text, of ink 2; expected a line of"),
    ],
)
def test_a_form_whose_texts_do_not_fit_is_left_out_whole(corpus: Path, head: str, lines: list[str], said: str) -> None:
    path = text(corpus / "ascii-all" / "ascii", "a01-000u", *lines, head=head)
    found, errors = read(corpus)
    assert [sample.id for sample in found] == ["a01-000x-01"]
    assert len(errors) == 1
    assert errors[0].startswith(f"{path}: ")
    assert said in errors[0]


def test_a_form_without_a_text_file(corpus: Path) -> None:
    (corpus / "ascii-all/ascii/a01/a01-000/a01-000x.txt").unlink()
    found, errors = read(corpus)
    assert len(found) == 2
    assert "a01-000x.txt: 1 lines of ink are left out: their text cannot be read (No such file" in errors[0]


def test_two_lines_in_one_and_a_line_without_ink(corpus: Path) -> None:
    text(corpus / "ascii-all" / "ascii", "a01-000u", "A MOVE%%%%%%%%%%%to stop", "", "Mr.  Gaitskell 100 %")
    line(corpus / "lineStrokes-all" / "lineStrokes", "a01-000u", 3)
    (corpus / "lineStrokes-all/lineStrokes/a01/a01-000/a01-000u-01.xml").unlink()
    assert [(sample.id, sample.text) for sample in iam_ondb.read(corpus, raise_error)][:2] == [
        ("a01-000u-02", "to stop"),
        ("a01-000u-03", "Mr. Gaitskell 100 %"),
    ]


def test_times_that_run_backwards_are_left_out(corpus: Path) -> None:
    path = line(
        corpus / "lineStrokes-all/lineStrokes", "a01-000u", 1, stroke((1, 2, 5), (3, 4, 3.5)) + stroke((5, 6, 7))
    )
    found, errors = read(corpus)
    assert [points.tolist() for points in found[0].strokes or ()] == [[[1, 2], [3, 4]], [[5, 6]]]
    assert errors == [f"{path}: its times run backwards, by up to 1.5 s. It is read without times"]


def test_without_times_and_with_empty_strokes(corpus: Path) -> None:
    ink = f'{stroke()}<Stroke><Point x="1" y="2"/><Point x="3" y="4"/></Stroke>{stroke()}'
    line(corpus / "lineStrokes-all" / "lineStrokes", "a01-000u", 1, ink)
    first = next(iam_ondb.read(corpus, raise_error))
    assert [points.tolist() for points in first.strokes or ()] == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("ink", "said"),
    [
        ("", "has no ink; expected a Stroke with a Point"),
        (stroke(), "has no ink"),
        (stroke(("x", 1, 1)), "has a Point with x, y and time ['x', '1', '1']; expected numbers"),
        (stroke(("nan", 1, 1)), "has a Point with x, y"),
        (stroke((1, "inf", 1)), "has a Point with x, y"),
        (stroke((1, 1, "nan")), "has a Point with x, y"),
        (stroke((1, 1, "1e300")), "has a Point with x, y"),
        ('<Stroke><Point y="1"/></Stroke>', "has a Point with x, y and time [None, '1', None]"),
        ("<Stroke>", "is not complete XML"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(corpus: Path, ink: str, said: str) -> None:
    path = line(corpus / "lineStrokes-all" / "lineStrokes", "a01-000u", 1, ink)
    found, errors = read(corpus)
    assert [sample.id for sample in found] == ["a01-000u-02", "a01-000x-01"]
    assert len(errors) == 1
    assert errors[0].startswith(f"{path}: ")
    assert said in errors[0]


def test_other_files_are_passed_over(corpus: Path) -> None:
    place = corpus / "lineStrokes-all/lineStrokes/a01/a01-000"
    for name in ("._a01-000u-01.xml", "notes.xml", "a01-000u-1.xml.bak"):
        (place / name).write_text("rubbish")
    assert len(list(iam_ondb.read(corpus, raise_error))) == 3


def test_what_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no lineStrokes; expected the corpus' folder, with lineStrokes/a01/"):
        list(iam_ondb.read(tmp_path, raise_error))
    with pytest.raises(DataError, match="does not exist"):
        list(iam_ondb.read(tmp_path / "none", raise_error))
    assert iam_ondb.signs(Source(tmp_path)) is None


@pytest.mark.parametrize(
    ("given", "root"),
    [("", ""), ("..", "corpus"), ("lineStrokes-all", ""), ("lineStrokes-all/lineStrokes", "")],
)
def test_signs(tmp_path: Path, given: str, root: str) -> None:
    place = tmp_path / "up" / "corpus"
    line(place / "lineStrokes-all" / "lineStrokes", "a01-000u", 1)
    source = (place / given).resolve()
    sign = iam_ondb.signs(Source(source))
    assert sign is not None
    assert sign.sure == 3
    assert sign.why.startswith("holds lines of IAM-OnDB such as ")
    assert sign.root == source / root
