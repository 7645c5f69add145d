from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seqrec import checking, features
from seqrec.alphabet import Alphabet
from seqrec.checking import Finding, Report, check, label_problems, write_clean
from seqrec.checking.outliers import far, far_rates, odd_ones
from seqrec.checking.telling import told
from seqrec.checking.texts import form_of
from seqrec.errors import ConfigError, DataError
from seqrec.samples import Sample, read_manifest, write_manifest

NOISE = np.random.default_rng(1).normal(0, 0.1, 8000) * np.repeat([1, 0.1], 4000)


class Points(features.Extractor):
    """A frame per point of ink."""

    domain: ClassVar[Any] = "ink"

    @property
    def dim(self) -> int:
        return 2

    def read(self, sample: Sample) -> list[np.ndarray]:
        if sample.strokes is None:
            raise DataError(sample.path or "", "is not ink", "strokes")
        return list(sample.strokes)

    def frames(self, signal: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(signal)[:, :2].astype(np.float32)


def ink(id: str, text: str | None = "ab", points: int = 9, at: float | None = None, **more: Any) -> dict[str, Any]:
    """A row whose ink is its own unless `at` says where it begins."""
    start = at if at is not None else float(int.from_bytes(id.encode(), "big"))
    return {"id": id, "text": text, "strokes": [[[start + n, n] for n in range(points)]], **more}


def write(path: Path, *rows: dict[str, Any] | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def brief(report: Report) -> list[tuple[str | None, str, str]]:
    return [(finding.sample_id, finding.kind, finding.severity) for finding in report.findings]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "m.jsonl"


def test_good_samples_give_no_findings(manifest: Path) -> None:
    report = check([write(manifest, ink("a"), ink("b"))], Points(), Alphabet.of(["ab"]), lambda n: n)
    assert report == Report((), {manifest: 2})
    assert report.rejected == {manifest: {}}
    assert report.summary == {}


def test_everything_bad_is_named_and_nothing_stops_at_the_first(tmp_path: Path, manifest: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(80), 8000)
    write(
        manifest,
        ink("good"),
        "no json",
        {"id": "both", "path": "a", "strokes": []},
        {"id": "gone", "text": "ab", "path": "none.wav"},
        {"id": "late", "text": "ab", "path": "a.wav", "start": 3},
        {"id": "back", "text": "ab", "path": "a.wav", "start": 3, "end": 3},
        ink("mute", None),
        ink("blank", " \n"),
        ink("bell", "a\x07b"),
        ink("lost", "a\ufffd"),
        {"id": "void", "text": "ab", "strokes": []},
        ink("good"),
    )
    report = check([manifest])
    assert brief(report) == [
        (None, "manifest", "error"),
        (None, "manifest", "error"),
        ("gone", "signal", "error"),
        ("late", "signal", "error"),
        ("back", "region", "error"),
        ("mute", "text", "error"),
        ("blank", "text", "error"),
        ("bell", "control", "error"),
        ("lost", "control", "warning"),
        ("void", "stroke", "error"),
        ("good", "id", "error"),
    ]
    assert [finding.where for finding in report.findings[:3]] == [f"{manifest}:2", f"{manifest}:3", str(manifest)]
    assert report.samples == {manifest: 10}
    assert sorted(report.rejected[manifest]) == [1, 2, 3, 4, 5, 6, 8, 9]
    assert len(report.errors) == 10
    assert report.summary == {"manifest": 2, "signal": 2, "text": 2, "control": 2, "region": 1, "stroke": 1, "id": 1}
    assert [sample.id for sample in report.clean(manifest)] == ["good", "lost"]


def test_findings_are_lines() -> None:
    one = Finding("m.jsonl", "a", "text", "has no text", "error")
    assert str(one) == "m.jsonl: a: error (text): has no text"
    assert (
        str(Finding("m.jsonl:3", None, "manifest", "is not JSON", "error"))
        == "m.jsonl:3: error (manifest): is not JSON"
    )


@pytest.mark.parametrize(
    ("text", "points", "expected"),
    [
        ("ab", 2, []),
        ("ab", 1, ["1 frames for 2 characters; expected 2 or more"]),
        ("aa", 3, []),
        ("aa", 2, ["2 frames for 2 characters; expected 3 or more"]),
        ("aaa", 4, ["4 frames for 3 characters; expected 5 or more"]),
        ("e\u0301é", 3, []),  # the same character twice: 2 labels and a blank
        ("e\u0301é", 2, ["2 frames for 2 characters; expected 3 or more"]),
    ],
)
def test_too_short_for_the_label_with_repeats_counted(
    manifest: Path, text: str, points: int, expected: list[str]
) -> None:
    report = check([write(manifest, ink("x", text, points))], Points())
    assert [finding.message for finding in report.findings if finding.kind == "short"] == expected


@pytest.mark.parametrize(("points", "bad"), [(5, False), (4, True)])
def test_frames_are_counted_after_subsampling(manifest: Path, points: int, bad: bool) -> None:
    report = check([write(manifest, ink("x", "abc", points))], Points(), n_out=lambda n: -(-n // 2))
    assert [finding.message for finding in report.findings] == bad * [
        "2 frames (4 before subsampling) for 3 characters; expected 3 or more"
    ]


def test_without_an_extractor_lengths_are_not_judged(manifest: Path) -> None:
    assert check([write(manifest, ink("x", "abcdef", 2))]).findings == ()


def test_signals_of_another_domain_and_empty_ones(tmp_path: Path, manifest: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(80), 8000)
    write(manifest, {"id": "s", "text": "a", "path": "a.wav"}, {"id": "e", "text": "a", "strokes": []}, ink("ok"))
    report = check([manifest], Points())
    assert brief(report) == [("s", "silent", "error"), ("s", "signal", "error"), ("e", "stroke", "error")]
    assert report.findings[1].message == f"{tmp_path}/a.wav: is not ink; expected strokes"


def test_characters_outside_of_the_alphabet(manifest: Path) -> None:
    report = check([write(manifest, ink("x", "abzß"), ink("y", "e\u0301"))], alphabet=Alphabet.of(["abé"]))
    assert brief(report) == [("x", "alphabet", "error")]
    assert report.findings[0].message.startswith("'z' (U+007A), 'ß' (U+00DF) not in the alphabet")


def test_characters_that_train_does_not_have(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "my_train.jsonl", ink("t", "ab")),
        write(tmp_path / "dev.jsonl", ink("d1", "ax"), ink("d2", "xxa"), ink("d3", "é")),
        write(tmp_path / "test.jsonl", ink("e", "ba")),
    ]
    report = check(paths)
    assert brief(report) == [("d1", "unseen", "warning"), ("d3", "unseen", "warning")]
    assert report.findings[0].message == "'x' (U+0078) is in no text of train; samples that have it: 2"
    assert report.errors == ()
    assert check(paths[1:]).findings == ()
    assert "unseen" not in check(paths, alphabet=Alphabet.of(["abxé"])).summary


def test_the_form_of_the_texts_counts(tmp_path: Path) -> None:
    paths = [write(tmp_path / "train.jsonl", ink("t", "fi")), write(tmp_path / "test.jsonl", ink("e", "\ufb01"))]
    assert check(paths).summary == {"unseen": 1}
    assert check(paths, form="NFKC").findings == ()


def test_the_same_signal_twice(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ink("t1", at=1), ink("t2", at=2), ink("t3", at=2))
    test = write(tmp_path / "test.jsonl", ink("e1", "other", at=1))
    report = check([train, test])
    assert [finding for finding in report.findings if finding.kind in ("duplicate", "leak")] == [
        Finding(str(train), "t1", "leak", f"the same signal is in {test} as 'e1', with another text", "error", 0),
        Finding(str(train), "t3", "duplicate", "the same signal came before as 't2'", "warning", 2),
    ]
    assert report.rejected == {train: {0: (report.findings[0],)}, test: {}}


def test_copies_of_a_file_are_found(tmp_path: Path) -> None:
    for name in ("a.wav", "sub/b.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, NOISE[:800], 8000)
    train = write(
        tmp_path / "train.jsonl",
        {"id": "t1", "text": "a", "path": "a.wav"},
        {"id": "t2", "text": "a", "path": "a.wav", "start": 0.05},
    )
    dev = write(tmp_path / "dev.jsonl", {"id": "d", "text": "a", "path": "sub/b.wav"})
    assert brief(check([train, dev])) == [("t1", "leak", "error")]


def test_an_id_in_two_manifests_is_a_warning(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ink("a", at=1))
    dev = write(tmp_path / "dev.jsonl", ink("a", at=2))
    assert check([train, dev]).findings == (Finding(str(train), "a", "id", f"the id is also in {dev}", "warning", 0),)


def test_a_manifest_that_cannot_be_read_is_a_finding_and_the_others_are_checked(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    good = write(tmp_path / "good.jsonl", ink("a"))
    report = check([tmp_path / "none.jsonl", good, tmp_path / "empty.jsonl"])
    assert [(finding.where, finding.kind) for finding in report.findings] == [
        (f"{tmp_path}/none.jsonl", "manifest"),
        (f"{tmp_path}/empty.jsonl", "manifest"),
    ]
    assert report.findings[1].message == "is empty; expected one JSON object a line, each a sample"
    assert report.samples[good] == 1


def test_every_sample_is_counted(manifest: Path) -> None:
    ticks: list[int] = []
    check([write(manifest, ink("a"), "x", ink("b", None))], on_sample=lambda: ticks.append(1))
    assert len(ticks) == 2


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("hello", []),
        ("नि e\u0301 👨‍👩‍👧", []),
        (None, ["text"]),
        ("", ["text"]),
        (" \t\u3000", ["text"]),
        ("a\tb\n\tc", ["control", "control"]),
        ("a\x00", ["control"]),
        ("a\x85", ["control"]),
        ("a\ud83d", ["control"]),
        ("\ufeffa", ["control"]),
        ("a\u202eb\u00ad", ["control", "control"]),
    ],
)
def test_labels(text: str | None, kinds: list[str]) -> None:
    assert [kind for kind, _, _ in label_problems(text)] == kinds


def test_clean_manifests_and_what_was_rejected(tmp_path: Path) -> None:
    train = write(tmp_path / "in" / "train.jsonl", ink("a", group="g"), ink("b", None), "{", ink("c", "a\x07", 1))
    dev = write(tmp_path / "in" / "dev.jsonl", {"id": "gone", "text": "x", "path": "none.wav"})
    before = train.read_bytes(), dev.read_bytes()
    report = check([train, dev], Points())
    assert write_clean(report, tmp_path / "out") == {
        f"{tmp_path}/out/train.jsonl": 1,
        f"{tmp_path}/out/dev.jsonl": 0,
    }
    (kept,) = read_manifest(tmp_path / "out" / "train.jsonl")
    assert (kept.id, kept.group) == ("a", "g")
    rows = [json.loads(line) for line in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()]
    assert [(row["where"], row.get("id"), [said.split(":")[0] for said in row["rejected"]]) for row in rows] == [
        (f"{train}:3", None, ["manifest"]),
        (str(train), "b", ["text"]),
        (str(train), "c", ["control", "short"]),
        (str(dev), "gone", ["signal"]),
    ]
    assert rows[3]["path"] == "../in/none.wav"
    assert (train.read_bytes(), dev.read_bytes()) == before


def test_sources_are_never_replaced(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a" / "m.jsonl", ink("a")), write(tmp_path / "b" / "m.jsonl", ink("b"))
    reserved = write(tmp_path / "a" / "rejected.jsonl", ink("c"))
    before = one.read_bytes()
    for paths, folder, expected in (
        ([one], one.parent, "is a manifest that was checked"),
        ([one, two], tmp_path / "out", "shares its name with another"),
        ([reserved], tmp_path / "out", "shares its name with another"),
    ):
        with pytest.raises(ConfigError, match=expected):
            write_clean(check(paths), folder)
    assert one.read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_all_kinds_are_in_the_table() -> None:
    assert re.findall(r"^    (\w+) .* (?:error|warning)$", checking.__doc__ or "", re.MULTILINE) == list(checking.KINDS)


def test_checking_imports_neither_tensorflow_nor_librosa() -> None:
    heavy = "{'tensorflow', 'librosa', 'PIL', 'soundfile'}"
    code = f"import sys, seqrec.checking; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_of_several_pages_is_told_of(tmp_path):
    pages = [Image.new("L", (30, 20), 200) for _ in range(3)]
    pages[0].paste(0, (3, 3, 9, 9))
    pages[0].save(tmp_path / "three.tif", save_all=True, append_images=pages[1:])
    write_manifest(tmp_path / "train.jsonl", [Sample("a", "x", path=tmp_path / "three.tif")])
    report = check([tmp_path / "train.jsonl"])
    assert [(f.kind, f.severity) for f in report.findings] == [("pages", "warning")]
    assert "3 pages" in report.findings[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", []),
        ("c\u0430t", ["in 'c\u0430t' '\u0430' (U+0430) is Cyrillic, the others are Latin"]),
        ("к\u006fт", ["in 'к\u006fт' 'o' (U+006F) is Latin, the others are Cyrillic"]),
        ("h\u03bfme sw\u0435\u0435t", ["(U+03BF) is Greek", "'\u0435' (U+0435) is Cyrillic"]),
        ("кот and cat, Ελλάδα", []),
        ("5 kΩ, 3 μm, α-helix, naïve", []),
        ("日本のテレビ、DVD 42インチ", []),
        ("USB-порт №5", []),
        ("नमस्ते שלום", []),
    ],
)
def test_letters_that_look_alike(text: str, expected: list[str]) -> None:
    found = list(label_problems(text))
    assert [problem.kind for problem in found] == ["lookalike"] * len(expected)
    for problem, said in zip(found, expected, strict=True):
        assert said in problem.message
        assert problem.severity == "warning"


@pytest.mark.parametrize(
    ("text", "form", "mixed"),
    [
        ("plain", "", False),
        ("é", "NFC", False),
        ("e\u0301", "NFD", False),
        ("é e\u0301", "", True),
        ("\u212b", "", True),  # the sign for angstrom, for which either form has something else
        ("日本", "", False),
        ("한글", "NFC", False),
    ],
)
def test_the_form_of_a_text(text: str, form: str, mixed: bool) -> None:
    assert form_of(text) == form
    assert [problem.kind for problem in label_problems(text)] == ["form"] * mixed


def test_the_form_that_few_texts_are_in_is_told(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", *(ink(f"c{n}", "é") for n in range(3)), ink("p", "plain"))
    dev = write(tmp_path / "dev.jsonl", ink("d", "e\u0301"))
    report = check([train, dev])
    assert brief(report) == [("d", "form", "warning")]
    assert report.findings[0].message == "the text is in NFD, as 1 are; 3 others are in NFC"


def test_rare_characters_are_listed_once_with_their_count(tmp_path: Path) -> None:
    texts = ["ab"] * 90 + ["abx"] * 4 + ["aby"] * 5 + ["aazz"]
    train = write(tmp_path / "train.jsonl", *(ink(f"t{n:02}", text) for n, text in enumerate(texts)))
    dev = write(tmp_path / "dev.jsonl", *(ink(f"d{n:02}", "xyab") for n in range(5)))
    report = check([train, dev])
    assert [(found.kind, found.sample_id, found.place) for found in report.findings] == [("rare", None, None)] * 2
    assert [found.message for found in report.findings] == [
        "'x' (U+0078) is in 4 samples only: t90, t91, t92",
        "'z' (U+007A) is in one sample only: t99",
    ]
    assert (
        check([write(tmp_path / "train.jsonl", *(ink(f"{n}", "ab") for n in range(9)), ink("z", "z"))]).findings == ()
    )


def test_the_same_text_of_the_same_group_in_another_part(tmp_path: Path) -> None:
    train = write(
        tmp_path / "train.jsonl", ink("t1", "ab", group="g"), ink("t2", "ab", group="h"), ink("t3", "cab", group="g")
    )
    dev = write(tmp_path / "dev.jsonl", ink("d1", "ab", group="g"), ink("d2", "cab"), ink("d3", "ab", group="g"))
    said = f"the same text of the same group is in {dev} as 'd1'"
    assert check([train, dev]).findings == (Finding(str(train), "t1", "leak", said, "warning", 0),)
    other = write(tmp_path / "other.jsonl", ink("o1", "ab", group="g"))
    assert check([other, dev]).findings == ()


def sounds(folder: Path, *rates: int) -> Path:
    rng = np.random.default_rng(3)
    for number, rate in enumerate(rates):
        soundfile.write(folder / f"{number}.wav", rng.normal(0, 0.1, rate) * np.linspace(0, 1, rate) ** 2, rate)
    return write(folder / "s.jsonl", *({"id": f"{n}", "text": "a", "path": f"{n}.wav"} for n in range(len(rates))))


def test_an_odd_sampling_rate(tmp_path: Path) -> None:
    report = check([sounds(tmp_path, *[8000] * 5, 4000, *[8000] * 5)])
    (found,) = report.findings
    assert (found.sample_id, found.kind, found.severity, found.place) == ("5", "rate", "warning", 5)
    assert found.message == "has 4000 samples a second; 90.9% of all have 8000"
    assert check([sounds(tmp_path, *[8000] * 8, *[4000] * 3)]).findings == ()
    assert check([sounds(tmp_path, *[8000] * 8, 4000)]).findings == ()


def test_a_web_page_is_called_so_whatever_its_name(tmp_path: Path) -> None:
    rows = []
    for name in ("a.wav", "a.flac", "a.png", "a.jpg"):
        (tmp_path / name).write_text("<!DOCTYPE html>\n<html><body>404</body></html>")
        rows.append({"id": name, "text": "a", "path": name})
    report = check([write(tmp_path / "m.jsonl", *rows)])
    assert brief(report) == [(row["id"], "signal", "error") for row in rows]
    assert all("is an HTML page" in found.message for found in report.findings)


def test_a_page_that_is_shared_by_many_lines(tmp_path: Path) -> None:
    """Each line is judged by itself, in whatever order they come."""
    page = np.full((100, 90), 255, np.uint8)
    page[5:15, 5:12] = 0
    for name in ("one.png", "two.png"):
        Image.fromarray(page).save(tmp_path / name)
    rows = [
        {"id": f"{n}", "text": "a", "path": ("one.png", "two.png")[n % 2],
         "polygon": [[0, 20 * (n // 2)], [90, 20 * (n // 2)], [90, 20 * (n // 2) + 19]]}
        for n in range(10)
    ]  # fmt: skip
    report = check([write(tmp_path / "m.jsonl", *rows)])
    assert [found for found in brief(report) if found[1] == "blank"] == [
        (f"{n}", "blank", "error") for n in range(2, 10)
    ]


def test_an_inverted_image(tmp_path: Path) -> None:
    pixels = np.full((20, 90), 255, np.uint8)
    rows = []
    for number in range(12):
        pixels[5:15, 5 + number : 12] = number
        Image.fromarray(255 - pixels if number == 7 else pixels).save(tmp_path / f"{number}.png")
        rows.append({"id": f"{number}", "text": "a", "path": f"{number}.png"})
        pixels[:] = 255
        pixels[3:6, 40 + number] = 0
    report = check([write(tmp_path / "i.jsonl", *rows)])
    assert brief(report) == [("7", "inverted", "warning")]
    assert report.findings[0].message == "is written light on dark; 91.7% of all are dark on light"


def words(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Ink as long as its text, give or take some 10 %."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(count):
        letters = int(rng.integers(2, 9))
        t = np.linspace(0, 2 * np.pi * letters * rng.normal(1, 0.1), 20 * letters)
        strokes = [np.stack([0.1 * t + rng.random(), np.sin(t)], axis=1).tolist()]
        rows.append({"id": f"w{n:03}", "text": "abcdefghij"[:letters], "strokes": strokes})
    return rows


def test_texts_that_do_not_belong_to_their_ink(tmp_path: Path) -> None:
    rows = words(300)
    rows[20]["text"], rows[40]["text"] = "a", 20 * "ab"
    report = check([write(tmp_path / "m.jsonl", *rows)])
    assert brief(report) == [("w020", "outlier", "warning"), ("w040", "outlier", "warning")]
    assert "corpus heights of pen travel for 40 characters; usual are" in report.findings[1].message
    assert check([write(tmp_path / "m.jsonl", *rows[:45])]).findings == ()


def test_most_good_samples_pass(tmp_path: Path) -> None:
    assert len(check([write(tmp_path / "m.jsonl", *words(2000))]).findings) <= 10


@given(
    st.lists(st.floats(0.5, 2), min_size=60, max_size=80),
    st.floats(1e-3, 1e3),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_outliers_know_no_unit_and_no_order(values: list[float], unit: float, characters: int, random: Any) -> None:
    lengths, counts = np.array(values), np.full(len(values), characters)
    away, usual = far_rates(lengths, counts)
    scaled, scaled_usual = far_rates(unit * lengths, counts)
    np.testing.assert_allclose(scaled, away, atol=1e-6)
    np.testing.assert_allclose(scaled_usual, unit * usual)
    order = random.sample(range(len(values)), len(values))
    np.testing.assert_allclose(far_rates(lengths[order], counts)[0], away[order], atol=1e-9)


@pytest.mark.parametrize("faulty", [3, 50, 100])
def test_many_alike_faults_are_no_rule_of_their_own(faulty: int) -> None:
    """Labels five times as long as what is there, of a length that no good text has; and of a single letter."""
    rng = np.random.default_rng(1)
    counts = rng.integers(3, 10, 3000)
    lengths = 4.0 * counts * np.exp(rng.normal(0, 0.15, 3000))
    counts[:faulty] *= 5
    counts[faulty : 2 * faulty], lengths[faulty : 2 * faulty] = 1, 40.0
    away, _ = far_rates(lengths, counts)
    assert (away[:faulty] < -5).all()
    assert (away[faulty : 2 * faulty] > 5).all()
    assert (np.abs(away[2 * faulty :]) < 5).all()


def test_recordings_of_one_length_are_no_outliers() -> None:
    counts = np.repeat([1, 2, 3, 9], 20)
    assert not far_rates(np.full(80, 2.0), counts)[0].any()
    away, usual = far_rates(np.append(np.full(80, 2.0), 20.0), np.append(counts, 2))
    assert np.flatnonzero(np.abs(away) > 5).tolist() == [80]
    assert usual[80] == pytest.approx(2.0)


def test_rounding_does_not_move_a_value_to_the_other_side() -> None:
    values = np.array([0.5] * 30 + [np.nextafter(0.5, 1)] + [1.0] * 29)
    np.testing.assert_allclose(far(np.log(3 * values)), far(np.log(values)), atol=1e-6)


def test_ink_that_goes_too_far(tmp_path: Path) -> None:
    far_off = {"id": "a", "text": "ab", "strokes": [[[0, 0], [1e300, 1e308]]]}
    (finding,) = check([write(tmp_path / "m.jsonl", far_off)]).findings
    assert str(finding).endswith("a: error (stroke): goes too far; expected numbers below 1e+12")


def test_deviations_by_hand() -> None:
    """The median is 2; half of those below lie 1 or more away, half of those above 2 or more."""
    away = far(np.array([0.0, 1, 2, 4, 8]))
    np.testing.assert_allclose(away, [-2 / 1.4826, -1 / 1.4826, 0, 2 / (2 * 1.4826), 6 / (2 * 1.4826)])
    np.testing.assert_allclose(far(np.array([1.0, 1, 1, 2])), [0, 0, 0, 10])  # no spread counts as 0.1


def test_what_is_odd_by_hand() -> None:
    kinds = np.array([1, 1, 2, 1])
    assert odd_ones(kinds, 0.75, 4).tolist() == [False, False, True, False]
    assert not odd_ones(kinds, 0.8, 4).any()
    assert not odd_ones(kinds, 0.75, 5).any()
    assert odd_ones(np.array([]), 0.75, 1).tolist() == []


def test_others_findings_and_kinds_that_reject(manifest: Path) -> None:
    report = check([write(manifest, ink("a"), ink("b"), ink("c", None))])
    wrong = Finding(str(manifest), "b", "mislabelled", "is read as 'x'", "warning", 1)
    more = report.with_findings([wrong])
    assert more.findings == (*report.findings, wrong)
    assert list(more.rejected[manifest]) == [2]
    both = more.rejecting(["mislabelled"])
    assert both.rejected[manifest] == {2: report.findings, 1: (wrong,)}
    assert [sample.id for sample in both.clean(manifest)] == ["a"]
    assert (report.rejected, report.errors) == ({manifest: {2: report.findings}}, both.errors)


def test_the_first_findings_are_told_and_the_others_counted(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", *(ink(f"a{n}", None) for n in range(7)), "{", ink("b"), ink("b"))
    all_ = write(tmp_path / "all.jsonl", *({"id": f"{n}", "text": "a", "path": f"{n}.wav"} for n in range(9)))
    assert list(told(check([one, all_]))) == [
        *(f"{one}: a{n}: error (text): has no text" for n in range(5)),
        f"{one}: and 2 more errors (text)",
        f"{one}:8: error (manifest): is not JSON: '{{'; expected one JSON object a line",
        f"{one}: b: error (id): the id is also in {one}",
        f"{all_}: all 9 samples: error (signal): 0: {tmp_path}/0.wav: cannot be read (No such file or directory); "
        "expected a file of sound: WAV, FLAC, OGG or MP3",
    ]


SLOW = """
import os, time
from pathlib import Path
from typing import ClassVar

import numpy as np
from seqrec import checking, features
from seqrec.errors import DataError

class Extractor(features.Extractor):
    domain: ClassVar = "ink"
    dim: ClassVar = 2

    def read(self, sample):
        Path(__file__).with_name(f"pid{os.getpid()}").touch()
        time.sleep(0.005)
        if sample.id.endswith("13"):
            raise DataError(sample.id, "brings bad luck")
        return list(sample.strokes)

    def frames(self, signal):
        return np.concatenate(signal)[:, :2].astype(np.float32)
"""


def test_any_number_of_processes_finds_the_same(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    slow = features.extractor({"kind": str(tmp_path / "slow.py")}, own_files=True)
    rows = words(700)
    for n in (3, 90, 130, 600):
        rows[n]["text"] = "ab\x07"
    rows[650] = rows[40]
    lines: list[Any] = [*rows[:300], "no json", *rows[300:]]
    train = write(tmp_path / "train.jsonl", *lines)
    dev = write(tmp_path / "dev.jsonl", *({**row, "id": f"d{row['id']}"} for row in rows[5:20]))
    alone = check([train, dev], slow, Alphabet.of(["abcdefgh"]), jobs=1)
    assert len(list(tmp_path.glob("pid*"))) == 1
    together = check([train, dev], slow, Alphabet.of(["abcdefgh"]), jobs=2)
    assert together == alone
    assert len(list(tmp_path.glob("pid*"))) == 3
    assert set(alone.summary) >= {"manifest", "id", "control", "alphabet", "signal", "leak"}
