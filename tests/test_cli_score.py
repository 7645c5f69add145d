"""`seqrec score` and `seqrec compare`, as real processes."""

import json
import subprocess
import sys

import pytest

from tests.models import image_model, write_line

WORDS = ["badge", "cab", "cafe", "dead", "face", "head"]


@pytest.fixture
def place(tmp_path):
    """A manifest of six samples by two writers, and two systems, of which b is better."""
    samples = [
        {"id": f"s{i}", "path": f"{word}.png", "text": word, "group": "anna" if i < 3 else "ben"}
        for i, word in enumerate(WORDS)
    ]
    a = [{"id": f"s{i}", "text": word.replace("a", "e"), "confidence": 0.25} for i, word in enumerate(WORDS)]
    words = [{"text": "bedge", "confidence": 0.5}]
    b = [{"id": "s0", "text": "bedge", "confidence": 0.5, "words": words}]
    b += [{"id": f"s{i}", "text": word, "confidence": 1} for i, word in enumerate(WORDS) if i]
    for name, rows in (("ref", samples), ("a", a), ("b", b)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "ref.txt").write_text("the cat\nsat\n", encoding="utf-8")
    (tmp_path / "hyp.txt").write_text("the cat\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(place):
    def run(*args):
        return subprocess.run(
            [sys.executable, "-m", "seqrec", *map(str, args)],
            cwd=place, capture_output=True, text=True, encoding="utf-8", timeout=300,
        )  # fmt: skip

    return run


def test_decode_then_score(place, run):
    model = image_model(place / "model")
    rows = [{"id": "one", "path": "a.png", "text": "abd"}, {"id": "two", "path": "none.png", "text": "x"}]
    (place / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_line(place / "a.png", "abc")
    assert run("decode", model, "m.jsonl", "-o", "hyp.jsonl").returncode == 1
    found = run("score", "m.jsonl", "hyp.jsonl", "--json")
    assert found.returncode == 1  # since one could not be decoded
    assert found.stderr == "seqrec: hyp.jsonl: 1 without a hypothesis, counted as empty: two\n"
    row = json.loads(found.stdout)
    assert row["characters"] == {"n": 4, "errors": 2, "substitutions": 1, "insertions": 0, "deletions": 1}
    assert row["missing"] == ["two"]


def test_score(run):
    found = run("score", "ref.jsonl", "b.jsonl", "--by", "group")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines() == [
        "                    95% interval  errors  of  substituted  inserted  deleted",
        "CER         4.17%   0.00 to 8.33       1  24            1         0        0",
        "WER        16.67%  0.00 to 33.33       1   6            1         0        0",
        "sentences  16.67%  0.00 to 33.33       1   6",
        "",
        "                       CER  95% interval     WER   95% interval  sentences",
        "without case         4.17%  0.00 to 8.33  16.67%  0.00 to 33.33     16.67%",
        "without punctuation  4.17%  0.00 to 8.33  16.67%  0.00 to 33.33     16.67%",
        "without both         4.17%  0.00 to 8.33  16.67%  0.00 to 33.33     16.67%",
        "",
        "intervals: bootstrap over 2 groups, 2000 times",
        "note: 2 groups are few: the intervals are rough, and likely too narrow",
        "",
        "group  samples    CER  errors  of     WER  errors  of  sentences",
        "anna         3  8.33%       1  12  33.33%       1   3     33.33%",
        "ben          3  0.00%       0  12   0.00%       0   3      0.00%",
        "",
        "characters, reference > hypothesis",
        "  substituted  a > e 1",
        "",
        "words, reference > hypothesis",
        "  substituted  badge > bedge 1",
        "",
        "confidence of 6 lines: expected calibration error 0.083",
        "  confidence       lines     mean    right",
        "  from 0.5 to 0.8      1   50.00%    0.00%",
        "  from 0.99 to 1       5  100.00%  100.00%",
        "",
        "confidence of 1 words: expected calibration error 0.500",
        "  confidence       words    mean  right",
        "  from 0.5 to 0.8      1  50.00%  0.00%",
        "",
        "s0  (1 error in 5)",
        "  b[-a-]{+e+}dge",
    ]


def test_score_for_programs(run):
    row = json.loads(run("score", "ref.jsonl", "b.jsonl", "--json", "--by", "length", "--words", "mixed").stdout)
    assert set(row) == {
        "cer", "wer", "sentence_error", "samples", "wrong", "characters", "words", "word_tokenisation", "intervals",
        "variants", "confusions", "slices", "calibration", "missing", "extra", "worst", "warnings",
    }  # fmt: skip
    assert row["word_tokenisation"] == "mixed"
    assert row["intervals"]["over"] == "group"
    assert row["slices"]["by"] == "length"
    assert [one["name"] for one in row["slices"]["rows"]] == ["2 to 3", "4 to 7"]
    assert row["confusions"]["characters"]["substituted"] == [{"reference": "a", "hypothesis": "e", "count": 1}]


def test_compare(run):
    found = run("compare", "a.jsonl", "b.jsonl", "--ref", "ref.jsonl", "--worst", "1")
    assert (found.returncode, found.stderr) == (0, "")
    lines = found.stdout.splitlines()
    assert lines[0] == "A a.jsonl   B b.jsonl"
    assert lines[2].startswith("CER         25.00%")
    assert lines[2].endswith("p = 0.062")
    assert lines[6] == "CER        B has 83% fewer wrong characters; may well be chance (p = 0.062)"
    assert "CER: exact permutation test over 6 samples" in lines
    assert "sentences: exact test of McNemar over 6 samples" in lines
    assert lines[-5:] == [
        "5 samples better in B, 0 worse, 1 with as many errors",
        "",
        "better: s1  (1 -> 0 errors in 3)",
        "  A c[-a-]{+e+}b",
        "  B cab",
    ]


def test_compare_for_programs(run):
    row = json.loads(run("compare", "a.jsonl", "b.jsonl", "--ref", "ref.jsonl", "--json").stdout)
    assert row["differences"]["cer"]["difference"] == pytest.approx(-5 / 24)
    assert row["differences"]["sentence_error"]["p"] == pytest.approx(2 / 32)
    assert row["test_over"] == {"over": "sample", "units": 6}
    assert [one["id"] for one in row["better"]] == ["s1", "s2", "s3", "s4", "s5"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["score", "none.jsonl", "a.jsonl"], "none.jsonl: cannot be read"),
        (["score", "ref.jsonl", "none"], "none: cannot be read"),
        (["score", "ref.txt", "hyp.txt"], "hyp.txt: has 1 lines, ref.txt has 2; expected as many"),
        (["score", "a.jsonl", "ref.jsonl"], "a.jsonl: is what `seqrec decode` writes; expected a manifest"),
        (["score", "ref.jsonl", "ref.jsonl"], "ref.jsonl: is the reference itself"),
        (["compare", "a.jsonl", "ref.txt", "--ref", "ref.jsonl"], "ref.txt:1: is no JSON object"),
        (["compare", "hyp.txt", "a.jsonl", "--ref", "ref.txt"], "a.jsonl: is JSONL, and ref.txt is plain text"),
    ],
)
def test_what_cannot_be_scored(run, args, said):
    found = run(*args)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith(f"seqrec: {said}")
    assert found.stderr.count("\n") == 1


