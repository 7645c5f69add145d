import numpy as np
import pytest

from seqrec.corpora import unipen
from seqrec.corpora._source import Source
from seqrec.errors import DataError

INK = """.VERSION 1.0
.COMMENT a comment
   of two lines with "quotes" and 1 2 3
.COORD X Y
.WRITER_ID anna
.PEN_DOWN
0 0
10 5
20 0
.PEN_UP
.PEN_UP
21 3
.PEN_DOWN
30 7
31 8
.PEN_DOWN
.PEN_DOWN
40 1
"""


def read(source, **options):
    errors = []
    return list(unipen.read(source, errors.append, **options)), [str(error) for error in errors]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def points(sample):
    return [stroke.tolist() for stroke in sample.strokes]


def segments(tmp_path, *lines, ink=INK):
    return read(write(tmp_path / "a.dat", ink + "\n".join(lines) + "\n"))


def test_components_without_points_are_not_counted(tmp_path):
    """With the empty ones counted, component 2 would be the second pen-up and 3 the stroke of "b"."""
    samples, errors = segments(tmp_path, '.SEGMENT WORD 0 OK "a"', '.SEGMENT WORD 1-2 OK "b"', '.SEGMENT WORD 3 ? "c"')
    assert not errors
    assert [sample.text for sample in samples] == ["a", "b", "c"]
    assert [points(sample) for sample in samples] == [
        [[[0, 0], [10, -5], [20, 0]]],
        [[[30, -7], [31, -8]]],
        [[[40, -1]]],
    ]
    assert [sample.id for sample in samples] == ["a.dat#0", "a.dat#1", "a.dat#2"]
    assert {sample.group for sample in samples} == {"anna"}


@pytest.mark.parametrize(
    ("ink", "strokes"),
    [
        ("0:1-2", [[[10, -5], [20, 0]], [[30, -7], [31, -8]]]),
        ("0:1-2:0", [[[10, -5], [20, 0]], [[30, -7]]]),
        ("0:1-0:1,3", [[[10, -5]], [[40, -1]]]),
        ("0:2-2:0, 3", [[[20, 0]], [[30, -7]], [[40, -1]]]),
        ("3,0:0-0:0", [[[40, -1]], [[0, 0]]]),
    ],
)
def test_delineations(tmp_path, ink, strokes):
    (sample,), errors = segments(tmp_path, f'.SEGMENT WORD {ink} OK "x"')
    assert not errors
    assert points(sample) == strokes


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (r'"say \"hi\""', 'say "hi"'),
        (r'"back\\slash"', "back\\slash"),
        ('"two\nlines"', "two lines"),
        (r'"a\tb\nc"', "a b c"),
        ('"2 : 0 0"', "2 : 0 0"),
        ('"?"', "?"),
        ('"été"', "été"),
    ],
)
def test_labels(tmp_path, label, text):
    (sample,), errors = segments(tmp_path, f".SEGMENT WORD 0 OK {label}")
    assert not errors
    assert sample.text == text


def test_quality_may_be_missing_and_a_label_too(tmp_path):
    lines = ('.SEGMENT WORD 0 "a"', ".SEGMENT WORD 0 OK", ".SEGMENT WORD", '.SEGMENT\tWORD\t3\tOK\t"b"')
    samples, errors = segments(tmp_path, *lines)
    assert not errors
    assert [sample.text for sample in samples] == ["a", "b"]


@pytest.mark.parametrize(
    ("segment", "says"),
    [
        ('.SEGMENT WORD 4 OK "a"', "components 4-4 of 4"),
        ('.SEGMENT WORD 0-999999999 OK "a"', "of 4"),
        ('.SEGMENT WORD 2-1 OK "a"', "2-1"),
        ('.SEGMENT WORD 1 OK "a"', "no ink"),
        ('.SEGMENT WORD 0:7-0 OK "a"', "no ink"),
        ('.SEGMENT WORD ? OK "a"', "'?'"),
        ('.SEGMENT WORD 0--2 OK "a"', "'0--2'"),
        ('.SEGMENT WORD OK "a"', "names its ink by ''"),
    ],
)
def test_a_bad_segment_is_named_and_the_rest_goes_on(tmp_path, segment, says):
    samples, errors = segments(tmp_path, segment, '.SEGMENT WORD 0 OK "good"')
    assert [sample.text for sample in samples] == ["good"]
    (error,) = errors
    assert "a.dat:19" in error
    assert says in error


def test_levels(tmp_path):
    lines = ('.SEGMENT WORD 0-3 OK "ab"', '.SEGMENT CHARACTER 0 OK "a"', '.SEGMENT CHARACTER 2 OK "b"')
    path = write(tmp_path / "a.dat", INK + "\n".join(lines))
    assert [sample.text for sample in read(path, level="CHARACTER")[0]] == ["a", "b"]
    samples, errors = read(path, level="LINE")
    assert not samples
    assert "CHARACTER, WORD" in errors[0]


def test_segments_may_come_before_the_ink_and_sets_count_anew(tmp_path):
    text = '.SEGMENT WORD 0 OK "a"\n.PEN_DOWN\n1 1\n.START_SET two\n.PEN_DOWN\n2 2\n.SEGMENT WORD 0 OK "b"\n'
    samples, errors = read(write(tmp_path / "a.dat", text))
    assert not errors
    assert [(sample.text, points(sample)) for sample in samples] == [("a", [[[1, -1]]]), ("b", [[[2, -2]]])]


