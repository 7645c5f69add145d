"""Any of the other formats, recognised by its files and their first lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora import NoSplit, reader
from seqrec.corpora._source import SIGNALS, Sign, Source
from seqrec.errors import DataError, SeqrecError
from seqrec.options import names_in
from seqrec.samples import OnError, Sample

_MENDS = {
    (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"): "unpack what is packed",
    (".xlsx", ".xls", ".ods", ".numbers"): "save the workbook as CSV, in UTF-8",
    (".m4a", ".aac", ".wma", ".amr", ".3gp", ".mp4", ".webm"): "convert the sounds into WAV or FLAC",
    (".heic", ".heif", ".pdf"): "convert the images into PNG or JPEG",
}


def recognise(source: Path, leave_out: Path | None = None) -> tuple[str, Sign]:
    """The format of a source and what tells it: the surest of the signs; a folder `leave_out` is not looked at.

    Raises DataError where nothing is recognised, or as much speaks for another format.
    """
    if not source.exists():
        raise DataError(source, "does not exist", "a folder or a file of samples")
    look, doubts = Source(source, leave_out), list[SeqrecError]()
    found: list[tuple[str, Sign]] = []
    for name in _names():
        try:
            sign = reader(name).signs(look)
        except SeqrecError as error:
            doubts.append(error)
            continue
        if sign:
            found.append((name, sign))
    if not found:
        raise doubts[0] if doubts else _unknown(look)
    most = max(sign.sure for _, sign in found)
    surest = [(name, sign) for name, sign in found if sign.sure == most]
    if len(surest) > 1:
        said = "; as ".join(f"{name}, because it {sign.why}" for name, sign in surest)
        commands = " or ".join(f"seqrec prepare {name} {sign.root}" for name, sign in surest)
        raise DataError(source, f"can be read as {said}", "one format", f"choose: {commands}")
    name, sign = surest[0]
    others = [other for other, _ in found if other != name]
    fit = f"; it may be read as {' or '.join(others)}, too" if others else ""
    return name, sign._replace(why=sign.why + fit)


def read(source: Path, on_error: OnError) -> Iterator[Sample]:
    """What the reader of the format reads. Raises DataError, also where the format is not recognised."""
    name, sign = recognise(source)
    return iter(reader(name).read(sign.root, on_error))


def splits(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """The official split where the format has one. Raises NoSplit otherwise."""
    name, sign = recognise(source)
    module = reader(name)
    if not hasattr(module, "splits"):
        raise NoSplit(source, f"is read as {name}, which has no split of its own")
    return iter(module.splits(sign.root, on_error))


def _names() -> list[str]:
    """The formats that can be recognised."""
    return [name for name in names_in("seqrec.corpora") if name != "auto" and hasattr(reader(name), "signs")]


def _unknown(source: Source) -> DataError:
    counts = Counter(file.suffix.lower() or "no suffix" for file in source.files)
    many = ", ".join(f"{count} of {suffix}" for suffix, count in counts.most_common(6))
    mend = "see docs/data.md for what each looks like, or bring paths and texts into a CSV file"
    mend = next((said for suffixes, said in _MENDS.items() if counts.keys() & set(suffixes)), mend)
    if counts and counts.keys() <= SIGNALS:
        mend = "bring paths and texts into a CSV file beside them, or begin with seqrec label MODEL FOLDER"
        return DataError(source.path, f"holds {many}, but no texts", "a text of each", mend)
    if not counts:
        came = "holds no file" if source.is_folder else "is no file that can be read twice"
        return DataError(source.path, came, "recordings, images or ink, and their texts")
    return DataError(source.path, f"is of no known format; its files: {many}", f"one of {', '.join(_names())}", mend)
