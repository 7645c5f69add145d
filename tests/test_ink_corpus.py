import gzip
import json
from pathlib import Path

import pytest

from seqrec.corpora import NoSplit, ink
from seqrec.corpora._source import Source
from seqrec.errors import DataError
from seqrec.samples import raise_error

GOOD = {"id": "7/a#0", "label": "to", "writer": "w1", "split": "train", "strokes": [[0, 10, 5, 2], [3, 3]]}


def write(path, *rows):
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read(path):
    errors = []
    return list(ink.read(path, errors.append)), [str(error) for error in errors]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_flat_strokes_are_turned_downwards(tmp_path, name):
    (sample,), errors = read(write(tmp_path / name, GOOD))
    assert not errors
    assert (sample.id, sample.text, sample.group) == ("7/a#0", "to", "w1")
    assert [stroke.tolist() for stroke in sample.strokes] == [[[0, -10], [5, -2]], [[3, -3]]]


def test_points_of_seqrec_stay_as_they_are(tmp_path):
    row = {"id": "b", "text": "x", "group": "w", "strokes": [[[0, 10, 0.0], [5, 2, 0.1]], []]}
    (sample,), errors = read(write(tmp_path / "a.jsonl", row))
    assert not errors
    assert [stroke.tolist() for stroke in sample.strokes] == [[[0, 10, 0.0], [5, 2, 0.1]]]
    assert (sample.text, sample.group) == ("x", "w")


def test_splits_as_recorded(tmp_path):
    rows = [{**GOOD, "id": part, "split": part} for part in ("train", "dev", "test")]
    parts = list(ink.splits(write(tmp_path / "a.jsonl", *rows), pytest.fail))
    assert [(part, sample.id) for part, sample in parts] == [("train", "train"), ("dev", "dev"), ("test", "test")]


def test_without_a_split_says_so(tmp_path):
    row = {key: value for key, value in GOOD.items() if key != "split"}
    with pytest.raises(NoSplit):
        list(ink.splits(write(tmp_path / "a.jsonl", row), pytest.fail))


def test_a_strange_split_is_named_and_the_rest_goes_on(tmp_path):
    errors = []
    path = write(tmp_path / "a.jsonl", GOOD, {**GOOD, "split": "validate"}, {**GOOD, "split": []}, GOOD)
    assert len(list(ink.splits(path, errors.append))) == 2
    assert [":2: 'split' is 'validate'" in str(errors[0]), ":3:" in str(errors[1])] == [True, True]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("not json", "not JSON"),
        ("[1, 2]", "JSON list"),
        ("[" * 100000, "not JSON"),
        ({**GOOD, "strokes": None}, "strokes"),
        ({**GOOD, "strokes": []}, "no ink"),
        ({**GOOD, "strokes": [[]]}, "no ink"),
        ({**GOOD, "strokes": [[1, 2, 3]]}, "even"),
        ({**GOOD, "strokes": [[1, "two"]]}, "number"),
        ({**GOOD, "strokes": [[1, [2]]]}, "number"),
        ({**GOOD, "strokes": [["1", "2"]]}, "number"),
        ({**GOOD, "strokes": [[1, True]]}, "number"),
        ({**GOOD, "strokes": [[["1", 2]]]}, "number"),
        ({**GOOD, "strokes": [[1, float("nan")]]}, "NaN"),
        ({**GOOD, "strokes": [[1, 10**400]]}, "number"),
        ({**GOOD, "strokes": [[[1, 2, 3, 4]]]}, "shape"),
        ({**GOOD, "strokes": [7]}, "shape"),
        ({**GOOD, "label": 7}, "text"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(tmp_path, bad, says):
    samples, errors = read(write(tmp_path / "a.jsonl", GOOD, bad, GOOD))
    assert len(samples) == 2
    (error,) = errors
    assert "a.jsonl:2" in error
    assert says in error


def test_wrong_encoding_and_empty(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"label": "\xe9"}\n')
    assert "UTF-8" in read(tmp_path / "a.jsonl")[1][0]
    assert "empty" in read(write(tmp_path / "b.jsonl"))[1][0]


def test_a_file_cut_short_gives_what_it_has(tmp_path):
    rows = [{**GOOD, "id": f"{number * 7919 % 1000}"} for number in range(2000)]
    whole = write(tmp_path / "a.jsonl.gz", *rows).read_bytes()
    (tmp_path / "b.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    samples, errors = read(tmp_path / "b.jsonl.gz")
    assert 0 < len(samples) < 2000
    assert "broken gzip" in errors[-1]


@pytest.mark.parametrize("content", [b"\x1f\x8b", b"\x1f\x8b\x08\x00broken here!"])
def test_a_broken_archive(tmp_path, content):
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.gz"):
        read(tmp_path / "a.gz")


def test_a_bomb_is_refused_by_its_line(tmp_path):
    bomb = gzip.compress(b" " * (17 << 20))
    assert len(bomb) < 1 << 16
    (tmp_path / "a.gz").write_bytes(bomb)
    with pytest.raises(DataError, match="16 MB"):
        read(tmp_path / "a.gz")


def test_no_file(tmp_path):
    for source in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(DataError):
            read(source)


def test_more_to_learn_from_holds_no_unseen_writer(tmp_path: Path) -> None:
    def rows(name: str, *parts: tuple[str, str]) -> Path:
        lines = [
            {"id": f"{name}{i}", "label": "a", "writer": writer, "split": part, "strokes": [[0, 0, 5, 5]]}
            for i, (writer, part) in enumerate(parts)
        ]
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return tmp_path / name

    main = rows("main.jsonl", ("ann", "train"), ("bob", "dev"), ("cec", "test"))
    more = rows("more.jsonl", ("ann", "train"), ("bob", "train"), ("cec", "train"), ("dan", "train"), ("eve", "test"))
    found = [(part, sample.group) for part, sample in ink.splits_with(main, [more], raise_error)]
    assert found == [("train", "ann"), ("dev", "bob"), ("test", "cec"), ("train", "ann"), ("train", "dan")]


def test_signs(tmp_path):
    write(tmp_path / "manifest.jsonl", {"id": "a", "text": "b", "strokes": [[[0, 0]]]}, GOOD)
    write(tmp_path / "other.jsonl", {"strokes": 1}, GOOD)
    assert ink.signs(Source(tmp_path)) is None
    flat = write(tmp_path / "flat.jsonl.gz", {"id": "a", "text": "b", "strokes": [[], [0, 0]]})
    sign = ink.signs(Source(tmp_path))
    assert (sign.sure, sign.why, sign.root) == (3, "holds pen ink such as the first line of flat.jsonl.gz", flat)
    write(tmp_path / "labelled.jsonl", {"label": "b", "strokes": [[[0, 0]]]})
    with pytest.raises(DataError, match=r"holds 2 files of ink: flat.jsonl.gz, labelled.jsonl; expected one. Name it"):
        ink.signs(Source(tmp_path))
