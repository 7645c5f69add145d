import json
import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.errors import ConfigError, DataError, ModelError
from seqrec.lm.binary import MAGIC, from_bytes, to_bytes
from seqrec.lm.files import is_model, load, save
from seqrec.lm.ngram import ROOT, link, step
from seqrec.lm.train import Training, train
from tests.test_lm import TEXTS, trained

LONG = [" ".join(f"{word}{i * j % 17}" for j, word in enumerate(text.split())) for i in range(60) for text in TEXTS]
MODEL = train(TEXTS, Training("word", 3, spelling=2))
DATA = to_bytes(MODEL)


def sealed(body):
    """The bytes of a model with a checksum that is right."""
    return struct.pack("<8sII", MAGIC, 1, zlib.crc32(body)) + body


def parts(data):
    """Header and arrays."""
    length = struct.unpack_from("<Q", data, 16)[0]
    return json.loads(data[24 : 24 + length]), data[24 + length :]


def joined(header, arrays):
    said = json.dumps(header, ensure_ascii=False).encode()
    return sealed(struct.pack("<Q", len(said)) + said + arrays)


@pytest.mark.parametrize(
    "model", [MODEL, trained(LONG, "char", 5), trained(LONG, "word", 3), trained(["a"], "char", 8)]
)
def test_what_is_written_is_read_again(model):
    data = to_bytes(model)
    assert to_bytes(model) == data
    found = from_bytes(data, "x")
    assert (found.unit, found.vocabulary, found.order) == (model.unit, model.vocabulary, model.order)
    assert (found.spelling is None) == (model.spelling is None)
    for field in ("first", "token", "suffix"):
        np.testing.assert_array_equal(getattr(found.ngram, field), getattr(model.ngram, field))
    for field in ("logp", "backoff"):
        stored, true = getattr(found.ngram, field), getattr(model.ngram, field)
        assert stored.dtype == np.float32
        np.testing.assert_allclose(stored, true, atol=0.05)
        assert ((stored == 0) == (true == 0)).all()
    assert to_bytes(found) == data


def test_the_perplexity_stays():
    model = trained(LONG, "char", 5)
    before, after = (m.perplexity(LONG).including for m in (model, from_bytes(to_bytes(model), "x")))
    assert after == pytest.approx(before, rel=0.005)


def test_files_by_their_names(tmp_path):
    for name in ("x.bin", "x.arpa", "x.arpa.gz"):
        save(MODEL, tmp_path / name)
        found = load(tmp_path / name)
        assert is_model(tmp_path / name)
        assert (found.vocabulary, found.unit) == (MODEL.vocabulary, "word")
        assert (found.spelling is not None) == (name == "x.bin")
    (tmp_path / "x.bin").rename(tmp_path / "no suffix")
    assert is_model(tmp_path / "no suffix")
    assert load(tmp_path / "no suffix").spelling.vocabulary == MODEL.spelling.vocabulary
    (tmp_path / "x.txt").write_text("text\n", encoding="utf-8")
    assert not is_model(tmp_path / "x.txt")
    with pytest.raises(ConfigError, match=r"has no suffix that says what to write; expected \.bin or \.arpa"):
        save(MODEL, tmp_path / "x.lm")
    with pytest.raises(DataError, match=r"none\.bin: cannot be read"):
        load(tmp_path / "none.bin")


HEADERS = [
    ({"unit": "byte"}, "its unit is unknown"),
    ({"unit": 3}, "its header has other values"),
    ({"extra": 3}, "its header has other keys"),
    ({"order": 2}, "its order is none"),
    ({"order": 99}, "its order is none"),
    ({"order": True}, "its header has other values"),
    ({"sizes": [11, 17, -1]}, "its sizes are none"),
    ({"sizes": [11, 17, 1 << 40]}, "its sizes are none"),
    ({"sizes": [11, 17, 1 << 30]}, "it ends too early"),
    ({"sizes": [11, 17, 1.5]}, "its sizes are none"),
    ({"sizes": [], "children": []}, "its order is none"),
    ({"children": [1, 3]}, "its widths are none"),
    ({"children": [1]}, "its widths are none"),
    ({"vocabulary": ["a"] * 8}, "a token is there twice"),
    ({"vocabulary": ["<s>"]}, "a token is there twice"),
    ({"vocabulary": ["a", ""]}, "a token is no text"),
    ({"vocabulary": ["a", "b"]}, "1-grams and vocabulary differ in number"),
    ({"spelling": -1}, "its spelling is none"),
    ({"spelling": 10}, "is no language model"),
    ({"spelling": 0}, "something comes after its end"),
    ({"spelling": 1 << 40}, "it ends too early"),
    ({"unit": "char"}, "a model of characters has a spelling"),
]


