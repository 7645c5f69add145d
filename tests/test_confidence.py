import json
from dataclasses import asdict
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from seqrec.alphabet import Alphabet
from seqrec.decoding import Hypothesis, Reading, Span, confidence
from seqrec.decoding.confidence import (
    TEMPERATURE,
    Calibration,
    Curve,
    correct,
    expected_calibration_error,
    posteriors,
)
from seqrec.errors import ConfigError

LETTERS = Alphabet((" ", "a", "b", "c", "d"))

some_letters = st.text("ab c", max_size=12).map(lambda text: " ".join(text.split()))


def of(*weighed):
    """posteriors of texts with these probabilities after the temperature."""
    nbest = [tuple(LETTERS.encode(text)) for text, _ in weighed]
    return posteriors(nbest, [TEMPERATURE * log(p) for _, p in weighed], LETTERS)


@pytest.mark.parametrize(
    ("weighed", "line", "words", "chars"),
    [
        ([("ab", 1.0)], 1, [1], [1, 1]),
        ([("", 1.0)], 1, [], []),
        ([("", 0.6), ("a", 0.2)], 0.75, [], []),
        ([("a", 0.6), ("", 0.4)], 0.6, [0.6], [0.6]),
        ([("ab", 0.5), ("ac", 0.3), ("cb", 0.2)], 0.5, [0.5], [0.8, 0.7]),
        # An insertion leaves the labels where they are, but makes another word.
        ([("ab", 0.6), ("abb", 0.3), ("cab", 0.1)], 0.6, [0.6], [1, 1]),
        ([("ab cd", 0.5), ("ab c", 0.3), ("d cd", 0.2)], 0.5, [0.8, 0.7], [0.8, 0.8, 1, 1, 0.7]),
        # A word joined to its neighbour is no longer there, though all of its labels are.
        ([("ab cd a", 0.6), ("abcd a", 0.4)], 0.6, [0.6, 0.6, 1], [1, 1, 0.6, 1, 1, 1, 1]),
        ([("a b", 0.6), ("a d b", 0.4)], 0.6, [1, 1], [1, 1, 1]),
        ([("ab", 0.5), ("cd ab", 0.5)], 0.5, [1], [1, 1]),
    ],
)
def test_posteriors_worked_out_by_hand(weighed, line, words, chars):
    found = of(*weighed)
    assert found[0] == pytest.approx(line)
    assert found[1] == pytest.approx(words)
    assert found[2] == pytest.approx(chars)


def test_scores_are_logarithms_up_to_a_constant():
    nbest = [(2, 3), (2, 4)]
    line, (word,), chars = posteriors(nbest, [-1000 + TEMPERATURE * log(3), -1000.0], LETTERS)
    assert (line, word, chars) == (pytest.approx(0.75), pytest.approx(0.75), pytest.approx((1, 0.75)))
    assert posteriors(nbest, [-np.inf, -np.inf], LETTERS)[0] == 0.5
    assert posteriors(nbest, [0.0, -np.inf], LETTERS)[0] == 1.0


def test_without_a_space_the_text_is_one_word():
    alphabet = Alphabet(("a", "b"))
    assert posteriors([(1, 2), (1, 1)], [TEMPERATURE * log(4), 0], alphabet)[1] == pytest.approx((0.8,))


def test_every_white_space_parts_words():
    alphabet = Alphabet(("a", "\u00a0", " "))
    assert posteriors([(1, 2, 1), (1, 3, 1)], [log(4), 0], alphabet)[1] == pytest.approx((1, 1))


SAID = np.log([[0.1, 0.8, 0.05, 0.05], [0.7, 0.1, 0.1, 0.1], [0.2, 0.05, 0.7, 0.05]])
ABC = Alphabet(("a", "b", "c"))


