from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.corpora import NoSplit, table
from seqrec.corpora._source import Sign, Source
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
        ("path,text\n".encode("latin-1") + b"\xe9,x\n", ":2: is not UTF-8"),
        (b"\xff\xfepat", "is broken UTF-16"),
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


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"RIFF")
    return folder


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Datei;Sprecher;Text\na.wav;anna;hallo\n", [("a", "hallo")]),
        ("Datei;Inhalt\na.wav;hallo\nb.wav;du, da\n", [("a", "hallo"), ("b", "du, da")]),
        ("words,clip\nhello,a.wav\n", [("a", "hello")]),
        ("file|what was said\na.wav|one, two; three\n", [("a", "one, two; three")]),
        ("id,file,fassung,speaker\nx1,a.wav,hallo,anna\n", [("x1", "hallo")]),
        ("file_name,transcription\na.wav,hi\n", [("a", "hi")]),
        ("wav_filename,wav_filesize,transcript\na.wav,4,hi\n", [("a", "hi")]),
        (
            '{"file_name": "a.wav", "n": 1, "text": " hi "}\n\n{"text": "you", "file_name": "b.wav"}\n',
            [("a", "hi"), ("b", "you")],
        ),
        # no header line
        ("a.wav,hallo\nb.wav,du\n", [("a", "hallo"), ("b", "du")]),
        ("a.wav\thallo\n", [("a", "hallo")]),
        ("a.wav|Hello, my dear, you, you\nb.wav|no, no\n", [("a", "Hello, my dear, you, you"), ("b", "no, no")]),
        ("hallo;a.wav\n", [("a", "hallo")]),
        ('a.wav hello you\nb no, "no"\n', [("a", "hello you"), ("b", 'no, "no"')]),
        ('a.wav, "Tired, 0"\r\nb.wav, "Tired, 1"\r\n', [("a", "Tired, 0"), ("b", "Tired, 1")]),
        ("\ufeffa.wav;hallo\r\n\r\nb.wav;du\r\n", [("a", "hallo"), ("b", "du")]),
        # names without suffix, paths of another system or place
        ("a,hallo\nb,du\n", [("a", "hallo"), ("b", "du")]),
        ("path,text\nab\\d.wav,hallo\n", [("ab/d", "hallo")]),
        ("path,text\nd,hallo\n", [("d", "hallo")]),
        ("path,text\nC:\\Users\\anna\\rec\\d.wav,hallo\n", [("d", "hallo")]),
        ("path,text\n/home/anna/rec/a.wav,hallo\n", [("a", "hallo")]),
        ("path,text\n./a.wav,hallo\n", [("a", "hallo")]),
        ("path,text\nAB/D.WAV,hallo\n", [("AB/D", "hallo")]),
        ("path,text\na.mp3,hallo\n", [("a", "hallo")]),
        ("Datei\tInhalt\r\na.wav\tgrün\r\n", [("a", "grün")]),
    ],
)
def test_tables_that_need_no_option(folder: Path, content: str, expected: list[tuple[str, str]]) -> None:
    path = write(folder, content, "t.jsonl" if content[0] == "{" else "t.csv")
    for source in (path, folder):
        samples = list(table.read(source, raise_error))
        assert [(sample.id, sample.text) for sample in samples] == expected
        assert all(sample.path and sample.path.is_file() for sample in samples)


def test_unicode_text_of_a_spreadsheet(folder: Path) -> None:
    rows = "Datei\tInhalt\r\na.wav\tgrün\r\nb.wav\t\u0a0a \u0d0d\r\n"
    path = write(folder, rows.encode("utf-16"), "t.txt")
    for source in (path, folder):
        assert [sample.text for sample in table.read(source, raise_error)] == ["grün", "\u0a0a \u0d0d"]


def test_the_form_of_accents_in_names_does_not_count(tmp_path: Path) -> None:
    files(tmp_path, "u\u0308ben.wav")
    (sample,) = table.read(write(tmp_path, "path,text\n\u00fcben.wav,x\n"), raise_error)
    assert sample.path == tmp_path / "u\u0308ben.wav"


def test_columns_by_number(folder: Path) -> None:
    path = write(folder, "a.wav|raw 1|one\nb|raw 2|two\n")
    message = "has no header line and 3 columns; expected a path and a text. Say which .* --text-column 3"
    with pytest.raises(DataError, match=message):
        list(table.read(path, raise_error))
    found = list(table.read(path, raise_error, text_column="3", path_column="1"))
    assert [(sample.id, sample.text) for sample in found] == [("a", "one"), ("b", "two")]
    for wrong in ("4", "0", "text", "²"):
        with pytest.raises(DataError, match=f"no header line to name '{wrong}' in; expected --text-column as a number"):
            list(table.read(path, raise_error, text_column=wrong))


