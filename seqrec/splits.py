"""Splitting samples into train, dev and test by a ratio, whole groups at a time.

A group's part depends on nothing but its name and the seed: a hash places it in [0, 1), which the ratio
cuts into three intervals. So samples keep their part when the data grow, whatever their order. The price
is that the ratio is met only nearly: with G groups of like size a part of share p gets p give or take
sqrt(p (1 - p) / G), for instance 10 +- 1 % of 1,000 groups, 10 +- 5 % of 36. Only where so few groups leave
a part empty is the nearest group moved there (and returns when the part gets one of its own).

One's own recordings mostly have one speaker. Of fewer than 5 groups no useful split keeps groups whole: then
the samples of one group and text are what stays together, and the note says so. When a fifth group comes,
groups are kept whole from then on, which shares everything out anew.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal, NamedTuple

from seqrec.errors import ConfigError
from seqrec.samples import Sample

PARTS = ("train", "dev", "test")
By = Literal["group", "id", "text"]
Shares = tuple[float, float, float]

FEWEST = 5  # groups that are shared out whole
_NEAR = 0.1  # of a part's size; a ratio that is missed by less needs no word
_FAR = 1 / 3  # of a part's size; beyond it a better seed is looked for
_HASHES = 500_000  # in the search for a better seed: some seconds at most
_SEEDS = 500


class Split(NamedTuple):
    """Samples by part, in their order, without empty parts; and what its maker should know, "" for nothing."""

    parts: dict[str, list[Sample]]
    note: str = ""


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


def split(samples: Iterable[Sample], shares: Shares = (0.8, 0.1, 0.1), by: By = "group", seed: int = 1) -> Split:
    """Share out samples; equal texts of one group stay in one part, whatever `by` is.

    By group whole groups stay together, where there are 5 or more; by text equal texts; by id nothing
    else. Of three keys (groups, texts, or texts of a group) or more, every part with a share above 0
    gets one at least.
    """
    samples = list(samples)
    few = by == "group" and _has_few_groups(samples, shares)
    keyed = [(key_of(sample, "id" if few else by), sample) for sample in samples]
    sizes = Counter(key for key, _ in keyed)
    homes = _parts_of_keys(sizes, shares, seed)
    made: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for key, sample in keyed:
        made[homes[key]].append(sample)
    notes = [_about_groups(samples)] if few else []
    notes += [_about_ratio(sizes, homes, shares)]
    return Split({part: chosen for part, chosen in made.items() if chosen}, ". ".join(filter(None, notes)))


def key_of(sample: Sample, by: By) -> str:
    """What keeps a sample together with others. Kinds are told apart: a group "7" is no id "7".

    Texts are equal when they look so: in NFC, and whatever their white space.
    """
    if by == "group" and sample.group is not None:
        return f"group {sample.group}"
    if sample.text is None:
        return f"id {sample.id}"
    text = " ".join(unicodedata.normalize("NFC", sample.text).split())
    return f"text {text}" if by == "text" else f"pair {json.dumps([sample.group, text])}"


def _has_few_groups(samples: list[Sample], shares: Shares) -> bool:
    groups = {sample.group for sample in samples if sample.group is not None}
    return bool(samples) and len(groups) < FEWEST and sum(share > 0 for share in shares) > 1


def _about_groups(samples: list[Sample]) -> str:
    groups = {sample.group for sample in samples if sample.group is not None}
    if not groups:
        return "No speaker or writer is known: only equal texts are kept together"
    few = "There is only 1 group" if len(groups) == 1 else f"There are only {len(groups)} groups"
    return f"{few}, too few to keep whole ({FEWEST} are needed): equal texts stay together, groups are in all parts"


def _about_ratio(sizes: Counter[str], homes: dict[str, str], shares: Shares) -> str:
    """How far the parts are from what was asked for, in samples; and a seed that meets it better."""
    got, total = _counts(sizes, homes), sizes.total()
    asked = [share * total for share in shares]
    empty = [part for part, share, count in zip(PARTS, shares, got, strict=True) if share > 0 and not count]
    if total and empty:
        return f"Too little can be told apart to share it out: no samples for {' and '.join(empty)}"
    missed = _missed(got, asked)
    if missed < _NEAR:
        return ""
    said = f"The ratio asks for {_said(asked)} of {total} samples, the parts have {_said(got)}"
    better = _better_seed(sizes, shares, missed) if missed > _FAR else None
    if better is not None:
        said += f"; --seed {better} would give {_said(_counts(sizes, _parts_of_keys(sizes, shares, better)))}"
    return said


def _better_seed(sizes: Counter[str], shares: Shares, missed: float) -> int | None:
    """The best of as many seeds as can be tried quickly; None where it is not much better than `missed`."""
    asked = [share * sizes.total() for share in shares]
    tries = range(1, min(_SEEDS, _HASHES // len(sizes)) + 1)
    misses = {seed: _missed(_counts(sizes, _parts_of_keys(sizes, shares, seed)), asked) for seed in tries}
    best = min(misses, key=misses.__getitem__, default=None)
    return best if best is not None and misses[best] < max(_FAR, missed / 2) else None


def _counts(sizes: Counter[str], homes: dict[str, str]) -> list[int]:
    counts = dict.fromkeys(PARTS, 0)
    for key, size in sizes.items():
        counts[homes[key]] += size
    return list(counts.values())


def _missed(got: list[int], asked: list[float]) -> float:
    """How far the worst part is from its size, as a share of that; less than one sample is nothing."""
    missed = [(abs(count - wanted), wanted) for count, wanted in zip(got, asked, strict=True)]
    return max((far / wanted for far, wanted in missed if wanted and far >= 1), default=0.0)


def _said(counts: list[int] | list[float]) -> str:
    return "/".join(f"{count:.0f}" for count in counts)


def _parts_of_keys(keys: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    places = {key: _place(key, seed) for key in sorted(keys)}
    cuts = [0.0, shares[0], shares[0] + shares[1], 1.0]
    parts = {key: _part_at(place, shares) for key, place in places.items()}
    wanted = [part for part, share in zip(PARTS, shares, strict=True) if share > 0]
    count = Counter(parts.values())
    for part in wanted:
        spare = [] if count[part] else [key for key in places if count[parts[key]] > 1]
        if spare:
            middle = (cuts[PARTS.index(part)] + cuts[PARTS.index(part) + 1]) / 2
            nearest = min(spare, key=lambda key: abs(places[key] - middle))
            count[parts[nearest]] -= 1
            count[part], parts[nearest] = 1, part
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