def test_includes_of_the_corpus_layout(tmp_path):
    write(tmp_path / "include/sta/ink.dat", INK)
    write(tmp_path / "include/sta/basic.lex", '.LEXICON "a" "b"\n')
    text = '.VERSION 1.0\n.INCLUDE sta/basic.lex\n.INCLUDE sta/ink.dat\n.SEGMENT WORD 2-3 OK "hi"\n'
    path = write(tmp_path / "data/7/sta/a.dat", text)
    for source in (tmp_path, tmp_path / "data", tmp_path / "data/7/sta", path):
        (sample,), errors = read(source)
        assert not errors
        assert sample.id == "7/sta/a.dat#0"
        assert sample.text == "hi"
        assert points(sample) == [[[30, -7], [31, -8]], [[40, -1]]]


def test_include_beside_the_file(tmp_path):
    write(tmp_path / "ink.inc", INK)
    (sample,), errors = read(write(tmp_path / "a.dat", '.INCLUDE ink.inc\n.SEGMENT WORD 0 OK "a"\n'))
    assert not errors
    assert len(sample.strokes[0]) == 3


@pytest.mark.parametrize("name", ["../secret.dat", "{folder}/secret.dat", "none.dat", "link.dat", "a\0b", 999 * "x"])
def test_includes_never_leave_the_corpus(tmp_path, name):
    write(tmp_path / "secret.dat", INK)
    corpus = tmp_path / "corpus"
    path = write(corpus / "a.dat", f'.INCLUDE {name.format(folder=tmp_path)}\n.SEGMENT WORD 0 OK "a"\n')
    (corpus / "link.dat").symlink_to(tmp_path / "secret.dat")
    samples, errors = read(path)
    assert not samples
    assert "a.dat:1" in errors[0]
    assert "not there" in errors[0]


def test_a_circle_of_includes_ends(tmp_path):
    _, errors = read(write(tmp_path / "a.dat", ".INCLUDE a.dat\n"))
    assert "circle" in errors[0]


def test_times_from_the_rate_with_pauses(tmp_path):
    ink = ".POINTS_PER_SECOND 10\n.PEN_DOWN\n0 0\n1 1\n.DT 500\n.PEN_UP\n2 2\n.PEN_DOWN\n3 3\n4 4\n"
    first, second = segments(tmp_path, '.SEGMENT WORD 0-2 OK "a"', '.SEGMENT WORD 2 OK "b"', ink=ink)[0]
    assert np.allclose([stroke[:, 2] for stroke in first.strokes], [[0, 0.1], [0.8, 0.9]])
    assert np.allclose(second.strokes[0][:, 2], [0, 0.1])


def test_columns_times_and_resolution_as_declared(tmp_path):
    ink = ".COORD Y T X P\n.X_POINTS_PER_INCH 508\n.Y_POINTS_PER_MM 10\n.PEN_DOWN\n3 2000 10 99\n4 2010 12 98\n"
    (sample,), errors = segments(tmp_path, '.SEGMENT WORD 0 OK "a"', ink=ink)
    assert not errors
    assert np.allclose(sample.strokes[0], [[5, -3, 0], [6, -4, 0.01]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no UNIPEN keywords"),
        ("\x00\x01\x02", "no UNIPEN keywords"),
        (".PEN_DOWN\n1 2\n3\n", "3 numbers"),
        (".PEN_DOWN\n1 two\n", "no number"),
        (".PEN_DOWN\n1 nan\n", "finite"),
        (".PEN_DOWN\n1 1e300\n", "finite"),
        (".COORD X T\n", "COORD"),
        (".DT soon\n", "number"),
        (".POINTS_PER_SECOND -5\n", "number"),
        ("x" * (1 << 20), "too large"),
    ],
)
def test_a_bad_file_is_named_and_the_others_go_on(tmp_path, text, says):
    write(tmp_path / "a.dat", text)
    write(tmp_path / "b.dat", INK + '.SEGMENT WORD 0 OK "good"\n')
    samples, errors = read(tmp_path)
    assert [sample.text for sample in samples] == ["good"]
    (error,) = errors
    assert "a.dat" in error
    assert says in error


def test_all_includes_together_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(unipen, "_LARGEST", 10_000)
    write(tmp_path / "big.inc", ".COMMENT " + "long\n" * 1000)
    _, errors = read(write(tmp_path / "a.dat", ".INCLUDE big.inc\n" * 3))
    assert "too large" in errors[0]


def test_latin_1_and_windows_line_ends(tmp_path):
    (tmp_path / "a.dat").write_bytes(b'.COMMENT caf\xe9\r\n.PEN_DOWN\r\n1 2\r\n.SEGMENT WORD 0 OK "a"\r\n')
    (sample,), errors = read(tmp_path / "a.dat")
    assert not errors
    assert points(sample) == [[[1, -2]]]


def test_no_source(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "none")
    assert "no segments" in read(tmp_path)[1][0]


def test_signs(tmp_path):
    (tmp_path / "a.dat").write_bytes(bytes(range(256)))
    (tmp_path / "b.dat").write_text("x y\n1 2\n")
    assert unipen.signs(Source(tmp_path)) is None
    write(tmp_path / "data" / "c.dat", INK)
    sign = unipen.signs(Source(tmp_path))
    assert (sign.sure, sign.why, sign.root) == (3, "holds data/c.dat with lines such as .VERSION", tmp_path)
    assert unipen.signs(Source(write(tmp_path / "plain", INK))).root == tmp_path / "plain"