def test_what_is_too_much_is_named_and_left_out(place, run):
    with open(place / "a.jsonl", "a", encoding="utf-8") as out:
        out.write('{"id": "t\\u001b[31m", "text": "\\ud800"}\n')
    found = run("score", "ref.jsonl", "a.jsonl")
    assert (found.returncode, found.stderr) == (
        0, "seqrec: a.jsonl: 1 not among the references, left out: t\\u001b[31m\n",
    )  # fmt: skip


def test_nothing_is_obeyed_by_the_terminal_and_lines_stay_short(place, run):
    evil = "\x1b[31m\u202e\ud800"
    refs = [{"id": f"{i}", "path": "x", "text": "a b " * 30, "group": f"\x1b[31m{i}"} for i in range(25)]
    heard = [{"id": f"{i}", "text": evil + chr(200 + i) * 40} for i in range(25)]
    for name, rows in (("ref", refs), ("a", heard)):
        (place / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = run("score", "ref.jsonl", "a.jsonl", "--by", "group", "--worst", "0")
    assert found.returncode == 0
    assert "\x1b" not in found.stdout
    assert "\u202e" not in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 100
    assert "and 5 more, all of them in --json" in found.stdout


@pytest.mark.parametrize("args", [["score", "ref.jsonl", "b.jsonl", "--words", "x"], ["compare", "a", "b"]])
def test_wrong_usage(run, args):
    assert run(*args).returncode == 2
