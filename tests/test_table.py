from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.corpora import NoSplit, table
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import Sample, raise_error


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.wav", "ab/d.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFF")
    return tmp_path


def write(folder: Path, content: str | bytes, name: str = "t.tsv") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def texts(path: Path) -> list[str | None]:
    return [sample.text for sample in table.read(path, raise_error)]


def test_all_columns(folder: Path) -> None:
    path = write(folder, "split\tPath\tstart\tend\tspeaker\tsentence\tid\ndev\tab/d.wav\t0.5\t2\tanna\thello you\tx1\n")
    expected = Sample("x1", "hello you", folder / "ab/d.wav", start=0.5, end=2.0, group="anna")
    assert list(table.read(path, raise_error)) == [expected]
    assert list(table.splits(path, raise_error)) == [("dev", expected)]


def test_what_is_left_out_is_none_and_ids_come_from_paths(folder: Path) -> None:
    path = write(folder, "path,text,writer,start,end\nab/d.wav,hi,,,\nab/d.wav,ho,,1.5,2\n", "t.csv")
    assert list(table.read(path, raise_error)) == [
        Sample("ab/d", "hi", folder / "ab/d.wav"),
        Sample("ab/d-1.5", "ho", folder / "ab/d.wav", start=1.5, end=2.0),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "path\ttext\na.wav\tone, two; three\n"),
        ("t.csv", 'path,text\na.wav,"one, two; three"\n'),
        ("t.csv", 'file;label\na.wav;"one, two; three"\n'),
        ("t.txt", "AUDIO_FILEPATH\tTranscript\r\na.wav\tone, two; three\r\n"),
        ("t.csv", "path\ttext\na.wav\tone, two; three"),
        ("t.TSV", "\ufeffpath\ttext\n\na.wav\t  one, two; three \n\n"),
        ("t.csv", '"image","ground_truth"\n"a.wav","one, two; three"\n'),
        ("t.tsv", '"wav"\t"transcription"\n"a.wav"\t"one, two; three"\n'),
    ],
)
def test_dialects(folder: Path, name: str, content: str) -> None:
    assert texts(write(folder, content, name)) == ["one, two; three"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('"Hello" he said', '"Hello" he said'),
        ('he said "Hello"', 'he said "Hello"'),
        ('"', '"'),
        ('"open', '"open'),
        ('"a ""quoted"" word"', 'a "quoted" word'),
        ("5' 6\"", "5' 6\""),
    ],
)
def test_quotation_marks_in_tsv(folder: Path, cell: str, text: str) -> None:
    assert texts(write(folder, f"path\ttext\na.wav\t{cell}\nb.wav\tnext\n")) == [text, "next"]


def test_columns_may_be_given(folder: Path) -> None:
    path = write(folder, "clip,words,text\na.wav,one,wrong\n", "t.csv")
    (sample,) = table.read(path, raise_error, path_column="Clip", text_column="words")
    assert (sample.id, sample.text) == ("a", "one")


@pytest.mark.parametrize(
    ("name", "part"),
    [("train", "train"), ("Dev", "dev"), ("valid", "dev"), ("validation", "dev"), ("val", "dev"), ("TEST", "test")],
)
def test_names_of_splits(folder: Path, name: str, part: str) -> None:
    path = write(folder, f"path\ttext\tsubset\na.wav\tx\t{name}\n")
    assert [part for part, _ in table.splits(path, raise_error)] == [part]


def test_no_split_column_is_told_apart(folder: Path) -> None:
    with pytest.raises(NoSplit, match=r"has no split column; expected one of split, set, subset"):
        list(table.splits(write(folder, "path\ttext\n"), raise_error))


