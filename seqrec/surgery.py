"""An output layer for another alphabet: kept symbols keep their weights, new ones begin as what they look like."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqrec.alphabet import Alphabet

KERNEL, BIAS = "output/kernel", "output/bias"

_RARER = 3.0  # nats by which a new symbol begins less likely than the one that it is a copy of

# Letters of other scripts and signs beside what they look like: a subset of Unicode's confusables (UTS 39).
_ALIKE = (
    "аa вB еe кk мM нH оo рp сc тT уy хx іi јj ѕs АA ВB ЕE КK МM НH ОO РP СC ТT УY ХX ІI ЈJ ЅS "
    "αa βß γy εe ηn ιi κk νv οo ρp τt υu χx ωw ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX "
    '‘\' ’\' ‚, “" ”" „" ′\' ″" ‐- ‑- –- —- −- ¬- ·. •. …. ×x ÷: ßB 0O O0 1l l1 I1 |l 5S S5 8B 2Z Z2 9g 6b '
    '«< «" »> »" ‹< ›> æa œo ÆA ŒO /l [( ]) {( }) ([ )] ;: :; \\/ /\\ `\' !| _- ~- μu ıi þp ðd €C £L ¿? ¡! &8 @a $S'
)


@dataclass(frozen=True)
class Carried:
    """What became of the symbols; `added` says of each what it begins as, None for the mean of all."""

    kept: tuple[str, ...]
    added: dict[str, str | None]
    dropped: tuple[str, ...]


def new_alphabet(old: Alphabet, texts: Iterable[str], how: Literal["union", "new"]) -> Alphabet:
    """Of the texts' symbols ("new"), or of these and the old ones ("union")."""
    found = Alphabet.of(texts, old.form)
    return found if how == "new" else Alphabet(tuple(sorted({*old.symbols, *found.symbols})), old.form)


def carry(weights: Mapping[str, np.ndarray], old: Alphabet, new: Alphabet) -> tuple[dict[str, np.ndarray], Carried]:
    """Weights whose output, kernel (H, C) and bias (C,), is for the new alphabet instead of the old one."""
    kernel, bias = weights[KERNEL], weights[BIAS]
    at = {symbol: label for label, symbol in enumerate(old.symbols, 1)}
    added = {symbol: look_alike(symbol, at) for symbol in new.symbols if symbol not in at}
    columns, biases = [kernel[:, 0]], [bias[0]]
    for symbol in new.symbols:
        begin = added.get(symbol, symbol)
        if begin is None:
            columns.append(kernel[:, 1:].mean(axis=1))
            biases.append(bias[1:].mean())
        else:
            columns.append(kernel[:, at[begin]])
            biases.append(bias[at[begin]] - (_RARER if symbol in added else 0.0))
    made = {KERNEL: np.stack(columns, axis=1).astype(np.float32), BIAS: np.array(biases, np.float32)}
    kept = tuple(symbol for symbol in new.symbols if symbol in at)
    return {**weights, **made}, Carried(kept, added, tuple(s for s in old.symbols if s not in new.symbols))


def look_alike(symbol: str, known: Mapping[str, object]) -> str | None:
    """A known symbol that looks like this one: its letter without accents, its other case, a confusable."""
    tried = [_bare(symbol), symbol.swapcase(), _bare(symbol).swapcase()]
    tried += [other for pair in _ALIKE.split() for other in _other(pair, _bare(symbol))]
    return next((each for each in tried if each in known and each != symbol), None)


def _bare(symbol: str) -> str:
    """A letter without what is above, below or across it; compatibility forms as what they stand for."""
    first = unicodedata.normalize("NFKD", symbol)[:1]
    name = unicodedata.name(first, "").partition(" WITH ")[0]
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return first


def _other(pair: str, symbol: str) -> str:
    """What stands beside the symbol in a pair, "" where it is not in it."""
    return pair.replace(symbol, "", 1) if symbol in pair else ""
