"""Labels that a model finds unlikely: doubts by hand, and manifests with labels swapped."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec.alphabet import Alphabet
from seqrec.checking import Finding, Report, check
from seqrec.decoding.align import align
from seqrec.errors import ModelError
from seqrec.mislabelled import Judged, Verdicts, doubt_of, doubtful
from tests.models import SYMBOLS, image_model, write_line

ALPHABET = Alphabet(tuple(SYMBOLS))


def log_probs(text: str) -> np.ndarray:
    """A frame of blank before, between and after the frames that say the text; what is not said has -10, or -20
    where another character is."""
    made = np.full((2 * len(text) + 1, len(SYMBOLS) + 1), -10.0, np.float32)
    made[::2, 0] = 0
    for place, symbol in enumerate(text):
        made[2 * place + 1, 1:] = -20
        made[2 * place + 1, 1 + SYMBOLS.index(symbol)] = 0
    return made


@pytest.mark.parametrize(
    ("said", "label", "doubt"),
    [
        ("a", "a", 0),
        ("a", " a ", 0),
        ("a", "b", 20),
        ("abcd", "abcd", 0),
        ("abcd", "abce", 5),  # 20 nats over 4 characters
        ("abcd", "a", 7.5),  # three of the four that are read have to be blanks
        ("a", "ab", 5),  # b in a frame of blank
        ("abcdefghabcdefgh", "abcdefghabcdefgh", 0),
        ("abcdefghabcdefgh", "abcdefgaabcdefgh", 2.5),  # over the worst 8 of 16
        ("abcdefghabcdefgh", "abcdefgaacdefgh", 10 / 3),  # 30 nats, over 9 that are read
        ("ab", "az", 0),  # z may be anything that is written,
        ("a", "az", 5),  # but nothing is
        ("ab", "é", 5),  # which stands for one of both
        ("ab", "", None),
        ("ab", " ", None),
        ("ab", "abcdef", None),  # 5 frames
        ("a", "aa", 15),  # one, blank, one in three frames
        ("", "a", 10),
    ],
)
def test_doubts_by_hand(said: str, label: str, doubt: float | None) -> None:
    assert doubt_of(log_probs(said), label, ALPHABET) == (pytest.approx(doubt), said)


@settings(max_examples=100)
@given(st.text("abc", min_size=1, max_size=30), st.integers(0, 10_000))
def test_no_stretch_fits_worse_than_the_worst(label: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (70, 4))
    probs = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    doubt, read = doubt_of(probs, label, Alphabet(("a", "b", "c")))
    loss = align(probs, ["abc".index(c) + 1 for c in label]).loss.sum()
    assert doubt is not None
    assert doubt >= loss / (len(label) + len(read) + 1) - 1e-9
    if len(label) <= 8:
        assert doubt == pytest.approx(loss / max(len(label), len(read)), rel=1e-6)
    else:
        assert doubt <= loss / 8 + 1e-9
    if read:
        assert doubt_of(probs, read, Alphabet(("a", "b", "c")))[0] == pytest.approx(0, abs=1e-5)


def verdicts(own: list[float], others: list[float]) -> Verdicts:
    judged = [Judged(Path("m"), place, str(place), "a", "b", doubt) for place, doubt in enumerate(own)]
    return Verdicts(tuple(judged), array("d", others))


@pytest.mark.parametrize(
    ("own", "others", "threshold", "named"),
    [
        ([0.0] * 18 + [9.0, 8.0], [8.0] * 10, 4.0, [18, 19]),  # half of what others' labels have
        ([0.0] * 10 + [3.0], [8.0] * 10, 4.0, []),
        ([0.0] * 12 + [1.0, 1.5, 2.0, 9.0], [8.0] * 10, 4.0, [15]),
        ([2.0] * 5 + [3.0] * 4 + [6.5], [8.0] * 10, 4.5, [9]),  # 2.5 and four times 0.5
        ([0.0, 9.0, 9.0], [8.0] * 7, np.inf, []),  # too little to compare with
        ([7.0] * 10 + [20.0], [8.0] * 10, np.inf, []),  # all labels are as doubtful as others'
        ([], [], np.inf, []),
    ],
)
def test_the_threshold(own: list[float], others: list[float], threshold: float, named: list[int]) -> None:
    found = verdicts(own, others)
    assert found.threshold == pytest.approx(threshold)
    assert [each.place for each in found.named()] == named


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(image_model(tmp_path_factory.mktemp("model")))


def manifest(path: Path, count: int, labels: dict[int, str] | None = None) -> tuple[Path, list[str]]:
    """Images of made-up words, and what each says."""
    rng = np.random.default_rng(count)
    words = ["".join(rng.choice(list(SYMBOLS), rng.integers(3, 7))) for _ in range(count)]
    rows = []
    for number, word in enumerate(words):
        write_line(path.parent / f"{number}.png", word)
        text = (labels or {}).get(number, word)
        rows.append(json.dumps({"id": f"s{number}", "text": text, "path": f"{number}.png"}) + "\n")
    path.write_text("".join(rows))
    return path, words


def test_swapped_labels_are_named_the_worst_first(model: str, tmp_path: Path) -> None:
    path, words = manifest(tmp_path / "a.jsonl", 40, {7: "hhhh", 20: "gagah"})
    calls: list[int] = []
    found = list(doubtful(model, [path], check([path]), lambda: calls.append(1)))
    assert {each.place for each in found} == {7, 20}
    assert len(calls) == 40
    for each in found:
        assert (each.where, each.kind, each.severity) == (str(path), "mislabelled", "warning")
        assert each.sample_id == f"s{each.place}"
        assert f"reads {words[each.place or 0]!r}" in each.message
    assert "finds 'hhhh' very unlikely" in next(each.message for each in found if each.place == 7)
    worst = [float(each.message.split("doubt ")[1].split(",")[0]) for each in found]
    assert worst == sorted(worst, reverse=True)


def test_what_the_report_rejects_is_left_out(model: str, tmp_path: Path) -> None:
    path, _ = manifest(tmp_path / "a.jsonl", 40, {3: "", 7: "hhhh", 9: "zhhz", 20: "gagah", 21: "ab" * 40})
    (tmp_path / "20.png").unlink()
    report = check([path], alphabet=ALPHABET)
    assert set(report.rejected[path]) == {3, 9, 20}
    assert {each.place for each in doubtful(model, [path], report)} == {7, 9}


def test_what_cannot_be_recognised_is_said(model: str, tmp_path: Path) -> None:
    path, _ = manifest(tmp_path / "a.jsonl", 20)
    (tmp_path / "4.png").write_bytes(b"nothing")
    (found,) = doubtful(model, [path], Report((), {path: 20}))
    assert (found.place, found.sample_id, found.severity) == (4, "s4", "warning")
    assert found.message.startswith(f"cannot be judged: {tmp_path / '4.png'}: ")


def test_labels_that_are_all_shifted(model: str, tmp_path: Path) -> None:
    path, words = manifest(tmp_path / "a.jsonl", 40)
    manifest(path, 40, {place: words[place - 1] for place in range(40)})
    (found,) = doubtful(model, [path], check([path]))
    assert (found.where, found.sample_id, found.place) == (model, None, None)
    assert "hardly likelier than those of other samples" in found.message


def test_too_few_to_judge_by(model: str, tmp_path: Path) -> None:
    path, _ = manifest(tmp_path / "a.jsonl", 3)
    (found,) = doubtful(model, [path], check([path]))
    assert "3 samples, too few different labels" in found.message


def test_nothing_to_judge(model: str, tmp_path: Path) -> None:
    assert list(doubtful(model, [tmp_path / "missing.jsonl"], Report((), {tmp_path / "missing.jsonl": 0}))) == []


def test_long_texts_are_shortened(model: str, tmp_path: Path) -> None:
    path, _ = manifest(tmp_path / "a.jsonl", 20)
    write_line(tmp_path / "5.png", "abcdefgh" * 20)
    found: list[Finding] = list(doubtful(model, [path], check([path])))
    assert [each.place for each in found] == [5]
    assert len(found[0].message) < 300


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        list(doubtful(str(tmp_path / "none"), [], Report((), {})))
