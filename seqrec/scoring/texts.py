"""What counts as a word, and texts without case or punctuation."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, get_args

from seqrec.alphabet import graphemes

Words = Literal["whitespace", "uax29", "mixed"]
WORDS: tuple[Words, ...] = get_args(Words)

# Scripts that are written without spaces between words.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"


def normalize(text: str) -> str:
    """In NFC, without white space at its ends."""
    return unicodedata.normalize("NFC", text).strip()


def split(text: str, words: Words = "whitespace") -> list[str]:
    """The words of a text.

    `whitespace`: what white space parts. `uax29`: between the word boundaries of Unicode's UAX 29, which make
    each Chinese character a word; what holds nothing but punctuation is none. `mixed`: each character of
    a script without spaces (Chinese, Japanese, Thai, ...), and of the rest what white space parts, as the mixed
    error rate of Mandarin with English counts them.
    """
    if words == "whitespace":
        return text.split()
    if words == "uax29":
        return [part for part in _pattern(r"(?w)\b").split(text) if not _is_bare(part)]
    found: list[str] = []
    for part in text.split():
        word = ""
        for symbol in graphemes(part):
            if _pattern(_UNSPACED).match(symbol):
                found += [word, symbol]
                word = ""
            else:
                word += symbol
        found.append(word)
    return [word for word in found if word]


def is_unspaced(text: str) -> bool:
    """Whether most of a text is in a script without spaces between words."""
    return 2 * len(_pattern(_UNSPACED).findall(text)) > len("".join(text.split()))


def without_punctuation(text: str) -> str:
    """Without the characters of Unicode's category P; single spaces stay between what is left."""
    return " ".join("".join(c for c in text if not unicodedata.category(c).startswith("P")).split())


def without_both(text: str) -> str:
    return without_punctuation(text.casefold())


VARIANTS: dict[str, Callable[[str], str]] = {
    "no_case": str.casefold,
    "no_punctuation": without_punctuation,
    "no_case_no_punctuation": without_both,
}


def _is_bare(part: str) -> bool:
    return all(unicodedata.category(c)[0] in "PZC" for c in part)


@cache
def _pattern(pattern: str) -> Any:
    import regex  # type: ignore[import-untyped]

    return regex.compile(pattern, regex.V1)
