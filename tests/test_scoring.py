import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.errors import DataError
from seqrec.scoring import Counts, Pair, align, pair, score, score_one


def one(reference, hypothesis):
    return score_one(Pair("x", reference, hypothesis))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "chars", "words"),
    [
        # n, substitutions, insertions, deletions
        ("kitten", "sitting", Counts(6, 2, 1, 0), Counts(1, 1, 0, 0)),
        ("the cat sat", "the cat", Counts(11, 0, 0, 4), Counts(3, 0, 0, 1)),
        ("the cat", "a the cat", Counts(7, 0, 2, 0), Counts(2, 0, 1, 0)),
        ("a", "a", Counts(1), Counts(1)),
        ("a", "b", Counts(1, 1), Counts(1, 1)),
        ("a", "", Counts(1, 0, 0, 1), Counts(1, 0, 0, 1)),
        ("", "", Counts(0), Counts(0)),
        ("", "abc d", Counts(0, 0, 5), Counts(0, 0, 2)),
        ("7", "8", Counts(1, 1), Counts(1, 1)),
        ("你好吗", "你坏吗", Counts(3, 1), Counts(1, 1)),
        (" padded ", "padded", Counts(6), Counts(1)),
        ("a  b", "a b", Counts(4, 0, 0, 1), Counts(2)),
    ],
)
def test_counts_worked_out_by_hand(reference, hypothesis, chars, words):
    scored = one(reference, hypothesis)
    assert scored.chars == chars
    assert scored.words == words


@pytest.mark.parametrize(
    ("reference", "hypothesis", "n", "errors"),
    [
        ("e\u0301te\u0301", "\u00e9t\u00e9", 3, 0),  # decomposed and composed are the same
        ("👩\u200d🔬a", "👩a", 2, 1),  # a scientist is one character
        ("क्षि", "क", 1, 1),
        ("\u00e9", "e", 1, 1),
    ],
)
def test_characters_are_graphemes_in_nfc(reference, hypothesis, n, errors):
    scored = one(reference, hypothesis)
    assert (scored.chars.n, scored.chars.errors) == (n, errors)


def test_rates_over_samples_are_sums_over_sums():
    found = score([Pair("a", "ab cd", "ab cd"), Pair("b", "x", "y"), Pair("c", "", "zz")])
    assert (found.n_samples, found.n_wrong) == (3, 2)
    assert found.chars == Counts(6, 1, 2, 0)
    assert found.cer == pytest.approx(3 / 6)
    assert found.wer == pytest.approx(2 / 3)
    assert found.sentence_error == pytest.approx(2 / 3)


@pytest.mark.parametrize(("counts", "rate"), [(Counts(0), 0.0), (Counts(0, 0, 3), 3.0), (Counts(2, 0, 3), 1.5)])
def test_rate_of_an_empty_reference_is_its_insertions(counts, rate):
    assert counts.rate == rate


def test_no_pairs_have_no_errors():
    found = score([])
    assert (found.n_samples, found.cer, found.wer, found.sentence_error, found.worst) == (0, 0, 0, 0, ())


def test_worst_samples_come_first_and_right_ones_never():
    pairs = [
        Pair("right", "aaaa", "aaaa"),
        Pair("one", "aaaa", "aaa"),
        Pair("three", "aaaa", "a"),
        Pair("uno", "b", ""),
    ]
    assert [s.pair.id for s in score(pairs, worst=10).worst] == ["three", "one", "uno"]
    assert [s.pair.id for s in score(pairs, worst=2).worst] == ["three", "one"]
    assert score(pairs, worst=0).worst == ()


@pytest.mark.parametrize(
    ("reference", "hypothesis", "aligned"),
    [
        ("the cat", "the cat", "the cat"),
        ("the cat", "tha cat", "th[-e-]{+a+} cat"),
        ("cat", "cats", "cat{+s+}"),
        ("cats", "cat", "cat[-s-]"),
        ("", "ab", "{+ab+}"),
        ("ab", "", "[-ab-]"),
    ],
)
def test_alignment_inline(reference, hypothesis, aligned):
    assert align(reference, hypothesis) == aligned


@given(st.text("ab é", max_size=12), st.text("ab é", max_size=12))
def test_counts_agree_with_lengths_and_vanish_only_for_equals(reference, hypothesis):
    scored = one(reference, hypothesis)
    c = scored.chars
    assert c.n - c.deletions + c.insertions == len(hypothesis.strip())
    assert (c.errors == 0) == (reference.strip() == hypothesis.strip())
    assert c.errors == one(hypothesis, reference).chars.errors


def test_pairing_keeps_the_references_order_and_names_the_rest():
    found = pair([("b", "B"), ("a", "A"), ("c", "C")], [("a", "1"), ("b", "2"), ("z", "9")], "hyp")
    assert found.pairs == (Pair("b", "B", "2"), Pair("a", "A", "1"), Pair("c", "C", ""))
    assert found.missing == ("c",)
    assert found.extra == ("z",)


def test_no_hypotheses_at_all_count_as_empty():
    assert pair([("a", "A")], [], "hyp").pairs == (Pair("a", "A", ""),)


@pytest.mark.parametrize(
    ("references", "hypotheses", "said"),
    [
        ([("a", "A"), ("a", "B")], [("a", "A")], "the references: has the id 'a' twice"),
        ([("a", "A")], [("a", "A"), ("a", "A")], "hyp: has the id 'a' twice"),
        ([], [("a", "A")], "hold no sample"),
        ([("a", "A")], [("b", "A")], "has no id of the references: 'b' where they have 'a'"),
    ],
)
def test_what_cannot_be_paired(references, hypotheses, said):
    with pytest.raises(DataError, match=said):
        pair(references, hypotheses, "hyp")
