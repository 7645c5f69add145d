"""Kaldi data folder: text, wav.scp, and where they are there segments and utt2spk; or folders of these.

Described in "Data preparation" of Kaldi's documentation (kaldi-asr.org/doc/data_prep.html). The group is the
speaker of utt2spk; without that file every utterance stands for itself. Relative paths are relative to the
folder or, as Kaldi's scripts run two folders above it, to one of those. Commands in wav.scp (those that end
in `|`) are never run, archives not read, and a channel cannot be chosen: such lines are named.

Of a folder with train, dev (valid) and test (eval), each a data folder, that is the official split and only
these are read; of any other folder, every data folder in it is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from seqrec.corpora import NoSplit
from seqrec.corpora._source import Sign, Source
from seqrec.corpora._speech import first_time, lines, one_folder
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample

_PARTS = {"train": "train", "dev": "dev", "valid": "dev", "test": "test", "eval": "test"}
_LAYOUT = "a folder with text and wav.scp, or folders that each have them"
_ARCHIVE = re.compile(r".*:[0-9]+")
_BLANK = " \t"
_BLANKS = re.compile(r"[ \t]+")
_TO_THE_END = -1.0  # as the end of a segment
_ABOVE = 2  # folders that a relative path may be meant from

T = TypeVar("T")
Cells = tuple[str, str]  # the place of a line, and all but its key


class _Part(NamedTuple):
    """What an utterance is of a recording."""

    recording: str
    start: float | None = None
    end: float | None = None


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of `text`. Raises DataError when there is no data folder."""
    seen: set[str] = set()
    for folder in _folders(source):
        yield from _samples(folder, on_error, seen)


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples with the part that their folder names. Raises NoSplit where none is so named."""
    folders, seen = _folders(source), set[str]()
    if folders == [source] or any(folder.name not in _PARTS for folder in folders):
        raise NoSplit(source, "has no split", f"data folders such as {', '.join(_PARTS)}")
    for folder in folders:
        yield from ((_PARTS[folder.name], sample) for sample in _samples(folder, on_error, seen))


def signs(source: Source) -> Sign | None:
    """`root` is the data folder, or that which holds several. Raises DataError where there are more of these."""
    there = set(source.files)
    every = {file.parent for file in there if file.name == "wav.scp" and file.with_name("text") in there}
    found = sorted(folder for folder in every if not every & set(folder.parents))  # what Kaldi split lies below it
    if not found:
        return None
    root = one_folder(source, found if len(found) == 1 else [folder.parent for folder in found], "Kaldi's data")
    return Sign(3, f"holds {' and '.join(str(found[0] / name) for name in ('text', 'wav.scp'))}", root)


def _folders(source: Path) -> list[Path]:
    def is_data(folder: Path) -> bool:
        return (folder / "text").is_file() and (folder / "wav.scp").is_file()

    if is_data(source):
        return [source]
    found = sorted(filter(is_data, source.iterdir())) if source.is_dir() else []
    if not found:
        came = "holds no data" if source.is_dir() else "is a file" if source.exists() else "does not exist"
        raise DataError(source, came, _LAYOUT)
    named = [folder for name in _PARTS for folder in found if folder.name == name]
    return named or found


def _samples(folder: Path, on_error: OnError, seen: set[str]) -> Iterator[Sample]:
    speakers = _table(folder / "utt2spk", on_error) if (folder / "utt2spk").exists() else None
    parts = _segments(folder / "segments", on_error) if (folder / "segments").exists() else None
    sounds = _sounds(folder, on_error, Counter(part.recording for part in (parts or {}).values()))
    texts = _table(folder / "text", on_error)
    for name, (where, text) in texts.items():
        try:
            part = _Part(name) if parts is None else _found(parts, name, "segments", where)
            speaker = name if speakers is None else _found(speakers, name, "utt2spk", where)[1]
            path = _found(sounds, part.recording, "wav.scp", where)
            if not text or not speaker:
                raise DataError(where, f"{name!r:.80} has no {'speaker' if text else 'text'}", "an id and its text")
            if path:  # otherwise it was named with its recording
                unique = first_time(name, where, seen)
                yield Sample(id=unique, text=text, path=path, start=part.start, end=part.end, group=speaker)
        except DataError as error:
            on_error(error)
    named = sounds if parts is None else parts
    for name in sorted(named.keys() - texts.keys()):
        file = folder / ("wav.scp" if parts is None else "segments")
        on_error(DataError(file, f"{name!r:.80} is not in text", "a line for each utterance"))


def _found(table: dict[str, T], name: str, file: str, where: str) -> T:
    if name not in table:
        raise DataError(where, f"{name!r:.80} is not in {file}, or its line there is bad", "a line for it")
    return table[name]


def _table(path: Path, on_error: OnError) -> dict[str, Cells]:
    """The lines of a file by their first word. A key that comes again goes to `on_error`."""
    table: dict[str, Cells] = {}
    for where, line in lines(path, on_error):
        key, _, rest = _BLANKS.sub(" ", line.strip(_BLANK), count=1).partition(" ")
        if key in table:
            on_error(DataError(where, f"{key!r:.80} came before, in {table[key][0]}", "one line for each"))
        else:
            table[key] = where, rest
    return table


def _sounds(folder: Path, on_error: OnError, utterances: Counter[str]) -> dict[str, Path | None]:
    """The file of each recording; None where wav.scp names none that can be read."""
    found: dict[str, Path | None] = {}
    for name, (where, written) in _table(folder / "wav.scp", on_error).items():
        try:
            found[name] = _path(written, folder, where)
        except DataError as error:
            lost = f" (its {utterances[name]} segments are left out)" if utterances[name] else ""
            on_error(DataError(where, error.came + lost, error.expected, error.mend))
            found[name] = None
    return found


def _path(written: str, folder: Path, where: str) -> Path:
    if written.endswith("|"):
        mend = "name the file itself, as FLAC, MP3, OGG and SPHERE are read as they are; or run the command once"
        raise DataError(where, f"{written!r:.80} is a command, which is not run", "the path of a sound", mend)
    for place in (folder, *folder.absolute().parents[:_ABOVE]):
        if written and (place / written).is_file():
            return place / written
    if _ARCHIVE.fullmatch(written):
        raise DataError(where, f"{written!r:.80} lies in an archive", "the path of a sound", "write it to a file")
    came = f"there is no file {written!r:.120}"
    raise DataError(where, came, "a path relative to the folder, to one of the two above it, or a full one")


def _segments(path: Path, on_error: OnError) -> dict[str, _Part]:
    parts: dict[str, _Part] = {}
    for name, (where, rest) in _table(path, on_error).items():
        cells = rest.split()
        try:
            if len(cells) == 4:
                mend = "drop it where the recording has one channel, or write each channel to a file"
                raise DataError(where, f"wants channel {cells[3]!r:.20}", "no fifth field: channels are mixed", mend)
            start, end = _seconds(cells[1], where), _seconds(cells[2], where)
            if start < 0 or not (end > start or end == _TO_THE_END):
                raise DataError(where, f"lasts from {start:g} s to {end:g} s", "an end after the start")
            parts[name] = _Part(cells[0], start, None if end == _TO_THE_END else end)
        except IndexError:
            on_error(DataError(where, f"has {len(cells) + 1} fields", "{utterance} {recording} {start} {end}"))
        except DataError as error:
            on_error(error)
    return parts


def _seconds(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(where, f"{cell!r:.40} is no time", "seconds")
    return value
