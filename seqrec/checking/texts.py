"""What makes a text a bad label, whatever its signal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import regex  # type: ignore[import-untyped]

from seqrec.alphabet import graphemes
from seqrec.checking.report import Problem

_UNFIT = {"Cc": "a control character", "Cs": "half of a UTF-16 pair"}
_ODD = {
    "\ufffd": "which stands for a character lost in a conversion",
    "\ufeff": "a byte order mark",
    "\u00ad": "a soft hyphen, which is not seen",
    "\u200b": "a space without width, which is not seen",
    **dict.fromkeys(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "which turns the direction, and is not seen"
    ),
}
_WORD = regex.compile(r"[\p{L}\p{M}]+")
# Scripts whose letters look alike. Others are at home in one word, as kanji and kana are.
_SCRIPTS = {name: regex.compile(rf"\p{{Script={name}}}") for name in ("Latin", "Cyrillic", "Greek")}
# Greek letters stand beside Latin ones in units (kΩ, μm); these look like Latin or Cyrillic ones.
_LIKE_OTHERS = regex.compile("[ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανικορυχ]")


def label_problems(text: str | None) -> Iterator[Problem]:
    """What is wrong with a text in itself."""
    if text is None or not text.strip():
        yield Problem("text", "has no text" if text is None else f"the text {text!r:.20} is empty", "error")
        return
    for character in dict.fromkeys(text):
        unfit = _UNFIT.get(unicodedata.category(character))
        if unfit:
            yield Problem("control", f"the text holds U+{ord(character):04X}, {unfit}", "error")
        elif character in _ODD:
            yield Problem("control", f"the text holds U+{ord(character):04X}, {_ODD[character]}", "warning")
    if not text.isascii():
        yield from _lookalikes(text)
        yield from _mixed_forms(text)


def _lookalikes(text: str) -> Iterator[Problem]:
    """Words with letters of more than one script that look alike."""
    for word in dict.fromkeys(_WORD.findall(text)):
        letters = {name: found for name, script in _SCRIPTS.items() if (found := script.findall(word))}
        if len(letters) < 2 or ("Greek" in letters and len(letters) == 2 and not _LIKE_OTHERS.search(word)):
            continue
        most = max(letters, key=lambda name: len(letters[name]))
        foreign = [
            f"{letter!r} (U+{ord(letter):04X}) is {name}"
            for name, found in letters.items()
            for letter in dict.fromkeys(found)
            if name != most
        ]
        yield Problem("lookalike", f"in {word!r:.40} {', '.join(foreign[:4])}, the others are {most}", "warning")


def form_of(text: str) -> str:
    """The one Unicode form that a text is in: "NFC" or "NFD", "" where it is in both or in neither."""
    composed, decomposed = _forms(text)
    return "" if composed == decomposed else "NFC" if composed else "NFD"


def _forms(text: str) -> tuple[bool, bool]:
    return unicodedata.is_normalized("NFC", text), unicodedata.is_normalized("NFD", text)


def _mixed_forms(text: str) -> Iterator[Problem]:
    """A text that is in no form: an accent in one code point with its letter, another one apart from it."""
    if any(_forms(text)):
        return
    odd = [symbol for symbol in dict.fromkeys(graphemes(text)) if not unicodedata.is_normalized("NFC", symbol)]
    said = ", ".join(f"{symbol!r} as {codes(symbol)}" for symbol in odd[:4])
    yield Problem("form", f"the text is neither in NFC nor in NFD; it has {said}", "warning")


def codes(symbol: str) -> str:
    """The code points of a character: "U+0065 U+0301"."""
    return " ".join(f"U+{ord(character):04X}" for character in symbol)
