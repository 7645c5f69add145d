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
_LAYOUT = "a folder with {subset}/{reader}/{chapter}/{reader}-{chapter}.trans.txt"


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples in the order of folders and lines. `source` is the corpus, a subset or any folder of it.

    Raises DataError when it is no folder.
    """
    seen: set[str] = set()
    transcripts = 0
    for transcript in _transcripts(source, on_error):
        transcripts += 1
        yield from _chapter(transcript, on_error, seen)
    if not transcripts:
        on_error(DataError(source, "holds no transcripts", _LAYOUT))


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The samples with the part that their folder's name tells. Raises NoSplit where no folder tells it."""
    errors: list[SeqrecError] = []
    transcripts = list(_transcripts(source, errors.append))
    if not any(map(_part, transcripts)):
        raise NoSplit(source, "has no split", "folders such as train-clean-100, dev-clean, test-clean")
    for error in errors:
        on_error(error)
    seen: set[str] = set()
    for transcript in transcripts:
        part = _part(transcript)
        if part:
            yield from ((part, sample) for sample in _chapter(transcript, on_error, seen))
        else:
            on_error(DataError(transcript, "is of no subset", "a folder such as train-clean-100 above it"))


def signs(source: Source) -> Sign | None:
    found = source.named("*[0-9]-[0-9]*" + _SUFFIX)
    return Sign(3, f"holds transcripts such as {found[0]}", source.path) if found else None


def _transcripts(source: Path, on_error: OnError) -> Iterator[Path]:
    for folder, names in walk(source, on_error, _LAYOUT):
        yield from (folder / name for name in names if name.endswith(_SUFFIX))


def _part(transcript: Path) -> str | None:
    for name in reversed(os.path.abspath(transcript).split(os.sep)):
        if subset := _SUBSET.fullmatch(name):
            return subset[1]
    return None


def _chapter(transcript: Path, on_error: OnError, seen: set[str]) -> Iterator[Sample]:
    folder = transcript.parent
    there = sounds(folder, sorted(os.listdir(folder)))
    named: set[str] = set()
    for where, line in lines(transcript, on_error):
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
    chapter = transcript.name.removesuffix(_SUFFIX)
    for name in sorted(there.keys() - named):
        if name.startswith(f"{chapter}-"):
            on_error(DataError(there[name], "has no text", f"a line in {transcript.name}"))
