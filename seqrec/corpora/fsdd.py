"""Free Spoken Digit Dataset: recordings/{digit}_{speaker}_{index}.wav, the digit being the text.

Official split: index 0-4 of every digit and speaker is the test set, the rest is for training. Of
the rest, index 5-9 is the dev set here, so that it is as large as the test set and never changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from seqrec.corpora._source import Sign, Source
from seqrec.errors import DataError
from seqrec.samples import OnError, Sample

_NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[^_]+)_(?P<index>[0-9]{1,6})")
_LAYOUT = "recordings/{digit}_{speaker}_{index}.wav"


def signs(source: Source) -> Sign | None:
    """Whether most sounds of a folder, surely where it is called `recordings`, are named as these are."""
    sounds = source.with_suffix(".wav") if source.is_folder else []
    named = Counter(file.parent for file in sounds if _NAME.fullmatch(file.stem))
    if not named:
        return None
    folder, count = named.most_common(1)[0]
    if 2 * count <= sum(file.parent == folder for file in sounds):
        return None
    example = next(file for file in sounds if file.parent == folder and _NAME.fullmatch(file.stem))
    place = source.at(folder)
    if place.name == "recordings":
        root = source.path if folder == PurePosixPath() else place.parent
        return Sign(3, f"holds recordings such as {example}", root)
    return Sign(2, f"holds sounds named as {example.name}", place)


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """Samples ordered by digit, speaker and index; the group is the speaker.

    `source` is the data set's folder or its `recordings`. Raises DataError when it is no folder.
    """
    for _, sample in splits(source, on_error):
        yield sample


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The same samples with their part: index 0-4 test, 5-9 dev, from 10 on train."""
    clips = []
    for path in _files(source):
        name = _NAME.fullmatch(path.stem)
        if name is None:
            on_error(DataError(path, "is not named as a recording", _LAYOUT, "rename it or move it away"))
        else:
            clips.append((name["digit"], name["speaker"], int(name["index"]), path))
    if not clips:
        on_error(DataError(source, "holds no recordings", _LAYOUT))
    for digit, speaker, index, path in sorted(clips):
        yield _part(index), Sample(id=path.stem, text=digit, path=path, group=speaker)


def _files(source: Path) -> list[Path]:
    folder = source / "recordings" if (source / "recordings").is_dir() else source
    if not folder.is_dir():
        came = "is a file" if source.exists() else "does not exist"
        raise DataError(source, came, f"a folder with {_LAYOUT}")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".wav" and path.is_file())


def _part(index: int) -> str:
    return "test" if index < 5 else "dev" if index < 10 else "train"