def test_of_several_columns_that_may_be_the_text_none_is_guessed(folder: Path) -> None:
    path = write(folder, "Datei;Thema;Inhalt\na.wav;x;hallo\n", "t.csv")
    with pytest.raises(DataError, match=r"has no text column; .*Name it with --text-column; the header is"):
        list(table.read(path, raise_error))
    assert [sample.text for sample in table.read(path, raise_error, text_column="Inhalt")] == ["hallo"]
    path = write(folder, "Datei;Inhalt\na.wav;hallo\n", "t.csv")
    for options in ({"text_column": "Inhalte"}, {"path_column": "Inhalte"}):
        with pytest.raises(DataError, match=r"has no column 'Inhalte'; expected one of datei, inhalt. Did you mean"):
            list(table.read(path, raise_error, **options))


def test_a_comma_within_a_text_is_told(folder: Path) -> None:
    errors: list[SeqrecError] = []
    path = write(folder, "a.wav,hello\nb.wav,hello, you\n", "t.csv")
    assert len(list(table.read(path, errors.append))) == 1
    assert [str(error) for error in errors] == [
        f"{path}:2: has 3 cells; expected 2 as the first line. Put texts that hold the delimiter into quotation marks"
    ]


def test_what_two_files_may_be_is_no_guess(tmp_path: Path) -> None:
    files(tmp_path, "anna/1.wav", "ben/1.wav", "anna/2.wav", "anna/3.wav", "anna/3.flac")
    path = write(
        tmp_path,
        "path,text\n1.wav,x\nanna/1.wav,one\nben/2.wav,y\n/x/anna/2.wav,two\n/x/ben/2.wav,z\n3,w\n3.wav,three\n",
    )
    errors: list[SeqrecError] = []
    found = [(sample.path, sample.text) for sample in table.read(path, errors.append)]
    names = {"one": "anna/1.wav", "two": "anna/2.wav", "three": "anna/3.wav"}
    assert found == [(tmp_path / name, text) for text, name in names.items()]
    assert [str(error).partition(": ")[2].partition(";")[0] for error in errors] == [
        "'1.wav' may be anna/1.wav or ben/1.wav",
        "there is no file 'ben/2.wav'",
        "'/x/ben/2.wav' may be anna/2.wav, and so may '/x/anna/2.wav'",
        "'3' may be anna/3.flac or anna/3.wav",
    ]


def test_paths_may_begin_above_the_table(tmp_path: Path) -> None:
    files(tmp_path, "wavs/a.wav")
    (tmp_path / "lists").mkdir()
    path = write(tmp_path / "lists", "path,text\nwavs/a.wav,x\n", "t.csv")
    (sample,) = table.read(path, raise_error)
    assert (sample.id, sample.path) == ("wavs/a", tmp_path / "wavs/a.wav")


@pytest.mark.parametrize(
    "names",
    [("train", "valid", "test"), ("meta_train", "meta-dev", "meta.test"), ("train/m", "validation/m", "test/m")],
)
def test_tables_named_after_parts(tmp_path: Path, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        files(tmp_path, f"{name}-{number}.wav")
        cell = Path(name).name
        write((tmp_path / name).parent, f"file_name,text\n{cell}-{number}.wav,text {number}\n", f"{cell}.csv")
    if "/" not in names[0]:
        files(tmp_path, "x.wav")
        write(tmp_path, "file_name,text\nx.wav,of no part\n", "all.csv")
    found = list(table.splits(tmp_path, raise_error))
    assert sorted((part, sample.text) for part, sample in found) == [
        ("dev", "text 1"),
        ("test", "text 2"),
        ("train", "text 0"),
    ]
    assert len({sample.id for _, sample in found}) == 3
    assert [sample for _, sample in found] == list(table.read(tmp_path, raise_error))


def test_a_table_in_each_folder_is_a_group(tmp_path: Path) -> None:
    for name in ("anna", "ben"):
        files(tmp_path, f"{name}/1.wav", f"{name}/old/1.wav")
        write(tmp_path / name, "path,text\n1.wav,x\n", "m.csv")
        write(tmp_path / name / "old", "path,text\n1.wav,old\n", "m.csv")
    found = [(sample.id, sample.text, sample.group) for sample in table.read(tmp_path, raise_error)]
    assert found == [("anna/1", "x", "anna"), ("ben/1", "x", "ben")]
    with pytest.raises(NoSplit):
        list(table.splits(tmp_path, raise_error))


def test_of_two_tables_in_a_folder_one_must_be_named(folder: Path) -> None:
    for name in ("t1.csv", "t2.csv"):
        write(folder, "path,text\na.wav,x\n", name)
    with pytest.raises(DataError, match=r"holds 2 tables: t1.csv, t2.csv; expected one, or train, dev and test"):
        list(table.read(folder, raise_error))
    write(folder, "name,age\nanna,7\n", "t1.csv")  # a table of other things is none
    assert [sample.text for sample in table.read(folder, raise_error)] == ["x"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("test.csv", "Datei;Inhalt\nb.wav;é\n".encode("latin-1"), r"test.csv:2: is not UTF-8"),
        ("more.csv", "path,text\nb.wav,é\n".encode("latin-1"), r"more.csv:2: is not UTF-8"),
        ("test.csv", b"id,sentence\n1,x\n", r"test.csv: has no path column"),
        ("dev.csv", b"path,text\nelsewhere.wav,x\n", r"dev.csv: names no sound or image"),
    ],
)
def test_a_table_beside_others_is_not_lost(folder: Path, name: str, content: bytes, expected: str) -> None:
    write(folder, "path,text\na.wav,x\n", "train.csv")
    write(folder, content, name)
    with pytest.raises(DataError, match=expected):
        list(table.splits(folder, raise_error))


