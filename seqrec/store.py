"""Computed frames on disk: one flat float32 file per set of samples, memory-mapped, named by its content.

A set's name is the hash of the extractor's options and code, the augmentation and every sample's
signal, so that frames are computed once, shared between processes, and never stale.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from seqrec import augment, features
from seqrec.errors import DataError, SeqrecError
from seqrec.features import Extractor, extractor
from seqrec.files import cores
from seqrec.options import Options, find
from seqrec.samples import Sample

_CHUNK = 32  # samples per task of a worker
_VERSION = "1"  # of the layout; a change makes every stored set new


@dataclass(frozen=True)
class Recipe:
    """How frames are made: the `[features]` table, and for an augmented copy its table and number."""

    features: dict[str, Any]
    signal: dict[str, Any] | None = None  # options of seqrec/augment/<domain>.py
    copy: int = 0  # 0: the plain frames
    seed: int = 0


class Frames:
    """Stored frames of some samples, in their order.

    `n_frames` (N,) int64 is 0 where a sample failed; `failures` says why, by position.
    """

    def __init__(self, folder: Path) -> None:
        index = np.load(folder / "index.npy", allow_pickle=False)
        self.n_frames: np.ndarray = np.diff(index)
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.dim: int = about["dim"]
        self.failures: dict[int, str] = {int(i): said for i, said in about["failures"].items()}
        self._offsets = index
        flat = folder / "frames.f32"
        rows = (int(index[-1]), self.dim)
        self._frames = np.memmap(flat, np.float32, "r", shape=rows) if index[-1] else np.zeros(rows, np.float32)

    def __len__(self) -> int:
        return len(self.n_frames)

    def __getitem__(self, i: int) -> np.ndarray:
        """Frames (T, dim) of sample i, a view into the file."""
        view: np.ndarray = self._frames[self._offsets[i] : self._offsets[i + 1]]
        return view


def stored_frames(
    samples: Sequence[Sample],
    recipe: Recipe,
    folder: Path,
    *,
    workers: Workers | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Frames:
    """The frames of `samples`, computed by `workers` (or in this process) unless they lie in `folder` already.

    A sample that cannot be read is recorded in `failures`; the others are done. Raises DataError when
    the folder cannot be written or what lies in it is broken.
    """
    place = folder / _name_of(samples, recipe)
    if not (place / "about.json").is_file():
        try:
            _compute(samples, recipe, place, workers, progress)
        except BrokenProcessPool:
            raise DataError(folder, "a worker that computes frames was killed", "", "free some memory") from None
        except OSError as error:
            mend = "free some space, or choose another place with --exp"
            raise DataError(folder, f"frames cannot be stored ({error.strerror})", "", mend) from None
    try:
        return Frames(place)
    except (OSError, ValueError, KeyError, EOFError):
        raise DataError(place, "does not hold what was stored in it", "", "delete that folder") from None


def _name_of(samples: Sequence[Sample], recipe: Recipe) -> str:
    whole = hashlib.sha256(_VERSION.encode() + _code())
    if (own := Path(str(recipe.features.get("kind")))).suffix == ".py":
        whole.update(_file_digest(own))
    whole.update(json.dumps([recipe.features, recipe.signal, recipe.copy, recipe.seed], sort_keys=True).encode())
    for sample in samples:
        whole.update(digest(sample))
    return whole.hexdigest()[:24]


@cache
def _code() -> bytes:
    """The source of all that makes frames, as a hash."""
    whole = hashlib.sha256()
    for package in (features, augment):
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            whole.update(path.read_bytes())
    return whole.digest()


def digest(sample: Sample) -> bytes:
    """What identifies a sample's signal: its file's bytes or its strokes, and its region."""
    key = hashlib.sha256(repr((sample.start, sample.end, sample.polygon, sample.baseline)).encode())
    if sample.path is not None:
        key.update(_file_digest(sample.path))
    for stroke in sample.strokes or ():
        key.update(repr(stroke.shape).encode() + stroke.tobytes())
    return key.digest()


def _file_digest(path: Path) -> bytes:
    try:
        stat = path.stat()
    except OSError:
        return b"missing " + os.fsencode(path)  # the error that is kept names it
    return _bytes_digest(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _bytes_digest(path: str, size: int, changed: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return b"unreadable " + os.fsencode(path)


def _compute(
    samples: Sequence[Sample],
    recipe: Recipe,
    place: Path,
    workers: Workers | None,
    progress: Callable[[int, int], None],
) -> None:
    building = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
    building.mkdir(parents=True)
    try:
        dim = extractor(recipe.features, own_files=True).dim
        offsets, failures = [0], {}
        with open(building / "frames.f32", "wb") as out:
            for i, frames in enumerate(_extract_all(samples, recipe, workers)):
                if isinstance(frames, str):
                    failures[i] = frames
                else:
                    out.write(np.ascontiguousarray(frames, np.float32).tobytes())
                offsets.append(offsets[-1] + (0 if isinstance(frames, str) else len(frames)))
                progress(i + 1, len(samples))
            out.flush()
            os.fsync(out.fileno())
        np.save(building / "index.npy", np.array(offsets, np.int64), allow_pickle=False)
        (building / "about.json").write_text(json.dumps({"dim": dim, "failures": failures}), encoding="utf-8")
        _settle(building, place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _settle(building: Path, place: Path) -> None:
    """Give a complete set its name, unless another process was quicker."""
    if not (place / "about.json").is_file():
        shutil.rmtree(place, ignore_errors=True)
    try:
        os.replace(building, place)
    except OSError:
        if not (place / "about.json").is_file():
            raise


class Workers:
    """A process per core, started when there is enough to do and kept for the next set of samples."""

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or cores()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, recipe: Recipe, chunks: Sequence[Sequence[Sample]]) -> Iterator[list[np.ndarray | str]]:
        """Each chunk's frames, or errors, in order."""
        if min(self.jobs, len(chunks)) <= 1:
            return (_work(recipe, chunk) for chunk in chunks)
        if self._pool is None:
            # Forking a process with TensorFlow's threads can hang.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, context, initializer=_end_with_parent)
        with _interrupts_held():
            return self._pool.map(_work, [recipe] * len(chunks), chunks)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started here never see Ctrl-C, which a terminal sends to all of them: it is for the first one alone."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _extract_all(samples: Sequence[Sample], recipe: Recipe, workers: Workers | None) -> Iterator[np.ndarray | str]:
    chunks = [samples[i : i + _CHUNK] for i in range(0, len(samples), _CHUNK)]
    for made in (workers or Workers(1)).map(recipe, chunks):
        yield from made


