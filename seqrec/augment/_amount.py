"""One grammar for how much a change does, how often, and from when on; every augmenter uses it.

blur = 0.05                                       # up to so much, drawn anew for each sample
blur = [0.01, 0.05]                               # from so much to so much
blur = {most = 0.05, p = 0.3}                     # in 30 of 100 samples
blur = {range = [0.01, 0.05], ramp = [0.2, 0.6]}  # not at all at first, fully from 60 % of the training on
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from seqrec.options import Options, suggest


def by_default(value: float | bool) -> Any:
    """A field's default, parsed as if it were given."""
    return Field(default=value, validate_default=True)


OFF: Any = by_default(0.0)
_KEYS = ["most", "p", "ramp", "range"]


@dataclass(frozen=True, slots=True)
class Amount:
    """Evenly drawn between `low` and `high`, with chance `p`. False where it never changes anything.

    `ramp` are the shares of the training between which its strength grows from 0 to 1. What `fades` grows in its
    values, the others, which have no value for "nothing", in their chance.
    """

    low: float
    high: float
    p: float = 1.0
    ramp: tuple[float, float] | None = None
    fades: bool = True

    def __bool__(self) -> bool:
        return self.p > 0 and (not self.fades or bool(self.low or self.high))

    def at(self, done: float) -> Amount:
        """The same when a share of the training is done; without a ramp."""
        if self.ramp is None:
            return self
        start, end = self.ramp
        strength = min(1.0, max(0.0, (done - start) / (end - start)))
        if self.fades:
            return replace(self, low=strength * self.low, high=strength * self.high, ramp=None)
        return replace(self, p=strength * self.p, ramp=None)

    def happens(self, rng: np.random.Generator) -> bool:
        return bool(self) and (self.p >= 1 or rng.random() < self.p)

    def value(self, rng: np.random.Generator) -> float:
        return self.low if self.low == self.high else float(rng.uniform(self.low, self.high))

    def draw(self, rng: np.random.Generator) -> float:
        """For one sample; 0 where nothing happens."""
        return self.value(rng) if self.happens(rng) else 0.0

    def draws(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """For each of `count` samples: (count,)."""
        drawn = np.full(count, self.low) if self.low == self.high else rng.uniform(self.low, self.high, count)
        return drawn if self.p >= 1 else np.where(rng.random(count) < self.p, drawn, 0.0)


class Changes(Options):
    """Base of every augmenter's options."""

    @property
    def ramp(self) -> tuple[float, float] | None:
        """The shares of the training at which the first ramp begins and the last one ends."""
        ramps = [value.ramp for _, value in self if isinstance(value, Amount) and value.ramp]
        return (min(start for start, _ in ramps), max(end for _, end in ramps)) if ramps else None

    def at(self, done: float) -> Self:
        """The same when a share of the training is done."""
        if self.ramp is None:
            return self
        return self.model_copy(update={name: value.at(done) for name, value in self if isinstance(value, Amount)})

    def sources(self) -> list[Any]:
        """What else than the options decides what comes out, such as files: to be hashed. Raises ConfigError."""
        return []


def both(most: float) -> PlainValidator:
    """A number n stands for -n to n."""
    return PlainValidator(_Kind(-most, most, (-1, 1)).amount)


def upto(most: float) -> PlainValidator:
    """A number n stands for 0 to n."""
    return PlainValidator(_Kind(0, most, (0, 1)).amount)


def fixed(most: float, *, whole: bool = False) -> PlainValidator:
    """A number n stands for just that."""
    return PlainValidator(_Kind(0, most, (1, 1), whole=whole).amount)


def widths(most: int) -> PlainValidator:
    """A whole number n stands for 0 to n."""
    return PlainValidator(_Kind(0, most, (0, 1), whole=True).amount)


def skewed(most: float, down: float) -> PlainValidator:
    """A number n stands for -down * n to n."""
    return PlainValidator(_Kind(-most, most, (-down, 1)).amount)


def span(least: float, most: float) -> PlainValidator:
    """Only [low, high], since no value stands for "nothing"; as often as not."""
    return PlainValidator(_Kind(least, most, None, p=0.5, fades=False).amount)


def effort(most: float) -> PlainValidator:
    """A number n stands for 0 to n, where even 0 changes something; as often as not."""
    return PlainValidator(_Kind(0, most, (0, 1), p=0.5, fades=False).amount)


def chance() -> PlainValidator:
    """true (as often as not), false, or a chance."""
    return PlainValidator(_switch)


@dataclass(frozen=True)
class _Kind:
    """What an amount may be: its limits, what a number n stands for (`spread` times n), its chance by default."""

    least: float
    most: float
    spread: tuple[float, float] | None
    p: float = 1.0
    fades: bool = True
    whole: bool = False

    def amount(self, given: Any) -> Amount:
        if not isinstance(given, dict):
            return Amount(*self._extent(given), self.p, None, self.fades)
        _check_keys(given, ("most" in given) + ("range" in given), "either most or range")
        if "most" in given and not _is_number(given["most"]):
            raise _fault(f"most to be {self._one()}")
        if "range" in given and not isinstance(given["range"], list | tuple):
            raise _fault(f"range to be {self._two()}")
        low, high = self._extent(given["most"] if "most" in given else given["range"])
        return Amount(low, high, _chance(given, self.p), _ramp(given), self.fades)

    def _extent(self, given: Any) -> tuple[float, float]:
        if self.spread and _is_number(given) and 0 <= given <= self.most and self._fits(given):
            return self.spread[0] * given + 0.0, self.spread[1] * given + 0.0  # no -0.0
        if isinstance(given, list | tuple) and len(given) == 2 and all(map(_is_number, given)):
            low, high = given
            if low > high:
                raise _fault("two numbers [low, high] in ascending order")
            if self.least <= low and high <= self.most and all(map(self._fits, given)):
                return float(low), float(high)
        either = f"{self._one()}, " if self.spread else ""
        raise _fault(f"{either}{self._two()}, or a table with {'most or ' * bool(self.spread)}range, p and ramp")

    def _fits(self, number: float) -> bool:
        return not self.whole or float(number).is_integer()

    def _one(self) -> str:
        return f"a {'whole ' * self.whole}number from 0 to {self.most:g}"

    def _two(self) -> str:
        return f"[low, high] from {self.least:g} to {self.most:g}"


def _switch(given: Any) -> Amount | None:
    if isinstance(given, bool):
        return Amount(1, 1, 0.5, None, False) if given else None
    if isinstance(given, dict):
        _check_keys(given, 1 - ("most" in given or "range" in given), "p and ramp alone")
        return Amount(1, 1, _chance(given, 0.5), _ramp(given), False)
    if _is_number(given) and 0 <= given <= 1:
        return Amount(1, 1, float(given), None, False)
    raise _fault("true, false, a chance from 0 to 1, or a table with p and ramp")


def _check_keys(table: dict[str, Any], of_one: int, one: str) -> None:
    for key in table:
        if key not in _KEYS:
            known, near = f"a table with most or range, p and ramp, not {key!r}", suggest(key, _KEYS)
            raise _fault(f"{known}; {near}" if near else known)
    if of_one != 1:
        raise _fault(f"a table with {one}")


def _chance(table: dict[str, Any], default: float) -> float:
    p = table.get("p", default)
    if not (_is_number(p) and 0 <= p <= 1):
        raise _fault("p to be a chance from 0 to 1")
    return float(p)


def _ramp(table: dict[str, Any]) -> tuple[float, float] | None:
    ramp = table.get("ramp")
    if ramp is None:
        return None
    if not (isinstance(ramp, list | tuple) and len(ramp) == 2 and all(map(_is_number, ramp))):
        raise _fault("ramp to be two shares of the training, such as [0.2, 0.6]")
    if not 0 <= ramp[0] < ramp[1] <= 1:
        raise _fault("ramp to be two shares of the training from 0 to 1, in ascending order")
    return float(ramp[0]), float(ramp[1])


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


def _fault(expected: str) -> PydanticCustomError:
    return PydanticCustomError("amount", "{expected}", {"expected": expected})  # braces would be filled in
