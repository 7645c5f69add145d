"""A stream of pen ink, point by point."""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated

import numpy as np
from pydantic import Field

from seqrec.errors import DataError
from seqrec.features import Layout
from seqrec.features._ink import corpus_height, join
from seqrec.features.strokes import Extractor
from seqrec.options import Options
from seqrec.reader import Reader
from seqrec.runtime import Runtime
from seqrec.samples import Sample
from seqrec.streaming import Partial, Stream

_POINTS = 20  # of the stroke under way, after which the text is looked at again
_FURTHEST = 1e12  # nothing that a tablet gives
_DOWN, _BACK = 1.5, 3.0  # corpus heights down and back to the left that begin a new line
_LONGEST = 8192  # outputs of the network in one line

Heights = Annotated[float, Field(gt=0, le=1000)]


class Reach(Options):
    """How a stream of ink is cut, in corpus heights along the line; measured in docs/decoding.md."""

    step: Heights = 16.0  # of ink that settles at once, at least
    ahead: Heights = 8.0  # what must have followed before text settles
    back: Heights = 16.0  # what was before, and is read again beside it
    longest: Heights = 64.0  # from here on ink is cut where there is no gap


class InkStream(Stream):
    """Points (n, 2) or (n, 3), x, y and perhaps t, of a stroke, until `lift`; y grows downwards, t is in seconds.

    Slope, slant and size are those of the ink that is read at a time. A hypothesis is a line; its id says which
    points of the stream it holds, "0-412", as do its positions.
    """

    def __init__(self, reader: Reader, runtime: Runtime, extractor: Extractor, reach: Reach | None = None) -> None:
        super().__init__(reader, runtime)
        self._extractor, self._limits = extractor, reach or Reach()
        self._factor = runtime.folder.config.network.factor
        self._pen: list[np.ndarray] = []  # the stroke under way
        self._fresh = 0  # points since the text was looked at
        self._strokes: list[np.ndarray] = []  # that are read
        self._old = 0  # strokes among them that are settled
        self._dropped = 0  # points before them
        self._layouts: list[Layout] = []  # of what is settled

    def lift(self) -> Partial:
        """The stroke has ended."""
        if self._pen:
            self._strokes.append(np.concatenate(self._pen))
            self._pen = []
            if self._old < len(self._strokes) - 1 and self._is_new_line():
                self._line()
            self._read(self._strokes)
        return self._partial()

    def _take(self, block: np.ndarray) -> None:
        self._pen.append(_points(block, self._pen))
        self._fresh += len(block)
        if not self._pen[-1].size:
            self._pen.pop()
        elif self._fresh >= _POINTS:
            self._read([*self._strokes, np.concatenate(self._pen)])

    def _end(self) -> None:
        self.lift()
        if self._strokes:
            self._read(self._strokes, last=True)

    def _is_new_line(self) -> bool:
        """Whether the last stroke is below the others, and back to the left."""
        *line, stroke = self._strokes
        ink = np.concatenate([each[:, :2] for each in line])
        [height] = corpus_height(join([line]))
        down = stroke[:, 1].mean() - np.median(ink[:, 1])
        back = ink[:, 0].max() - stroke[:, 0].min()
        return bool(down > _DOWN * height and back > _BACK * height)

    def _line(self) -> None:
        """All strokes but the last one are a line."""
        *line, stroke = self._strokes
        self._read(line, last=True)
        self._strokes = [stroke]

    def _read(self, strokes: list[np.ndarray], last: bool = False) -> None:
        self._fresh = 0
        frames, layout = self._extractor.placed(Sample("stream", strokes=tuple(strokes)))
        log_probs = self._text.log_probs(frames)
        points = [0, *accumulate(len(stroke) for stroke in strokes)]
        new = len(strokes) if last else self._cut(strokes)
        begin, end = (self._outputs(layout, points[number]) for number in (self._old, new))
        end = max(begin, len(log_probs) if last else end)
        self._text.add(log_probs[begin:end], log_probs[end:])
        self._layouts.append(_part(layout, begin * self._factor, end * self._factor, self._dropped))
        if last or len(self._text) > _LONGEST:
            self._close_line()
        if last:
            self._forget(len(strokes), 0)
        elif new > self._old:
            self._forget(self._context(strokes, new), new)

    def _outputs(self, layout: Layout, points: int) -> int:
        """How many outputs of the network are of so many points."""
        return round(int(np.searchsorted(layout.edges[1:], points, "right")) / self._factor)

    def _cut(self, strokes: list[np.ndarray]) -> int:
        """How many strokes are settled: up to the widest gap of those that are far enough behind the pen."""
        limits, old = self._limits, self._old
        lefts, rights = _extents(self._extractor.normalise(strokes))
        pen, begin = rights[-1], lefts[old:].min()
        if len(strokes) == 1 or pen - begin < limits.step + limits.ahead:
            return old
        reached = np.maximum.accumulate(rights)[:-1]  # by all strokes up to each
        gap = np.minimum.accumulate(lefts[::-1])[::-1][1:] - reached
        gap[:old] = -np.inf
        gap[reached > pen - limits.ahead] = -np.inf
        best = int(gap.argmax())
        if gap[best] > 0 or (pen - begin > limits.longest and gap[best] > -np.inf):
            return best + 1
        return old

    def _context(self, strokes: list[np.ndarray], new: int) -> int:
        """The first of the settled strokes that are still read beside what follows."""
        _, rights = _extents(self._extractor.normalise(strokes))
        near = np.flatnonzero(rights[:new] > rights[:new].max() - self._limits.back)
        return int(near[0])

    def _forget(self, first: int, old: int) -> None:
        self._dropped += sum(len(stroke) for stroke in self._strokes[:first])
        self._strokes, self._old = self._strokes[first:], max(0, old - first)

    def _close_line(self) -> None:
        edges = [layout.edges[:-1] for layout in self._layouts] + [self._layouts[-1].edges[-1:]]
        whole = Layout("points", np.concatenate(edges), np.concatenate([each.activity for each in self._layouts]))
        self._layouts = []
        positions = self._text.reader.decoding.positions
        self._close(f"{whole.edges[0]:.0f}-{whole.edges[-1]:.0f}", whole if positions else None)


def _points(block: np.ndarray, before: list[np.ndarray]) -> np.ndarray:
    width = before[0].shape[1] if before else None
    if block.ndim != 2 or block.shape[1] not in (2, 3) or block.dtype.kind not in "fiu":
        raise DataError("stream", f"points of shape {block.shape}, {block.dtype}", "(n, 2) or (n, 3) numbers")
    if width not in (None, block.shape[1]):
        raise DataError("stream", f"points of {block.shape[1]} numbers after points of {width}", "all of one kind")
    if block.size and not np.abs(block).max() < _FURTHEST:
        raise DataError("stream", "NaN, or points that are too far", f"numbers below {_FURTHEST:g}")
    return block.astype(np.float64)


def _part(layout: Layout, begin: int, end: int, dropped: int) -> Layout:
    """Of frames `begin` to `end`."""
    return Layout(layout.unit, layout.edges[begin : end + 1] + dropped, layout.activity[begin:end])


def _extents(strokes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest x of each stroke."""
    return np.array([stroke[:, 0].min() for stroke in strokes]), np.array([stroke[:, 0].max() for stroke in strokes])