def _work(recipe: Recipe, chunk: Sequence[Sample]) -> list[np.ndarray | str]:
    return _worker_of(json.dumps(asdict(recipe)))(chunk)


@lru_cache(maxsize=1)
def _worker_of(recipe: str) -> _Worker:
    return _Worker(Recipe(**json.loads(recipe)))


class _Worker:
    """Extracts chunks of samples; kept from chunk to chunk, so that filters and caches are made once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.extractor = extractor(recipe.features, own_files=True)
        self.augmenter = signal_augmenter(self.extractor, recipe.signal) if recipe.copy else None

    def __call__(self, chunk: Sequence[Sample]) -> list[np.ndarray | str]:
        return [self._one(sample) for sample in chunk]

    def _one(self, sample: Sample) -> np.ndarray | str:
        try:
            raw = self.extractor.read(sample)
        except SeqrecError as error:
            return str(error)
        if self.augmenter is not None:
            entropy = int.from_bytes(digest(sample)[:8], "big")
            rng = np.random.default_rng((self.recipe.seed, self.recipe.copy, entropy))
            raw = self.augmenter(raw, rng, self.extractor)
        frames = self.extractor.frames(raw)
        if frames.ndim != 2 or frames.shape[1] != self.extractor.dim or not len(frames):
            return f"gives frames of shape {frames.shape}; expected (T, {self.extractor.dim}) with T >= 1"
        return frames if np.isfinite(frames).all() else "gives frames with NaN or infinity"


def signal_augmenter(made_for: Extractor, table: dict[str, Any] | None) -> Callable[..., Any]:
    """The augmenter of the extractor's domain with the options of an `[augment.signal]` table. Raises ConfigError."""
    module = find("seqrec.augment", made_for.domain)
    made: Options = module.Augmenter.parse(table or {}, "[augment.signal]")
    assert callable(made)
    return made
