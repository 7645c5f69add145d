"""Reading texts to compare: manifests, the output of `seqrec decode`, plain lines. All give Transcripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seqrec.errors import DataError
from seqrec.samples import OnError, raise_error, read_manifest
from seqrec.scoring import Paired, Transcript, pair

_LONGEST_LINE = 1 << 20  # bytes of plain text
_LONGEST_ROW = 64 << 20  # bytes of a hypothesis with all that is known of it
_SIGNALS = ("path", "audio_filepath", "strokes")
_MEND_SWAPPED = "give what is right first, seqrec score REF HYP, or as --ref of seqrec compare"


def read_paired(ref: Path, hyps: Sequence[Path], on_error: OnError = raise_error) -> list[Paired]:
    """The references of `ref` with the hypotheses of each of `hyps`.

    `ref` is a manifest (.jsonl), whose bad samples go to `on_error`, and each of `hyps` rows of `seqrec decode`,
    matched by id; or all are plain text of as many lines, matched by line. Raises DataError.
    """
    for hyp in hyps:
        if ref.exists() and hyp.exists() and ref.samefile(hyp):
            raise DataError(hyp, "is the reference itself", "what was recognised")
    if _is_rows(ref):
        references = list(read_references(ref, on_error))
        return [pair(references, _some(read_hypotheses, hyp), str(hyp), str(ref)) for hyp in hyps]
    for path in hyps:
        if _is_rows(path):
            came = f"is JSONL, and {ref} is plain text"
            raise DataError(path, came, "two files of a kind", "score the manifest, or decode with --format text")
    lines = _some(read_lines, ref)
    return [pair(lines, _as_many(lines, hyp, ref), str(hyp), str(ref)) for hyp in hyps]


def _is_rows(path: Path) -> bool:
    """Whether a file is JSONL, by its name or by its first line."""
    if path.suffix.lower() == ".jsonl":
        return True
    try:
        with open(path, "rb") as stream:
            row = json.loads(stream.readline(_LONGEST_ROW))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "text" in row


def _some(read: Callable[[Path], Iterator[Transcript]], path: Path) -> list[Transcript]:
    found = list(read(path))
    if not found:
        raise DataError(path, "is empty", "a text for each sample")
    return found


def _as_many(references: Sequence[Transcript], hyp: Path, ref: Path) -> list[Transcript]:
    found = list(read_lines(hyp))
    if len(found) != len(references):
        raise DataError(
            hyp,
            f"has {len(found)} lines, {ref} has {len(references)}",
            "as many, since they are matched by line",
            "leave an empty line where nothing was recognised",
        )
    return found


def read_references(path: Path, on_error: OnError = raise_error) -> Iterator[Transcript]:
    """The samples of a manifest; one without a text and a bad line go to `on_error`. Raises DataError."""
    _refuse_hypotheses(path)
    for sample in read_manifest(path, on_error):
        if sample.text is None:
            on_error(DataError(path, f"{sample.id!r:.60} has no text", "a text for every sample"))
        else:
            yield Transcript(sample.id, sample.text, sample.group)


def _refuse_hypotheses(path: Path) -> None:
    try:
        with open(path, "rb") as stream:
            row = json.loads(stream.readline(_LONGEST_ROW).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return  # which read_manifest will say
    if isinstance(row, dict) and "confidence" in row and not any(key in row for key in _SIGNALS):
        raise DataError(path, "is what `seqrec decode` writes", "a manifest", _MEND_SWAPPED)


def read_hypotheses(path: Path) -> Iterator[Transcript]:
    """The rows of `seqrec decode --format jsonl`. Raises DataError."""
    for number, line in _lines(path, _LONGEST_ROW):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        row = _object(line, where)
        id, text = row.get("id"), row.get("text")
        if not isinstance(id, str) or not isinstance(text, str):
            raise DataError(where, "has no 'id' or no 'text'", 'an object such as {"id": "a1", "text": "hello"}')
        if any(key in row for key in _SIGNALS):
            raise DataError(where, "is of a manifest", "what `seqrec decode` writes", _MEND_SWAPPED)
        yield Transcript(id, text, None, _confidence(row, where), _words(row, where))


def _confidence(row: dict[str, Any], where: str) -> float | None:
    value = row.get("confidence")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(where, f"'confidence' is {value!r:.40}", "a number from 0 to 1")
    return float(value)


def _words(row: dict[str, Any], where: str) -> tuple[tuple[str, float], ...]:
    words = row.get("words") or []
    found = []
    for word in words if isinstance(words, list) else [words]:
        text, confidence = (word.get("text"), _confidence(word, where)) if isinstance(word, dict) else (None, None)
        if not isinstance(text, str):
            raise DataError(where, "has other 'words'", 'words such as {"text": "hello", "confidence": 0.9}')
        if confidence is not None:
            found.append((text, confidence))
    return tuple(found)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        mend = "write the hypotheses with `seqrec decode --format jsonl`"
        raise DataError(where, f"is no JSON object: {line[:40]!r}", "one JSON object a line", mend)
    return row


def read_lines(path: Path) -> Iterator[Transcript]:
    """Plain text, each line a text with the id "line N". Raises DataError."""
    for number, line in _lines(path, _LONGEST_LINE):
        yield Transcript(f"line {number}", line.rstrip("\r\n"))


def _lines(path: Path, longest: int) -> Iterator[tuple[int, str]]:
    try:
        with open(path, "rb") as stream:
            for number, raw in enumerate(iter(lambda: stream.readline(longest), b""), 1):
                if len(raw) == longest:
                    raise DataError(f"{path}:{number}", "is too long", f"at most {longest >> 20} MiB a line")
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "a file of texts") from None
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8", "UTF-8 text", "save the file as UTF-8") from None
