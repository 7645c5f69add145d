"""LibriSpeech: train-*, dev-*, test-*/{reader}/{chapter}/*.trans.txt with the FLAC files that each names.

Described in README.TXT of the corpus (openslr.org/12; Panayotov et al. 2015). Each line of a transcript is
the id of an utterance, {reader}-{chapter}-{number}, a space, and its text. Texts are in capitals without
punctuation, and stay so; the group is the reader. Official split: what the name of the folder begins with,
so that dev holds both dev-clean and dev-other where both are there. SPEAKERS.TXT and the like are not needed.
Sounds may have been converted: WAV, MP3 and others are taken in place of FLAC.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora import NoSplit
from seqrec.corpora._source import Sign, Source
from seqrec.corpora._speech import first_time, lines, sounds, walk
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import OnError, Sample

_SUBSET = re.compile(r"(train|dev|test)-(clean|other)(-[0-9]+)?")
_SUFFIX = ".trans.txt"
_UTTERANCE = re.compile(r"[0-9]+-[0-9]+-[0-9]+\.flac")
_LAYOUT = "a folder with {subset}/{reader}/{chapter}/{reader}-{chapter}.trans.txt"


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of folders and lines. `source` is the corpus, a subset or any folder of it.

    Raises DataError when it is no folder.
    """
    seen: set[str] = set()
    found = False
    for folder, names in _chapters(source, on_error):
        found = True
        yield from _samples(folder, names, on_error, seen)
    if not found:
        on_error(DataError(source, "holds no transcripts", _LAYOUT))


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples with the part that their folder's name tells. Raises NoSplit where no folder tells it."""
    errors: list[SeqrecError] = []
    chapters = [(_part(folder), folder, names) for folder, names in _chapters(source, errors.append)]
    if not any(part for part, _, _ in chapters):
        raise NoSplit(source, "has no split", "folders such as train-clean-100, dev-clean, test-clean")
    for error in errors:
        on_error(error)
    seen: set[str] = set()
    for part, folder, names in chapters:
        if part:
            yield from ((part, sample) for sample in _samples(folder, names, on_error, seen))
        else:
            on_error(DataError(folder, "is of no subset", "a folder such as train-clean-100 above it"))


def signs(source: Source) -> Sign | None:
    found = source.named("*[0-9]-[0-9]*" + _SUFFIX)
    return Sign(3, f"holds transcripts such as {found[0]}", source.path) if found else None


def _chapters(source: Path, on_error: OnError) -> Iterator[tuple[Path, list[str]]]:
    """The folders that hold transcripts, or sounds of utterances, with the names of their files."""
    for folder, names in walk(source, on_error, _LAYOUT):
        if any(name.endswith(_SUFFIX) or _UTTERANCE.fullmatch(name) for name in names):
            yield folder, names


def _part(folder: Path) -> str | None:
    for name in reversed(os.path.abspath(folder).split(os.sep)):
        if subset := _SUBSET.fullmatch(name):
            return subset[1]
    return None


def _samples(folder: Path, names: list[str], on_error: OnError, seen: set[str]) -> Iterator[Sample]:
    there = sounds(folder, names)
    named: set[str] = set()
    for transcript in (name for name in names if name.endswith(_SUFFIX)):
        for where, line in lines(folder / transcript, on_error):
            name, _, text = line.strip().partition(" ")
            named.add(name)
            try:
                if not text.strip():
                    raise DataError(where, "has no text", "an id, a space and the text")
                if name not in there:
                    raise DataError(where, f"there is no sound {name!r:.80}", f"{name:.80}.flac beside the transcript")
                reader = name.partition("-")[0]
                yield Sample(id=first_time(name, where, seen), text=text.strip(), path=there[name], group=reader)
            except DataError as error:
                on_error(error)
    for name in sorted(there.keys() - named):
        on_error(DataError(there[name], "has no text", f"a line in a *{_SUFFIX} beside it"))
