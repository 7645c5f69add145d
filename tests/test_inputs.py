import io
import json
from pathlib import Path

import pytest

from seqrec.decoding import Failure
from seqrec.inputs import is_single, samples_of
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
