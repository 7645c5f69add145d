"""What `seqrec decode --stream` does: raw PCM from standard input, text as it comes."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import IO, BinaryIO

import click
import numpy as np

from seqrec.decoding import Hypothesis
from seqrec.errors import DataError
from seqrec.recognizer import Recognizer
from seqrec.streaming import Partial
from seqrec.writers import visible

_DTYPES = {"s16le": "<i2", "s16be": ">i2", "s32le": "<i4", "u8": "u1", "f32le": "<f4"}
_BLOCK = 1 << 16  # bytes, at most
_FILES = (b"RIFF", b"fLaC", b"OggS", b"FORM", b"ID3")

Show = Callable[[str, str], None]


def utterances(recognizer: Recognizer, rate: int, encoding: str, show: Show) -> Iterator[Hypothesis]:
    """Each utterance as it ends, until the input does or Ctrl-C is pressed; `show` gets what is under way."""
    stream = recognizer.stream(rate=rate)
    with _Input(sys.stdin.buffer) as given:
        for block in _blocks(given, np.dtype(_DTYPES[encoding])):
            yield from _shown(stream.feed(block), show)
    yield from _shown(stream.finish(), show)


def _shown(partial: Partial, show: Show) -> Iterator[Hypothesis]:
    if partial.done:
        show("", "")
    yield from partial.done
    show(partial.settled, partial.tentative)


def _blocks(given: _Input, dtype: np.dtype[np.generic]) -> Iterator[np.ndarray]:
    """The samples of what comes. Raises DataError for a file with a header."""
    rest, begun = b"", False
    while data := given.read():
        rest += data
        if not begun and rest.startswith(_FILES):
            mend = "give the file itself as INPUT, without --stream"
            raise DataError("stdin", "begins as a sound file does", "raw PCM without a header", mend)
        begun = begun or len(rest) >= 4
        whole = len(rest) // dtype.itemsize * dtype.itemsize
        yield np.frombuffer(rest[:whole], dtype)
        rest = rest[whole:]
    if rest:
        click.echo(f"seqrec: stdin ends within a sample: {len(rest)} bytes are left out", err=True)


class _Input:
    """Bytes as they come. Ctrl-C ends them, never the recognition of what has come before."""

    def __init__(self, stdin: BinaryIO) -> None:
        self._stdin, self._waiting, self._stopped = stdin, False, False

    def __enter__(self) -> _Input:
        self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopped = True
        if self._waiting:
            raise KeyboardInterrupt

    def read(self) -> bytes:
        try:
            self._waiting = True
            return b"" if self._stopped else self._stdin.read1(_BLOCK)  # type: ignore[attr-defined]
        except KeyboardInterrupt:
            return b""
        finally:
            self._waiting = False


def shown_on(out: IO[str], form: str, partial: bool) -> Show:
    """How what is under way is shown: as rows of JSON, on a line of the terminal, or not at all."""
    if partial:
        return _Rows(out)
    return _Line(out) if form == "text" and out.isatty() else lambda settled, tentative: None


class _Rows:
    """`{"settled": "3 3", "tentative": " 6"}`, each time that it changes."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._last = out, ("", "")

    def __call__(self, settled: str, tentative: str) -> None:
        if (settled, tentative) not in (self._last, ("", "")):
            row = {"settled": settled, "tentative": tentative}
            self._out.write(visible(json.dumps(row, ensure_ascii=False)) + "\n")
        self._last = settled, tentative


class _Line:
    """One line of the terminal, written again and again; what is tentative is dim."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def __call__(self, settled: str, tentative: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        settled, tentative = visible(settled), visible(tentative)
        tentative = _end(tentative, width)
        settled = _end(settled, width - _cells(tentative))
        self._out.write("\r\x1b[K" + settled + (click.style(tentative, dim=True) if tentative else ""))
        self._out.flush()


def _end(text: str, width: int) -> str:
    """As much of the end as fits into a line."""
    while _cells(text) > width:
        text = text[1:]
    return text


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
