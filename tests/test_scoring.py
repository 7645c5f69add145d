import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.errors import DataError
from seqrec.scoring import Counts, Pair, Transcript, align, edits, pair, score, score_one
from seqrec.scoring.texts import VARIANTS, is_unspaced, split


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


def texts(id, text):
    return [Transcript(id, text)]


def test_pairing_keeps_the_references_order_and_names_the_rest():
    heard = [Transcript("a", "1", None, 0.5, (("1", 0.4),)), Transcript("b", "2"), Transcript("z", "9")]
    found = pair([Transcript("b", "B", "anna"), *texts("a", "A"), *texts("c", "C")], heard, "hyp")
    assert found.pairs == (
        Pair("b", "B", "2", "anna"),
        Pair("a", "A", "1", None, 0.5, (("1", 0.4),)),
        Pair("c", "C", ""),
    )
    assert found.missing == ("c",)
    assert found.extra == ("z",)


def test_no_hypotheses_at_all_count_as_empty():
    assert pair(texts("a", "A"), [], "hyp").pairs == (Pair("a", "A", ""),)


@pytest.mark.parametrize(
    ("references", "hypotheses", "said"),
    [
        (["aA", "aB"], ["aA"], "the references: has the id 'a' twice"),
        (["aA"], ["aA", "aA"], "hyp: has the id 'a' twice"),
        ([], ["aA"], "the references: holds no sample"),
        (["aA"], ["bA"], "has no id of the references: 'b' where they have 'a'"),
    ],
)
def test_what_cannot_be_paired(references, hypotheses, said):
    with pytest.raises(DataError, match=said):
        pair([Transcript(*one) for one in references], [Transcript(*one) for one in hypotheses], "hyp")


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("Don't  stop, 3.14!", "whitespace", ["Don't", "stop,", "3.14!"]),
        ("Don't  stop, 3.14! - €", "uax29", ["Don't", "stop", "3.14", "€"]),
        ("我爱北京 café 東京タワー", "uax29", ["我", "爱", "北", "京", "café", "東", "京", "タワー"]),
        ("我用 iPhone手机。", "mixed", ["我", "用", "iPhone", "手", "机", "。"]),
        ("สวัสดี ok", "mixed", ["ส", "วั", "ส", "ดี", "ok"]),
        ("don't stop", "mixed", ["don't", "stop"]),
        ("", "mixed", []),
        (" . ", "uax29", []),
    ],
)
def test_words(text, words, found):
    assert split(text, words) == found


@given(st.text("ab 我.'é-", max_size=20), st.sampled_from(["whitespace", "mixed"]))
def test_words_hold_all_but_the_white_space(text, words):
    assert "".join(split(text, words)) == "".join(text.split())


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("no_case", "Straße, ÉTÉ", "strasse, été"),
        ("no_punctuation", "« Oui », dit-il: 3€ !", "Oui ditil 3€"),
        ("no_case_no_punctuation", "Don’t.", "dont"),
    ],
)
def test_variants(name, text, found):
    assert VARIANTS[name](text) == found


def test_variants_count_what_is_left():
    found = score([Pair("a", "The cat.", "the cat")], variant=VARIANTS["no_case_no_punctuation"])
    assert (found.chars, found.words, found.n_wrong) == (Counts(7), Counts(2), 0)


@pytest.mark.parametrize(("text", "unspaced"), [("我爱你 ok", True), ("hello 我", False), ("", False)])
def test_text_without_spaces(text, unspaced):
    assert is_unspaced(text) == unspaced


@pytest.mark.parametrize(
    ("reference", "hypothesis", "found"),
    [("cat", "cut", [("a", "u")]), ("cat", "cats", [("", "s")]), ("cat", "at", [("c", "")]), ("a", "a", [])],
)
def test_edits(reference, hypothesis, found):
    assert list(edits(list(reference), list(hypothesis))) == found


@given(st.lists(st.text("abc", max_size=6), max_size=8), st.lists(st.text("abc", max_size=6), max_size=8))
def test_edits_are_as_many_as_errors(references, hypotheses):
    a, b = " ".join(references).split(), " ".join(hypotheses).split()
    assert len(list(edits(a, b))) == one(" ".join(a), " ".join(b)).words.errors
