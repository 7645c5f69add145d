"""Reading texts to compare: manifests, the output of `seqrec decode`, plain lines. All give (id, text)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqrec.errors import DataError
from seqrec.samples import OnError, raise_error, read_manifest

_LONGEST_LINE = 1 << 20  # bytes


def read_references(path: Path, on_error: OnError = raise_error) -> Iterator[tuple[str, str]]:
    """The samples of a manifest; one without a text and a bad line go to `on_error`. Raises DataError."""
    for sample in read_manifest(path, on_error):
        if sample.text is None:
            on_error(DataError(path, f"{sample.id!r:.60} has no text", "a text for every sample"))
        else:
            yield sample.id, sample.text


def read_hypotheses(path: Path) -> Iterator[tuple[str, str]]:
    """The rows of `seqrec decode --format jsonl`. Raises DataError."""
    for number, line in _lines(path):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        row = _object(line, where)
        id, text = row.get("id"), row.get("text")
        if not isinstance(id, str) or not isinstance(text, str):
            raise DataError(where, "has no 'id' or no 'text'", 'an object such as {"id": "a1", "text": "hello"}')
        yield id, text


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        mend = "write the hypotheses with `seqrec decode --format jsonl`"
        raise DataError(where, f"is no JSON object: {line[:40]!r}", "one JSON object a line", mend)
    return row


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Plain text, each line a text with the id "line N". Raises DataError."""
    for number, line in _lines(path):
        yield f"line {number}", line.rstrip("\r\n")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with open(path, "rb") as stream:
            for number, raw in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), 1):
                if len(raw) == _LONGEST_LINE:
                    raise DataError(f"{path}:{number}", "is too long", f"at most {_LONGEST_LINE >> 20} MiB a line")
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a file of texts") from None
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8", "UTF-8 text", "save the file as UTF-8") from None
