"""Free Spoken Digit Dataset: recordings/{digit}_{speaker}_{index}.wav, the digit being the text.

Official split: index 0-4 of every digit and speaker is the test set, the rest is for training. Of
the rest, index 5-9 is the dev set here, so that it is as large as the test set and never changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seqrec.errors import DataError
from seqrec.samples import OnError, Sample

_NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[^_]+)_(?P<index>[0-9]{1,6})")
_LAYOUT = "recordings/{digit}_{speaker}_{index}.wav"


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
