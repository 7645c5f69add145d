"""A model folder, or a `.zip` of one: what training leaves and everything else takes.

    config.json     the recipe                        training.jsonl  a line per epoch
    alphabet.json   symbols, in the order of labels   card.md         data, licence, results
    normalizer.npz  mean and standard deviation of the frames
    model.onnx      the network and its weights
    decoding.json   weights of the beam search, calibration of the confidences; may be missing
    lm.bin          the language model that was trained with it; may be missing

A model may come from a stranger: nothing is extracted to disk, no code and no pickle is loaded,
and no part is read beyond its limit.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from seqrec.alphabet import Alphabet
from seqrec.config import Config, config_from_json
from seqrec.decoding.settings import Settings
from seqrec.errors import DataError, ModelError
from seqrec.features import Extractor, extractor
from seqrec.files import atomic
from seqrec.onnxfile import broken_weight

if TYPE_CHECKING:
    from seqrec.lm.model import LanguageModel

LIMITS = {  # bytes of each part, unpacked
    "config.json": 1 << 20,
    "alphabet.json": 4 << 20,
    "normalizer.npz": 4 << 20,
    "training.jsonl": 64 << 20,
    "card.md": 1 << 20,
    "model.onnx": 1 << 30,
    "decoding.json": 1 << 20,
    "lm.bin": 1 << 30,
}
OPTIONAL = frozenset(("decoding.json", "lm.bin"))
_DIRECTORY_LIMIT = 1 << 20  # bytes of a zip's central directory, which zipfile reads as a whole
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of a zip's members: the same parts give the same bytes
_MEND = "copy it from where the model was trained, or train again"


@dataclass(frozen=True, eq=False)
class Normalizer:
    """Mean and standard deviation (F,) float32 of the training frames."""

    mean: np.ndarray
    std: np.ndarray

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames (T, F) with mean 0 and deviation 1, float32."""
        return np.asarray((frames - self.mean) / self.std, np.float32)

    def save(self, path: str | PathLike[str]) -> None:
        """Write `normalizer.npz`."""
        with atomic(path, "wb") as out:
            np.savez(out, mean=self.mean.astype(np.float32), std=self.std.astype(np.float32))


