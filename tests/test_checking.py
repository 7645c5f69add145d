from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqrec import features
from seqrec.alphabet import Alphabet
from seqrec.checking import Finding, Report, check, label_problems, write_clean
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
