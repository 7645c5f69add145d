"""Counts, modified Kneser-Ney smoothing and the walk through a model."""

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.errors import ConfigError, DataError
from seqrec.lm.counts import count
from seqrec.lm.ngram import END, ROOT, START, UNKNOWN, levels, step
from seqrec.lm.texts import Tokenizer, Tokens, texts_of
from seqrec.lm.train import Training, train

TEXTS = ["the cat sat", "on the mat", "the dog sat on the cat", "a cat", "the cat sat on a mat"]


def trained(texts, unit="word", order=3, **options):
    return train(texts, Training(unit, order, **{"spelling": 0, **options}))


def grams(model):
    """n-gram, as ids -> (natural log-probability, log of the back-off weight)."""
    ngram, found, names = model.ngram, {}, {ROOT: ()}
    for node in range(len(ngram.token)):
        for after in range(ngram.first[node], ngram.first[node + 1]):
            names[after] = (*names[node], int(ngram.token[after]))
            found[names[after]] = float(ngram.logp[after]), float(ngram.backoff[after])
    assert len(found) == len(ngram.token) - 1
    return found


# Modified Kneser-Ney, written as in the paper, over dictionaries of tuples


def discounts(adjusted):
    n = Counter(adjusted)
    if n[1] and n[2] and n[3]:
        y = n[1] / (n[1] + 2 * n[2])
        found = [0, *(j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))]
        if min(found[1:]) > 0:
            return found
    return [0, 0.5, 1, 1.5]


def reference(sentences, order, n_tokens, prune):
    """(probabilities of n-grams, back-off weights of contexts)"""
    own = [Counter() for _ in range(order + 1)]
    before = defaultdict(set)
    for sentence in sentences:
        padded = [START, *sentence, END]
        for n in range(1, order + 1):
            for i in range(len(padded) - n + 1):
                if (n, i) != (1, 0):
                    own[n][tuple(padded[i : i + n])] += 1
                    if i:
                        before[tuple(padded[i : i + n])].add(padded[i - 1])
    p, weight = {(): 1 / (n_tokens - 1)}, {}

    def probability(gram):
        if gram in p:
            return p[gram]
        return weight.get(gram[:-1], 1) * probability(gram[1:])

    for n in range(1, order + 1):
        adjusted = {g: own[n][g] if n == order or g[0] == START else len(before[g]) for g in own[n]}
        d = discounts(adjusted.values())
        kept = {g for g in adjusted if own[n][g] > prune[n - 1]}
        totals, mass = Counter(), Counter()
        for g, a in adjusted.items():
            totals[g[:-1]] += a
            mass[g[:-1]] += d[min(a, 3)] if g in kept else a
        for context in totals:
            weight[context] = mass[context] / totals[context]
        lower = {g: probability(g[1:]) for g in kept}
        for g in kept:
            a = adjusted[g]
            p[g] = (a - d[min(a, 3)]) / totals[g[:-1]] + weight[g[:-1]] * lower[g]
        if n == 1:
            for token in range(n_tokens):
                p.setdefault((token,), weight[()] / (n_tokens - 1))
    return p, weight


def sentences_of(texts):
    return st.lists(st.lists(st.sampled_from(texts), min_size=1, max_size=7).map(" ".join), min_size=1, max_size=12)


PRUNE = [(), (0, 0, 1), (0, 1), (0, 1, 2)]


@settings(max_examples=150)
@given(sentences_of("abcd"), st.integers(1, 5), st.sampled_from(PRUNE))
def test_it_is_what_the_formulas_say(texts, order, prune):
    prune = prune[:order]
    model = trained(texts, order=order, prune=prune)
    thresholds = [*prune, *[prune[-1] if prune else 0] * order][:order]
    p, weight = reference([model.tokens(text) for text in texts], order, len(model.ids), thresholds)
    found = grams(model)
    assert found.keys() == p.keys() - {()}
    for gram, (logp, backoff) in found.items():
        if gram != (START,):
            assert logp == pytest.approx(math.log(p[gram]), abs=1e-5), gram
        follows = any(other[:-1] == gram for other in found)
        assert backoff == pytest.approx(math.log(weight[gram]) if follows else 0, abs=1e-5), gram