def test_the_frames_count_where_the_texts_agree():
    # "ab": peaks of 0.8 and 0.7, a gap of blank, a and b between them: 0.9. Both texts have the a, one the b.
    half = [TEMPERATURE * log(0.75), TEMPERATURE * log(0.25)]
    line, (word,), (a, b) = posteriors([(1, 2), (1, 3)], half, ABC, SAID)
    weight = confidence.SUPPORT
    assert a == pytest.approx((0.8 * 0.9**0.5) ** weight)
    assert b == pytest.approx(0.75 * (0.7 * 0.9**0.5) ** (weight / 2))
    assert word == line == pytest.approx(0.75 * (0.8 * 0.9 * 0.7) ** (weight / 2))


def test_the_frames_alone_where_there_is_one_text():
    line, words, chars = posteriors([(1, 2)], [-3.0], ABC, SAID)
    weight = confidence.SUPPORT
    assert line == pytest.approx((0.8 * 0.9 * 0.7) ** weight)
    assert words == (line,)
    assert chars == pytest.approx(((0.8 * 0.9**0.5) ** weight, (0.7 * 0.9**0.5) ** weight))


def test_frames_that_exclude_the_text_leave_some_probability():
    log_probs = np.full((2, 4), -np.inf, np.float32)
    log_probs[:, 0] = 0.0
    line, (word,), (char,) = posteriors([(1,)], [0.0], ABC, log_probs)
    assert 0 < line == word < 1e-3
    assert 0 < char < 1e-3


@pytest.mark.parametrize("frames", [0, 3])
def test_the_empty_text_and_its_frames(frames):
    log_probs = np.log(np.full((frames, 4), [0.7, 0.1, 0.1, 0.1]))
    line, words, chars = posteriors([()], [0.0], ABC, log_probs)
    assert (line, words, chars) == (pytest.approx(0.7 ** (frames * confidence.SUPPORT)), (), ())


@given(some_letters, st.lists(some_letters, max_size=5))
def test_posteriors_against_alignments_of_another_library(first, others):
    """Whatever alignment is chosen, its edits are the fewest, so as many labels agree as with any, at least."""
    line, words, chars = of(*[(text, 1.0) for text in (first, *others)])
    n = 1 + len(others)
    assert line == pytest.approx((1 + others.count(first)) / n)
    assert len(words) == len(first.split())
    assert all(line - 1e-9 <= p <= 1 for p in (*words, *chars))
    for text in others:
        _, _, pair = of((first, 1.0), (text, 1.0))
        agree = sum(p > 0.75 for p in pair)
        distance = Levenshtein.distance(first, text)
        assert (
            max(len(first), len(text)) - distance <= agree <= max(len(first), len(text)) - abs(len(first) - len(text))
        )


def test_texts_that_differ_far_apart():
    """More edits than are looked for at first."""
    first = "abcd" * 30
    other = "d" * 25 + first[:60] + "b" + first[61:]
    _, _, chars = of((first, 0.5), (other, 0.5))
    assert chars == pytest.approx([0.5 if i == 60 else 1 for i in range(120)])


# Calibration


@pytest.mark.parametrize(
    ("slope", "offset", "raw", "expected"),
    [
        (1.0, 0.0, 0.3, 0.3),
        (0.5, 0.0, 0.9, 0.75),  # the square root of the odds: 9 -> 3
        (1.0, log(2), 0.5, 2 / 3),  # twice the odds
        (2.0, -log(4), 0.8, 0.8),  # 4 * 4 / 4
    ],
)
def test_a_curve_changes_the_odds(slope, offset, raw, expected):
    assert Curve(slope=slope, offset=offset).apply([raw]) == pytest.approx([expected], abs=1e-5)


@given(st.floats(0.05, 5), st.floats(-20, 20), st.lists(st.integers(0, 10_000), min_size=2, unique=True))
def test_a_curve_keeps_the_order_and_the_bounds(slope, offset, raw):
    raw = np.sort(raw) / 10_000
    found = Curve(slope=slope, offset=offset).apply(raw)
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    assert (np.diff(found) >= 0).all()
    if abs(offset) <= 5 and slope <= 2:  # else beyond the precision of numbers near to 1
        assert (np.diff(found) > 0).all()


