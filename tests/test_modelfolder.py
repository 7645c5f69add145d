import io
import json
import os
import sys
import zipfile

import numpy as np
import pytest

from seqrec.errors import ConfigError, DataError, ModelError
from seqrec.modelfolder import LIMITS, ModelFolder, Normalizer, check_writable, put_parts
from tests.models import image_model


def zipped(folder, path, compression=zipfile.ZIP_DEFLATED, **replaced):
    """The folder as a zip; `model__onnx=b"..."` replaces a part, None leaves it out."""
    replaced = {name.replace("__", "."): data for name, data in replaced.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for part in sorted(folder.iterdir()):
            data = replaced.get(part.name, part.read_bytes())
            if data is not None:
                archive.writestr(part.name, data)
    return path


@pytest.fixture
def folder(tmp_path):
    return image_model(tmp_path / "model")


def everything(model):
    n = model.normalizer
    return (
        *(model.config, model.alphabet, model.extractor, n.mean.tolist(), n.std.tolist()),
        *(model.onnx_bytes(), model.card, model.training_rows),
    )


def test_a_folder_and_its_zip_hold_the_same(folder, tmp_path):
    (folder / "checkpoints").mkdir()
    loose = ModelFolder(folder)
    assert loose.alphabet.symbols == tuple("abcdefgh")
    assert loose.extractor.dim == 8
    assert loose.card.startswith("# A model")
    assert loose.training_rows[1] == {"epoch": 2, "dev_cer": 0.125}
    (folder / "checkpoints").rmdir()
    assert everything(loose) == everything(ModelFolder(zipped(folder, tmp_path / "model.zip")))


def test_opening_a_zip_writes_nothing(folder, tmp_path):
    path = zipped(folder, tmp_path / "model.zip")
    before = sorted(tmp_path.rglob("*"))
    everything(ModelFolder(path))
    assert sorted(tmp_path.rglob("*")) == before


def test_normalizer_takes_mean_and_deviation_away(tmp_path):
    made = Normalizer(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    found = made(np.array([[3.0, 2.0], [1.0, 10.0]]))
    assert found.dtype == np.float32
    assert found.tolist() == [[1.0, 0.0], [0.0, 2.0]]


def test_normalizer_is_read_as_saved(folder):
    made = Normalizer(np.linspace(0, 1, 8), np.linspace(1, 2, 8))
    made.save(folder / "normalizer.npz")
    read = ModelFolder(folder).normalizer
    assert read.mean.tolist() == made.mean.astype(np.float32).tolist()
    assert read.std.tolist() == made.std.astype(np.float32).tolist()


def test_no_model_there(tmp_path):
    with pytest.raises(ModelError, match=r"does not exist; expected a model folder, or a \.zip"):
        ModelFolder(tmp_path / "none")
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        ModelFolder(tmp_path)


PARTS = {
    "alphabet.json": lambda m: m.alphabet,
    "normalizer.npz": lambda m: m.normalizer,
    "model.onnx": lambda m: m.onnx_bytes(),
    "training.jsonl": lambda m: m.training_rows,
    "card.md": lambda m: m.card,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("packed", [False, True])
def test_a_missing_part_is_named_with_the_mend(folder, tmp_path, part, packed):
    (folder / part).unlink()
    model = ModelFolder(zipped(folder, tmp_path / "m.zip") if packed else folder)
    with pytest.raises(ModelError, match=rf"{part}: is missing\. Copy it") as raised:
        PARTS[part](model)
    assert "\n" not in str(raised.value)


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def npy(header):
    """A `.npy` whose header promises what does not follow."""
    raw = header.encode("ascii")
    return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw


def npz_of(member):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mean.npy", member)
        archive.writestr("std.npy", member)
    return out.getvalue()


ONES = np.ones(8, np.float32)
BROKEN = [
    ("alphabet.json", b"[]", "is not an alphabet"),
    ("alphabet.json", b"{" * 100_000, "is not an alphabet"),
    ("alphabet.json", b'{"form": "NFC", "symbols": ["a", "a"]}', "is not an alphabet"),
    ("alphabet.json", b"\xff\xfe{}", "is not UTF-8"),
    ("normalizer.npz", b"", "is not a normaliser"),
    ("normalizer.npz", b"PK\3\4 no zip", "is not a normaliser"),
    ("normalizer.npz", npz(mean=ONES), "is not a normaliser"),
    ("normalizer.npz", npz(mean=ONES, std=ONES.astype(np.float64)), "is not a normaliser"),
    ("normalizer.npz", npz(mean=ONES[None], std=ONES[None]), "is not a normaliser"),
    ("normalizer.npz", npz(mean=np.array([{}], object), std=ONES), "is not a normaliser"),
    ("normalizer.npz", npz_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10**15,)}")), "not a normaliser"),
    ("normalizer.npz", npz_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999,)}")), "not a norm"),
    ("normalizer.npz", npz_of(b"\x93NUMPY\x01\x00\xff\xff"), "is not a normaliser"),
    ("normalizer.npz", npz_of(b""), "is not a normaliser"),
    ("normalizer.npz", npz(mean=ONES[:3], std=ONES[:3]), "is for 3 numbers a frame; expected 8"),
    ("normalizer.npz", npz(mean=ONES, std=ONES * 0), "holds NaN, infinity or a deviation of 0"),
    ("normalizer.npz", npz(mean=ONES * np.nan, std=ONES), "holds NaN, infinity or a deviation of 0"),
    ("training.jsonl", b'{"epoch": 1}\nnot JSON\n', "holds a line that is not JSON"),
    ("training.jsonl", b"3\n", "holds a line that is no JSON object"),
    ("card.md", b"\xff", "is not UTF-8"),
]


@pytest.mark.parametrize(("part", "data", "said"), BROKEN)
def test_a_broken_part_is_named(folder, part, data, said):
    (folder / part).write_bytes(data)
    with pytest.raises(ModelError, match=said) as raised:
        PARTS[part](ModelFolder(folder))
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"features": {"kind": "columns"}, "netwrok": {}}', "Did you mean 'network'"),
        ('{"features": {"kind": "colums"}}', "Did you mean 'columns'"),
        ('{"features": {"kind": "./mine.py"}}', "is a file of code"),
        ('{"features": {"kind": "../errors"}}', "unknown name"),
        ('{"features": {"kind": "columns", "hight": 8}}', "Did you mean 'height'"),
    ],
)
def test_a_config_that_does_not_fit(folder, text, said):
    (folder / "config.json").write_text(text, encoding="utf-8")
    model = ModelFolder(folder)
    with pytest.raises(ConfigError, match=said):
        _ = model.config, model.extractor


