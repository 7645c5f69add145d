"""Many short arrays, or strings, in two long arrays: a million of them take little more than what they hold."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of any length: row i is flat[offsets[i] : offsets[i + 1]], flat (N, ...), offsets (rows + 1,) int64."""

    flat: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]]) -> Ragged:
        """Rows of whole numbers, int32."""
        flat, offsets = array("i"), array("q", [0])
        for row in rows:
            flat.extend(row)
            offsets.append(len(flat))
        return cls(np.frombuffer(flat, np.int32) if flat else np.zeros(0, np.int32), np.frombuffer(offsets, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(rows,) int64"""
        return np.diff(self.offsets)

    def __getitem__(self, i: int) -> np.ndarray:
        """Row i, a view."""
        row: np.ndarray = self.flat[self.offsets[i] : self.offsets[i + 1]]
        return row


class Strings:
    """Strings to which others can be added."""

    def __init__(self, strings: Iterable[str] = ()) -> None:
        self._bytes, self._offsets = bytearray(), array("q", [0])
        for string in strings:
            self.append(string)

    def append(self, string: str) -> None:
        self._bytes += string.encode("utf-8", "surrogatepass")
        self._offsets.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, i: int) -> str:
        return self._bytes[self._offsets[i] : self._offsets[i + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))
