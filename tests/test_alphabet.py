from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.alphabet import BLANK, Alphabet, UnknownSymbols, graphemes, least_frames
from seqrec.errors import ModelError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_symbols_are_ordered_and_the_blank_is_zero() -> None:
    alphabet = Alphabet.of(["ba", "cab"])
    assert alphabet.symbols == ("a", "b", "c")
    assert alphabet.size == 4
    assert BLANK == 0
    assert alphabet.encode("cab") == [3, 1, 2]
    assert alphabet.decode([0, 3, 0, 0, 1, 2, 0]) == "cab"
    assert alphabet == Alphabet.of(["cab", "ba"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("abc", ["a", "b", "c"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("नि", ["नि"]),
        ("👨‍👩‍👧!", ["👨‍👩‍👧", "!"]),
        ("한국", ["한", "국"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
    ],
)
def test_graphemes(text: str, expected: list[str]) -> None:
    assert graphemes(text) == expected


def test_forms_meet() -> None:
    alphabet = Alphabet.of(["e\u0301"])
    assert alphabet.symbols == ("é",)
    assert alphabet.encode("e\u0301") == alphabet.encode("\u00e9") == [1]
    assert Alphabet.of(["\ufb01"], "NFKC").symbols == ("f", "i")
    assert Alphabet.of(["\u00e9"], "NFD").symbols == ("e\u0301",)


def test_unknown_symbols_are_all_named_once() -> None:
    with pytest.raises(UnknownSymbols, match=r"^a1: 'z' \(U\+007A\), 'ß' \(U\+00DF\) not in the alphabet") as caught:
        Alphabet.of(["abc"]).encode("azßza", "a1")
    assert caught.value.symbols == ["z", "ß"]


@given(st.lists(TEXTS, max_size=4))
def test_what_an_alphabet_was_made_of_it_reads_and_writes(texts: list[str]) -> None:
    alphabet = Alphabet.of(texts)
    assert Alphabet.from_json(json.dumps({"form": alphabet.form, "symbols": alphabet.symbols}), "x") == alphabet
    for text in texts:
        labels = alphabet.encode(text)
        assert alphabet.decode(labels) == unicodedata.normalize("NFC", text)
        assert all(0 < label < alphabet.size for label in labels)


def test_save_and_load(tmp_path: Path) -> None:
    alphabet = Alphabet.of(["aé字👨‍👩‍👧"], "NFD")
    alphabet.save(tmp_path / "alphabet.json")
    assert Alphabet.load(tmp_path / "alphabet.json") == alphabet


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        '{"form": "NFC"}',
        '{"form": "XYZ", "symbols": ["a"]}',
        '{"form": "NFC", "symbols": "abc"}',
        '{"form": "NFC", "symbols": ["a", "a"]}',
        '{"form": "NFC", "symbols": ["a", ""]}',
        '{"form": "NFC", "symbols": ["a", 1]}',
        '{"form": ["NFC"], "symbols": ["a"]}',
    ],
)
def test_what_is_no_alphabet(text: str) -> None:
    with pytest.raises(ModelError, match=r"^place: is not an alphabet"):
        Alphabet.from_json(text, "place")


def test_a_missing_or_wrongly_encoded_file(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes('{"form": "NFC", "symbols": ["é"]}'.encode("latin-1"))
    for name in ("none.json", "latin.json"):
        with pytest.raises(ModelError, match=f"{name}: cannot be read"):
            Alphabet.load(tmp_path / name)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([], 1), ([1], 1), ([1, 2], 2), ([1, 1], 3), ([1, 1, 1], 5), ([1, 2, 1], 3), ([2, 2, 1, 1], 6)],
)
def test_least_frames(labels: list[int], expected: int) -> None:
    assert least_frames(labels) == expected


@pytest.mark.parametrize("text", ["", " ", "a", " a", "a ", "ab b", "a  b", "a\u00a0b a", " \u00a0 a \u00a0", "ab"])
def test_words_are_what_str_split_gives(text):
    alphabet = Alphabet((" ", "a", "b", "\u00a0"))
    assert alphabet.spaces == {1, 4}
    labels = alphabet.encode(text)
    assert [alphabet.decode(labels[start:end]) for start, end in alphabet.words(labels)] == text.split()
