"""Computed frames on disk: one flat float32 file per set of samples, memory-mapped, named by its content.

A set's name is the hash of the extractor's options and code, the augmentation and every sample's
signal, so that frames are computed once, shared between processes, and never stale. A set under way has
a dot before its name and the same files, of the samples so far: who comes next goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path

import numpy as np

from seqrec import augment, features
from seqrec.errors import DataError
from seqrec.extraction import Made, Recipe, Workers, signal_augmenter, signal_of
from seqrec.features import extractor
from seqrec.files import atomic, locked
from seqrec.ragged import Ragged
from seqrec.samples import Sample

_KEEP_SECONDS = 2.0  # between two states to go on from
_WAIT_SECONDS = 0.2  # until another process is asked again whether it is done
_VERSION = "2"  # of the layout; a change makes every stored set new
_ABANDONED = re.compile(r"\.[0-9a-f]{24}")
_BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError)


class Frames:
    """Stored frames of some samples, in their order.

    `n_frames` (N,) int64 is 0 where a sample failed; `failures` says why, by position.
    """

    def __init__(self, folder: Path) -> None:
        with open(folder / "index.npy", "rb") as stream:  # np.load would take a .npz for it
            index: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.n_frames: np.ndarray = np.diff(index)
        self.dim: int = about["dim"]
        self.failures: dict[int, str] = {int(i): said for i, said in about["failures"].items()}
        self._path, rows = folder / "frames.f32", (int(index[-1]), self.dim)
        flat = np.memmap(self._path, np.float32, "r", shape=rows) if index[-1] else np.zeros(rows, np.float32)
        self._rows = Ragged(np.asarray(flat), index)  # a plain view: a memmap makes slow slices

    def __len__(self) -> int:
        return len(self.n_frames)

    def __getitem__(self, i: int) -> np.ndarray:
        """Frames (T, dim) of sample i, a view into the file."""
        return self._rows[i]

    def blocks(self, most: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """(first, last, the frames (T, dim) of all samples from `first` to before `last`), `most` numbers at a time.

        Read, not mapped: a pass through the map would leave all of it in memory.
        """
        first, offsets = 0, self._rows.offsets
        while first < len(self):
            upto = int(np.searchsorted(offsets, offsets[first] + most // self.dim, "right")) - 1
            last = max(first + 1, upto)
            count = int(offsets[last] - offsets[first]) * self.dim
            flat = np.fromfile(self._path, np.float32, count, offset=int(offsets[first]) * self.dim * 4)
            yield first, last, flat.reshape(-1, self.dim)
            first = last


def stored_frames(
    samples: Sequence[Sample],
    recipe: Recipe,
    folder: Path,
    *,
    signals: bytes | None = None,
    workers: Workers | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Frames:
    """The frames of `samples`, computed by `workers` (or in this process) unless they lie in `folder` already.

    What an interrupted computation left is not computed again. `signals` is what `signals_of` gives for the
    samples, if that is known. A sample that cannot be read is recorded in `failures`; the others are done.
    Raises DataError when the folder cannot be written or what lies in it is broken.
    """
    place = folder / _name_of(signals or signals_of(samples), recipe)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while not _complete(place):
            with locked(_lock_of(_under_way(place))) as mine:
                if mine and not _complete(place):
                    _compute(samples, recipe, place, workers, progress)
            if not mine:
                time.sleep(_WAIT_SECONDS)  # another process computes it
    except BrokenProcessPool:
        raise DataError(folder, "a worker that computes frames was killed", "", "free some memory") from None
    except OSError as error:
        mend = "free some space, or choose another place with --exp"
        raise DataError(folder, f"frames cannot be stored ({error.strerror})", "", mend) from None
    try:
        return Frames(place)
    except _BROKEN:
        raise DataError(place, "does not hold what was stored in it", "", "delete that folder") from None


def signals_of(samples: Iterable[Sample]) -> bytes:
    """A hash of the samples' signals, in their order."""
    whole = hashlib.sha256()
    for sample in samples:
        whole.update(signal_of(sample))
    return whole.digest()


