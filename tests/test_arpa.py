import gzip
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.errors import DataError
from seqrec.lm.arpa import read_arpa, write_arpa
from seqrec.lm.files import is_model, load
from seqrec.lm.kneser_ney import NEVER
from seqrec.lm.ngram import END, START, UNKNOWN, step
from tests.test_lm import TEXTS, grams, trained

GOOD = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.25
-0.5\t</s>
-0.75\tb\t-0.125
-1\ta\t-0.5

\\2-grams:
-0.25\tb </s>
-0.5\ta b\t-0.0625
-0.125\t<s> a\t0

\\3-grams:
-0.0625\t<s> a b

\\end\\
"""


def put(folder, text, name="lm.arpa"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def same(one, other):
    assert (one.unit, one.vocabulary, one.order) == (other.unit, other.vocabulary, other.order)
    for field, left, right in zip(one.ngram._fields, one.ngram, other.ngram, strict=True):
        assert left.dtype == right.dtype
        np.testing.assert_allclose(left, right, atol=3e-6, err_msg=field)


def test_values_of_a_file(tmp_path):
    model = read_arpa(put(tmp_path, GOOD))
    assert (model.unit, model.vocabulary, model.order) == ("char", ("b", "a"), 3)
    b, a = 3, 4
    ten = math.log(10)
    expected = {
        (UNKNOWN,): (-1.5, 0), (START,): (-99, -0.25), (END,): (-0.5, 0), (b,): (-0.75, -0.125), (a,): (-1, -0.5),
        (b, END): (-0.25, 0), (a, b): (-0.5, -0.0625), (START, a): (-0.125, 0), (START, a, b): (-0.0625, 0),
    }  # fmt: skip
    found = grams(model)
    assert found.keys() == expected.keys()
    for gram, values in expected.items():
        assert found[gram] == pytest.approx([ten * value for value in values])
    assert model.log_prob([a, b]) == pytest.approx(ten * (-0.125 - 0.0625 - 0.0625 - 0.25))
    assert model.log_prob([b]) == pytest.approx(ten * (-0.25 - 0.75 - 0.25))


VARIANTS = {
    "spaces": lambda text: text.replace("\t", "  "),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "comments and blank lines before": lambda text: "# made by hand\nhello\n\n" + text,
    "blank lines between n-grams": lambda text: text.replace("\n-", "\n\n-"),
    "capitals": lambda text: text.replace("<unk>", "<UNK>").replace("\\end", "\\END"),
    "<s> of probability 1": lambda text: text.replace("-99\t<s>", "0\t<s>"),
    "a back-off weight in the highest order": lambda text: text.replace("<s> a b", "<s> a b\t-0.5"),
    "exponents": lambda text: text.replace("-0.0625\t<s>", "-6.25E-02\t<s>"),
    "nothing after the end": lambda text: text.rstrip("\n"),
    "gzip": lambda text: gzip.compress(text.encode()),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_others_write(tmp_path, variant):
    expected = read_arpa(put(tmp_path, GOOD))
    same(load(put(tmp_path, VARIANTS[variant](GOOD), "other")), expected)
    assert is_model(tmp_path / "other")


def test_the_unknown_word_may_be_missing(tmp_path):
    model = read_arpa(put(tmp_path, GOOD.replace("-1.5\t<unk>\n", "").replace("1=5", "1=4")))
    assert grams(model)[UNKNOWN,] == (pytest.approx(NEVER), 0)


def test_a_suffix_that_is_not_there_is_passed_over(tmp_path):
    """SRILM prunes an n-gram and keeps a longer one that ends with it."""
    text = GOOD.replace("-0.5\ta b\t-0.0625\n", "").replace("2=3", "2=2")
    model = read_arpa(put(tmp_path, text))
    state, logp = step(model.ngram, step(model.ngram, model.start(), 4)[0], 3)
    assert logp == pytest.approx(-0.0625 * math.log(10))
    assert step(model.ngram, state, END)[1] == pytest.approx(-0.25 * math.log(10))  # after b


UNITS = [
    (["a b", "é ç"], "char"),
    (["ab c", "d"], "word"),
    (["<space> a", "👍 न"], "char"),
    (["<space> ab"], "word"),
]


@pytest.mark.parametrize(("texts", "unit"), UNITS)
def test_the_unit_is_guessed_from_the_tokens(tmp_path, texts, unit):
    write_arpa(trained(texts), tmp_path / "x.arpa")
    model = read_arpa(tmp_path / "x.arpa")
    assert model.unit == unit
    assert (" " in model.vocabulary) == (unit == "char" and "<space>" in texts[0])
    assert read_arpa(tmp_path / "x.arpa", "word").vocabulary == trained(texts).vocabulary


@pytest.mark.parametrize("name", ["lm.arpa", "lm.arpa.gz"])
@pytest.mark.parametrize(("unit", "order"), [("char", 1), ("char", 5), ("word", 3)])
def test_what_is_written_is_read_again(tmp_path, name, unit, order):
    model = trained([*TEXTS, "naïve “ça”"], unit, order)
    write_arpa(model, tmp_path / name)
    same(read_arpa(tmp_path / name), model)
    first = (tmp_path / name).read_bytes()
    assert first.startswith(b"\x1f\x8b" if name.endswith(".gz") else b"\\data\\\nngram 1=")
    write_arpa(model, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_orders_that_nothing_reaches_are_read_again(tmp_path):
    model = trained(["a"], "char", 6)
    write_arpa(model, tmp_path / "x.arpa")
    assert "\nngram 3=1\nngram 4=0\nngram 5=0\nngram 6=0\n" in (tmp_path / "x.arpa").read_text(encoding="utf-8")
    same(read_arpa(tmp_path / "x.arpa"), model)


def test_a_space_is_written_as_a_word(tmp_path):
    write_arpa(trained(["a b"], "char", 3), tmp_path / "x.arpa")
    lines = (tmp_path / "x.arpa").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[1] for line in lines if line.count(" ") == 2 and "\t" in line] == [
        "<s> a <space>", "<space> b </s>", "a <space> b",
    ]  # fmt: skip


# Bad input


def line(number, text):
    """GOOD with another text in a line."""
    lines = GOOD.splitlines(keepends=True)
    return "".join([*lines[: number - 1], text, *lines[number:]])


BAD = {
    "empty": ("", "1: there is no \\data\\ up to here; expected an ARPA file"),
    "prose": ("hello\nworld\n", "2: there is no \\data\\ up to here"),
    "much prose": ("hello\n" * 5000, "1001: there is no \\data\\ up to here"),
    "binary of KenLM": (b"mmap lm http://kheafield.com/code format version 5\n\0", "1: is a binary file of KenLM"),
    "no counts": (GOOD.replace("ngram", "n"), "2: is 'n 1=5'; expected ngram 1=COUNT"),
    "counts out of order": (line(3, "ngram 3=3\n"), "3: counts 3-grams; expected 2-grams"),
    "a count that is no number": (line(3, "ngram 2=x\n"), "3: is 'ngram 2=x'; expected \\1-grams:"),
    "a count beyond all": (line(3, "ngram 2=99999999999\n"), "3: promises 100000000004 n-grams"),
    "too many": (line(3, "ngram 2=2\n"), "16: has more than 2 2-grams; expected as many as \\data\\ says"),
    "too few": (line(3, "ngram 2=4\n"), "18: has 3 2-grams before it; expected 4, as \\data\\ says"),
    "an order too few": (line(4, ""), "17: is '\\\\3-grams:'; expected \\end\\"),
    "an order too many": (line(4, "ngram 3=1\nngram 4=1\n"), "22: is '\\\\end\\\\'; expected \\4-grams:"),
    "another header": (line(13, "\\4-grams:\n"), "13: is '\\\\4-grams:'; expected \\2-grams:"),
    "positive": (line(15, "0.5\ta b\n"), "15: the log-probability is '0.5'; expected a log10 from -1000 to 0"),
    "NaN": (line(15, "nan\ta b\n"), "15: the log-probability is 'nan'"),
    "infinite": (line(15, "-inf\ta b\n"), "15: the log-probability is '-inf'; expected a log10 from -1000 to 0. A"),
    "no number": (line(15, "x\ta b\n"), "15: the log-probability is 'x'"),
    "back-off is NaN": (line(15, "-1\ta b\tnan\n"), "15: the back-off weight is 'nan'"),
    "back-off is no number": (line(11, "-1\ta\tb\n"), "11: the back-off weight is 'b'"),
    "a token too few": (line(15, "-1\ta\n"), "15: is '-1\\ta'; expected a log10 of the probability, 2 tokens"),
    "a token too many": (line(15, "-1\ta b a b\n"), "15: is '-1\\ta b a b'"),
    "a 1-gram twice": (line(11, "-1\tb\n"), "11: 'b' is there twice"),
    "<unk> and <UNK>": (line(11, "-1\t<UNK>\n"), "11: '<unk>' is there twice"),
    "an n-gram twice": (line(15, "-0.25\tb </s>\n"), "15: the 2-gram of line 14 is there again"),
    "an unknown token": (line(15, "-1\ta c\n"), "15: 'c' is no 1-gram"),
    "an unknown context token": (line(15, "-1\tc a\n"), "15: 'c' is no 1-gram"),
    "no context": (line(19, "-1\tb a b\n"), "19: there is no 2-gram 'b a'"),
    "no end marker": (line(9, "-1\tc\n"), "13: the 1-grams before it have no </s>"),
    "no end": (GOOD.replace("\\end\\", ""), "the file ends here; expected \\end\\"),
    "cut": (GOOD[: GOOD.index("-0.125\t<s> a")], "15: has 2 2-grams before it; expected 3"),
    "not UTF-8": (GOOD.replace("\tb\t", "\té\t").encode("latin-1"), "10: b'\\xe9' is not UTF-8"),
    "gzip that is cut": (gzip.compress(GOOD.encode())[:-12], "ends in the middle; expected a whole gzip file"),
    "a bomb": (gzip.compress(GOOD[:7].encode() + (b" " * 9999 + b"\n") * 7000), "unpacks to more than 200 times"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_broken_file_names_its_line(tmp_path, kind):
    text, said = BAD[kind]
    path = put(tmp_path, text)
    with pytest.raises(DataError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}:"), raised.value
    assert said in str(raised.value).replace(str(path), ""), raised.value


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, data):
    text = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b"9", b"-", b" ", b"\n", b"a"])
        )
    path = put(tmp_path_factory.getbasetemp(), bytes(text))
    try:
        model = read_arpa(path)
    except DataError as error:
        failed = str(error)
    else:
        failed = f"{path}:"
        assert math.isfinite(model.log_prob(range(len(model.ids))))
    assert failed.startswith(f"{path}:")