BAD_ROWS = [
    ("a.wav\tx", "has 2 cells; expected 6 as the header"),
    ("a.wav\tx\tg\ttrain\t0\t1\tmore", "has 7 cells"),
    ("\tx\tg\ttrain\t0\t1", "has an empty path"),
    ("none.wav\tx\tg\ttrain\t0\t1", "there is no file"),
    (".\tx\tg\ttrain\t0\t1", "there is no file"),
    ("\0\tx\tg\ttrain\t0\t1", "'path' is"),
    (300 * "x" + "\tx\tg\ttrain\t0\t1", "there is no file"),
    ("a.wav\tx\tg\ttrain\tsoon\t1", "'start' is 'soon'; expected seconds, 0 or more"),
    ("a.wav\tx\tg\ttrain\t-1\t1", "'start' is -1"),
    ("a.wav\tx\tg\ttrain\tnan\t1", "'start' is nan"),
    ("a.wav\tx\tg\ttrain\t0\t1e999", "'end' is inf"),
    ("a.wav\tx\tg\tother\t0\t1", "split is 'other'; expected one of train, dev, test, valid, validation, val"),
    ("a.wav\tx\tg\t\t0\t1", "split is ''"),
    (b"a.wav\t\xe9\tg\ttrain\t0\t1", "is not UTF-8; expected UTF-8 text"),
]


@pytest.mark.parametrize(("line", "expected"), BAD_ROWS)
def test_a_bad_row_is_named_and_the_others_are_read(folder: Path, line: str | bytes, expected: str) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    good = b"b.wav\tx\tg\ttrain\t0\t1\n"
    path = write(folder, b"path\ttext\tgroup\tsplit\tstart\tend\n" + good + raw + b"\n" + good)
    errors: list[SeqrecError] = []
    assert len(list(table.splits(path, errors.append))) == 2
    assert [str(error) for error in errors] == [str(errors[0])]
    assert str(errors[0]).startswith(f"{path}:3: {expected}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "has no path column; expected one of path, audio_filepath"),
        ("\n\n", "has no path column"),
        ("x.wav\thello\n", r"has no path column.*Name it with --path-column; the header is \['x\.wav', 'hello'\]"),
        ("path\tspoken\n", "has no text column; expected one of text, label"),
        ("path,text\n".encode("utf-16"), ":1: is not UTF-8"),
        (b"path\ttext\n" + (1 << 20) * b"x", r":2: is longer than 1048576 bytes"),
        (b"\0" * 5000, "has no path column"),
    ],
)
def test_what_is_no_table(folder: Path, content: str | bytes, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        list(table.read(write(folder, content), raise_error))
    assert len(str(caught.value)) < 500


def test_a_given_column_that_is_not_there(folder: Path) -> None:
    path = write(folder, "path\ttext\n")
    with pytest.raises(DataError, match=r"has no column 'txt'; expected one of path, text\. Did you mean 'text'\?"):
        list(table.read(path, raise_error, text_column="txt"))


@pytest.mark.parametrize(
    ("name", "came"),
    [
        ("t.xlsx", "ends in '.xlsx'; expected a table that ends in .tsv, .csv, .txt"),
        ("", "holds no table; expected a CSV or TSV file with a column of paths"),
        ("n.tsv", "cannot be read"),
    ],
)
def test_what_is_no_file_of_a_table(folder: Path, name: str, came: str) -> None:
    (folder / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=came):
        list(table.read(folder / name, raise_error))


def test_an_unclosed_quotation_mark_in_csv_costs_only_what_it_swallows(folder: Path) -> None:
    rows = "".join(f"a.wav,row {n} {'x' * 80}\n" for n in range(3000))
    path = write(folder, f'path,text\nb.wav,ok\nc.wav,"open\n{rows}b.wav,last\n', "t.csv")
    errors: list[SeqrecError] = []
    found = [sample.text for sample in table.read(path, errors.append)]
    assert found[0] == "ok"
    assert found[-1] == "last"
    assert len(found) > 1000
    assert str(errors[0]).startswith(f"{path}:3: lines 3 to ")


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10)


@given(st.lists(CELLS, min_size=1, max_size=5), st.sampled_from(",;"))
def test_csv_is_read_as_the_csv_module_writes_it(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("table")
    (folder / "a.wav").write_bytes(b"RIFF")
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["path", "text"], *(["a.wav", cell] for cell in cells)])
    assert texts(write(folder, out.getvalue(), "t.csv")) == [cell.strip() for cell in cells]
