import io
import json
from pathlib import Path

import pytest

from seqrec.decoding import Failure
from seqrec.inputs import is_document, is_single, placed_samples, samples_of
from seqrec.samples import Sample
from tests.places import folder_beyond_all_paths


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A current folder with files; only their names matter here."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.PNG", "scan/2.jpg", "scan/1.tif", "scan/.hidden.png", "scan/notes.txt", ".cache/x.png"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def found(*inputs, stdin=b"", domain="image"):
    """Ids, those of failures after a "!"."""
    results = samples_of(inputs, domain, io.BytesIO(stdin))
    return [f"!{r.id}" if isinstance(r, Failure) else r.id for r in results]


def test_files_are_their_paths_as_given(place):
    samples = list(samples_of(["b.png", "./a.PNG"], "image", io.BytesIO()))
    assert samples == [Sample("b.png", path=Path("b.png")), Sample("./a.PNG", path=Path("a.PNG"))]


def test_folders_are_searched_for_the_domain_in_a_fixed_order(place):
    assert found("scan") == ["scan/1.tif", "scan/2.jpg"]
    assert found(".") == ["a.PNG", "b.png", "scan/1.tif", "scan/2.jpg"]


def test_a_folder_without_the_domain(place):
    assert found("scan", domain="sound") == ["!scan"]
    (failure,) = samples_of(["scan"], "sound", io.BytesIO())
    assert "holds no sound; expected files ending in .aif" in str(failure.error)


def test_manifests_bring_ids_and_bad_lines_stay_in_their_place(place):
    lines = ['{"id": "one", "path": "b.png"}', "no JSON", '{"id": "two", "path": "scan/1.tif"}', "[]"]
    Path("m.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert found("m.jsonl", "b.png") == ["one", "!m.jsonl:2", "two", "!m.jsonl:4", "b.png"]


def test_manifest_paths_are_relative_to_it(place):
    Path("scan/m.jsonl").write_text('{"id": "one", "path": "1.tif"}', encoding="utf-8")
    assert [s.path for s in samples_of(["scan/m.jsonl"], "image", io.BytesIO())] == [Path("scan/1.tif")]


def test_ink_comes_in_manifests_below_a_folder(place):
    row = {"id": "word", "strokes": [[[0, 0], [1, 1]]]}
    Path("scan/ink.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert found("scan", domain="ink") == ["word"]


def test_what_is_not_there(place):
    Path("empty.jsonl").write_bytes(b"")
    assert found("none.png", "", "none.jsonl", "b.png", "empty.jsonl") == [
        "!none.png", "!", "!none.jsonl", "b.png", "!empty.jsonl",
    ]  # fmt: skip


def test_names_that_no_file_can_have(place):
    long = "x" * 5000
    assert found("-", stdin=f"{long}\nb.png\na\0b\nb.png".encode()) == [f"!{long}", "b.png", "!a\0b", "b.png"]
    assert not is_single((".",))
    assert is_single((long,))


def test_folders_that_cannot_be_read_are_named(place):
    far = folder_beyond_all_paths(Path("scan"))
    one, two, failure = found("scan")
    assert (one, two) == ("scan/1.tif", "scan/2.jpg")
    assert failure.startswith(f"!scan/{far}/")


def test_stdin_lists_paths_and_objects(place):
    stdin = b'b.png\n\n {"id": "x", "path": "a.PNG"}\r\nscan\n{"id": 3\n{"id": "y"}\nnone.png\na.PNG'
    assert found("-", stdin=stdin) == [
        "b.png", "x", "scan/1.tif", "scan/2.jpg", "!stdin:5", "!stdin:6", "!none.png", "a.PNG",
    ]  # fmt: skip


def test_stdin_in_no_known_encoding(place):
    assert found("-", stdin=b"\xff\xfe.png\nb.png\n") == ["!\udcff\udcfe.png", "b.png"]


def test_a_line_without_end(place, monkeypatch):
    monkeypatch.setattr("seqrec.inputs._LONGEST_LINE", 10)
    assert found("-", stdin=b"b.png\n" + b"x" * 10) == ["b.png", "!stdin:2"]


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000])
def test_nested_without_end(place, deep):
    assert found("-", stdin=('{"strokes": ' + deep + "\n").encode()) == ["!stdin:1"]


@pytest.mark.parametrize(
    ("inputs", "single"),
    [
        (("b.png",), True),
        (("none.png",), True),
        (("b.png", "a.PNG"), False),
        (("scan",), False),
        (("-",), False),
        (("m.jsonl",), False),
    ],
)
def test_one_file_is_single(place, inputs, single):
    assert is_single(inputs) is single


