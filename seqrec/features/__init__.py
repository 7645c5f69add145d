"""Extractors: one file per kind, each turning a Sample into frames (T, dim) float32.

A module here defines `class Extractor(seqrec.features.Extractor)`, found by its file's name.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import PrivateAttr

from seqrec.errors import ConfigError
from seqrec.options import Options, find
from seqrec.samples import Sample

Signal = Any  # sound: (N,) float32; ink: list of (N, 2|3) float64; image: (H, W) float32, ink 1 on paper 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the T frames of a signal lie in its source, and how much there is in each.

    `edges` (T + 1,) float64 are the borders of the frames in `unit`: seconds in the sound file; x in pixels of the
    upright image file; for ink the number of a point, counted over all strokes, N of N points being the end. They
    never descend and stay inside of the sample's part of the source. `activity` (T,) float64, in [0, 1], is about 0
    where the signal rests, as in silence or on blank paper, and 1 where it is at its fullest.
    """

    unit: Literal["s", "px", "points"]
    edges: np.ndarray
    activity: np.ndarray


class Extractor(Options):
    """Sample -> signal -> frames, in two steps so that augmentation can stand between them."""

    domain: ClassVar[Literal["sound", "ink", "image"]]
    _made_of: dict[str, Any] | None = PrivateAttr(None)
    together: ClassVar[int] = 1  # signals that are worth handing to `frames_of` at once

    @property
    def table(self) -> dict[str, Any] | None:
        """The `[features]` table that it was made from, from which another process can make it again."""
        return self._made_of

    @property
    @abstractmethod
    def dim(self) -> int:
        """Numbers per frame."""

    @abstractmethod
    def read(self, sample: Sample) -> Signal:
        """The sample's signal. Raises DataError when it cannot be read or is not of this domain."""

    @abstractmethod
    def frames(self, signal: Signal) -> np.ndarray:
        """Frames (T, dim) float32, T >= 1 for any signal that `read` gives. Pure: same in, same out."""

    def frames_of(self, signals: Sequence[Signal]) -> list[np.ndarray]:
        """The frames of each signal; an extractor may be quicker so than with one after the other."""
        return [self.frames(signal) for signal in signals]

    def placed(self, sample: Sample) -> tuple[np.ndarray, Layout]:
        """The sample's frames (T, dim), the same as without, and where they lie.

        Raises DataError as `read` does, ConfigError for a kind of features that cannot say.
        """
        raise ConfigError("positions", "these features do not say where their frames lie", "a kind with `placed`")

    def __call__(self, sample: Sample) -> np.ndarray:
        return self.frames(self.read(sample))


def extractor(table: dict[str, Any], where: str = "[features]", *, own_files: bool = False) -> Extractor:
    """The extractor that a `[features]` table describes. Raises ConfigError."""
    options = dict(table)
    kind = str(options.pop("kind", ""))
    module = find("seqrec.features", kind, f"{where} kind", own_files=own_files)
    found = getattr(module, "Extractor", None)
    if not (isinstance(found, type) and issubclass(found, Extractor)):
        expected = "class Extractor(seqrec.features.Extractor)"
        raise ConfigError(f"{where} kind", f"{kind!r} defines no Extractor", expected)
    made: Extractor = found.parse(options, where)
    made._made_of = dict(table)
    return made
