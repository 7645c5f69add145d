from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.errors import ConfigError
from seqrec.samples import Sample
from seqrec.splits import PARTS, By, key_of, parse_ratio, split


def of_groups(*groups: str | None, each: int = 1) -> list[Sample]:
    return [Sample(f"{g}-{n}-{i}", f"text {i}", Path("a"), group=g) for n, g in enumerate(groups) for i in range(each)]


def part_of(parts: dict[str, list[Sample]]) -> dict[str, str]:
    return {sample.id: part for part, samples in parts.items() for sample in samples}


@pytest.mark.parametrize("text", ["80/10/10", "8/1/1", "0.8/0.1/0.1", " 80 / 10 / 10 ", "800/100/100"])
def test_ratios(text: str) -> None:
    assert parse_ratio(text) == pytest.approx((0.8, 0.1, 0.1))


def test_a_ratio_may_have_zeros() -> None:
    assert parse_ratio("0/0/100") == (0, 0, 1)
    assert parse_ratio("90/10/0") == pytest.approx((0.9, 0.1, 0))


@pytest.mark.parametrize(
    "text",
    ["", "80", "80/20", "80/10/5/5", "80/10/x", "0/0/0", "-1/1/1", "nan/1/1", "inf/1/1", "1e308/1e308/1e308", "//"],
)
def test_what_is_no_ratio(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^--split: .*expected the parts of train, dev and test\. For instance 80/10/10"
    ):
        parse_ratio(text)


GROUPS = st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=40)
SHARES = st.tuples(*[st.integers(0, 9)] * 3).filter(any).map(lambda s: parse_ratio("/".join(map(str, s))))


@given(GROUPS, SHARES, st.integers(0, 99))
def test_groups_stay_whole_and_nothing_is_lost(
    groups: list[str], shares: tuple[float, float, float], seed: int
) -> None:
    samples = of_groups(*groups)
    parts = split(samples, shares, seed=seed)
    assert sorted(sample.id for found in parts.values() for sample in found) == sorted(sample.id for sample in samples)
    homes: dict[str | None, set[str]] = {}
    for part, found in parts.items():
        assert found == [sample for sample in samples if sample in found]  # order kept
        assert found
        for sample in found:
            homes.setdefault(sample.group, set()).add(part)
    assert all(len(home) == 1 for home in homes.values())
    wanted = {part for part, share in zip(PARTS, shares, strict=True) if share > 0}
    assert set(parts) <= wanted
    if len(set(groups)) >= 3:
        assert set(parts) == wanted


@given(GROUPS, st.integers(0, 99))
def test_the_order_of_the_samples_does_not_matter(groups: list[str], seed: int) -> None:
    samples = of_groups(*groups)
    assert part_of(split(samples, seed=seed)) == part_of(split(samples[::-1], seed=seed))


def test_samples_keep_their_part_when_the_data_grow() -> None:
    samples = of_groups(*(f"speaker {n}" for n in range(400)), each=2)
    before, after = part_of(split(samples[:300])), part_of(split(samples))
    assert before.items() <= after.items()
    assert set(before.values()) == set(PARTS)


@pytest.mark.parametrize("seed", range(5))
def test_the_ratio_is_met_as_nearly_as_the_documentation_says(seed: int) -> None:
    parts = split(of_groups(*map(str, range(1000))), (0.8, 0.1, 0.1), seed=seed)
    for part, share in zip(PARTS, (800, 100, 100), strict=True):
        assert abs(len(parts[part]) - share) < 4 * (share * (1 - share / 1000)) ** 0.5


def test_seeds_give_different_splits_and_one_seed_always_the_same() -> None:
    samples = of_groups(*map(str, range(200)))
    assert part_of(split(samples, seed=1)) != part_of(split(samples, seed=2))
    # Written out, so that a change of the hash, which would move everyone's test sets, is noticed.
    parts = split(of_groups(*"abcdefghij"), (0.5, 0.25, 0.25))
    assert {part: "".join(str(s.group) for s in found) for part, found in parts.items()} == {
        "train": "adefhi",
        "dev": "bc",
        "test": "gj",
    }


@pytest.mark.parametrize("seed", range(20))
def test_three_groups_fill_three_parts(seed: int) -> None:
    parts = split(of_groups("a", "b", "c", each=5), (0.98, 0.01, 0.01), seed=seed)
    assert {part: len(found) for part, found in parts.items()} == {"train": 5, "dev": 5, "test": 5}


def test_few_groups_and_none() -> None:
    assert split([]) == {}
    assert len(split(of_groups("a", each=9))) == 1
    assert len(split(of_groups("a", "b", each=9))) == 2
    assert list(split(of_groups("a", "b", "c"), (0, 0, 1))) == ["test"]


@pytest.mark.parametrize(
    ("by", "sample", "key"),
    [
        ("group", Sample("7", "t", group="7"), "group 7"),
        ("group", Sample("7", "t"), "id 7"),
        ("group", Sample("7", "t", group=""), "group "),
        ("id", Sample("7", "t", group="g"), "id 7"),
        ("text", Sample("7", "t", group="g"), "text t"),
        ("text", Sample("7", None, group="g"), "id 7"),
    ],
)
def test_what_keeps_samples_together(by: By, sample: Sample, key: str) -> None:
    assert key_of(sample, by) == key


def test_by_text_no_text_is_in_two_parts() -> None:
    parts = split(of_groups(*"abcdefgh", each=30), by="text")
    texts = [{sample.text for sample in found} for found in parts.values()]
    assert len(texts) == 3
    assert sum(map(len, texts)) == len(set().union(*texts)) == 30
