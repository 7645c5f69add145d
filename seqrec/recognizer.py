"""A model ready to recognise: what the command line, the server and a program share."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np

from seqrec.decoding import Failure, Hypothesis
from seqrec.errors import ConfigError, DataError, EmptyError, ModelError, SeqrecError
from seqrec.features import Layout
from seqrec.modelfolder import ModelFolder
from seqrec.reader import Decoding, Reader
from seqrec.runtime import OnnxRuntime, Pending, Runtime
from seqrec.samples import Sample, parse_sample

if TYPE_CHECKING:
    from seqrec.streaming.ink import InkStream
    from seqrec.streaming.sound import SoundStream

Strokes = Sequence[Sequence[Sequence[float]] | np.ndarray]
Given = str | PathLike[str] | np.ndarray | Strokes | Sample
Made = TypeVar("Made")

BATCH = 1024  # samples that go through the network together, at most
_FIRST = (
    64  # samples of the first batch, so that the network has something to do soon; each further one has twice as many
)
_WINDOW = 4 << 20  # numbers in the frames of samples that go through the network together: 16 MB


def load(
    model: str | PathLike[str],
    runtime: str = "onnx",
    *,
    threads: int | None = None,
    batch: int = BATCH,
    own_files: bool = False,
    decoding: Decoding | None = None,
) -> Recognizer:
    """A Recognizer from a model folder or a packed `.zip` of one.

    `runtime` is "onnx" or "tensorflow"; `threads` are for the network, all cores when None; `batch` is
    how many samples `Recognizer.decode` takes at once; with `own_files` a model whose features are
    of the user's own file may run that file; `decoding` says how to read, greedily unless said otherwise.
    Raises ModelError when a part of the model is missing or broken.
    """
    folder = ModelFolder(model, own_files=own_files)
    return Recognizer(folder, _runtime(folder, runtime, threads), batch, decoding)


def _runtime(folder: ModelFolder, name: str, threads: int | None) -> Runtime:
    if name == "onnx":
        return OnnxRuntime(folder, threads)
    if name != "tensorflow":
        raise ConfigError("runtime", f"unknown name {name!r}", "onnx or tensorflow")
    from seqrec.network.loading import load_tensorflow

    load_tensorflow()
    from seqrec.network.tensorflow_runtime import TensorflowRuntime

    return TensorflowRuntime(folder, threads)


class Recognizer:
    """Signal -> frames -> log-probabilities -> text."""

    def __init__(
        self, folder: ModelFolder, runtime: Runtime, batch: int = BATCH, decoding: Decoding | None = None
    ) -> None:
        self.folder, self.runtime, self.batch = folder, runtime, batch
        self.reader = Reader(folder, decoding or Decoding(), runtime.threads)
        self.alphabet, self.extractor = folder.alphabet, folder.extractor

    @property
    def domain(self) -> str:
        """What the model reads: "sound", "ink" or "image"."""
        return self.extractor.domain

    def transcribe(self, given: Given, *, rate: int | None = None) -> Hypothesis:
        """The hypothesis for one signal.

        `given` is the path of a sound or an image, a Sample, or the signal itself: sound as an array
        (N,) or (N, channels) with its `rate` in Hz, floats in [-1, 1] or integers; an image (H, W) or
        (H, W, 3), floats in [0, 1] or uint8, white paper high; ink as a list of strokes, each of
        points [x, y] or [x, y, t], y growing downwards, t in seconds.

        Raises DataError when the signal cannot be read.
        """
        if isinstance(given, Sample):
            return self._one(given)
        if isinstance(given, str | PathLike):
            return self._one(Sample(str(given), path=Path(given)))
        if isinstance(given, np.ndarray):
            return self._array(given, rate)
        return self._one(parse_sample({"id": "strokes", "strokes": list(given)}, "strokes", Path()))

    def decode(self, samples: Iterable[Sample | Failure]) -> Iterator[Hypothesis | Failure]:
        """A result for every sample, in order; one that fails never stops the others.

        A Failure among the samples, such as a bad line of a manifest, passes through in its place.
        `batch` samples go through the network together, while the frames of the next ones are
        computed; with a batch of one, each is answered before the next is taken. A signal of no
        length gives the empty text.
        """
        for window, found in self._through(samples):
            log_probs = list(map(self._of_nothing, found))
            places = [i for i, made in enumerate(log_probs) if isinstance(made, np.ndarray)]
            read = self.reader.hypotheses(
                [window.ids[i] for i in places],
                [made for made in log_probs if isinstance(made, np.ndarray)],
                [window.layouts[i] for i in places],
            )
            results: dict[int, Hypothesis] = dict(zip(places, read, strict=True))
            for i, made in enumerate(log_probs):
                yield made if isinstance(made, Failure) else results[i]

    def _of_nothing(self, found: np.ndarray | Failure) -> np.ndarray | Failure:
        """Log-probabilities (0, C) of what has no length."""
        if isinstance(found, Failure) and isinstance(found.error, EmptyError):
            return np.zeros((0, self.runtime.classes), np.float32)
        return found

    def log_probs(self, samples: Iterable[Sample | Failure]) -> Iterator[np.ndarray | Failure]:
        """Log-probabilities (T, C) for every sample, in order, none of them NaN; see `decode`."""
        for _, log_probs in self._through(samples):
            yield from log_probs

    def _through(self, samples: Iterable[Sample | Failure]) -> Iterator[tuple[_Window, list[np.ndarray | Failure]]]:
        waiting: deque[_Window] = deque()
        try:
            for window in self._windows(iter(samples)):
                waiting.append(window)
                if len(waiting) > (self.batch > 1):
                    yield (first := waiting.popleft()), self._finished(first)
            while waiting:
                yield (first := waiting.popleft()), self._finished(first)
        finally:
            for window in waiting:
                assert window.log_probs is not None
                window.log_probs.cancel()

    @overload
    def stream(self, *, rate: int) -> SoundStream: ...

    @overload
    def stream(self) -> InkStream: ...

    def stream(self, *, rate: int | None = None) -> SoundStream | InkStream:
        """A signal that is recognised while it comes: sound at `rate` in Hz, or pen ink.

        Raises ConfigError for a model of images, and for sound without a rate.
        """
        from seqrec.streaming.opening import opened

        return opened(self.reader, self.runtime, self.extractor, rate)

    def frames(self, sample: Sample) -> np.ndarray:
        """The sample's frames (T, F), before the normaliser. Raises DataError."""
        return _finite(sample, self.extractor(sample))

    def _windows(self, samples: Iterator[Sample | Failure]) -> Iterator[_Window]:
        """Up to `batch` samples at a time, fewer at first and where their frames fill _WINDOW."""
        size, numbers = min(self.batch, _FIRST), 0
        window = _Window()
        while some := list(islice(samples, min(size - len(window.ids), self.extractor.together))):
            numbers += self._add(window, some)
            if len(window.ids) == size or numbers > _WINDOW:
                yield self._started(window)
                size, numbers, window = min(self.batch, 2 * size), 0, _Window()
        if window.ids:
            yield self._started(window)

    def _started(self, window: _Window) -> _Window:
        window.log_probs = self.runtime.start([each for each in window.frames if not isinstance(each, Failure)])
        return window

    def _add(self, window: _Window, samples: list[Sample | Failure]) -> int:
        """Frames of some more samples; returns how many numbers are in them."""
        placed = self._placed(samples) if self.reader.decoding.positions else [(f, None) for f in self._frames(samples)]
        window.ids += [sample.id for sample in samples]
        window.frames += [frames for frames, _ in placed]
        window.layouts += [layout for _, layout in placed]
        return sum(frames.size for frames, _ in placed if isinstance(frames, np.ndarray))

    def _frames(self, samples: list[Sample | Failure]) -> list[np.ndarray | Failure]:
        if len(samples) == 1:
            return [_tried(self.frames, samples[0])]
        signals = [_tried(self.extractor.read, sample) for sample in samples]
        frames = iter(self.extractor.frames_of([each for each in signals if not isinstance(each, Failure)]))
        return [
            signal if isinstance(signal, Failure) else _tried(partial(_finite, frames=next(frames)), sample)
            for sample, signal in zip(samples, signals, strict=True)
        ]

    def _placed(self, samples: list[Sample | Failure]) -> list[tuple[np.ndarray | Failure, Layout | None]]:
        """Frames, and where they lie."""
        made = (_tried(self.extractor.placed, sample) for sample in samples)
        return [
            (each, None) if isinstance(each, Failure) else (_tried(partial(_finite, frames=each[0]), sample), each[1])
            for sample, each in zip(samples, made, strict=True)
        ]

    def _finished(self, window: _Window) -> list[np.ndarray | Failure]:
        """Log-probabilities of each sample; its frames, of an hour 170 MB, are let go before they are read."""
        found = list(self._log_probs(window))
        window.frames.clear()
        return found

    def _log_probs(self, window: _Window) -> Iterator[np.ndarray | Failure]:
        """All at once, and one by one when that fails: for instance when one is too large for the memory."""
        found = iter(self._found(window))
        for id, frames in zip(window.ids, window.frames, strict=True):
            if isinstance(frames, Failure):
                yield frames
                continue
            log_probs = next(found)
            if isinstance(log_probs, ModelError):
                yield Failure(id, log_probs)
            elif np.isnan(log_probs).any():
                yield Failure(id, ModelError(self.folder.path, f"gives NaN for {id!r}", "numbers", "train it again"))
            else:
                yield log_probs

    def _found(self, window: _Window) -> Iterator[np.ndarray | ModelError]:
        assert window.log_probs is not None
        try:
            yield from window.log_probs.result()
        except ModelError:
            for frames in window.frames:
                if not isinstance(frames, Failure):
                    yield self._alone(frames)

    def _alone(self, frames: np.ndarray) -> np.ndarray | ModelError:
        try:
            return self.runtime.log_probs([frames])[0]
        except ModelError as error:
            return error

    def _one(self, sample: Sample) -> Hypothesis:
        [result] = self.decode([sample])
        if isinstance(result, Failure):
            raise result.error
        return result

    def _array(self, signal: np.ndarray, rate: int | None) -> Hypothesis:
        """Through a temporary file, so that an array gives what the same signal in a file gives."""
        with tempfile.TemporaryDirectory(prefix="seqrec-") as folder:
            path = Path(folder) / "array"
            if self.domain == "sound":
                _write_sound(path, signal, rate)
            elif self.domain == "image":
                _write_image(path, signal)
            else:
                raise DataError("array", f"has shape {signal.shape}", "ink as a list of strokes")
            try:
                return self._one(Sample("array", path=path))
            except DataError as error:
                raise DataError("array", error.came, error.expected, error.mend) from None