class ModelFolder:
    """The parts of the model at `path`; each is read and checked when it is asked for.

    Raises ModelError when there is no model at `path`; the parts raise it when they are missing or
    broken, ConfigError when the config names what this version does not know. With `own_files` its
    features may be of the user's own file, which is then run: only for a model of one's own.
    """

    def __init__(self, path: str | PathLike[str], *, own_files: bool = False) -> None:
        self.path, self._own_files = Path(path), own_files
        self._zipped = self.path.is_file()
        if self._zipped:
            self._check_zip()
        elif not self.path.is_dir():
            raise ModelError(self.path, "does not exist", "a model folder, or a .zip made by `seqrec pack`")
        if not self.has("config.json"):
            raise ModelError(self.path, "holds no config.json", "a model folder, or a .zip made by `seqrec pack`")

    def where(self, part: str) -> str:
        """The part's name for messages."""
        return f"{self.path}/{part}"

    def has(self, part: str) -> bool:
        if self._zipped:
            with self._open_zip() as archive:
                return part in archive.namelist()
        return (self.path / part).is_file()

    def read(self, part: str) -> bytes:
        """The bytes of a part, one of LIMITS. Raises ModelError when it is missing, broken or beyond its limit."""
        limit = LIMITS[part]
        if not self.has(part):
            raise ModelError(self.where(part), "is missing", "", _MEND)
        try:
            if self._zipped:
                with self._open_zip() as archive:
                    data = _read_member(archive, part, limit)
            else:
                with open(self.path / part, "rb") as stream:
                    data = stream.read(limit + 1)
        except (OSError, *_BROKEN_ZIP) as error:
            raise ModelError(self.where(part), f"cannot be read ({error})", "", _MEND) from None
        if len(data) > limit:
            raise ModelError(self.where(part), "is too large", f"at most {limit >> 20} MiB", _MEND)
        return data

    def _text(self, part: str) -> str:
        try:
            return self.read(part).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ModelError(self.where(part), "is not UTF-8", "UTF-8 text", _MEND) from None

    @cached_property
    def config(self) -> Config:
        return config_from_json(self._text("config.json"), self.where("config.json"))

    @cached_property
    def alphabet(self) -> Alphabet:
        return Alphabet.from_json(self._text("alphabet.json"), self.where("alphabet.json"))

    @cached_property
    def extractor(self) -> Extractor:
        where = f"{self.where('config.json')} [features]"
        return extractor(self.config.features, where, own_files=self._own_files)

    @cached_property
    def normalizer(self) -> Normalizer:
        where = self.where("normalizer.npz")
        try:
            with zipfile.ZipFile(io.BytesIO(self.read("normalizer.npz"))) as archive:
                limit = LIMITS["normalizer.npz"]
                mean, std = (_vector(_read_member(archive, f"{name}.npy", limit)) for name in ("mean", "std"))
        except (KeyError, ValueError, *_BROKEN_ZIP):
            raise ModelError(where, "is not a normaliser", "float32 arrays 'mean' and 'std'", _MEND) from None
        dim = self.extractor.dim
        if len(mean) != dim or len(std) != dim:
            raise ModelError(where, f"is for {len(mean)} numbers a frame", f"{dim} as in config.json", _MEND)
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
            raise ModelError(where, "holds NaN, infinity or a deviation of 0", "finite numbers", _MEND)
        return Normalizer(mean, std)

    @cached_property
    def settings(self) -> Settings:
        """How the model is best decoded; the defaults where nothing was tuned."""
        if not self.has("decoding.json"):
            return Settings()
        where = self.where("decoding.json")
        try:
            table = json.loads(self._text("decoding.json"))
        except (ValueError, RecursionError):
            raise ModelError(where, "is not JSON", "", _MEND) from None
        if not isinstance(table, dict):
            raise ModelError(where, "is not a JSON object", "", _MEND)
        return Settings.parse(table, where)

    @cached_property
    def language_model(self) -> LanguageModel:
        """The language model that the model carries. Raises ModelError where it has none."""
        from seqrec.lm import binary

        if not self.has("lm.bin"):
            mend = "train one with `seqrec lm`, or decode without --lm default"
            raise ModelError(self.path, "carries no language model", "lm.bin", mend)
        return binary.from_bytes(self.read("lm.bin"), self.where("lm.bin"))

    @cached_property
    def card(self) -> str:
        """The model's card, Markdown."""
        return self._text("card.md")

    @cached_property
    def training_rows(self) -> list[dict[str, Any]]:
        """What training wrote, an object per epoch."""
        where = self.where("training.jsonl")
        try:
            rows = [json.loads(line) for line in self._text("training.jsonl").splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise ModelError(where, "holds a line that is not JSON", "one JSON object per epoch", _MEND) from None
        if not all(isinstance(row, dict) for row in rows):
            raise ModelError(where, "holds a line that is no JSON object", "one JSON object per epoch", _MEND)
        return rows

    def onnx_bytes(self) -> bytes:
        """The network, its weights finite numbers."""
        model = self.read("model.onnx")
        if (weight := broken_weight(model)) is not None:
            raise ModelError(self.where("model.onnx"), f"holds NaN or infinity in {weight!r}", "numbers", "train again")
        return model

    def _open_zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)

    def _check_zip(self) -> None:
        """Refuse what is no zip, and archives whose directory or contents would fill the memory."""
        expected = "a model folder, or a .zip made by `seqrec pack`"
        try:
            with open(self.path, "rb") as stream:
                size = stream.seek(0, io.SEEK_END)
                stream.seek(max(0, size - 42))
                tail = stream.read()
            # The end record, without comment and without the Zip64 locator that could overrule it.
            end = tail[-22:]
            if len(end) < 22 or end[:4] != b"PK\5\6" or end[20:] != b"\0\0" or tail[:-22].startswith(b"PK\6\7"):
                raise ModelError(self.path, "is not a packed model", expected)
            if int.from_bytes(end[12:16], "little") > _DIRECTORY_LIMIT:
                raise ModelError(self.path, "is a zip of too many files", expected)
            with self._open_zip() as archive:
                total = sum(member.file_size for member in archive.infolist())
        except (OSError, *_BROKEN_ZIP) as error:
            raise ModelError(self.path, f"cannot be read ({error})", expected) from None
        if total > sum(LIMITS.values()):
            raise ModelError(self.path, f"unpacks to {total >> 20} MiB", f"at most {sum(LIMITS.values()) >> 20} MiB")


def write_zip(out: IO[bytes], parts: dict[str, bytes]) -> None:
    """A packed model; the same parts give the same bytes."""
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in sorted(parts.items()):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system, member.external_attr = 3, 0o644 << 16  # Unix, on every system
            archive.writestr(member, data, zipfile.ZIP_DEFLATED, compresslevel=9)


def check_writable(folder: ModelFolder) -> None:
    """That `put_parts` can be done. Raises DataError."""
    try:
        place = folder.path if folder.path.is_dir() else Path(os.path.realpath(folder.path)).parent
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        mend = "copy the model to a place that can be written"
        raise DataError(folder.path, f"cannot be written ({error.strerror})", "", mend) from None


def put_parts(folder: ModelFolder, parts: dict[str, bytes | None]) -> None:
    """Replace, add or, where None, remove parts of a model, a folder or a zip.

    Raises DataError where it cannot be written.
    """
    check_writable(folder)
    given = {name: data for name, data in parts.items() if data is not None}
    if folder.path.is_dir():
        for name in parts.keys() - given.keys():
            (folder.path / name).unlink(missing_ok=True)
        for name, data in given.items():
            with atomic(folder.path / name, "wb") as out:
                out.write(data)
        return
    kept = {name: folder.read(name) for name in LIMITS if name not in parts and folder.has(name)}
    with atomic(folder.path, "wb") as out:
        write_zip(out, kept | given)


def _read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a member, whatever its header says of its size."""
    with archive.open(name) as stream:
        return stream.read(limit + 1)


def _vector(npy: bytes) -> np.ndarray:
    """The float32 vector of a `.npy` file. Raises ValueError."""
    stream = io.BytesIO(npy)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if len(shape) != 1 or dtype != np.dtype("<f4") or stream.tell() + 4 * shape[0] != len(npy):
        raise ValueError
    return np.frombuffer(npy, "<f4", offset=stream.tell())