@pytest.mark.parametrize("packed", [False, True])
def test_no_part_is_read_beyond_its_limit(folder, tmp_path, packed):
    bomb = b" " * (LIMITS["card.md"] + 1)
    (folder / "card.md").write_bytes(bomb)
    model = ModelFolder(zipped(folder, tmp_path / "m.zip") if packed else folder)
    with pytest.raises(ModelError, match=r"card\.md: is too large; expected at most 1 MiB"):
        _ = model.card


def test_a_zip_that_unpacks_to_too_much(folder, tmp_path, monkeypatch):
    path = zipped(folder, tmp_path / "m.zip", card__md=b" " * 5000)
    monkeypatch.setattr("seqrec.modelfolder.LIMITS", dict.fromkeys(LIMITS, 500))
    with pytest.raises(ModelError, match=r"m\.zip: unpacks to 0 MiB"):
        ModelFolder(path)


def test_a_size_in_the_header_is_not_believed(folder, tmp_path):
    path = zipped(folder, tmp_path / "m.zip", zipfile.ZIP_STORED, card__md=b"x" * 5000)
    data = bytearray(path.read_bytes())
    entry = data.rfind(b"card.md") - 46  # in the central directory
    data[entry + 24 : entry + 28] = (3).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"card\.md: cannot be read \(Bad CRC-32"):
        _ = ModelFolder(path).card


def end_of(count=0, size=0):
    return b"PK\5\6" + bytes(4) + count.to_bytes(2, "little") * 2 + size.to_bytes(4, "little") + bytes(6)


HOSTILE = [
    (b"", "is not a packed model"),
    (b"PK", "is not a packed model"),
    (b"no zip at all, but long enough to be one", "is not a packed model"),
    (bytes(100_000), "is not a packed model"),
    (end_of(), "holds no config.json"),
    (end_of(65535, 1 << 30), "is a zip of too many files"),
    (b"PK\6\7" + bytes(16) + end_of(), "is not a packed model"),
    (end_of(1, 500), "cannot be read"),
]


@pytest.mark.parametrize(("data", "said"), HOSTILE)
def test_what_is_no_packed_model(tmp_path, data, said):
    path = tmp_path / "m.zip"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=said):
        ModelFolder(path)


def test_a_truncated_or_damaged_zip(folder, tmp_path):
    whole = zipped(folder, tmp_path / "m.zip").read_bytes()
    path = tmp_path / "cut.zip"
    for end in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ModelError, match="is not a packed model"):
            ModelFolder(path)
    start = whole.index(b"model.onnx") + 40
    path.write_bytes(whole[:start] + bytes(20) + whole[start + 20 :])
    with pytest.raises(ModelError, match=r"model\.onnx: cannot be read"):
        ModelFolder(path).onnx_bytes()


def test_paths_out_of_the_zip_are_of_no_account(folder, tmp_path):
    path = tmp_path / "m.zip"
    (folder / "card.md").unlink()
    zipped(folder, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../card.md", "from outside")
        archive.writestr("/card.md", "from the root")
    with pytest.raises(ModelError, match="is missing"):
        _ = ModelFolder(path).card
    assert not (tmp_path / "card.md").exists()


def test_rows_without_text_are_passed_over(folder):
    (folder / "training.jsonl").write_text("\n" + json.dumps({"epoch": 1}) + "\n\n", encoding="utf-8")
    assert ModelFolder(folder).training_rows == [{"epoch": 1}]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root and Windows write everywhere")
@pytest.mark.parametrize("packed", [False, True])
def test_a_model_that_cannot_be_written(folder, packed):
    place = zipped(folder, folder / "model.zip") if packed else folder
    model = ModelFolder(place)
    check_writable(model)
    folder.chmod(0o555)
    try:
        with pytest.raises(DataError, match=r"cannot be written \(Permission denied\)\. Copy the model"):
            put_parts(model, {"lm.bin": b""})
    finally:
        folder.chmod(0o755)
    assert not model.has("lm.bin")
