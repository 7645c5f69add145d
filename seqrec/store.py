"""Computed frames on disk: one flat float32 file per set of samples, memory-mapped, named by its content.

A set's name is the hash of the extractor's options and code, the augmentation and every sample's
signal, so that frames are computed once, shared between processes, and never stale. A set under way has
a dot before its name and the same files, of the samples so far: who comes next goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqrec import augment, features
from seqrec.errors import DataError, SeqrecError
from seqrec.features import Extractor, Signal, extractor
from seqrec.files import atomic, cores, locked
from seqrec.options import Options, find
from seqrec.probing import identity
from seqrec.ragged import Ragged
from seqrec.samples import Sample

_FEW = 32  # samples for which no worker is started
_GROUP = 32  # samples whose frames are made together, where that is quicker
_MOST = 1024  # samples in a worker's task
_TASK_SECONDS = 0.3  # that a task should take: it is lost when it is interrupted
_KEEP_SECONDS = 2.0  # between two states to go on from
_WAIT_SECONDS = 0.2  # until another process is asked again whether it is done
_VERSION = "2"  # of the layout; a change makes every stored set new
_ABANDONED = re.compile(r"\.[0-9a-f]{24}")
_BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError)


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
        whole.update(_signal_of(sample))
    return whole.digest()


def _signal_of(sample: Sample) -> bytes:
    """16 bytes; those of a signal that cannot be read are of the error, which is kept in its place."""
    try:
        return identity(sample)
    except DataError as error:
        return hashlib.blake2b(str(error).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _name_of(signals: bytes, recipe: Recipe) -> str:
    whole = hashlib.sha256(_VERSION.encode() + _code() + signals)
    if (own := Path(str(recipe.features.get("kind")))).suffix == ".py":
        whole.update(own.read_bytes() if own.is_file() else b"")
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


@dataclass
class _Made:
    """Frames (T, dim) float32 of some samples together, in `seconds`; failures by place among them."""

    frames: np.ndarray
    n_frames: list[int]
    failures: dict[int, str]
    seconds: float


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

    def add(self, made: _Made) -> None:
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

    def map(self, recipe: Recipe, samples: Sequence[Sample], first: int) -> Iterator[_Made]:
        """The frames of the samples from `first` on, in order, some whole groups at a time."""
        alone = self.jobs == 1 or len(samples) - first <= _FEW
        submit, ahead = (_at_once, 1) if alone else (self._submit, 3 * self.jobs)
        waiting: deque[Future[_Made]] = deque()
        size = group = _group_of(extractor(recipe.features, own_files=True))
        while first < len(samples) or waiting:
            while first < len(samples) and len(waiting) < ahead:
                waiting.append(submit(recipe, samples[first : first + size]))
                first += size
            made = waiting.popleft().result()
            fitting = int(_TASK_SECONDS / max(made.seconds, 1e-9) * len(made.n_frames))
            size = max(group, min(fitting, 2 * size, _MOST) // group * group)
            yield made

    def _submit(self, recipe: Recipe, samples: Sequence[Sample]) -> Future[_Made]:
        if self._pool is None:
            # Forking a process with TensorFlow's threads can hang.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, context, initializer=_end_with_parent)
        with _interrupts_held():
            return self._pool.submit(_work, recipe, samples)


def _group_of(made_for: Extractor) -> int:
    """Samples whose frames are made together: always the same ones, for their last digits may depend on it."""
    return 1 if type(made_for).frames_of is Extractor.frames_of else _GROUP


def _at_once(recipe: Recipe, samples: Sequence[Sample]) -> Future[_Made]:
    done: Future[_Made] = Future()
    done.set_result(_work(recipe, samples))
    return done


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


def _work(recipe: Recipe, samples: Sequence[Sample]) -> _Made:
    return _worker_of(json.dumps(asdict(recipe)))(samples)


@lru_cache(maxsize=1)
def _worker_of(recipe: str) -> _Worker:
    return _Worker(Recipe(**json.loads(recipe)))


class _Worker:
    """Extracts some samples at a time; kept from one time to the next, so that filters and caches are made once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.extractor = extractor(recipe.features, own_files=True)
        self.augmenter = signal_augmenter(self.extractor, recipe.signal) if recipe.copy else None

    def __call__(self, samples: Sequence[Sample]) -> _Made:
        began = time.monotonic()
        given, made = iter(samples), list[np.ndarray | str]()
        while group := list(islice(given, _group_of(self.extractor))):
            made += self._group(group)
        failures = {i: each for i, each in enumerate(made) if isinstance(each, str)}
        frames = [np.zeros((0, self.extractor.dim)) if isinstance(each, str) else each for each in made]
        together = np.concatenate(frames, dtype=np.float32)
        return _Made(together, [len(each) for each in frames], failures, time.monotonic() - began)

    def _group(self, samples: list[Sample]) -> list[np.ndarray | str]:
        """The frames of each sample, or why there are none."""
        made = [self._signal(sample) for sample in samples]
        frames = iter(self.extractor.frames_of([signal for signal, failed in made if not failed]))
        return [failed or self._checked(next(frames)) for _, failed in made]

    def _signal(self, sample: Sample) -> tuple[Signal, str]:
        """The sample's signal, or why there is none."""
        try:
            signal = self.extractor.read(sample)
        except SeqrecError as error:
            return None, str(error)
        if self.augmenter is not None:
            entropy = int.from_bytes(_signal_of(sample)[:8], "big")
            rng = np.random.default_rng((self.recipe.seed, self.recipe.copy, entropy))
            signal = self.augmenter(signal, rng, self.extractor)
        return signal, ""

    def _checked(self, frames: np.ndarray) -> np.ndarray | str:
        if frames.ndim != 2 or frames.shape[1] != self.extractor.dim or not len(frames):
            return f"gives frames of shape {frames.shape}; expected (T, {self.extractor.dim}) with T >= 1"
        return frames if np.isfinite(frames).all() else "gives frames with NaN or infinity"


def signal_augmenter(made_for: Extractor, table: dict[str, Any] | None) -> Callable[..., Any]:
    """The augmenter of the extractor's domain with the options of an `[augment.signal]` table. Raises ConfigError."""
    module = find("seqrec.augment", made_for.domain)
    made: Options = module.Augmenter.parse(table or {}, "[augment.signal]")
    assert callable(made)
    return made
