"""Samples without a text -> a folder in which somebody gives them one, the most doubtful first.

`labels.tsv` has a row for each (see corpora._labels), `samples.jsonl` their signals, `labels.html` shows and plays
them. What has been corrected in labels.tsv is kept when the rest is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from seqrec.alphabet import Alphabet
from seqrec.corpora import labels
from seqrec.corpora._labels import MANIFEST, TABLE, Row, Table, read_table, signal_key, write_table
from seqrec.corpora._pages import unused
from seqrec.decoding import Failure, Hypothesis
from seqrec.errors import DataError, SeqrecError
from seqrec.files import locked
from seqrec.recognizer import Recognizer
from seqrec.report.label_page import Shown, write_label_page
from seqrec.samples import OnError, Sample, raise_error, read_manifest, to_row, write_manifest

PAGE = "labels.html"
ALTERNATIVES = 5  # that are read of each sample, the first of them being its text
_NAMED = 20  # rows of a broken table

Progress = Callable[[int, int], None]  # how many of how many are read


class Labels(NamedTuple):
    """What a folder holds: rows that nobody has looked at, rows that somebody has, and of these how many have a text.

    `labelled` is how many samples were left out, as they came with a text.
    """

    open: int
    done: int
    texts: int
    labelled: int


class _Read(NamedTuple):
    """A row as the model reads it, and how sure it is of its text."""

    confidence: float
    row: Row


def label(
    recognizer: Recognizer,
    given: Iterable[Sample | Failure],
    out: Path,
    *,
    most: int | None = None,
    labelled: bool = False,
    on_error: OnError = raise_error,
    progress: Progress = lambda done, total: None,
) -> Labels:
    """Read what has no text yet, `given` and what is in the folder `out` already, and write table, manifest and page.

    Rows are sorted by confidence, ties by id; rows that somebody has looked at stay as they are, at the end. With
    `most`, new samples are added, the most doubtful first, until so many rows are open. Samples that come with
    a text are left out, or, `labelled`, offered with that text. What cannot be read goes to `on_error`.

    Raises DataError, and leaves the folder as it was, when its table or manifest cannot be read, another process
    is at work in it, or there is nothing to label.
    """
    with _alone_in(out):
        collection = _Collection(labelled, on_error)
        if (out / MANIFEST).exists():
            if not (out / TABLE).exists():  # somebody's own manifest of that name would be replaced
                mend = "choose another -o, or move it away to begin anew"
                raise DataError(out / MANIFEST, f"lies there without a {TABLE}", "a folder of seqrec label", mend)
            collection.fill(read_manifest(out / MANIFEST))
        collection.add(given)
        samples = collection.samples
        if not samples:
            raise DataError(out, "has nothing to label", "", _why_nothing(collection.labelled))
        done = {row.id for _, row in _table(out, samples, on_error).rows if row.is_done}
        todo = [sample for id, sample in samples.items() if id not in done]
        found = _read(recognizer, todo, out, on_error, progress)
        table = _table(out, samples, on_error)  # anew: it may have been corrected while the model read
        rows = _merged(table, found, samples.keys() - done, most)
        if not any(rows):
            raise DataError(out, "gets no row, as nothing could be read", "", "see what was said of each")
        _write(recognizer, samples, table, rows, out)
    texts = sum(bool(row.text.strip()) for row in rows[1])
    return Labels(len(rows[0]), len(rows[1]), texts, collection.labelled)


def _why_nothing(labelled: int) -> str:
    if labelled:
        return f"{labelled} samples have a text already, take them with --labelled"
    return "name files, folders or manifests without texts"


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    with locked(out / ".lock") as alone:
        if not alone:
            raise DataError(out, "another seqrec label is at work in it", "", "wait for it, or choose another -o")
        yield


class _Collection:
    """Samples by id. A signal that comes again is the same sample, whatever its id is then."""

    def __init__(self, labelled: bool, on_error: OnError) -> None:
        self.samples: dict[str, Sample] = {}
        self.labelled = 0
        self._takes_labelled, self._on_error = labelled, on_error
        self._signals: set[bytes] = set()
        self._ids: set[str] = set()

    def fill(self, samples: Iterable[Sample]) -> None:
        """Samples of an earlier time."""
        for sample in samples:
            self._add(sample)

    def add(self, given: Iterable[Sample | Failure]) -> None:
        for sample in given:
            if isinstance(sample, Failure):
                self._on_error(sample.error)
            elif sample.text and not self._takes_labelled:
                self.labelled += signal_key(sample) not in self._signals
            elif not _is_writable(sample):
                came = DataError(repr(sample.id), "is not UTF-8", "UTF-8 names", "rename it")
                self._on_error(came)
            else:
                self._add(sample)

    def _add(self, sample: Sample) -> None:
        key = signal_key(sample)
        if key not in self._signals:
            self._signals.add(key)
            id = unused(sample.id, self._ids)
            self.samples[id] = replace(sample, id=id)


def _is_writable(sample: Sample) -> bool:
    try:
        f"{sample.id}{sample.group}{sample.path}".encode()
    except UnicodeEncodeError:
        return False
    return True


def _table(out: Path, samples: Container[str], on_error: OnError) -> Table:
    """The table of an earlier time, which must be whole, as it is written anew. Raises DataError."""
    path, faults = out / TABLE, list[SeqrecError]()
    if not path.exists():
        return Table([])
    table = read_table(path, faults.append)
    lines: dict[str, int] = {}
    for number, row in table.rows:
        first = lines.setdefault(row.id, number)
        if first != number:
            faults.append(labels.doubled(path, number, row, first))
        elif row.is_done and row.id not in samples:
            faults.append(labels.unknown(path, number, row))
    for fault in faults[:_NAMED]:
        on_error(fault)
    if faults:
        mend = "mend them, or name the INPUT that they came from; nothing has been changed"
        raise DataError(path, f"has {len(faults)} rows that cannot be kept", "a table that is whole", mend)
    return table


def _read(
    recognizer: Recognizer, samples: list[Sample], out: Path, on_error: OnError, progress: Progress
) -> dict[str, _Read]:
    """The readable samples, read, by id."""
    found: dict[str, _Read] = {}
    progress(0, len(samples))
    results = recognizer.decode(iter(samples))
    for number, (sample, result) in enumerate(zip(samples, results, strict=True), 1):
        if isinstance(result, Failure):
            on_error(result.error)
        else:
            found[sample.id] = _as_read(sample, result, recognizer.alphabet, out)
        progress(number, len(samples))
    return found


def _as_read(sample: Sample, heard: Hypothesis, alphabet: Alphabet, out: Path) -> _Read:
    """The row of a sample: with the text that was read, or else the one that it came with.

    Of the latter, those that the model reads come after those where it reads something else, surely or not.
    """
    text, confidence = heard.text, heard.confidence
    if sample.text:
        text = sample.text
        confidence = (1 + confidence if alphabet.normalize(text).strip() == heard.text else 1 - confidence) / 2
    confidence = round(confidence, 4)  # as the table shows it, and sorts
    others = dict.fromkeys([heard.text, *(other.text for other in heard.alternatives)])
    alternatives = tuple(other for other in others if other not in ("", text))
    path = to_row(sample, out).get("path", "")
    return _Read(confidence, Row(sample.id, text, "", f"{confidence:.4f}", text, alternatives, path))


def _merged(table: Table, found: dict[str, _Read], todo: Set[str], most: int | None) -> tuple[list[Row], list[Row]]:
    """The rows that are open, the most doubtful first, and those that somebody has looked at, in their order."""
    before = {row.id: row for _, row in table.rows}
    done = [row for row in before.values() if row.is_done]
    reopened = [row for row in before.values() if not row.is_done and row.id not in todo]
    for row in done:
        found.pop(row.id, None)
    ranked = sorted(found.values(), key=lambda read: (read.confidence, read.row.id))
    new = [read.row.id for read in ranked if read.row.id not in before]
    room = None if most is None else max(0, most - (len(ranked) - len(new)))
    left_out = set() if room is None else set(new[room:])
    own = ("",) * len(table.others)
    rows = [
        read.row._replace(others=before[read.row.id].others if read.row.id in before else own)
        for read in ranked
        if read.row.id not in left_out
    ]
    return rows + reopened, done


def _write(
    recognizer: Recognizer, samples: dict[str, Sample], table: Table, rows: tuple[list[Row], list[Row]], out: Path
) -> None:
    """Manifest, table and page, in this order: a row always has its sample."""
    kept = {row.id for part in rows for row in part}
    write_manifest(out / MANIFEST, (sample for sample in samples.values() if sample.id in kept))
    write_table(out / TABLE, [*rows[0], *rows[1]], table.others)
    shown = [Shown(row, samples[row.id]) for part in rows for row in part]
    write_label_page(out / PAGE, shown, table.others, recognizer.extractor)
