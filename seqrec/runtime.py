"""Frames -> log-probabilities, from a model folder: ONNX Runtime (here) or TensorFlow (seqrec.network)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as _state  # type: ignore[import-untyped]

from seqrec.errors import DataError, ModelError
from seqrec.files import cores
from seqrec.modelfolder import ModelFolder

INPUTS, OUTPUTS = ("frames", "n_frames"), ("log_probs", "n_out")

# A run of the network has BATCH_FRAMES padded frames: more leave the processor's cache and hold more
# padding. Fewer than LEAST_ROWS rows at a time are slow to multiply, so that as many may have MOST_FRAMES.
BATCH_FRAMES, LEAST_ROWS, MOST_FRAMES = 1024, 8, 6144

# A sample of more than LONGEST frames goes through the network in pieces of PIECE frames, each with
# OVERLAP more at both ends whose outputs are dropped. What that changes is in docs/decoding.md.
LONGEST, PIECE, OVERLAP = 8192, 1536, 256

# ONNX Runtime's errors have no common base of their own.
ONNX_ERRORS: tuple[type[Exception], ...] = tuple(
    error for error in vars(_state).values() if isinstance(error, type) and issubclass(error, Exception)
)


Run = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Runtime(ABC):
    """A model's network behind its normaliser; `threads` runs of it go on at the same time."""

    def __init__(self, folder: ModelFolder, threads: int = 1) -> None:
        self.folder = folder
        self.normalizer = folder.normalizer
        self.classes = folder.alphabet.size
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads)

    @abstractmethod
    def run(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The network: normalised frames (B, T, F) float32 with zeros beyond n_frames (B,) int64
        -> log_probs (B, T', C) float32, n_out (B,) int64. Raises ModelError."""

    def run_beside(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`run` while there is a run for every thread."""
        return self.run(frames, n_frames)

    def log_probs(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Log-probabilities (T', C) of each sample's frames (T, F), in the given order.

        Raises DataError for frames of another shape, ModelError when the network fails.
        """
        return self.start(frames).result()

    def start(self, frames: Sequence[np.ndarray]) -> Pending:
        """Begin with `log_probs` in other threads; samples of similar length share a run. Raises DataError."""
        dim = len(self.normalizer.mean)
        for each in frames:
            if each.ndim != 2 or each.shape[1] != dim or not len(each):
                raise DataError("frames", f"shape {each.shape}", f"(T, {dim}) with T >= 1")
        network = self.folder.config.network
        groups = list(groups_of([len(each) for each in frames], network.factor))
        run = self.run_beside if len(groups) >= self.threads else self.run
        # What comes in pieces needs its place beforehand.
        made = [np.empty((network.n_out(len(f)) if len(f) > LONGEST else 0, self.classes), np.float32) for f in frames]
        return Pending(made, [self._pool.submit(self._run, run, group, frames, made) for group in groups])

    def _run(self, run: Run, group: list[Piece], frames: Sequence[np.ndarray], made: list[np.ndarray]) -> None:
        """Put the log-probabilities of some pieces into `made`."""
        padded, n_frames = pad([self.normalizer(frames[piece.sample][piece.begin : piece.end]) for piece in group])
        log_probs, n_out = run(padded, n_frames)
        self._check(log_probs, n_out, len(group))
        for piece, row, n in zip(group, log_probs, n_out.tolist(), strict=True):
            if piece.whole:
                made[piece.sample] = row[:n]
                continue
            if n != (expected := self.folder.config.network.n_out(piece.end - piece.begin)):
                raise ModelError(self.folder.path, f"gives n_out {n}", f"{expected} as in config.json")
            kept = row[piece.first : n][: piece.count]
            made[piece.sample][piece.place : piece.place + len(kept)] = kept

    def _check(self, log_probs: np.ndarray, n_out: np.ndarray, count: int) -> None:
        shape = log_probs.shape
        if len(shape) != 3 or shape[0] != count or shape[2] != self.classes or n_out.shape != (count,):
            came = f"gives log_probs {shape} and n_out {n_out.shape}"
            raise ModelError(self.folder.path, came, f"({count}, T, {self.classes}) and ({count},)")
        if not ((n_out >= 0) & (n_out <= shape[1])).all():
            raise ModelError(self.folder.path, f"gives n_out {n_out.tolist()}", f"0 to {shape[1]}")


class Pending:
    """Log-probabilities on their way."""

    def __init__(self, made: list[np.ndarray], runs: list[Future[None]]) -> None:
        self._made, self._runs = made, runs

    def result(self) -> list[np.ndarray]:
        """Wait for all. Raises ModelError."""
        try:
            for run in self._runs:
                run.result()
        finally:
            self.cancel()
        return self._made

    def cancel(self) -> None:
        """Leave out what has not begun."""
        for run in self._runs:
            run.cancel()


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames `begin` to `end` of a sample; `count` of their outputs, from `first` on, belong at `place`; 0: all."""

    sample: int
    begin: int
    end: int
    first: int = 0
    count: int = 0
    place: int = 0

    @property
    def whole(self) -> bool:
        return not self.count


def pieces_of(sample: int, length: int, factor: int) -> Iterator[Piece]:
    """What goes through the network of a sample of `length` frames, `factor` of which give one output."""
    if length <= LONGEST:
        yield Piece(sample, 0, length)
        return
    step, overlap = (-(-frames // factor) * factor for frames in (PIECE, OVERLAP))
    for kept in range(0, length, step):
        begin, end = max(0, kept - overlap), min(length, kept + step + overlap)
        yield Piece(sample, begin, end, (kept - begin) // factor, step // factor, kept // factor)


def groups_of(lengths: Sequence[int], factor: int) -> Iterator[list[Piece]]:
    """The pieces of all samples by ascending length, cut to the size of a run."""
    pieces = [piece for i, length in enumerate(lengths) for piece in pieces_of(i, length, factor)]
    group: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.end - piece.begin):
        size = (len(group) + 1) * (piece.end - piece.begin)
        if group and size > (BATCH_FRAMES if len(group) >= LEAST_ROWS else MOST_FRAMES):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def pad(frames: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T, F) of each sample -> (B, longest T, F) float32 with zeros at the ends, and T (B,) int64."""
    n_frames = np.array([len(each) for each in frames], np.int64)
    padded = np.zeros((len(frames), int(n_frames.max()), frames[0].shape[1]), np.float32)
    for row, each in zip(padded, frames, strict=True):
        row[: len(each)] = each
    return padded, n_frames


class OnnxRuntime(Runtime):
    """`model.onnx` in ONNX Runtime, on the CPU unless a build with CUDA is installed.

    `threads`, all cores when None, each work on a run of their own, which takes the least time in all, or
    together on one.
    """

    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        super().__init__(folder, threads or cores())
        self._model, self._where = folder.onnx_bytes(), folder.where("model.onnx")
        self._single = OnnxSession(self._model, self._where, 1)
        self._shared: OnnxSession | None = None
        self._runs = 0

    def run(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._runs += 1
        # To make a session for several threads takes longer than a single short run.
        worth = self.threads > 1 and (self._runs > 1 or frames.shape[0] * frames.shape[1] > BATCH_FRAMES)
        if worth and self._shared is None:
            self._shared = OnnxSession(self._model, self._where, self.threads)
        return (self._shared or self._single).run(frames, n_frames)

    def run_beside(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._single.run(frames, n_frames)


class OnnxSession:
    """A network in ONNX with the inputs `frames`, `n_frames` and the outputs `log_probs`, `n_out`."""

    def __init__(self, model: bytes, where: str, threads: int | None = None) -> None:
        """Raises ModelError when `model` is not such a network."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or cores()
        options.log_severity_level = 3  # errors; they reach us as exceptions too
        known = onnxruntime.get_available_providers()
        providers = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in known]
        self._where = where
        if b"location" in model:  # the key under which ONNX keeps the path of weights outside of the file
            raise ModelError(where, "takes weights from other files", "all weights inside")
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except ONNX_ERRORS as error:
            raise ModelError(where, f"cannot be loaded ({_brief(error)})", "a network in ONNX") from None
        inputs = tuple(sorted(i.name for i in self._session.get_inputs()))
        outputs = {o.name for o in self._session.get_outputs()}
        if inputs != INPUTS or not outputs.issuperset(OUTPUTS):
            came = f"takes {', '.join(inputs)} and gives {', '.join(sorted(outputs))}"
            raise ModelError(where, came, "frames, n_frames and log_probs, n_out", "use a model trained by seqrec")

    def run(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Runtime.run. Raises ModelError."""
        try:
            log_probs, n_out = self._session.run(OUTPUTS, {"frames": frames, "n_frames": n_frames})
        except ONNX_ERRORS as error:
            raise ModelError(self._where, f"fails on frames {frames.shape} ({_brief(error)})") from None
        return log_probs, n_out


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