def test_a_calibration_changes_a_reading_and_nothing_but_its_probabilities():
    reading = Reading((2, 1, 3), 0.5, (0.9, 0.8), (0.9, 0.8, 0.7), (((2, 1, 3), 0.5),))
    half = Curve(slope=0.5)
    found = Calibration(word=half).apply(reading)
    assert found.line == pytest.approx(0.5)
    assert found.words == pytest.approx((0.75, 2 / 3), abs=1e-5)
    assert found.chars == pytest.approx(reading.chars)
    assert (found.labels, found.nbest) == (reading.labels, reading.nbest)
    assert Calibration().apply(Reading((), 1.0, (), ())).words == ()


def test_a_calibration_is_kept_as_json():
    made = Calibration(word=Curve(slope=0.5, offset=-1.25, n=7, error=0.03))
    assert Calibration.parse(json.loads(made.model_dump_json()), "decoding.json") == made


@pytest.mark.parametrize(
    "table", [{"slope": 0}, {"slope": -1}, {"slope": 1e9}, {"offset": 1e6}, {"n": -1}, {"error": 2}]
)
def test_a_calibration_from_a_stranger(table):
    with pytest.raises(ConfigError, match=r"^decoding\.json: word\."):
        Calibration.parse({"word": table}, "decoding.json")


def readings(raw):
    """Samples of one word of one letter."""
    return [Reading((2,), p, (p,), (p,)) for p in raw]


def test_fitting_finds_the_curve_that_made_the_truth():
    rng = np.random.default_rng(7)
    raw = 1 / (1 + np.exp(-rng.normal(2, 3, 20_000)))
    truth = Curve(slope=0.4, offset=-0.7)
    texts = ["a" if right else "b" for right in rng.random(len(raw)) < truth.apply(raw)]
    found = confidence.fit(readings(raw), texts, LETTERS)
    for curve in (found.line, found.word, found.char):
        assert curve.slope == pytest.approx(0.4, abs=0.02)
        assert curve.offset == pytest.approx(-0.7, abs=0.05)
        assert curve.n == 20_000
        assert curve.error is not None
        assert curve.error < 0.01
    assert found == confidence.fit(readings(raw), texts, LETTERS)


@pytest.mark.parametrize("text", ["a", "b"])
@pytest.mark.parametrize("n", [0, 1, 3, 500])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_few_or_one_sided_samples_do_not_break_it(text, n, p):
    found = confidence.fit(readings([p] * n), [text] * n, LETTERS)
    assert found.word.n == n
    after = found.word.apply([p])[0]
    assert 0 < after < 1
    if n == 3 and p == 0.3:
        assert 0.1 < after < 0.7
    elif n == 500 and p == 0.3:
        assert after == pytest.approx(float(text == "a"), abs=0.03)


def test_the_error_is_measured_on_groups_that_were_not_fitted():
    # Two writers of whom one is always right, one never: within each all is clear, across them nothing.
    raw, texts, groups = [0.9] * 200, ["a"] * 100 + ["b"] * 100, ["anna"] * 100 + ["ben"] * 100
    assert confidence.fit(readings(raw), texts, LETTERS, groups).word.error > 0.9
    assert confidence.fit(readings(raw), texts, LETTERS).word.error < 0.05
    assert confidence.fit(readings(raw), texts, LETTERS, ["anna"] * 200).word.error is None


def test_the_error_is_not_measured_where_one_group_has_nearly_all():
    raw, texts, groups = [0.9] * 200, ["a"] * 180 + ["b"] * 20, ["anna"] * 198 + ["ben"] * 2
    assert confidence.fit(readings(raw), texts, LETTERS, groups).word.error is None


def test_white_space_and_forms_do_not_make_an_error():
    alphabet = Alphabet(("é", " "))
    found = confidence.fit([Reading((1,), 0.5, (0.5,), (0.5,))] * 300, ["e\u0301 "] * 300, alphabet)
    assert all(curve.apply([0.5])[0] > 0.9 for curve in (found.line, found.word, found.char))