def _name_of(signals: bytes, recipe: Recipe) -> str:
    whole = hashlib.sha256(_VERSION.encode() + _code() + signals)
    if (own := Path(str(recipe.features.get("kind")))).suffix == ".py":
        whole.update(own.read_bytes() if own.is_file() else b"")
    if recipe.copy:
        sources = signal_augmenter(extractor(recipe.features, own_files=True), recipe.signal).sources()
        whole.update(json.dumps([sources, recipe.at]).encode())
    whole.update(json.dumps([recipe.features, recipe.signal, recipe.copy, recipe.seed], sort_keys=True).encode())
    return whole.hexdigest()[:24]


def _complete(place: Path) -> bool:
    return (place / "about.json").is_file()


def _under_way(place: Path) -> Path:
    return place.with_name(f".{place.name}")


def _lock_of(under_way: Path) -> Path:
    return under_way.with_name(f"{under_way.name}.lock")


@cache
def _code() -> bytes:
    """The source of all that makes frames, as a hash."""
    whole = hashlib.sha256()
    for package in (features, augment):
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            whole.update(path.read_bytes())
    return whole.digest()


def _compute(
    samples: Sequence[Sample],
    recipe: Recipe,
    place: Path,
    workers: Workers | None,
    progress: Callable[[int, int], None],
) -> None:
    """Go on with the set that is under way for `place`; only for who holds its lock."""
    dim = extractor(recipe.features, own_files=True).dim
    _remove_abandoned(place)
    with _UnderWay(_under_way(place), dim) as growing:
        for made in (workers or Workers(1)).map(recipe, samples, len(growing)):
            growing.add(made)
            progress(len(growing), len(samples))
    shutil.rmtree(place, ignore_errors=True)  # of which somebody deleted a part
    os.replace(growing.folder, place)


def _remove_abandoned(place: Path) -> None:
    """Remove what interrupted computations of other sets left: they were of other data, or of other features."""
    for other in place.parent.glob(".*"):
        if _ABANDONED.fullmatch(other.name) and other != _under_way(place):
            with locked(_lock_of(other)) as free:
                if free:
                    shutil.rmtree(other, ignore_errors=True)


def _left_in(folder: Path) -> tuple[np.ndarray, dict[int, str]]:
    """Frames of each sample in a set under way, and failures; none where there is nothing, or nothing whole."""
    try:
        frames = Frames(folder)
    except _BROKEN:
        return np.zeros(0, np.int64), {}
    return frames.n_frames, {i: said for i, said in frames.failures.items() if i < len(frames)}


class _UnderWay:
    """A set that grows in `folder`, from the samples on that its index has already."""

    def __init__(self, folder: Path, dim: int) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self._dim = folder, dim
        n_frames, self._failures = _left_in(folder)
        self._offsets = array("q", [0, *np.cumsum(n_frames).tolist()])
        self._frames = open(folder / "frames.f32", "ab")  # noqa: SIM115
        self._frames.truncate(self._offsets[-1] * dim * 4)
        self._kept = time.monotonic()

    def __enter__(self) -> _UnderWay:
        return self

    def __exit__(self, *error: object) -> None:
        with self._frames:
            self.keep()
        if not len(self) and error[0]:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def add(self, made: Made) -> None:
        self._failures.update((len(self) + i, said) for i, said in made.failures.items())
        self._frames.write(made.frames.data)
        self._offsets.extend((self._offsets[-1] + np.cumsum(made.n_frames)).tolist())
        if time.monotonic() - self._kept > _KEEP_SECONDS:
            self.keep()

    def keep(self) -> None:
        """Make what was added outlast the process, and the machine. The index comes last: it says what counts."""
        self._frames.flush()
        os.fsync(self._frames.fileno())
        with atomic(self.folder / "about.json") as out:
            json.dump({"dim": self._dim, "failures": self._failures}, out)
        with atomic(self.folder / "index.npy", "wb") as out:
            np.save(out, np.array(self._offsets), allow_pickle=False)
        self._kept = time.monotonic()
