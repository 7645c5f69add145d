from __future__ import annotations

from pathlib import Path

import pytest

from seqrec.corpora import fsdd
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import Sample, raise_error


def corpus(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / "recordings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF")
    return folder


def test_the_name_tells_everything(tmp_path: Path) -> None:
    corpus(tmp_path, "7_theo_12.wav")
    assert list(fsdd.read(tmp_path, raise_error)) == [
        Sample("7_theo_12", "7", tmp_path / "recordings" / "7_theo_12.wav", group="theo")
    ]


def test_order_and_split(tmp_path: Path) -> None:
    corpus(tmp_path, *(f"{digit}_{speaker}_{n}.wav" for digit in "10" for speaker in "ba" for n in range(12)))
    found = list(fsdd.splits(tmp_path, raise_error))
    expected = 5 * ["test"] + 5 * ["dev"] + 2 * ["train"]
    assert [part for part, _ in found] == 4 * expected
    ids = [sample.id for _, sample in found]
    assert ids[:12] == [f"0_a_{n}" for n in range(12)]
    assert ids[12] == "0_b_0"
    assert ids[24] == "1_a_0"
    assert [sample for _, sample in found] == list(fsdd.read(tmp_path, raise_error))
    assert [sample.id for sample in fsdd.read(tmp_path / "recordings", raise_error)] == ids


def test_other_names_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    bad = ["10_theo_1.wav", "theo_1.wav", "1_theo.wav", "1_theo_x.wav", "1__1.wav", "1_theo_1 copy.wav", "١_theo_1.wav"]
    corpus(tmp_path, "1_theo_1.wav", "1_theo_2.WAV", "notes.txt", *bad)
    (tmp_path / "recordings" / "2_theo_1.wav").mkdir()
    errors: list[SeqrecError] = []
    assert [sample.id for sample in fsdd.read(tmp_path, errors.append)] == ["1_theo_1", "1_theo_2"]
    assert sorted(Path(error.where).name for error in errors) == sorted(bad)
    assert all("is not named as a recording; expected recordings/{digit}" in str(error) for error in errors)


def test_an_empty_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no recordings"):
        list(fsdd.read(tmp_path, raise_error))


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, came in (("none", "does not exist"), ("file", "is a file")):
        with pytest.raises(DataError, match=f"{name}: {came}; expected a folder"):
            list(fsdd.read(tmp_path / name, lambda error: None))