def test_values_by_hand():
    # Texts "a b", "a c", so <s> a b </s> and <s> a c </s>, with 2-grams.
    # Counts of 2-grams: <s> a 2; a b, a c, b </s>, c </s> 1. Nothing is there three times, so the discounts are
    # 0.5 for a count of 1 and 1 for 2.
    # 1-grams count what they were seen after: a 1 (<s>), b 1, c 1, </s> 2; in all 5. Discounts 0.5, 0.5, 0.5, 1: 2.5
    # of 5 is shared by <unk>, </s>, a, b, c: 0.1 each. P(a) = 0.5 / 5 + 0.1 = 0.2, P(</s>) = 1 / 5 + 0.1 = 0.3.
    # After a: 2 in all, 1 is taken: weight 0.5. P(b | a) = 0.5 / 2 + 0.5 * 0.2 = 0.35.
    # After <s>: P(a | <s>) = (2 - 1) / 2 + 0.5 * 0.2 = 0.6. After b: P(</s> | b) = 0.5 + 0.5 * 0.3 = 0.65.
    model = trained(["a b", "a c"], order=2)
    a, b, c = 3, 4, 5
    assert model.vocabulary == ("a", "b", "c")
    expected = {
        (UNKNOWN,): 0.1, (END,): 0.3, (a,): 0.2, (b,): 0.2, (c,): 0.2,
        (START, a): 0.6, (a, b): 0.35, (a, c): 0.35, (b, END): 0.65, (c, END): 0.65,
    }  # fmt: skip
    found = grams(model)
    assert {gram: math.exp(logp) for gram, (logp, _) in found.items() if gram != (START,)} == pytest.approx(expected)
    assert found.keys() - expected.keys() == {(START,)}
    assert [math.exp(found[token,][1]) for token in (START, a, b, c)] == pytest.approx([0.5] * 4)
    assert math.exp(model.log_prob(model.tokens("a b"))) == pytest.approx(0.6 * 0.35 * 0.65)
    # b after <s> is not there: 0.5 of its own 0.2; a after b likewise
    assert math.exp(model.log_prob([b, a])) == pytest.approx(0.5 * 0.2 * 0.5 * 0.2 * 0.5 * 0.3)
    assert model.perplexity(["a b"]).including == pytest.approx((0.6 * 0.35 * 0.65) ** (-1 / 3))


@settings(max_examples=60)
@given(sentences_of("abcde"), st.integers(1, 8), st.sampled_from(PRUNE), st.lists(st.integers(0, 9), max_size=8))
def test_probabilities_sum_to_one_after_whatever_came(texts, order, prune, history):
    model = trained(texts, order=order, prune=prune[:order])
    state = model.start()
    for token in history:
        state, _ = step(model.ngram, state, token)
    total = sum(math.exp(step(model.ngram, state, token)[1]) for token in range(len(model.ids)) if token != START)
    assert total == pytest.approx(1, abs=1e-4)


@settings(max_examples=60)
@given(sentences_of("abcd"), st.integers(1, 5), st.sampled_from(PRUNE), st.lists(st.integers(-1, 9), max_size=12))
def test_a_step_is_back_off_over_a_dictionary(texts, order, prune, tokens):
    model = trained(texts, order=order, prune=prune[:order])
    table, history = grams(model), (START,)

    def back_off(history, token):
        if (*history, token) in table:
            return table[*history, token][0]
        return table.get(history, (0, 0))[1] + back_off(history[1:], token)

    state = model.start()
    for token in tokens:
        known = token if 0 <= token < len(model.ids) else UNKNOWN
        state, logp = step(model.ngram, state, token)
        assert logp == pytest.approx(back_off(history, known), abs=1e-4)
        history = (*history, known)[-order:]


def test_a_trie_is_as_it_promises():
    model = trained(TEXTS, order=4)
    ngram, found = model.ngram, grams(model)
    names = [(), *sorted(found, key=lambda gram: (len(gram), gram))]
    assert levels(ngram) == [0, *(sum(len(name) < n for name in names) for n in (1, 2, 3, 4, 5))]
    for node, name in enumerate(names):
        assert ngram.token[node] == (name[-1] if name else -1)
        children = [names[i] for i in range(ngram.first[node], ngram.first[node + 1])]
        assert children == [other for other in names if len(other) == len(name) + 1 and other[:-1] == name]
        if name:
            assert names[ngram.suffix[node]] == next(name[i:] for i in range(1, 5) if name[i:] in found or not name[i:])


def test_a_state_that_nothing_follows_is_a_shorter_one():
    model = trained(["a b c", "b d"], order=3)
    a, b, c = (model.ids[token] for token in "abc")
    state = model.start()
    for token in (a, b):
        state, _ = step(model.ngram, state, token)
    assert state == [0, *sorted(grams(model), key=lambda gram: (len(gram), gram))].index((a, b))
    assert step(model.ngram, state, c)[0] == [0, *sorted(grams(model), key=lambda g: (len(g), g))].index((b, c))
    assert step(model.ngram, state, END)[0] == ROOT


