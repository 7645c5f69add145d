"""writers of lines: text, jsonl, csv, ctm. Those of subtitles, grids and pages have tests of their own."""

import csv as csv_library
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.decoding import Alternative, Hypothesis, Span
from seqrec.errors import ConfigError
from seqrec.options import find, names_in
from seqrec.transcripts import read_hypotheses
from seqrec.writers import csv, ctm, jsonl, placed, text, visible
from seqrec.writers._documents import check

FORMATS = names_in("seqrec.writers")
LINES = [name for name in FORMATS if not hasattr(find("seqrec.writers", name), "SUFFIX")]


def written(module, *hypotheses):
    out = io.StringIO()
    module.write(iter(hypotheses), out)
    return out.getvalue()


def spoken(id, said, confidence=0.5):
    """A hypothesis whose words take a second each."""
    words = tuple(Span(word, confidence, float(n), n + 1.0) for n, word in enumerate(said.split()))
    return Hypothesis(id, said, confidence, words=words, unit="s")


def test_text_lines():
    assert written(text, Hypothesis("a", "hello you", 0.5), Hypothesis("b", "", 0)) == "a\thello you\nb\t\n"


def test_text_alone_without_id():
    assert written(text, Hypothesis("", "hello", 0.5)) == "hello\n"


def test_jsonl_line():
    assert written(jsonl, Hypothesis("a", "né", 0.97312)) == '{"id": "a", "text": "né", "confidence": 0.9731}\n'


def test_jsonl_of_all_that_is_known():
    hypothesis = Hypothesis(
        "a",
        "hi",
        0.5,
        words=(Span("hi", 0.87654, 1.23456, 2.0),),
        chars=(Span("h", 1.0), Span("i", 0.25)),
        alternatives=(Alternative("hi", 0.66666), Alternative("ho", 0.1)),
        unit="s",
    )
    assert json.loads(written(jsonl, hypothesis)) == {
        "id": "a",
        "text": "hi",
        "confidence": 0.5,
        "unit": "s",
        "words": [{"text": "hi", "confidence": 0.8765, "start": 1.235, "end": 2.0}],
        "chars": [{"text": "h", "confidence": 1.0}, {"text": "i", "confidence": 0.25}],
        "alternatives": [{"text": "hi", "probability": 0.6667}, {"text": "ho", "probability": 0.1}],
    }


@pytest.mark.parametrize(("unit", "start"), [("s", 123.457), ("px", 123.5), ("points", 123.5)])
def test_positions_are_rounded_to_what_they_mean(unit, start):
    hypothesis = Hypothesis("a", "x", 1.0, words=(Span("x", 1.0, 123.4567, 200.0),), unit=unit)
    assert json.loads(written(jsonl, hypothesis))["words"][0]["start"] == start


def test_csv():
    said = written(csv, Hypothesis("a,1", 'say "hi"', 0.97312), Hypothesis("b", "", 0))
    assert said == 'id,text,confidence\n"a,1","say ""hi""",0.9731\nb,,0.0000\n'


def test_ctm():
    hypothesis = Hypothesis("a b", "one two", 0.5, words=(Span("one", 0.9, 0.25, 0.5), Span("two", 0.75, 0.6, 1.0005)))
    said = written(ctm, hypothesis, Hypothesis(";c", "", 0), spoken(";c", "x"))
    assert said == "a_b 1 0.250 0.250 one 0.9000\na_b 1 0.600 0.400 two 0.7500\n_c 1 0.000 1.000 x 0.5000\n"


@pytest.mark.parametrize("span", [Span("one", 0.9), Span("one", 0.9, start=1.0), Span("one", 0.9, end=1.0)])
def test_words_without_a_position_are_named(span):
    with pytest.raises(ConfigError, match=r"a7: 'one' has no position"):
        placed((span,), Hypothesis("a7", "one", 0.9))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", r"\u001b[31mred"),
        ("a\tb\nc", r"a\u0009b\u000ac"),
        ("\x9b2J", r"\u009b2J"),
        ("\u202eabc", r"\u202eabc"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
        ("سلام\u200cها 你好 é👩\u200d🔬", "سلام\u200cها 你好 é👩\u200d🔬"),
    ],
)
def test_what_terminals_obey_is_escaped(raw, shown):
    assert visible(raw) == shown


