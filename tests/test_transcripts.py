from pathlib import Path

import pytest

from seqrec.errors import DataError, SeqrecError
from seqrec.scoring import Pair, Transcript
from seqrec.transcripts import read_hypotheses, read_lines, read_paired, read_references


def texts(*pairs):
    return [Transcript(*pair) for pair in pairs]


@pytest.fixture
def file(tmp_path):
    def make(data):
        path = tmp_path / "texts"
        path.write_bytes(data)
        return path

    return make


def test_references_are_a_manifests_texts(file):
    path = file(b'{"id": "a", "text": "x y", "path": "a.wav", "group": 7}\n{"id": "b", "text": "", "path": "b.wav"}\n')
    assert list(read_references(path)) == texts(("a", "x y", "7"), ("b", ""))


def test_hypotheses_are_rows(file):
    path = file(b'\xef\xbb\xbf{"id": "a", "text": "x", "confidence": 1}\r\n\n{"id": "b", "text": "\\u007f"}')
    assert list(read_hypotheses(path)) == texts(("a", "x", None, 1.0), ("b", "\x7f"))


def test_words_of_a_hypothesis_have_their_confidences(file):
    path = file(b'{"id": "a", "text": "x y", "words": [{"text": "x", "confidence": 0.5, "start": 1}, {"text": "y"}]}')
    assert [one.words for one in read_hypotheses(path)] == [(("x", 0.5),)]


def test_lines_keep_their_numbers_and_spaces(file):
    path = file(b"\xef\xbb\xbfone \r\n\n7\n last")
    assert list(read_lines(path)) == texts(("line 1", "one "), ("line 2", ""), ("line 3", "7"), ("line 4", " last"))


@pytest.mark.parametrize(
    ("read", "data", "said"),
    [
        (read_references, b'{"id": "a", "path": "a.wav"}', "'a' has no text"),
        (read_references, b"a\tb", "is not JSON"),
        (read_references, b"", "is empty"),
        (read_hypotheses, b"a\thello\n", "texts:1: is no JSON object: .*decode --format jsonl"),
        (read_hypotheses, b'{"id": "a", "text": "x"}\n[]', "texts:2: is no JSON object"),
        (read_hypotheses, b'{"id": "a"}', "has no 'id' or no 'text'"),
        (read_hypotheses, b'{"id": 3, "text": "x"}', "has no 'id' or no 'text'"),
        (
            read_references,
            b'{"id": "a", "text": "x", "confidence": 0.5}',
            "is what `seqrec decode` writes; expected a man",
        ),
        (
            read_hypotheses,
            b'{"id": "a", "text": "x", "path": "a.wav"}',
            "1: is of a manifest.*Give what is right first",
        ),
        (read_hypotheses, b'{"id": "a", "text": "x", "strokes": []}', "1: is of a manifest"),
        (read_hypotheses, b'{"id": "a", "text": "x", "confidence": 2}', "'confidence' is 2; expected a number from 0"),
        (read_hypotheses, b'{"id": "a", "text": "x", "confidence": true}', "'confidence' is True"),
        (read_hypotheses, b'{"id": "a", "text": "x", "confidence": NaN}', "'confidence' is nan"),
        (read_hypotheses, b'{"id": "a", "text": "x", "words": ["x"]}', "has other 'words'"),
        (read_hypotheses, b'{"id": "a", "text": "x", "words": 3}', "has other 'words'"),
        (
            read_hypotheses,
            b'{"id": "a", "text": "x", "words": [{"text": "x", "confidence": "1"}]}',
            "'confidence' is '1'",
        ),
        (read_hypotheses, b"[" * 100_000, "is no JSON object"),
        (read_hypotheses, b'{"id": "\xff"}', "is not UTF-8"),
        (read_lines, "häuser".encode("latin-1"), "is not UTF-8"),
        (read_lines, b"x" * (1 << 20), "texts:1: is too long; expected at most 1 MiB a line"),
    ],
)
def test_what_cannot_be_read(file, read, data, said):
    with pytest.raises(DataError, match=said):
        list(read(file(data)))


