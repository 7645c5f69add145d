import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.decoding import Hypothesis
from seqrec.options import find, names_in
from seqrec.writers import jsonl, text, visible


def written(module, *hypotheses):
    out = io.StringIO()
    module.write(iter(hypotheses), out)
    return out.getvalue()


def test_text_lines():
    assert written(text, Hypothesis("a", "hello you", 0.5), Hypothesis("b", "", 0)) == "a\thello you\nb\t\n"


def test_text_alone_without_id():
    assert written(text, Hypothesis("", "hello", 0.5)) == "hello\n"


def test_jsonl_line():
    assert written(jsonl, Hypothesis("a", "né", 0.97312)) == '{"id": "a", "text": "né", "confidence": 0.9731}\n'


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


@pytest.mark.parametrize("name", names_in("seqrec.writers"))
@given(id=st.text(min_size=1), said=st.text())
def test_every_writer_streams_a_line_that_nothing_obeys(name, id, said):
    """The contract: one line a hypothesis, written before the next is asked for."""
    out, seen = io.StringIO(), []

    def hypotheses():
        yield Hypothesis(id, said, 0.5)
        seen.append(out.getvalue())
        yield Hypothesis("second", "text", 1.0)

    find("seqrec.writers", name).write(hypotheses(), out)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert seen == [lines[0] + "\n"]
    assert not any(unicodedata.category(c) == "Cc" for c in lines[0].replace("\t", "", 1))
    assert lines[0].encode("utf-8")


@given(st.text(), st.text())
def test_jsonl_loses_nothing(id, said):
    row = json.loads(written(jsonl, Hypothesis(id, said, 0.25)))
    assert row == {"id": id, "text": said, "confidence": 0.25}
