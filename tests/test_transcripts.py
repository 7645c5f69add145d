from pathlib import Path

import pytest

from seqrec.errors import DataError, SeqrecError
from seqrec.transcripts import read_hypotheses, read_lines, read_references


@pytest.fixture
def file(tmp_path):
    def make(data):
        path = tmp_path / "texts"
        path.write_bytes(data)
        return path

    return make


def test_references_are_a_manifests_texts(file):
    path = file(b'{"id": "a", "text": "x y", "path": "a.wav"}\n{"id": "b", "text": "", "path": "b.wav"}\n')
    assert list(read_references(path)) == [("a", "x y"), ("b", "")]


def test_hypotheses_are_rows(file):
    path = file(b'\xef\xbb\xbf{"id": "a", "text": "x", "confidence": 1}\r\n\n{"id": "b", "text": "\\u007f"}')
    assert list(read_hypotheses(path)) == [("a", "x"), ("b", "\x7f")]


def test_lines_keep_their_numbers_and_spaces(file):
    path = file(b"\xef\xbb\xbfone \r\n\n7\n last")
    assert list(read_lines(path)) == [("line 1", "one "), ("line 2", ""), ("line 3", "7"), ("line 4", " last")]


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
    assert list(read_references(path, errors.append)) == [("b", "x")]
    assert ["has no text" in str(errors[0]), "is not JSON" in str(errors[1])] == [True, True]