@pytest.mark.parametrize("name", LINES)
@given(id=st.text(min_size=1), said=st.text())
def test_every_writer_of_lines_streams_what_nothing_obeys(name, id, said):
    """The contract: whole lines of a hypothesis, written before the next is asked for."""
    out, seen = io.StringIO(), []
    module = find("seqrec.writers", name)

    def hypotheses():
        seen.append(out.getvalue())
        yield spoken(id, said)
        seen.append(out.getvalue())
        yield spoken("second", "text")

    module.write(hypotheses(), out)
    head, first = seen
    lines = out.getvalue().removeprefix(first).splitlines()
    assert len(lines) == 1
    assert "second" in lines[0]
    rows = first.removeprefix(head).splitlines()
    assert len(rows) == (len(said.split()) if name == "ctm" else 1)
    for row in rows:
        assert not any(unicodedata.category(c) == "Cc" for c in row.replace("\t", "", 1))
        assert row.encode("utf-8")


@given(st.text(), st.text())
def test_jsonl_loses_nothing(id, said):
    row = json.loads(written(jsonl, Hypothesis(id, said, 0.25)))
    assert row == {"id": id, "text": said, "confidence": 0.25}


def test_jsonl_is_read_back_for_scoring(tmp_path):
    (tmp_path / "h.jsonl").write_text(written(jsonl, spoken("a", "one\ttwo"), spoken("b", "")), encoding="utf-8")
    found = [(one.id, one.text, one.confidence) for one in read_hypotheses(tmp_path / "h.jsonl")]
    assert found == [("a", "one\ttwo", 0.5), ("b", "", 0.5)]


@given(st.lists(st.tuples(st.text(), st.text())))
def test_csv_is_read_back(rows):
    said = written(csv, *(Hypothesis(id, text, 1 / 3) for id, text in rows))
    read = list(csv_library.reader(io.StringIO(said), strict=True))
    assert read == [["id", "text", "confidence"], *([visible(id), visible(text), "0.3333"] for id, text in rows)]


@given(st.text(), st.text())
def test_ctm_is_read_back(id, said):
    rows = [line.split(" ") for line in written(ctm, spoken(id, said, 0.125)).splitlines()]
    assert [(row[1], row[2], row[3], row[5]) for row in rows] == [
        ("1", f"{n}.000", "1.000", "0.1250") for n in range(len(rows))
    ]
    assert [row[4] for row in rows] == [visible(word) for word in said.split()]
    assert not any(row[0].startswith(";") or not row[0] for row in rows)


# What a writer says of itself


@pytest.mark.parametrize("name", FORMATS)
def test_every_writer_says_what_it_needs_in_known_words(name):
    module = find("seqrec.writers", name)
    units = getattr(module, "POSITIONS", ())
    assert set(units) <= {"s", "px", "points"}
    assert getattr(module, "SUFFIX", ".x")[0] == "."
    assert set(getattr(module, "PAGES", ())) <= set(names_in("seqrec.corpora"))
    assert hasattr(module, "SUFFIX") or not hasattr(module, "PAGES")


@pytest.mark.parametrize(
    ("name", "domain", "fits"),
    [
        ("text", "ink", True),
        ("jsonl", "image", True),
        ("ctm", "sound", True),
        ("srt", "image", False),
        ("alto", "sound", False),
        ("hocr", "image", True),
        ("textgrid", "ink", False),
    ],
)
def test_a_format_fits_a_model_or_others_are_named(name, domain, fits):
    module = find("seqrec.writers", name)
    if fits:
        check(module, domain)
        return
    with pytest.raises(ConfigError, match=rf"--format: {name} is no format for a model of {domain}; .*csv") as error:
        check(module, domain)
    assert name not in str(error.value).partition("Formats for")[2]
