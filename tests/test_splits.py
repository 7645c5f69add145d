from __future__ import annotations

import unicodedata
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seqrec.errors import ConfigError
from seqrec.samples import Sample
from seqrec.splits import FEWEST, PARTS, By, key_of, parse_ratio, split


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
BY = st.sampled_from(["group", "id", "text"])
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([None, *"abcdefgh"]), st.sampled_from([None, "", "one", "two", "three", "é", "e\u0301", "one "])
    ),
    max_size=60,
).map(lambda rows: [Sample(str(n), text, Path("a"), group=group) for n, (group, text) in enumerate(rows)])


def plain(text: str | None) -> str | None:
    return None if text is None else unicodedata.normalize("NFC", text).strip()


@given(SAMPLES, SHARES, BY, st.integers(0, 99))
def test_nothing_is_lost_and_nothing_leaks(
    samples: list[Sample], shares: tuple[float, float, float], by: By, seed: int
) -> None:
    parts = split(samples, shares, by, seed).parts
    assert sorted(sample.id for found in parts.values() for sample in found) == sorted(sample.id for sample in samples)
    homes: dict[tuple[str | None, str | None], set[str]] = {}
    for part, found in parts.items():
        assert found == [sample for sample in samples if sample in found]  # order kept
        assert found
        for sample in found:
            if sample.text is not None:
                homes.setdefault((sample.group, plain(sample.text)), set()).add(part)
    assert all(len(home) == 1 for home in homes.values())
    assert set(parts) <= {part for part, share in zip(PARTS, shares, strict=True) if share > 0}


@given(GROUPS, SHARES, st.integers(0, 99))
def test_groups_stay_whole_from_five_on(groups: list[str], shares: tuple[float, float, float], seed: int) -> None:
    assume(len(set(groups)) >= FEWEST)
    parts = split(of_groups(*groups), shares, seed=seed).parts
    homes: dict[str | None, set[str]] = {}
    for part, found in parts.items():
        for sample in found:
            homes.setdefault(sample.group, set()).add(part)
    assert all(len(home) == 1 for home in homes.values())
    assert set(parts) == {part for part, share in zip(PARTS, shares, strict=True) if share > 0}


@given(SAMPLES, BY, st.integers(0, 99), st.randoms())
def test_the_order_of_the_samples_does_not_matter(samples: list[Sample], by: By, seed: int, random: Random) -> None:
    shuffled = random.sample(samples, len(samples))
    first, second = split(samples, by=by, seed=seed), split(shuffled, by=by, seed=seed)
    assert part_of(first.parts) == part_of(second.parts)
    assert first.note == second.note


@given(st.permutations([f"speaker {n}" for n in range(60)]), st.integers(0, 99), st.integers(FEWEST, 60))
def test_groups_keep_their_part_when_the_data_grow_in_any_order(groups: list[str], seed: int, size: int) -> None:
    samples = [Sample(f"{group} {n}", str(n), Path("a"), group=group) for group in groups for n in range(2)]
    before, after = part_of(split(samples[: 2 * size], seed=seed).parts), part_of(split(samples, seed=seed).parts)
    moved = {id.rpartition(" ")[0] for id, part in before.items() if after[id] != part}
    assert len(moved) <= len(PARTS)  # those that had filled a part, which otherwise were empty
    if size == 60:
        assert not moved


@pytest.mark.parametrize("by", ["group", "id", "text"])
def test_samples_keep_their_part_when_the_data_grow(by: By) -> None:
    samples = [Sample(str(n), f"text {n // 3}", Path("a"), group=f"speaker {n // 2}") for n in range(800)]
    before, after = part_of(split(samples[:600], by=by).parts), part_of(split(samples, by=by).parts)
    assert before.items() <= after.items()
    assert set(before.values()) == set(PARTS)


@pytest.mark.parametrize("seed", range(5))
def test_the_ratio_is_met_as_nearly_as_the_documentation_says(seed: int) -> None:
    parts, note = split(of_groups(*map(str, range(1000))), (0.8, 0.1, 0.1), seed=seed)
    for part, share in zip(PARTS, (800, 100, 100), strict=True):
        assert abs(len(parts[part]) - share) < 4 * (share * (1 - share / 1000)) ** 0.5
    counts = [len(parts[part]) for part in PARTS]
    far = max(abs(counts[0] - 800) / 800, *(abs(count - 100) / 100 for count in counts[1:])) >= 0.1
    said = f"The ratio asks for 800/100/100 of 1000 samples, the parts have {'/'.join(map(str, counts))}"
    assert note == (said if far else "")


def test_a_ratio_that_is_met_needs_no_note() -> None:
    assert split(of_groups(*"abcdefgh"), (0, 0, 1)).note == ""
    assert split([]).note == ""