@dataclass(slots=True)
class _Window:
    """Samples that go through the network together; what failed stands in the place of its frames.

    `layouts` say where the frames lie where that is wanted.
    """

    ids: list[str] = field(default_factory=list)
    frames: list[np.ndarray | Failure] = field(default_factory=list)
    layouts: list[Layout | None] = field(default_factory=list)
    log_probs: Pending | None = None


def _finite(sample: Sample, frames: np.ndarray) -> np.ndarray:
    if not np.isfinite(frames).all():
        raise DataError(sample.path or sample.id, "gives frames with NaN or infinity", "finite numbers")
    return frames


def _tried(step: Callable[[Sample], Made], sample: Sample | Failure) -> Made | Failure:
    if isinstance(sample, Failure):
        return sample
    try:
        return step(sample)
    except SeqrecError as error:
        return Failure(sample.id, error)


def _write_sound(path: Path, signal: np.ndarray, rate: int | None) -> None:
    import soundfile  # type: ignore[import-untyped]

    if signal.ndim not in (1, 2) or not signal.size or signal.dtype.kind not in "fiu":
        raise DataError("array", f"has shape {signal.shape}, {signal.dtype}", "a sound (N,) of numbers")
    if rate is None or rate <= 0:
        raise DataError("array", f"comes with rate={rate}", "the sound's rate in Hz, as in rate=16000")
    if signal.dtype.kind != "f":
        info = np.iinfo(signal.dtype)
        half = (int(info.max) - int(info.min) + 1) / 2
        signal = (signal.astype(np.float64) - (info.min + half)) / half
    soundfile.write(path, signal.astype(np.float32), rate, format="WAV", subtype="FLOAT")


def _write_image(path: Path, image: np.ndarray) -> None:
    """As PGM or PPM, which need no library."""
    grey = image.ndim == 2
    if not (grey or (image.ndim == 3 and image.shape[2] == 3)) or not image.size or image.dtype.kind not in "fu":
        raise DataError("array", f"has shape {image.shape}, {image.dtype}", "an image (H, W) or (H, W, 3)")
    if image.dtype.kind == "f":
        if not np.isfinite(image).all():
            raise DataError("array", "holds NaN or infinity", "floats in [0, 1]")
        image = (image.clip(0, 1) * 255).round()
    elif image.dtype != np.uint8:
        raise DataError("array", f"is of {image.dtype}", "uint8, or floats in [0, 1]")
    header = f"{'P5' if grey else 'P6'} {image.shape[1]} {image.shape[0]} 255\n"
    path.write_bytes(header.encode("ascii") + image.astype(np.uint8).tobytes())
