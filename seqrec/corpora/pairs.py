"""Images or sounds beside a text file of the same stem: line.png with line.gt.txt or line.txt.

    seqrec prepare pairs lines/ -o data/      # folders within are read too

An id is the path below the source, without its suffix; the group is the folder that a file lies in,
or None right in the source. Where both text files exist, `.gt.txt` is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from seqrec.errors import DataError, SeqrecError
from seqrec.samples import OnError, Sample, raise_error

_IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".pbm", ".pgm", ".ppm"}
_SOUNDS = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"}
_TEXTS = (".gt.txt", ".txt")  # in order of preference
_LARGEST = 1 << 20  # bytes of one line of text
_EXPECTED = "images or sounds, each with a .txt or .gt.txt of the same stem"


def read(source: str | os.PathLike[str], on_error: OnError = raise_error) -> Iterator[Sample]:
    """The pairs below a folder, in the order of their paths; other kinds of file are passed over.

    Every file without a partner, every text that is not one line of UTF-8, and every second signal
    to one text goes to `on_error`. Raises DataError when the source is not a folder.
    """
    source = Path(source)
    if not source.is_dir():
        came = "is a file" if source.exists() else "does not exist"
        raise DataError(source, came, f"a folder of {_EXPECTED}")
    signals, texts = _found(source, on_error)
    if not signals and not texts:
        on_error(DataError(source, "holds no pairs", _EXPECTED))
    taken: dict[Path, Path] = {}
    for path in signals:
        stem = path.with_suffix("")
        try:
            yield _sample(path, texts.get(stem), taken.setdefault(stem, path), source)
        except SeqrecError as error:
            on_error(error)
    for stem in sorted(texts.keys() - taken.keys()):
        on_error(DataError(texts[stem], "has no image or sound", f"one such as {stem.name}.png beside it"))


def _found(source: Path, on_error: OnError) -> tuple[list[Path], dict[Path, Path]]:
    """The signals in order, and the text file of each stem. Hidden files and folders are left out."""
    signals: list[Path] = []
    texts: dict[Path, Path] = {}

    def locked(error: OSError) -> None:
        on_error(DataError(error.filename, f"cannot be read ({error.strerror})", "a folder"))

    for folder, folders, names in os.walk(source, onerror=locked):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() in _IMAGES | _SOUNDS:
                signals.append(path)
            for suffix in _TEXTS:
                if name.lower().endswith(suffix):
                    stem = Path(folder, name[: -len(suffix)])
                    if suffix == _TEXTS[0] or stem not in texts:
                        texts[stem] = path
                    break
    return sorted(signals), texts


def _sample(path: Path, text: Path | None, first: Path, source: Path) -> Sample:
    if text is None:
        raise DataError(path, "has no text", f"{path.stem}.gt.txt or {path.stem}.txt beside it")
    if first != path:
        raise DataError(path, f"has the same text file as {first.name}", "one image or sound per text", "rename one")
    below = path.relative_to(source)
    group = below.parent.as_posix()
    return Sample(
        id=below.with_suffix("").as_posix(),
        text=_line(text),
        path=path,
        group=None if group == "." else group,
    )


def _line(path: Path) -> str:
    """The one line of a text file, without the newline at its end. Raises DataError."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "one line of text") from None
    if len(content) > _LARGEST:
        raise DataError(path, "is larger than 1 MB", "one line of text")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        where = f"is not UTF-8 (byte {error.start})"
        raise DataError(path, where, "one line of UTF-8 text", "save it as UTF-8") from None
    if not text.strip():
        raise DataError(path, "is empty", "one line of text")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    if lines > 1:
        raise DataError(path, f"holds {lines} lines", "one line of text", "cut the signal into lines, too")
    return text