def test_a_spelling_of_spellings_is_refused_at_once():
    header, arrays = parts(DATA)
    nested, arrays = DATA, arrays[: -header["spelling"]]
    for _ in range(300):
        nested = joined(header | {"spelling": len(nested)}, arrays + nested)
    with pytest.raises(ModelError, match=r"^x \(spelling\): is broken: a spelling is a model of words\."):
        from_bytes(nested, "x")


@pytest.mark.parametrize(("change", "said"), HEADERS)
def test_a_header_that_lies(change, said):
    header, arrays = parts(DATA)
    assert from_bytes(joined(header, arrays), "x").vocabulary == MODEL.vocabulary
    with pytest.raises(ModelError, match=f"^x( \\(spelling\\))?: is .*{said}|^x \\(spelling\\): {said}"):
        from_bytes(joined({**header, **change}, arrays), "x")


def changed(place, value):
    header, arrays = parts(DATA)
    return joined(header, arrays[:place] + value + arrays[place + len(value) :])


V = len(MODEL.ids)
BROKEN = [
    (b"", "is no language model"),
    (b"SEQREC", "is no language model"),
    (b"\\data\\\n" + bytes(99), "is no language model"),
    (MAGIC + struct.pack("<II", 2, 0), "is of version 2; expected version 1"),
    (DATA[:-1], "its checksum is another"),
    (DATA[:100] + b"\0" + DATA[101:], "its checksum is another"),
    (sealed(b""), "it ends too early"),
    (sealed(struct.pack("<Q", 1 << 60)), "it ends too early"),
    (sealed(struct.pack("<Q", 100_000) + b"[" * 100_000), "its header is not JSON"),
    (sealed(struct.pack("<Q", 2) + b"[]"), "its header has other keys"),
    (sealed(DATA[16:] + b"\0"), "something comes after its end"),
    (changed(0, struct.pack("<f", math.nan)), "a number is no logarithm of a probability"),
    (changed(0, struct.pack("<f", 0.1)), "a number is no logarithm of a probability"),
    (changed(0, struct.pack("<f", -math.inf)), "a number is no logarithm of a probability"),
    (changed(V * 4, b"\xff"), "not all 2-grams follow 1-grams"),
    (changed(V * 5, struct.pack("<f", math.inf)), "a number is no logarithm of a probability"),
    (changed(V * 9, bytes([V])), "a token is not in the vocabulary"),
    (changed(V * 9, bytes([5, 5])), "n-grams are not sorted"),
]


@pytest.mark.parametrize(("data", "said"), BROKEN)
def test_what_is_broken_is_refused(data, said):
    with pytest.raises(ModelError, match=f"^x: .*{said}"):
        from_bytes(data, "x")


def check(model):
    """That a walk through a model can go nowhere else."""
    ngram, n = model.ngram, len(model.ngram.token)
    assert all(part.dtype in (np.int32, np.float32) for part in ngram)
    assert [len(part) for part in ngram] == [n + 1, n, n, n, n]
    assert ngram.first[0] == 1
    assert ngram.first[-1] == n
    nodes = np.arange(n)
    assert (ngram.first[:-1] > nodes).all()
    assert (np.diff(ngram.first) >= 0).all()
    assert (ngram.suffix[1:] < nodes[1:]).all()
    assert ((ngram.token[1:] >= 0) & (ngram.token[1:] < len(model.ids))).all()
    assert np.isfinite(ngram.logp).all()
    assert np.isfinite(ngram.backoff).all()
    assert (ngram.logp <= 0).all()
    depth = np.zeros(n, int)
    for node in range(n):
        children = slice(ngram.first[node], ngram.first[node + 1])
        depth[children] = depth[node] + 1
        assert (np.diff(ngram.token[children]) > 0).all()
    assert (depth[ngram.suffix[1:]] < depth[1:]).all()
    again = np.zeros(n, np.int32)
    link(ngram._replace(suffix=again))
    assert (again == ngram.suffix).all()
    state = ROOT
    for token in [*range(-1, len(model.ids) + 1)] * 3:
        state, logp = step(ngram, state, token)
        assert 0 <= state < n
        assert math.isfinite(logp)


def test_a_model_that_was_trained_is_sound():
    check(trained(LONG, "word", 4))
    check(from_bytes(DATA, "x"))


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_model_is_refused_or_sound(data):
    body = bytearray(DATA[16:])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(body), len(body), len(body) - 1, len(body) // 2]))
    try:
        model = from_bytes(sealed(bytes(body[:cut])), "x")
    except ModelError:
        pass
    else:
        check(model)


@given(st.integers(0, 8 * len(DATA) - 1))
def test_every_flipped_bit_is_noticed(bit):
    data = bytearray(DATA)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ModelError):
        from_bytes(bytes(data), "x")
