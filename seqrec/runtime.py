"""Frames -> log-probabilities, from a model folder: ONNX Runtime (here) or TensorFlow (seqrec.network)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as _state  # type: ignore[import-untyped]

from seqrec.errors import DataError, ModelError
from seqrec.files import cores
from seqrec.modelfolder import ModelFolder

INPUTS, OUTPUTS = ("frames", "n_frames"), ("log_probs", "n_out")
BATCH_FRAMES = 8192  # padded frames in one run of the network, unless a single sample has more

# ONNX Runtime's errors have no common base of their own.
ONNX_ERRORS: tuple[type[Exception], ...] = tuple(
    error for error in vars(_state).values() if isinstance(error, type) and issubclass(error, Exception)
)


class Runtime(ABC):
    """A model's network behind its normaliser."""

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder
        self.normalizer = folder.normalizer
        self.classes = folder.alphabet.size

    @abstractmethod
    def run(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The network: normalised frames (B, T, F) float32 with zeros beyond n_frames (B,) int64
        -> log_probs (B, T', C) float32, n_out (B,) int64. Raises ModelError."""

    def log_probs(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Log-probabilities (T', C) of each sample's frames (T, F), in the given order.

        Samples of similar length share a run, of at most BATCH_FRAMES padded frames. Raises
        DataError for frames of another shape, ModelError when the network fails.
        """
        dim = len(self.normalizer.mean)
        for each in frames:
            if each.ndim != 2 or each.shape[1] != dim or not len(each):
                raise DataError("frames", f"shape {each.shape}", f"(T, {dim}) with T >= 1")
        done: list[np.ndarray] = [np.empty(0)] * len(frames)
        for group in _groups([len(each) for each in frames]):
            padded, n_frames = pad([self.normalizer(frames[i]) for i in group])
            log_probs, n_out = self.run(padded, n_frames)
            self._check(log_probs, n_out, len(group))
            for i, row, n in zip(group, log_probs, n_out, strict=True):
                done[i] = row[:n]
        return done

    def _check(self, log_probs: np.ndarray, n_out: np.ndarray, count: int) -> None:
        shape = log_probs.shape
        if len(shape) != 3 or shape[0] != count or shape[2] != self.classes or n_out.shape != (count,):
            came = f"gives log_probs {shape} and n_out {n_out.shape}"
            raise ModelError(self.folder.path, came, f"({count}, T, {self.classes}) and ({count},)")
        if not ((n_out >= 0) & (n_out <= shape[1])).all():
            raise ModelError(self.folder.path, f"gives n_out {n_out.tolist()}", f"0 to {shape[1]}")


def _groups(lengths: list[int]) -> Iterator[list[int]]:
    """Indices by ascending length, cut so that count x longest stays within BATCH_FRAMES."""
    group: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and (len(group) + 1) * lengths[i] > BATCH_FRAMES:
            yield group
            group = []
        group.append(i)
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

    `threads` is the number of threads inside an operator, all cores when None.
    """

    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        super().__init__(folder)
        self.session = OnnxSession(folder.onnx_bytes(), folder.where("model.onnx"), threads)

    def run(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.session.run(frames, n_frames)


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
