"""corpora/iam.py: lines.txt, words.txt, writers and the sets of the recognition task."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqrec.corpora import NoSplit, iam
from seqrec.corpora._source import Source
from seqrec.errors import DataError
from seqrec.samples import Sample, raise_error

HEAD = "#--- lines.txt ---#\n#\n# iam database line information\n#\n# format: a01-000u-00 ok 154 19 ...\n#\n"
LINES = {
    "a01-000u-00": "a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop|Mr.|Gaitskell|from",
    "a01-000u-01": "a01-000u-01 err 156 19 395 932 1850 105 nominating|any|more|.",
    "a01-003-00": "a01-003-00 ok 173 23 -1 746 1661 89 #|\"|it's|'",
    "p03-211-04": "p03-211-04 ok 170 9 300 900 1500 90 odd text|with a space",
}


def corpus(folder: Path, *, ascii: str = "ascii", deep: bool = True) -> Path:
    (folder / ascii).mkdir(parents=True, exist_ok=True)
    (folder / ascii / "lines.txt").write_text(HEAD + "\n".join(LINES.values()) + "\n")
    for id in LINES:
        form = id.rpartition("-")[0]
        place = folder / "lines" / form[:3] / form if deep else folder / "lines"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{id}.png").write_bytes(b"")
    return folder


def read(source: Path) -> tuple[list[Sample], list[str]]:
    errors: list[str] = []
    return list(iam.read(source, lambda error: errors.append(str(error)))), errors


@pytest.mark.parametrize(("ascii", "deep"), [("ascii", True), (".", True), ("ascii", False), (".", False)])
def test_lines_texts_and_images(tmp_path: Path, ascii: str, deep: bool) -> None:
    samples, errors = read(corpus(tmp_path, ascii=ascii, deep=deep))
    assert errors == []
    assert [(s.id, s.text, s.group) for s in samples] == [
        ("a01-000u-00", "A MOVE to stop Mr. Gaitskell from", "a01-000u"),
        ("a01-000u-01", "nominating any more .", "a01-000u"),
        ("a01-003-00", "# \" it's '", "a01-003"),
        ("p03-211-04", "odd text with a space", "p03-211"),
    ]
    assert all(s.path is not None and s.path.is_file() for s in samples)
    assert read(tmp_path / ascii / "lines.txt") == (samples, [])


def test_writers_are_the_groups_where_forms_tell_them(tmp_path: Path) -> None:
    corpus(tmp_path)
    (tmp_path / "ascii" / "forms.txt").write_text("#--- forms.txt\na01-000u 000 2 prt 7 5 52 36\na01-003 000 2 all\n\n")
    assert [s.group for s in read(tmp_path)[0]] == ["000", "000", "000", "p03-211"]


def test_what_is_broken_is_named(tmp_path: Path) -> None:
    corpus(tmp_path)
    (tmp_path / "lines" / "a01" / "a01-003" / "a01-003-00.png").unlink()
    table = tmp_path / "ascii" / "lines.txt"
    table.write_bytes(table.read_bytes() + b"a01-000u-02 ok 154\nx \xe9\n")
    samples, errors = read(tmp_path)
    assert [s.id for s in samples] == ["a01-000u-00", "a01-000u-01", "p03-211-04"]
    assert [error.partition("; ")[0] for error in errors] == [
        f"{table}:9: there is no image of a01-003-00",
        f"{table}:11: is 'a01-000u-02 ok 154'",
        f"{table}:12: is not UTF-8",
    ]


@pytest.mark.parametrize("as_forms", [False, True])
def test_the_sets_of_the_task(tmp_path: Path, as_forms: bool) -> None:
    corpus(tmp_path)
    with pytest.raises(NoSplit, match="holds no trainset"):
        list(iam.splits(tmp_path, raise_error))
    (tmp_path / "task").mkdir()
    sets = {"trainset": "a01-000u-00\na01-000u-01\n", "validationset1": "", "validationset2": "a01-003-00\r\n"}
    for name, ids in sets.items():
        if as_forms:
            ids = "".join(f"{id.strip()[:-3]}\n" for id in ids.splitlines())
        (tmp_path / "task" / f"{name}.txt").write_text(ids)
    found = [(part, s.id) for part, s in iam.splits(tmp_path, raise_error)]
    assert found == [("train", "a01-000u-00"), ("train", "a01-000u-01"), ("dev", "a01-003-00")]


def test_words_where_there_are_no_lines(tmp_path: Path) -> None:
    rows = [
        "a01-000u-00-00 ok 154 408 768 27 51 AT A",
        "a01-000u-00-01 err 154 507 766 213 48 NN MOVE",
        "a01-000u-00-02 ok 154 1 796 764 70 50 TO to",
    ]
    (tmp_path / "words.txt").write_text("# head\n" + "\n".join(rows))
    for row in rows:
        path = tmp_path / "words" / "a01" / "a01-000u" / f"{row.split()[0]}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    samples, errors = read(tmp_path)
    assert [(s.id, s.text) for s in samples] == [("a01-000u-00-00", "A"), ("a01-000u-00-02", "to")]
    assert errors == [
        f"{tmp_path}/words.txt:3: a01-000u-00-01 is err: its segmentation may be bad; expected ok",
    ]
    (tmp_path / "trainset.txt").write_text("a01-000u-00\n")
    assert [part for part, _ in iam.splits(tmp_path, lambda error: None)] == ["train", "train"]


def test_signs(tmp_path: Path) -> None:
    corpus(tmp_path / "a" / "IAM")
    sign = iam.signs(Source(tmp_path))
    assert sign == (
        3,
        "holds a/IAM/ascii/lines.txt with lines such as " + LINES["a01-000u-00"][:40],
        tmp_path / "a/IAM",
    )
    for content in ("", HEAD, "a.png hello\n", "\0\0"):
        (tmp_path / "a" / "IAM" / "ascii" / "lines.txt").write_text(content)
        assert iam.signs(Source(tmp_path)) is None


@pytest.mark.parametrize(
    ("name", "came"),
    [("", "holds no lines.txt"), ("none", "does not exist"), ("other.txt", "is another file")],
)
def test_what_is_no_source(tmp_path: Path, name: str, came: str) -> None:
    (tmp_path / "other.txt").write_text("x")
    with pytest.raises(DataError, match=came):
        list(iam.read(tmp_path / name, raise_error))
