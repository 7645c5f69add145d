"""Text <-> labels. Label 0 is the CTC blank; the symbols are grapheme clusters in a fixed order."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from seqrec.errors import DataError, ModelError
from seqrec.files import atomic

BLANK = 0
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def graphemes(text: str) -> list[str]:
    """Grapheme clusters (Unicode UAX 29): what a reader counts as one character."""
    return list(_grapheme().findall(text))


@cache
def _grapheme() -> Any:
    import regex  # type: ignore[import-untyped]  # decoding does without

    return regex.compile(r"\X")


class UnknownSymbols(DataError):
    """A text holds symbols outside the alphabet; `symbols` lists them once each, in order."""

    def __init__(self, where: str, symbols: list[str]) -> None:
        self.symbols = symbols
        named = ", ".join(f"{s!r} (U+{ord(s[0]):04X})" for s in symbols[:8])
        super().__init__(where, f"{named} not in the alphabet", "", "correct the text or train with these characters")


@dataclass(frozen=True)
class Alphabet:
    """The symbols a model knows; label i + 1 is symbols[i], label 0 the blank."""

    symbols: tuple[str, ...]
    form: Form = "NFC"

    @classmethod
    def of(cls, texts: Iterable[str], form: Form = "NFC") -> Alphabet:
        """The alphabet of some texts, ordered by code points, so that it does not depend on their order."""
        seen: set[str] = set()
        for text in texts:
            seen.update(graphemes(unicodedata.normalize(form, text)))
        return cls(tuple(sorted(seen)), form)

    @property
    def size(self) -> int:
        """Classes of the network's output: the symbols and the blank."""
        return len(self.symbols) + 1

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {symbol: label for label, symbol in enumerate(self.symbols, 1)}

    @cached_property
    def spaces(self) -> frozenset[int]:
        """The labels of white space, which parts words as it does for `str.split`."""
        return frozenset(label for label, symbol in enumerate(self.symbols, 1) if symbol.isspace())

    def words(self, labels: Sequence[int]) -> list[tuple[int, int]]:
        """Where the words of some labels begin and end: the i-th is labels[start:end]."""
        parts = [-1, *(i for i, label in enumerate(labels) if label in self.spaces), len(labels)]
        return [(a + 1, b) for a, b in pairwise(parts) if b > a + 1]

    def normalize(self, text: str) -> str:
        return unicodedata.normalize(self.form, text)

    def encode(self, text: str, where: str = "text") -> list[int]:
        """Labels of a text. Raises UnknownSymbols; `where` names the text in the message."""
        found = graphemes(self.normalize(text))
        unknown = [s for s in dict.fromkeys(found) if s not in self._labels]
        if unknown:
            raise UnknownSymbols(where, unknown)
        return [self._labels[s] for s in found]

    def decode(self, labels: Iterable[int]) -> str:
        """Text of labels; blanks are left out."""
        return "".join(self.symbols[label - 1] for label in labels if label != BLANK)

    def save(self, path: str | PathLike[str]) -> None:
        with atomic(path) as out:
            json.dump({"blank": BLANK, "form": self.form, "symbols": list(self.symbols)}, out, ensure_ascii=False)

    @classmethod
    def load(cls, path: Path) -> Alphabet:
        """Read `alphabet.json`. `path` may lie inside a packed model. Raises ModelError."""
        try:
            return cls.from_json(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError, KeyError):
            raise ModelError(path, "cannot be read", "the alphabet.json of a model folder") from None

    @classmethod
    def from_json(cls, text: str, where: str) -> Alphabet:
        try:
            table = json.loads(text)
            form, symbols = table["form"], table["symbols"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ModelError(where, "is not an alphabet", 'JSON with "form" and "symbols"') from None
        well_formed = isinstance(symbols, list) and all(isinstance(s, str) and s for s in symbols)
        if form not in ("NFC", "NFD", "NFKC", "NFKD") or not well_formed or len(set(symbols)) != len(symbols):
            raise ModelError(where, "is not an alphabet", "a Unicode form and a list of distinct symbols")
        return cls(tuple(symbols), form)


def least_frames(labels: list[int]) -> int:
    """Frames that CTC needs for these labels: one each, and a blank between equal neighbours (Graves 2006)."""
    return max(1, len(labels) + sum(a == b for a, b in pairwise(labels)))
