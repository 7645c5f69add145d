"""corpora/pairs.py: files beside their text."""

from pathlib import Path

import pytest

from seqrec.corpora import pairs
from seqrec.corpora._source import Source
from seqrec.errors import DataError
from tests.places import folder_beyond_all_paths


def _write(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _read(folder: Path) -> tuple[list, list[str]]:
    errors: list[str] = []
    return list(pairs.read(folder, lambda e: errors.append(str(e)))), errors


def test_images_and_sounds_in_the_order_of_their_paths(tmp_path):
    _write(tmp_path, b_png=b"x", b_gt_txt=b"two\n", a_wav=b"x", a_txt=b"one", sub__c_JPG=b"x", sub__c_txt=b"three\r\n")
    samples, errors = _read(tmp_path)
    assert errors == []
    assert [(s.id, s.text, s.group) for s in samples] == [
        ("a", "one", None),
        ("b", "two", None),
        ("sub/c", "three", "sub"),
    ]
    assert samples[2].path == tmp_path / "sub/c.JPG"


def test_gt_txt_is_preferred_and_nothing_else_is_said_of_the_txt(tmp_path):
    samples, errors = _read(_write(tmp_path, a_png=b"x", a_txt=b"guess", a_gt_txt=b"truth"))
    assert [s.text for s in samples] == ["truth"]
    assert errors == []


def test_stems_may_hold_dots(tmp_path):
    samples, errors = _read(_write(tmp_path, a_01_png=b"x", a_01_txt=b"one", a_02_png=b"x", a_02_gt_txt=b"two"))
    assert [(s.id, s.text) for s in samples] == [("a.01", "one"), ("a.02", "two")]
    assert errors == []


def test_every_file_without_a_partner_is_named(tmp_path):
    _write(tmp_path, a_png=b"x", a_txt=b"one", b_png=b"x", c_wav=b"x", d_txt=b"four", notes_md=b"", _hidden_png=b"x")
    samples, errors = _read(tmp_path)
    assert [s.id for s in samples] == ["a"]
    assert len(errors) == 3
    assert errors[0].startswith(str(tmp_path / "b.png"))
    assert "b.gt.txt or b.txt" in errors[0]
    assert errors[1].startswith(str(tmp_path / "c.wav"))
    assert errors[2].startswith(str(tmp_path / "d.txt"))
    assert "no image or sound" in errors[2]


def test_a_second_signal_to_one_text_is_named(tmp_path):
    samples, errors = _read(_write(tmp_path, a_png=b"x", a_jpg=b"x", a_txt=b"one"))
    assert [s.path.name for s in samples] == ["a.jpg"]
    assert len(errors) == 1
    assert "a.png" in errors[0]
    assert "a.jpg" in errors[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "holds 2 lines"),
        (b"one\r\ntwo\r\nthree", "holds 3 lines"),
        (b"caf\xe9", "is not UTF-8 (byte 3)"),
        ("é".encode("utf-16"), "is not UTF-8"),
        (b"x" * (1 << 20) + b"y", "larger than 1 MB"),
    ],
)
def test_bad_texts_are_named_and_the_others_read(tmp_path, content, said):
    samples, errors = _read(_write(tmp_path, a_png=b"x", a_txt=content, b_png=b"x", b_txt=b"good"))
    assert [s.id for s in samples] == ["b"]
    assert len(errors) == 1
    assert errors[0].startswith(str(tmp_path / "a.txt"))
    assert said in errors[0]
    assert "\n" not in errors[0]


def test_byte_order_mark_spaces_and_line_separators_inside_stay_text(tmp_path):
    samples, errors = _read(_write(tmp_path, a_png=b"x", a_txt="\ufeff a\u2028b \n".encode()))
    assert [s.text for s in samples] == [" a\u2028b "]
    assert errors == []


def test_folders_that_cannot_be_read_are_named(tmp_path):
    _write(tmp_path, a_png=b"x", a_txt=b"one")
    far = folder_beyond_all_paths(tmp_path)
    samples, (error,) = _read(tmp_path)
    assert [sample.id for sample in samples] == ["a"]
    assert error.startswith(f"{tmp_path}/{far}/")
    assert "cannot be read" in error


def test_sources_that_are_no_folder_or_hold_nothing(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        list(pairs.read(tmp_path / "none"))
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(DataError, match="is a file"):
        list(pairs.read(tmp_path / "file.txt"))
    (tmp_path / "empty").mkdir()
    assert "holds no pairs" in _read(tmp_path / "empty")[1][0]


def test_of_the_versions_of_a_lines_image_one_is_read(tmp_path):
    for name in ("0001.bin.png", "0001.nrm.png", "0002.bin.png", "0003.png", "0003.nrm.png", "0004.desp.png"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("0001", "0002", "0003", "0004"):
        (tmp_path / f"{name}.gt.txt").write_text(f"line {name}\n")
        (tmp_path / f"{name}.pred.txt").write_text("what was read\n")
    (tmp_path / "README.txt").write_text("scanned\nin 2019\n")
    samples, errors = _read(tmp_path)
    assert errors == []
    assert [(s.id, s.text, s.path.name) for s in samples] == [
        ("0001", "line 0001", "0001.nrm.png"),
        ("0002", "line 0002", "0002.bin.png"),
        ("0003", "line 0003", "0003.png"),
        ("0004", "line 0004", "0004.desp.png"),
    ]


def test_a_version_has_a_text_of_its_own_where_there_is_one(tmp_path):
    samples, errors = _read(_write(tmp_path, a_nrm_png=b"x", a_nrm_gt_txt=b"own", a_png=b"x", a_gt_txt=b"other"))
    assert [(s.id, s.text) for s in samples] == [("a.nrm", "own"), ("a", "other")]
    assert errors == []


def test_other_signals_of_one_text_are_named(tmp_path):
    samples, errors = _read(_write(tmp_path, a_png=b"x", a_nrm_png=b"x", a_tif=b"x", a_x1_png=b"x", a_gt_txt=b"one"))
    assert [s.path.name for s in samples] == ["a.nrm.png"]
    assert [error.partition(":")[0].rpartition("/")[2] for error in errors] == ["a.png", "a.tif", "a.x1.png"]


@pytest.mark.parametrize(
    ("files", "sure"),
    [
        ({"a_png": b"x", "a_gt_txt": b"one"}, 2),
        ({"a_nrm_png": b"x", "a_bin_png": b"x", "a_gt_txt": b"one", "README_txt": b"x"}, 2),
        ({"s__a_wav": b"x", "s__a_txt": b"one", "s__b_wav": b"x"}, 1),
        ({"a_wav": b"x", "a_txt": b"one", "b_wav": b"x", "c_wav": b"x"}, None),
        ({"a_wav": b"x", "b_txt": b"one"}, None),
        ({"a_txt": b"one"}, None),
    ],
)
def test_signs(tmp_path, files, sure):
    sign = pairs.signs(Source(_write(tmp_path, **files)))
    assert (sign and sign.sure) == sure
    assert sign is None or sign.root == tmp_path
