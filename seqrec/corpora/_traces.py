"""Traces of InkML: their channels, and the points that their text stands for.

Format: https://www.w3.org/TR/InkML/, sections 3.1 (trace formats, channels) and 3.2 (traces).
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from seqrec.corpora._pages import children, name
from seqrec.errors import DataError

_LENGTHS = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "um": 1e-3, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6}  # mm
_TIMES = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}  # seconds
_LARGEST = 1e12
_MOST = 100  # channels
_AT_ONCE = 1 << 16  # points
_PLAIN = re.compile(r"[\d\s.,eE+-]*", re.ASCII)
_VALUE = re.compile(
    r""" ?(?P<order>[!'"]?) ?(?:(?P<sign>[-+]?) ?(?:\#(?P<hex>[0-9A-Fa-f]+)"""
    r"""|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))|(?P<letter>[TF*?]))""",
    re.ASCII,
)
_LETTERS = {"T": 1.0, "F": 0.0}


class Format(NamedTuple):
    """The channels of a trace, and what brings their values to seqrec's x, y (downwards) and seconds."""

    channels: tuple[str, ...] = ("X", "Y")
    regular: int = 2  # the other channels, behind these, may be left out of any point
    across: float = 1.0
    down: float = 1.0
    seconds: float = 1e-3


def format_of(form: Element, source: Element | None, where: str) -> Format:
    """What a traceFormat declares, with the channelProperties of its inkSource.

    x is brought to y's unit where both are known, by their units or by the resolution of the device.
    Time is in milliseconds unless it says otherwise. Raises DataError.
    """
    regular = children(form, "channel")
    more = [channel for part in children(form, "intermittentChannels") for channel in children(part, "channel")]
    if len(regular) + len(more) > _MOST:
        raise DataError(where, f"its traceFormat has {len(regular) + len(more)} channels", f"{_MOST} at most")
    named = {channel.get("name", "").upper(): channel for channel in (*regular, *more)}
    if not {"X", "Y"} <= named.keys() or len(named) != len(regular) + len(more):
        came = f"its traceFormat has the channels {', '.join(named) or 'none'}"
        raise DataError(where, f"{came:.100}", "each once, X and Y among them")
    across, down = (_unit(named[key], source, _LENGTHS) for key in ("X", "Y"))
    signs = [-1.0 if named[key].get("orientation") == "-ve" else 1.0 for key in ("X", "Y")]
    seconds = _unit(named["T"], source, _TIMES) if "T" in named else None
    scale = across / down if across and down else 1.0
    return Format(tuple(named), len(regular), signs[0] * scale, signs[1], seconds or 1e-3)


def _unit(channel: Element, source: Element | None, sizes: dict[str, float]) -> float | None:
    """What 1 on a channel is, in mm or seconds; None where neither units nor resolution tell."""
    units = channel.get("units", "").strip().lower()
    if units in sizes:
        return sizes[units]
    properties = [] if source is None else [e for e in source.iter() if name(e) == "channelProperty"]
    for each in properties:
        if each.get("channel", "").upper() == channel.get("name", "").upper() and each.get("name") == "resolution":
            per = each.get("units", "").strip().lower().removeprefix("1/")
            try:
                value = float(each.get("value", ""))
            except ValueError:
                continue
            if per in sizes and 1e-9 < value < 1e9:
                return sizes[per] / value
    return None


def points_of(text: str, form: Format, where: str) -> np.ndarray:
    """The points of a trace, (N, 3) of x, y and seconds, or (N, 2) where no point has a time.

    Points without x or y (`?`, or left out of an intermittent channel) are none; where some times are
    unknown they lie between their neighbours'. Raises DataError.
    """
    if not text.strip():
        return np.empty((0, 2))
    table = _table(text, form, where)
    if (np.abs(table) >= _LARGEST).any():
        raise DataError(where, "holds a value that is too large", f"numbers below {_LARGEST:g}")
    column = form.channels.index
    x, y = table[:, column("X")] * form.across, table[:, column("Y")] * form.down
    there = np.isfinite(x) & np.isfinite(y)
    points = np.stack([x, y], axis=1)[there]
    times = table[there, column("T")] * form.seconds if "T" in form.channels else np.empty(0)
    known = np.isfinite(times)
    if not known.any():
        return points
    places = np.arange(len(times))
    return np.column_stack([points, np.interp(places, places[known], times[known])])


def _table(text: str, form: Format, where: str) -> np.ndarray:
    """The values of all points and channels, (N, C), differences summed up; NaN where there is none."""
    points = [point for point in text.split(",") if point.strip()]
    plain, decoder, width = _PLAIN.fullmatch(text) is not None, _Decoder(form, where), len(form.channels)
    parts = [np.empty((0, width))]
    for start in range(0, len(points), _AT_ONCE):
        some = points[start : start + _AT_ONCE]
        table = _numbers(some, width) if plain else None
        parts.append(decoder.table(some, start) if table is None else table)
    return np.concatenate(parts)


def _numbers(points: list[str], width: int) -> np.ndarray | None:
    """Absolute numbers with blanks between; None for what is not as plain, such as "3-5"."""
    if any(len(point.split()) != width for point in points):
        return None
    try:
        return np.array(" ".join(points).split(), dtype=np.float64).reshape(-1, width)
    except ValueError:
        return None


class _Decoder:
    """Sums up differences. `!`, `'` and `"` hold for their channel until the next one."""

    def __init__(self, form: Format, where: str) -> None:
        self.form, self.where, width = form, where, len(form.channels)
        self.orders = ["!"] * width
        self.values, self.speeds, self.accelerations = [0.0] * width, [0.0] * width, [0.0] * width

    def table(self, points: list[str], before: int) -> np.ndarray:
        """(N, C) of the points, which come after `before` others."""
        regular, width = self.form.regular, len(self.form.channels)
        table = np.full((len(points), width), np.nan)
        for i, point in enumerate(points):
            row = self._row(" ".join(point.split()), f"{self.where}, point {before + i + 1}")
            if len(row) < regular:
                wanted = f"{regular} to {width}" if regular < width else f"{width}"
                came = f"its point {before + i + 1} has {len(row)} values"
                raise DataError(self.where, came, f"{wanted}, of the channels {', '.join(self.form.channels)}")
            table[i, : len(row)] = row
        return table

    def _row(self, point: str, where: str) -> list[float]:
        row: list[float] = []
        place = 0
        while place < len(point):
            value = _VALUE.match(point, place)
            if value is None:
                raise DataError(
                    where, f"holds {point[place:].strip()!r:.40}", "values such as 12, -3.5, '4, \"-1, #1F, T, * or ?"
                )
            if len(row) == len(self.values):
                raise DataError(where, f"is {point!r:.60}", f"{len(row)} values at most")
            row.append(self._next(len(row), value))
            place = value.end()
        return row

    def _next(self, i: int, value: re.Match[str]) -> float:
        """The value of channel `i` at the next point."""
        self.orders[i] = value["order"] or self.orders[i]
        letter = value["letter"]
        if letter == "?":
            return np.nan
        number = None if letter == "*" else _LETTERS[letter] if letter else _number(value)
        if letter in _LETTERS or self.orders[i] == "!":
            before = self.values[i]
            self.values[i] = before if number is None else number
            self.speeds[i] = self.values[i] - before
            return self.values[i]
        if self.orders[i] == '"':
            self.accelerations[i] = self.accelerations[i] if number is None else number
            self.speeds[i] += self.accelerations[i]
        elif number is not None:
            self.speeds[i] = number
        self.values[i] += self.speeds[i]
        return self.values[i]


def _number(value: re.Match[str]) -> float:
    try:
        size = float(int(value["hex"], 16)) if value["hex"] else float(value["number"])
    except OverflowError:
        size = np.inf
    return -size if value["sign"] == "-" else size
