"""Splitting samples into train, dev and test by a ratio, whole groups at a time.

A group's part depends on nothing but its name and the seed: a hash places it in [0, 1), which the ratio
cuts into three intervals. So samples keep their part when the data grow, whatever their order. The price
is that the ratio is met only nearly: with G groups of like size a part of share p gets p give or take
sqrt(p (1 - p) / G), for instance 10 +- 1 % of 1,000 groups, 10 +- 5 % of 36. Only where so few groups leave
a part empty is the nearest group moved there (and returns when the part gets one of its own).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal

from seqrec.errors import ConfigError
from seqrec.samples import Sample

PARTS = ("train", "dev", "test")
By = Literal["group", "id", "text"]
Shares = tuple[float, float, float]


def parse_ratio(text: str, where: str = "--split") -> Shares:
    """Shares of train, dev and test that sum to 1, from "80/10/10" or "8/1/1". Raises ConfigError."""
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    if len(numbers) != len(PARTS) or not all(0 <= n < math.inf for n in numbers) or not 0 < sum(numbers) < math.inf:
        raise ConfigError(where, f"{text!r}", "the parts of train, dev and test", "for instance 80/10/10")
    train, dev, test = (number / sum(numbers) for number in numbers)
    return train, dev, test


def split(
    samples: Iterable[Sample], shares: Shares = (0.8, 0.1, 0.1), by: By = "group", seed: int = 1
) -> dict[str, list[Sample]]:
    """Samples by part, in their order; a part without samples is left out.

    Samples that share their `by` stay together; one without it stands alone under its id. Of three
    groups or more, every part with a share above 0 gets one at least.
    """
    keyed = [(key_of(sample, by), sample) for sample in samples]
    parts = _parts_of_groups({key for key, _ in keyed}, shares, seed)
    made: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for key, sample in keyed:
        made[parts[key]].append(sample)
    return {part: chosen for part, chosen in made.items() if chosen}


def key_of(sample: Sample, by: By) -> str:
    """What keeps a sample together with others. Kinds are told apart: a group "7" is no id "7"."""
    value = getattr(sample, by)
    return f"id {sample.id}" if value is None else f"{by} {value}"


def _parts_of_groups(keys: set[str], shares: Shares, seed: int) -> dict[str, str]:
    places = {key: _place(key, seed) for key in sorted(keys)}
    cuts = [0.0, shares[0], shares[0] + shares[1], 1.0]
    parts = {key: _part_at(place, shares) for key, place in places.items()}
    wanted = [part for part, share in zip(PARTS, shares, strict=True) if share > 0]
    for part in wanted:
        count = Counter(parts.values())
        spare = [key for key in places if count[parts[key]] > 1]
        if not count[part] and spare:
            middle = (cuts[PARTS.index(part)] + cuts[PARTS.index(part) + 1]) / 2
            parts[min(spare, key=lambda key: abs(places[key] - middle))] = part
    return parts


def _place(key: str, seed: int) -> float:
    digest = sha256(f"{seed} {key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _part_at(place: float, shares: Shares) -> str:
    """The part whose interval holds a place in [0, 1)."""
    end = 0.0
    found = ""
    for part, share in zip(PARTS, shares, strict=True):
        end += share
        if share > 0:
            found = part
            if place < end:
                break
    return found
