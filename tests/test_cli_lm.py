import gzip
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqrec.errors import DataError
from seqrec.lm.files import load
from seqrec.lm.texts import put

TEXT = "the cat sat\non the mat\nthe dog sat on the cat\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "more.txt.gz").write_bytes(gzip.compress(b"a dog\n"))
    rows = [{"id": str(i), "path": "x.png", "text": text} for i, text in enumerate(["a mat", "a cat"])]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def lm(*args, stdin=None, code=0, **keywords):
    process = [sys.executable, "-m", "seqrec", "lm", *map(str, args)]
    done = subprocess.run(process, capture_output=True, input=stdin, timeout=300, **keywords)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, err
    assert "Traceback" not in err
    return out, err


def test_texts_to_a_model_of_characters(place):
    out, err = lm("text.txt", "more.txt.gz", "train.jsonl", "-", "-o", "x.bin", stdin=b"zebra\n")
    model = load("x.bin")
    assert (model.unit, model.order) == ("char", 6)
    assert "".join(model.vocabulary) == " abcdeghmnorstz"
    assert out.startswith("chars, order 6: 18 1-grams, ")
    assert err == ""


def test_a_model_of_words_is_converted_and_measured(place):
    out, err = lm("text.txt", "-o", "x.arpa.gz", "--unit", "word", "--order", 2)
    assert out == "words, order 2: 9 1-grams, 12 2-grams\n"
    assert err == "seqrec: x.arpa.gz has no model of the spelling: ARPA cannot hold it, .bin can\n"
    assert lm("x.arpa.gz", "-o", "x.bin") == (out, "")
    assert load("x.bin").spelling is None
    found = json.loads(lm("x.bin", "--perplexity", "-", "--json", stdin=b"the zebra\n")[0])
    one = json.loads(lm("x.bin", "--perplexity", "-", "--json", stdin=b"the\n")[0])
    assert (found["texts"], found["tokens"], found["unknown"], found["ngrams"]) == (1, 3, 1, [9, 12])
    assert found["perplexity"]["including_unknown"] > found["perplexity"]["excluding_unknown"] > 1
    assert (one["tokens"], one["unknown"]) == (2, 0)
    text = lm("x.bin", "--perplexity", "text.txt")[0].splitlines()[1]
    assert math.isclose(float(text.split()[1]), load("x.bin").perplexity(TEXT.splitlines()).including, abs_tol=0.01)


def test_options_of_training(place):
    options = ("--unit", "word", "--prune", "0 1", "--vocabulary", 3, "--spelling-order", 2, "--order", 3)
    lm("text.txt", "-o", "x.bin", *options, "--memory", 16)
    model = load("x.bin")
    assert model.vocabulary == ("cat", "sat", "the")
    assert (model.order, model.spelling.order) == (3, 2)
    assert model.ngram.first[1] < len(model.ngram.token) < 12
    lm("text.txt", "-o", "x.bin", "--unit", "word", "--spelling-order", 0)
    assert load("x.bin").spelling is None


def test_bad_lines_are_named_and_the_rest_is_done(place):
    out, err = lm("-", "-o", "x.arpa", stdin=b"good\n\xff\xfe\nfood\n", code=1)
    assert err == "seqrec: stdin:2: is not UTF-8; expected UTF-8 text. Save the file as UTF-8\n"
    assert "".join(load("x.arpa").vocabulary) == "dfgo"
    assert out.startswith("chars")


@pytest.mark.parametrize("unit", ["char", "word"])
def test_a_model_is_the_same_each_time(place, unit):
    for name in ("one.bin", "two.bin"):
        lm("text.txt", "train.jsonl", "-o", name, "--unit", unit, env={**os.environ, "PYTHONHASHSEED": str(len(name))})
    assert (place / "one.bin").read_bytes() == (place / "two.bin").read_bytes()


USAGE = [
    (("text.txt",), "Nothing to do: give -o, --perplexity or"),
    (("text.txt", "-o", "x.lm"), "x.lm: has no suffix that says what to write; expected .bin or .arpa or .arpa.gz"),
    (("text.txt", "-o", "x.bin", "--order", 9), "9 is not in the range 1<=x<=8"),
    (("text.txt", "-o", "x.bin", "--unit", "byte"), "'byte' is not one of 'char', 'word'"),
    (("text.txt", "-o", "x.bin", "--prune", "x"), "--prune: is 'x'; expected numbers, such as \"0 0 1\""),
    (("text.txt", "-o", "x.bin", "--prune", "1"), "prune: begins with 1; expected 0"),
    (("text.txt", "-o", "x.bin", "--vocabulary", 3), "vocabulary: is 3 for chars"),
    (("text.txt", "-o", "x.bin", "--spelling-order", 3), "--spelling-order: is for a model of words. Add --unit word"),
    (("lm.arpa", "text.txt", "-o", "x.bin"), "lm.arpa is a language model: it is read alone"),
    (("lm.arpa", "-o", "x.bin", "--order", 3), "--order is for training, and lm.arpa is trained already."),
]


@pytest.mark.parametrize(("args", "said"), USAGE)
def test_wrong_usage(place, args, said):
    (place / "lm.arpa").write_text("\\data\\\n", encoding="utf-8")
    _, err = lm(*args, code=2)
    assert said in err
    assert not (place / "x.bin").exists()


FAILURES = [
    (("none.txt", "-o", "x.bin"), "none.txt: cannot be read (No such file or directory); expected a text file"),
    (("none.arpa", "-o", "x.bin"), "none.arpa: cannot be read (No such file or directory); expected a language model"),
    (("empty.txt", "-o", "x.bin"), "texts: hold no text"),
    (("text.txt", "--perplexity", "empty.txt"), "empty.txt: holds no text to measure with; expected a text a line"),
    (("windows.txt", "-o", "x.bin"), "windows.txt: is UTF-16; expected UTF-8 text. Save the file as UTF-8"),
    (("cut.arpa", "-o", "x.bin"), "cut.arpa:3: is '\\\\2-grams:'; expected \\1-grams:"),
    (("kenlm.bin", "-o", "x.bin"), "kenlm.bin:1: is a binary file of KenLM; expected an ARPA file. Give the ARPA file"),
    (("cut.bin", "-o", "x.arpa"), "cut.bin: is no language model"),
    (
        ("text.txt", "-o", "/dev/null/x.bin"),
        "/dev/null/x.bin: cannot be written (File exists). Choose another place with -o",
    ),
]


@pytest.mark.parametrize(("args", "said"), FAILURES)
def test_what_cannot_be_read_is_one_line(place, args, said):
    (place / "empty.txt").write_bytes(b"\n\n")
    (place / "windows.txt").write_text("the cat\nsat\n", encoding="utf-16")
    (place / "cut.arpa").write_text("\\data\\\nngram 1=3\n\\2-grams:\n", encoding="utf-8")
    (place / "kenlm.bin").write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0" + bytes(100))
    (place / "cut.bin").write_bytes(b"SEQRECLM")
    _, err = lm(*args, code=1)
    assert err.startswith(f"seqrec: {said}")
    assert err.count("\n") == 1
    assert not (place / "x.bin").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device without space")
def test_a_full_place_for_temporary_files_is_named():
    with (
        open("/dev/full", "wb") as full,
        pytest.raises(DataError, match=r"temporary files: cannot be written .* TMPDIR"),
    ):
        put(full, np.zeros(100_000))