# Pages and documents

ALTO = (
    '<alto><Layout><Page ID="p"><TextLine ID="l1" HPOS="1" VPOS="2" WIDTH="30" HEIGHT="9"/><TextLine ID="l2"/>'
    '<TextLine ID="l3" HPOS="1" VPOS="12" WIDTH="30" HEIGHT="9"/></Page></Layout></alto>'
)
PAGE = '<PcGts><Page imageFilename="x.png"><TextLine id="a"><Coords points="1,2 9,2 9,5"/></TextLine></Page></PcGts>'


@pytest.fixture
def pages(place):
    for name, text in (("pages/one.xml", ALTO), ("pages/sub/two.xml", PAGE), ("pages/mets.xml", "<mets/>")):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    for name in ("pages/one.png", "pages/x.png"):
        Path(name).write_bytes(b"")
    return place


def documents(*inputs, stdin=b"", domain="image"):
    placed = placed_samples(inputs, domain, io.BytesIO(stdin))
    return [(sample.id, document and (document.file.as_posix(), document.name)) for document, sample in placed]


def test_the_lines_of_a_page_are_samples(pages):
    assert found("pages/one.xml") == ["one_l1", "!pages/one.xml, line l2", "one_l3"]
    [sample, *_] = samples_of(["pages/one.xml"], "image", io.BytesIO())
    assert sample.path == Path("pages/one.png")
    assert sample.polygon == ((1, 2), (31, 2), (31, 11), (1, 11))
    assert found("-", stdin=b"pages/one.xml\n") == found("pages/one.xml")


def test_in_a_folder_of_pages_their_lines_alone_are_read(pages):
    assert found("pages") == ["one_l1", "!pages/one.xml, line l2", "one_l3", "sub_two_a"]
    Path("pages/broken.xml").write_text("<alto>")
    assert "!pages/broken.xml" in found("pages")
    assert [i for i in found("pages") if "broken" not in i] == [
        "one_l1",
        "!pages/one.xml, line l2",
        "one_l3",
        "sub_two_a",
    ]


def test_xml_that_is_no_page(pages):
    (failure,) = samples_of(["pages/mets.xml"], "image", io.BytesIO())
    assert str(failure.error) == (
        "pages/mets.xml: is XML of another kind; expected ALTO or PAGE, whose root is <alto> or <PcGts>"
    )
    Path("pages/blank.xml").write_text("<alto><Page/></alto>")
    Path("pages/blank.png").write_bytes(b"")
    (failure,) = samples_of(["pages/blank.xml"], "image", io.BytesIO())
    assert "has no line" in str(failure.error)
    assert [s.path for s in samples_of(["pages/mets.xml"], "sound", io.BytesIO())] == [Path("pages/mets.xml")]


def test_documents_are_named_below_what_was_given(pages):
    assert documents("b.png", "./scan/1.tif") == [("b.png", ("b.png", "b")), ("./scan/1.tif", ("scan/1.tif", "1"))]
    assert documents("scan") == [("scan/1.tif", ("scan/1.tif", "1")), ("scan/2.jpg", ("scan/2.jpg", "2"))]
    assert documents(".")[0] == ("pages_one_l1", ("pages/one.xml", "pages/one"))
    assert documents("pages/sub/two.xml")[0][1] == ("pages/sub/two.xml", "two")
    assert {document for _, document in documents("pages")} == {
        ("pages/one.xml", "one"), ("pages/sub/two.xml", "sub/two"),
    }  # fmt: skip


def test_documents_of_a_manifest_lie_below_it_or_have_their_own_name(place):
    rows = [{"id": "1", "path": "2.jpg"}, {"id": "2", "path": "../b.png"}, {"id": "3", "strokes": [[[0, 0]]]}]
    Path("scan/m.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n?", encoding="utf-8")
    assert documents("scan/m.jsonl") == [
        ("1", ("scan/2.jpg", "2")), ("2", ("scan/../b.png", "b")), ("3", None), ("scan/m.jsonl:4", None),
    ]  # fmt: skip
    assert documents("-", stdin=b'{"id": "x", "path": "scan/2.jpg"}\nnone') == [
        ("x", ("scan/2.jpg", "scan/2")), ("none", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "document"), [(("p.xml",), True), (("b.png",), True), (("b.png", "a.PNG"), False), (("scan",), False)]
)
def test_a_page_is_one_document_of_many_samples(place, inputs, document):
    assert is_document(inputs) is document
    assert not is_single(("p.XML",))