@pytest.mark.parametrize("read", [read_references, read_hypotheses, read_lines])
def test_no_file(tmp_path, read):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            list(read(path))


def test_references_that_are_bad_are_named_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "ref.jsonl"
    path.write_text('{"id": "a", "path": "a.wav"}\nnonsense\n{"id": "b", "path": "b.wav", "text": "x"}\n')
    errors: list[SeqrecError] = []
    assert list(read_references(path, errors.append)) == texts(("b", "x"))
    assert ["has no text" in str(errors[0]), "is not JSON" in str(errors[1])] == [True, True]


MANIFEST = b'{"id": "a", "path": "a.wav", "text": "x", "group": "anna"}\n'
ROWS = b'{"id": "a", "text": "y", "confidence": 0.5}\n'


def written(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def test_a_manifest_is_paired_by_id_with_each_of_the_hypotheses(tmp_path):
    ref, *hyps = written(tmp_path, {"ref.jsonl": MANIFEST, "a.jsonl": ROWS, "b": ROWS.replace(b"y", b"z")})
    found = read_paired(ref, hyps)
    assert [one.pairs for one in found] == [(Pair("a", "x", text, "anna", 0.5),) for text in "yz"]


def test_a_manifest_is_known_by_what_it_holds(tmp_path):
    ref, hyp = written(tmp_path, {"ref.json": MANIFEST, "hyp.json": ROWS})
    assert read_paired(ref, [hyp])[0].pairs == (Pair("a", "x", "y", "anna", 0.5),)


def test_plain_texts_are_paired_by_line(tmp_path):
    ref, hyp = written(tmp_path, {"ref.txt": b"one\n7\n\n", "hyp.txt": b"\n8\n9"})
    expected = (Pair("line 1", "one", ""), Pair("line 2", "7", "8"), Pair("line 3", "", "9"))
    assert read_paired(ref, [hyp])[0].pairs == expected


@pytest.mark.parametrize(
    ("ref", "hyp", "said"),
    [
        (("r.txt", b"a\nb\n"), ("h.txt", b"a\n"), "h.txt: has 1 lines, .*r.txt has 2; expected as many"),
        (("r.txt", b"a\n"), ("h.txt", b"a\n\n"), "h.txt: has 2 lines, .*r.txt has 1; expected as many"),
        (("r.txt", b""), ("h.txt", b""), "r.txt: is empty"),
        (("r.txt", b"a\n"), ("h.txt", b""), "h.txt: has 0 lines"),
        (("r.txt", b"a\n"), ("h.jsonl", ROWS), "h.jsonl: is JSONL, and .*r.txt is plain text; expected two files"),
        (("r.txt", b"a\n"), ("h", ROWS), "h: is JSONL, and"),
        (("r.jsonl", MANIFEST), ("h.jsonl", b""), "h.jsonl: is empty"),
        (("r.jsonl", MANIFEST), ("h.txt", b"a\tx\n"), "h.txt:1: is no JSON object: .*--format jsonl"),
        (("r.jsonl", MANIFEST), ("h.jsonl", MANIFEST), "h.jsonl:1: is of a manifest"),
        (("r.jsonl", ROWS), ("h.jsonl", MANIFEST), "r.jsonl: is what `seqrec decode` writes.*seqrec score REF HYP"),
        (("r.jsonl", MANIFEST), ("h.jsonl", ROWS * 2), "h.jsonl: has the id 'a' twice"),
        (("r.jsonl", MANIFEST * 2), ("h.jsonl", ROWS), "r.jsonl: has the id 'a' twice"),
        (("r.jsonl", MANIFEST), ("h.jsonl", ROWS.replace(b'"a"', b'"b"')), "h.jsonl: has no id of the references"),
        (("r.jsonl", b""), ("h.jsonl", ROWS), "r.jsonl: is empty"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path, ref, hyp, said):
    with pytest.raises(DataError, match=said):
        read_paired(*(lambda ref, hyp: (ref, [hyp]))(*written(tmp_path, dict([ref, hyp]))))


def test_a_file_is_not_compared_with_itself(file):
    with pytest.raises(DataError, match="texts: is the reference itself"):
        read_paired(file(b"a"), [file(b"a")])