def test_a_better_seed_is_named_where_a_part_is_missed_by_more_than_a_third() -> None:
    samples = of_groups(*"abcdefgh", each=2) + of_groups("large", each=20)
    notes = {seed: split(samples, (0.5, 0.25, 0.25), seed=seed) for seed in range(1, 8)}
    advised = 0
    for parts, note in notes.values():
        counts = [len(parts[part]) for part in PARTS]
        assert sum(counts) == 36
        worst = max(abs(count - asked) / asked for count, asked in zip(counts, (18, 9, 9), strict=True))
        assert note.startswith("The ratio asks for 18/9/9 of 36 samples, the parts have " + "/".join(map(str, counts)))
        if "--seed " in note:
            advised += 1
            number, _, told = note.partition("--seed ")[2].partition(" would give ")
            better = [len(split(samples, (0.5, 0.25, 0.25), seed=int(number)).parts[part]) for part in PARTS]
            assert told == "/".join(map(str, better))
            assert max(abs(n - asked) / asked for n, asked in zip(better, (18, 9, 9), strict=True)) < worst
            assert worst > 1 / 3
    assert advised


def test_seeds_give_different_splits_and_one_seed_always_the_same() -> None:
    samples = of_groups(*map(str, range(200)))
    assert part_of(split(samples, seed=1).parts) != part_of(split(samples, seed=2).parts)
    # Written out, so that a change of the hash, which would move everyone's test sets, is noticed.
    parts = split(of_groups(*"abcdefghij"), (0.5, 0.25, 0.25)).parts
    assert {part: "".join(str(s.group) for s in found) for part, found in parts.items()} == {
        "train": "adefhi",
        "dev": "bc",
        "test": "gj",
    }
    alone = [Sample(text, text, Path("a")) for text in "abcdefghij"]
    assert {part: "".join(s.id for s in found) for part, found in split(alone, (0.5, 0.25, 0.25)).parts.items()} == {
        "train": "abdegi",
        "dev": "f",
        "test": "chj",
    }


@pytest.mark.parametrize("seed", range(20))
def test_five_groups_fill_three_parts(seed: int) -> None:
    parts = split(of_groups(*"abcde", each=5), (0.98, 0.01, 0.01), seed=seed).parts
    assert {part: len(found) for part, found in parts.items()} == {"train": 15, "dev": 5, "test": 5}


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([None] * 2, "No speaker or writer is known: only equal texts are kept together"),
        (["anna"], "There is only 1 group, too few to keep whole (5 are needed): equal texts stay together"),
        (["a", "b", "c", "d"], "There are only 4 groups, too few to keep whole (5 are needed): equal texts"),
        (["a", None], "There is only 1 group, too few to keep whole"),
    ],
)
def test_few_groups_are_shared_out_by_text(groups: list[str | None], said: str) -> None:
    samples = [Sample(f"{n} {m}", f"text {m}", Path("a"), group=g) for n, g in enumerate(groups) for m in range(100)]
    samples += [Sample(f"again {s.id}", s.text, s.path, group=s.group) for s in samples]
    parts, note = split(samples)
    assert note.startswith(said)
    assert set(parts) == set(PARTS)
    assert all(0.03 < len(parts[part]) / len(samples) < 0.2 for part in ("dev", "test"))
    of = part_of(parts)
    assert all(of[sample.id] == of[f"again {sample.id}"] for sample in samples[: len(samples) // 2])


def test_what_is_too_alike_stays_in_one_part() -> None:
    parts, note = split([Sample(str(n), "hey you", Path("a"), group="a") for n in range(9)])
    assert list(map(len, parts.values())) == [9]
    assert "no samples for " in note
    assert list(split(of_groups("a", "b", "c"), (0, 0, 1)).parts) == ["test"]


@pytest.mark.parametrize(
    ("by", "sample", "key"),
    [
        ("group", Sample("7", "t", group="7"), "group 7"),
        ("group", Sample("7", "t"), 'pair [null, "t"]'),
        ("group", Sample("7", None), "id 7"),
        ("group", Sample("7", "t", group=""), "group "),
        ("id", Sample("7", "t", group="g"), 'pair ["g", "t"]'),
        ("id", Sample("7", " a\n  e\u0301 ", group="g"), 'pair ["g", "a \\u00e9"]'),
        ("id", Sample("7", None, group="g"), "id 7"),
        ("text", Sample("7", " a\n  e\u0301 ", group="g"), "text a é"),
        ("text", Sample("7", None, group="g"), "id 7"),
    ],
)
def test_what_keeps_samples_together(by: By, sample: Sample, key: str) -> None:
    assert key_of(sample, by) == key


def test_by_text_no_text_is_in_two_parts() -> None:
    parts = split(of_groups(*"abcdefgh", each=30), by="text").parts
    texts = [{sample.text for sample in found} for found in parts.values()]
    assert len(texts) == 3
    assert sum(map(len, texts)) == len(set().union(*texts)) == 30