def test_texts_may_hold_what_the_alphabet_does_not():
    found = confidence.fit(readings([0.5] * 300), ["x"] * 300, LETTERS)
    assert found.word.apply([0.5])[0] < 0.1


# Expected calibration error


def test_calibration_error_worked_out_by_hand():
    # Two bins: 0.2 and 0.4 of which one is right (0.3 against 0.5), 0.7 and 0.9 of which both are (0.8 against 1).
    found = expected_calibration_error([0.9, 0.2, 0.7, 0.4], [True, False, True, True], bins=2)
    assert asdict(found) == pytest.approx({"error": 0.2, "n": 4, "confidence": 0.55, "right": 0.75})
    assert json.loads(json.dumps(asdict(found))) == asdict(found)


@pytest.mark.parametrize(
    ("confidences", "right", "error"),
    [
        ([], [], 0.0),
        ([0.9], [True], 0.1),
        ([0.9], [False], 0.9),
        ([0.5, 0.5], [True, False], 0.0),  # equal ones count as their mean, though each has a bin of its own
        ([0.0, 1.0], [False, True], 0.0),
        ([0.25] * 4 + [1.0] * 2, [False, True, False, False, True, False], 2 * 0.5 / 6),
    ],
)
def test_calibration_error_of_few(confidences, right, error):
    found = expected_calibration_error(confidences, right)
    assert found.error == pytest.approx(error)
    assert found.n == len(right)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1), st.randoms())
def test_calibration_error_does_not_depend_on_the_order(judged, random):
    before = expected_calibration_error(*zip(*judged, strict=True), bins=3)
    random.shuffle(judged)
    after = expected_calibration_error(*zip(*judged, strict=True), bins=3)
    assert before.error == pytest.approx(after.error)
    assert abs(before.confidence - before.right) - 1e-9 <= before.error <= 1


# Which words are right


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("", "", ""),
        ("a b", "", ""),
        ("", "a b", "--"),
        ("the cat sat", "the cat sat", "+++"),
        ("the cat sat", "the bat sat", "+-+"),
        ("the cat sat", "the sat", "++"),
        ("the cat", "thecat", "-"),
        ("a b c d", "b c d a", "+++-"),
    ],
)
def test_words_are_right_where_they_are_aligned_to_equal_ones(reference, hypothesis, expected):
    assert "".join("-+"[right] for right in correct(reference.split(), hypothesis.split())) == expected


@given(st.lists(st.integers(0, 2), max_size=12), st.lists(st.integers(0, 2), max_size=12))
def test_right_ones_against_alignments_of_another_library(reference, hypothesis):
    found = correct(reference, hypothesis)
    assert len(found) == len(hypothesis)
    longer, distance = max(len(reference), len(hypothesis)), Levenshtein.distance(reference, hypothesis)
    assert longer - distance <= sum(found) <= min(len(reference), len(hypothesis))
    kept = [one for one, right in zip(hypothesis, found, strict=True) if right]
    assert Levenshtein.distance(reference, kept) == len(reference) - len(kept)  # in order


# Review


def test_expected_errors_are_those_of_the_characters_or_of_the_line():
    chars = (Span("a", 0.9), Span("b", 0.5))
    assert confidence.expected_errors(Hypothesis("x", "ab", 0.6, (), chars)) == pytest.approx(0.6)
    assert confidence.expected_errors(Hypothesis("x", "ab", 0.1, (), chars)) == pytest.approx(0.9)
    assert confidence.expected_errors(Hypothesis("x", "", 0.25)) == pytest.approx(0.75)


def test_softmax():
    assert confidence.softmax([0.0, log(3)]) == pytest.approx([0.25, 0.75])
    assert confidence.softmax([5.0]) == pytest.approx([1])
    assert confidence.softmax([0.0, -1.0]).sum() == pytest.approx(1)
    assert confidence.softmax([0.0, -1.0])[1] == pytest.approx(exp(-1) / (1 + exp(-1)))
