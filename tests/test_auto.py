"""corpora/_source.py and corpora/auto.py: a look at a source, and what it is taken for."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path, PurePosixPath

import pytest

from seqrec import corpora
from seqrec.corpora import auto
from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError
from seqrec.samples import raise_error
from tests import test_corpora
from tests.places import folder_beyond_all_paths


def put(folder: Path, *names: str, content: bytes = b"x") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def named(source: Source) -> list[str]:
    return [str(file) for file in source.files]


def test_files_come_upper_folders_first_and_hidden_ones_not_at_all(tmp_path: Path) -> None:
    put(tmp_path, "b.wav", "a/c/d.txt", "a/b.GT.txt", "z/a.wav", ".git/config", "a/.DS_Store", "out/x.jsonl")
    source = Source(tmp_path, leave_out=tmp_path / "z" / ".." / "out")
    assert named(source) == ["b.wav", "a/b.GT.txt", "z/a.wav", "a/c/d.txt"]
    assert source.with_suffix(".wav", ".gt.txt") == [PurePosixPath(n) for n in ("b.wav", "a/b.GT.txt", "z/a.wav")]
    assert source.named("A/*.txt") == [PurePosixPath("a/b.GT.txt"), PurePosixPath("a/c/d.txt")]
    assert source.at("a/c/d.txt") == tmp_path / "a" / "c" / "d.txt"
    one = Source(tmp_path / "b.wav")
    assert (named(one), one.folder, one.is_folder) == (["b.wav"], tmp_path, False)
    assert named(Source(tmp_path / "none")) == []


def test_a_look_is_bounded_and_still_sees_the_one_table(tmp_path: Path) -> None:
    for suffix in ("wav", "1.wav", "gt.txt", "pred.txt"):
        put(tmp_path, *(f"clips/{n:04}.{suffix}" for n in range(501)))
    put(tmp_path, "clips/zz.csv", "deep/1/2/3/x.txt")
    found = named(Source(tmp_path))
    assert len(found) == 1502
    assert {"clips/0249.wav", "clips/0249.1.wav", "clips/0499.gt.txt", "clips/0499.pred.txt"} <= set(found)
    assert {"clips/zz.csv", "deep/1/2/3/x.txt"} <= set(found)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes with names, and other limits of paths")
def test_pipes_loops_and_locked_folders_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a/b.wav")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.wav").symlink_to("nowhere")
    folder_beyond_all_paths(tmp_path)
    assert named(Source(tmp_path)) == ["a/b.wav"]


@pytest.mark.parametrize(
    ("content", "head"),
    [
        ("hé\nyou".encode(), "hé\nyou"),
        ("\ufeffhé".encode(), "hé"),
        ("hé".encode("utf-16"), "hé"),
        ("hé".encode("utf-16-be"), ""),
        (b"\xfe\xff" + "hé".encode("utf-16-be"), "hé"),
        ("hé".encode("latin-1"), "hé"),
        (gzip.compress("hé".encode()), "hé"),
        (gzip.compress(b"x" * 99_999)[:60], "x" * 10),
        (b"RIFF\x00\x00", ""),
        (b"\x1f\x8b", ""),
        ("1234567é".encode() * 9, "1234567é1"),
        ("123456789é".encode(), "123456789"),
        (b"", ""),
    ],
)
def test_heads(tmp_path: Path, content: bytes, head: str) -> None:
    put(tmp_path, "x", content=content)
    assert Source(tmp_path).head("x", 10) == head


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b'{"a": 1}\n{"b": 2}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}),
        (gzip.compress(b'\n{"a": 1}\nx'), {"a": 1}),
        (b"[1]", {}),
        (b"{", {}),
        (b"[" * 100_000, {}),
        (b"\xff", {}),
        (b'{"a": ' + b" " * (1 << 20) + b"1}", {}),
    ],
)
def test_rows(tmp_path: Path, content: bytes, row: dict[str, int]) -> None:
    put(tmp_path, "x.jsonl", content=content)
    assert Source(tmp_path).row("x.jsonl") == row


def test_roots_of_xml(tmp_path: Path) -> None:
    put(tmp_path, "a.xml", content=b'<?xml version="1.0"?><p:ink xmlns:p="urn:x"><trace>1')
    put(tmp_path, "b.xml", content=b'<!DOCTYPE x [<!ENTITY a "b">]><ink>&a;</ink>')
    put(tmp_path, "c.xml", content=b"no XML")
    source = Source(tmp_path)
    assert [source.root(name) for name in ("a.xml", "b.xml", "c.xml", "none.xml")] == ["ink", "", "", ""]


def test_the_surest_format_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    test_corpora.page(tmp_path)
    (tmp_path / "page.txt").write_text("the whole page")
    why = "holds pages such as page.xml, whose root is <PcGts>; it may be read as pairs, too"
    assert auto.recognise(tmp_path) == ("page", Sign(3, why, tmp_path))


def test_a_tie_names_both_and_how_to_choose(tmp_path: Path) -> None:
    test_corpora.page(tmp_path)
    test_corpora.alto(tmp_path / "alto")
    with pytest.raises(DataError) as caught:
        auto.recognise(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: can be read as alto, because it holds pages such as alto/page.xml, whose root is <alto>; as "
        "page, because it holds pages such as page.xml, whose root is <PcGts>; expected one format. "
        f"Choose: seqrec prepare alto {tmp_path} or seqrec prepare page {tmp_path}"
    )


def test_a_few_pages_beside_many_lines_are_not_what_is_meant(tmp_path: Path) -> None:
    test_corpora.page(tmp_path / "pages")
    for n in range(9):
        test_corpora.image(tmp_path / "lines" / f"{n}.png")
    rows = "".join(f"lines/{n}.png\tword {n}\n" for n in range(9))
    (tmp_path / "lines.tsv").write_text(f"path\ttext\n{rows}")
    name, sign = auto.recognise(tmp_path)
    assert name == "table"
    assert sign.why.endswith("; it may be read as page, too")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "holds no file; expected recordings, images or ink, and their texts"),
        (
            ["a.wav", "b.WAV", "c"],
            "is of no known format; its files: 2 of .wav, 1 of no suffix; expected one of alto, ",
        ),
        (["corpus.zip"], "Unpack what is packed"),
        (["a.odt"], "Bring paths and texts into a CSV file"),
        (["a.wav", "a.xlsx"], "Save the workbook as CSV"),
        (["a.m4a", "a.txt"], "Convert the sounds into WAV or FLAC"),
        (["a.pdf"], "Convert the images into PNG or JPEG"),
    ],
)
def test_what_nothing_speaks_for(tmp_path: Path, names: list[str], said: str) -> None:
    put(tmp_path, *names)
    with pytest.raises(DataError) as caught:
        auto.recognise(tmp_path)
    assert said.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_a_folder_of_logs_is_no_corpus(tmp_path: Path) -> None:
    put(tmp_path, "countries.csv", content=b"code;name\nde;Germany\n")
    put(tmp_path, "a.jsonl", "b.jsonl", "c.jsonl", content=b'{"loss": 0.5}\n')
    put(tmp_path, "d.jsonl", content=b'{"text": "x", "path": "x.wav"}\n')
    with pytest.raises(DataError, match="is of no known format"):
        auto.recognise(tmp_path)


def test_a_single_doubt_is_told(tmp_path: Path) -> None:
    put(tmp_path, "list.csv", content=b"path,text\nmissing.wav,hello\n")
    put(tmp_path, "other.wav")
    with pytest.raises(DataError, match=r"list.csv: names no sound or image that is there"):
        auto.recognise(tmp_path)


def test_labels_with_a_broken_header_are_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").write_text('{"id": "a", "strokes": [[[0, 0], [1, 1]]]}\n')
    (tmp_path / "labels.tsv").write_text("sep=;\nid;text;checked;read\na;hello;x;a\n")
    name, sign = auto.recognise(tmp_path)
    assert (name, sign.root) == ("labels", tmp_path)


def test_a_file_may_be_the_source(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    table = test_corpora.table(tmp_path / "corpus")
    name, sign = auto.recognise(table)
    assert (name, sign.sure, sign.root) == ("table", 2, table)
    (tmp_path / "corpus" / "list.txt").write_text("a hello\nb you\n")
    name, sign = auto.recognise(tmp_path / "corpus" / "list.txt")
    assert (name, sign.why) == ("table", "is a table of files and their texts without a header line")
    (tmp_path / "notes.txt").write_text("hello, you\n")
    with pytest.raises(DataError, match="is of no known format"):
        auto.recognise(tmp_path / "notes.txt")
    for source in (tmp_path / "none.csv", test_corpora.sound(tmp_path / "a.wav")):
        with pytest.raises(DataError):
            auto.recognise(source)


def test_gather_takes_auto_as_any_format(tmp_path: Path) -> None:
    (parts, _), official = corpora.gather("auto", test_corpora.fsdd(tmp_path / "x").parent, raise_error)
    assert official
    assert {part: [sample.text for sample in samples] for part, samples in parts.items()} == {
        "train": ["7"], "dev": ["7"], "test": ["7"],
    }  # fmt: skip