def test_a_test_set_beside_an_unnamed_table_does_not_stand_for_it(folder: Path) -> None:
    write(folder, "path,text\na.wav,x\n", "all.csv")
    write(folder, "path,text\nb.wav,y\n", "test.csv")
    with pytest.raises(DataError, match=r"holds 2 tables: all.csv, test.csv; expected one, or train, dev and test"):
        list(table.splits(folder, raise_error))


@pytest.mark.parametrize(
    ("content", "name", "sign"),
    [
        (
            "path,text\na.wav,x\n",
            "t.csv",
            (2, "holds t.csv, a table of files and their texts (path in 'path', text in 'text')"),
        ),
        (
            "Datei;Inhalt\na.wav;x\n",
            "t.csv",
            (1, "holds t.csv, a table of files and their texts (path in 'Datei', text in 'Inhalt')"),
        ),
        ("a.wav|x\n", "list.txt", (1, "holds list.txt, a table of files and their texts without a header line")),
        (
            "a hello, you\nb.wav no\n",
            "list.txt",
            (1, "holds list.txt, a table of files and their texts without a header line"),
        ),
        ("a.wav\nb.wav\n", "notes.txt", None),
        ("I recorded a.wav on monday\n", "notes.txt", None),
        ("path,text\na.wav,x\n", "notes.md", None),
        ("one, two\n", "a.txt", None),
    ],
)
def test_signs(folder: Path, content: str, name: str, sign: tuple[int, str] | None) -> None:
    write(folder, content, name)
    assert table.signs(Source(folder)) == (sign and Sign(*sign, folder))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("path,text\nx.wav,x\n", "t.csv: names no sound or image that is there in its first lines"),
        ("name,age\nanna,7\n", "t.csv: has no path column"),
        ("Datei;Text\na.wav;é\n".encode("latin-1"), "t.csv:2: is not UTF-8"),
        ("path,text\n", "t.csv: holds a header and no rows"),
        ("path,text\na.wav,é\n".encode("latin-1"), "t.csv:2: is not UTF-8"),
    ],
)
def test_the_only_table_of_a_folder_says_what_it_lacks(folder: Path, content: str | bytes, expected: str) -> None:
    write(folder, content, "t.csv")
    for look in (lambda: table.signs(Source(folder)), lambda: list(table.read(folder, raise_error))):
        with pytest.raises(DataError, match=expected):
            look()


def test_lines_that_are_no_objects_are_named(folder: Path) -> None:
    good = '{"file_name": "a.wav", "text": "hi"}\n'
    path = write(folder, good + '["a.wav", "hi"]\n{"file_name"\n{"text": "x"}\n' + good, "metadata.jsonl")
    errors: list[SeqrecError] = []
    assert len(list(table.read(path, errors.append))) == 2
    assert [str(error).partition("; ")[0] for error in errors] == [
        f"""{path}:2: is no JSON object: '["a.wav", "hi"]'""",
        f"""{path}:3: is no JSON object: '{{"file_name"'""",
        f"{path}:4: has an empty path",
    ]
    sign = table.signs(Source(folder))
    assert sign is not None
    assert sign.sure == 2
    write(folder, '{"path": "a.wav", "text": "hi"}\n', "metadata.jsonl")  # a manifest
    assert table.signs(Source(folder)) is None