# Counting


@pytest.mark.parametrize("order", [1, 2, 5, 8])
@pytest.mark.parametrize("n_tokens", [6, 300, 70_000, 5_000_000])
@pytest.mark.parametrize("memory", [1, 20_000, 1 << 30])
def test_counts_are_the_same_in_any_memory(order, n_tokens, memory):
    rng = np.random.default_rng(order)
    texts = [rng.integers(3, min(n_tokens, 7 + n_tokens // 1000), rng.integers(1, 9)).tolist() for _ in range(200)]
    expected = Counter()
    for text in texts:
        padded = [START] * (order - 1) + text + [END]
        expected.update(tuple(padded[i : i + order][::-1]) for i in range(len(text) + 1))
    blocks = [
        np.array([*itertools.chain(*([*t, END] for t in texts[i : i + 20]))], np.int32) for i in range(0, 200, 20)
    ]
    found = count(blocks, order, n_tokens, memory)
    rows = np.arange(len(found))
    columns = [found.tokens(place, rows).tolist() for place in range(order)]
    assert list(zip(*columns, strict=True)) == sorted(expected)
    assert found.counts.tolist() == [expected[gram] for gram in sorted(expected)]
    shared = found.shared().tolist()
    for (one, other), n in zip(itertools.pairwise(sorted(expected)), shared[1:], strict=True):
        assert n == next(i for i in range(order) if one[i] != other[i])


def test_tokens_come_back_in_whole_texts():
    blocks = [np.array([3, 4, END, 5, END], np.int32), np.array([6, 7, 8, 9, END, 3, END], np.int32)]
    for size in (1, 2, 3, 5, 100):
        with Tokens(blocks) as tokens:
            for _ in range(2):
                found = list(tokens.blocks(size))
                assert np.concatenate(found).tolist() == [3, 4, END, 5, END, 6, 7, 8, 9, END, 3, END]
                assert all(block[-1] == END for block in found)


# Texts


TOKENS = [
    ("word", "the  cat\tsat ", ["the", "cat", "sat"]),
    ("char", " ab  c ", ["a", "b", " ", "c"]),
    ("char", "e\u0301e", ["\u00e9", "e"]),  # NFC
    ("char", "x\u0323\u0301y", ["x\u0323\u0301", "y"]),  # no code point of its own
    ("char", "नमस्ते", ["न", "म", "स्ते"]),
    ("char", "👨‍👩‍👧a👍", ["👨‍👩‍👧", "a", "👍"]),
    ("char", "🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
    ("char", "한국\u1112\u1161\u11ab", ["한", "국", "한"]),
    ("char", "“a” – b\u3000c", ["“", "a", "”", " ", "–", " ", "b", " ", "c"]),
]


@pytest.mark.parametrize(("unit", "text", "expected"), TOKENS)
def test_tokens_of_a_text(unit, text, expected):
    [found] = Tokenizer(unit, sorted(set(expected))).encode([text])
    names = dict(enumerate(sorted(set(expected)), 3))
    assert [names[i] for i in found[:-1].tolist()] == expected
    assert found[-1] == END


@given(st.lists(st.text(max_size=12), max_size=8))
def test_characters_are_those_of_the_model_however_they_are_encoded(texts):
    known = trained(["abc", "é 👍x"], "char", 2)
    expected = [[*known.tokens(text), END] for text in texts if text.split()]
    found = [block.tolist() for block in Tokenizer("char", known.vocabulary).encode(texts)]
    assert list(itertools.chain(*found)) == list(itertools.chain(*expected))


def test_what_is_only_part_of_characters_is_no_character():
    assert trained(["a 👩‍💻", "⚠️"], "char", 2).vocabulary == (" ", "a", "⚠️", "👩‍💻")


def test_vocabulary_is_the_most_frequent_words():
    model = trained(["b b b a a c", "a b d"], vocabulary=2)
    assert model.vocabulary == ("a", "b")
    assert math.exp(grams(model)[UNKNOWN,][0]) > 0.1  # it was seen
    assert (START, UNKNOWN) not in grams(model)
    assert (model.ids["a"], UNKNOWN) in grams(model)


def test_a_model_of_words_spells_others():
    model = train(TEXTS, Training("word", 2, spelling=3))
    assert (model.spelling.unit, model.spelling.order) == ("char", 3)
    assert "".join(model.spelling.vocabulary) == "acdeghmnost"
    assert model.spelling.log_prob(model.spelling.tokens("cats")) > model.spelling.log_prob(
        model.spelling.tokens("stca")
    )


def test_perplexity_with_and_without_unknown_words():
    model = trained(TEXTS, order=2)
    found = model.perplexity(["the zebra", "", "  ", "the cat"])
    assert (found.texts, found.tokens, found.unknown) == (2, 6, 1)
    logp = model.log_prob(model.tokens("the zebra")) + model.log_prob(model.tokens("the cat"))
    assert found.logp == pytest.approx(logp)
    state, _ = step(model.ngram, model.start(), model.ids["the"])
    unknown = step(model.ngram, state, UNKNOWN)[1]
    assert found.including == pytest.approx(math.exp(-logp / 6))
    assert found.excluding == pytest.approx(math.exp(-(logp - unknown) / 5))


BAD_OPTIONS = [
    ({"order": 0}, "order: is 0; expected 1 to 8"),
    ({"order": 9}, "order: is 9"),
    ({"spelling": 9}, "spelling: is 9; expected 0 to 8"),
    ({"prune": (1,)}, "prune: begins with 1; expected 0"),
    ({"prune": (0, 2, 1)}, "prune: is 0 2 1; expected numbers that never fall"),
    ({"prune": (0, 0, 0, 1)}, "prune: is 0 0 0 1; expected at most 3 numbers"),
    ({"unit": "char", "vocabulary": 7}, "vocabulary: is 7 for chars"),
]


@pytest.mark.parametrize(("options", "said"), BAD_OPTIONS)
def test_bad_options(options, said):
    with pytest.raises(ConfigError) as raised:
        Training(**{"unit": "word", **options})
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("texts", [[], [""], [" \t", "\n"]])
def test_no_text(texts):
    with pytest.raises(DataError, match="hold no text"):
        trained(texts)


def test_a_marker_among_words_is_named_and_left_out():
    failed = []
    model = train(["a b", "a <s> c", "d"], Training("word", 2, spelling=0), failed.append)
    assert [str(error).split(";")[0] for error in failed] == ["a <s> c: holds one of <unk>, <s>, </s>"]
    assert model.vocabulary == ("a", "b", "d")


def test_reading_texts(tmp_path):
    import gzip
    import io

    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\xff\nthree")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"four\n\nfive\n"))
    (tmp_path / "c.jsonl").write_text('{"path": "x.png", "text": "six"}\n{"path": "y.png"}\nno\n', encoding="utf-8")
    failed = []
    names = [str(tmp_path / name) for name in ("a.txt", "b.gz", "c.jsonl")]
    found = texts_of([*names, "-"], io.BytesIO(b"seven\n"), failed.append)
    assert [text.strip() for text in found] == ["one", "three", "four", "", "five", "six", "seven"]
    said = [str(error).removeprefix(f"{tmp_path}/") for error in failed]
    assert said == [
        "a.txt:2: is not UTF-8; expected UTF-8 text. Save the file as UTF-8",
        "c.jsonl: 'y' has no text; expected a text for every sample",
        "c.jsonl:3: is not JSON: 'no'; expected one JSON object a line",
    ]


BROKEN = [
    ("cut.gz", lambda packed: packed[:-9], r"cut\.gz:\d+: ends in the middle"),
    ("bad.gz", lambda packed: packed[:30] + b"\xff" * 30 + packed[60:], r"bad\.gz:\d+: is a broken gzip file"),
    ("long.txt", lambda _: b"x" * (17 << 20), r"long\.txt:1: is too long"),
]


@pytest.mark.parametrize(("name", "change", "said"), BROKEN)
def test_broken_texts(tmp_path, name, change, said):
    import gzip

    packed = gzip.compress(b"".join(b"line %d\n" % (i * i) for i in range(2000)))
    (tmp_path / name).write_bytes(change(packed))
    with pytest.raises(DataError, match=said):
        list(texts_of([str(tmp_path / name)], None))


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    import gzip

    with gzip.open(tmp_path / "bomb.gz", "wb") as out:
        for _ in range(80):
            out.write((b"x" * 1023 + b"\n") * 1024)
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        list(texts_of([str(tmp_path / "bomb.gz")], None))


def test_missing_texts(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt: cannot be read \(No such file or directory\)"):
        list(texts_of([str(tmp_path / "none.txt")], None))
