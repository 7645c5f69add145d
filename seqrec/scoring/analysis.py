"""All that is said of one system: rates with intervals, variants, confusions, slices, calibration."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from seqrec.alphabet import graphemes
from seqrec.scoring import Counts, Paired, Score, Scored, edits, score, summed
from seqrec.scoring.resampling import (
    LEVEL,
    RESAMPLES,
    SEED,
    Array,
    Interval,
    Units,
    interval,
    resampled,
    totals,
    units_of,
)
from seqrec.scoring.texts import VARIANTS, Words, is_unspaced, normalize, split

By = Literal["group", "length"]

FEW = 20  # groups or samples from which an interval is rough
BANDS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)  # of confidence, in the reliability table


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals of a score's rates."""

    cer: Interval
    wer: Interval
    sentence_error: Interval


@dataclass(frozen=True, slots=True)
class Confusions:
    """How often what was read for what: (old, new), old alone and new alone."""

    substituted: Counter[tuple[str, str]]
    deleted: Counter[str]
    inserted: Counter[str]


@dataclass(frozen=True, slots=True)
class Band:
    """The hypotheses with a confidence from `low` to `high`: their mean, and the share that is right."""

    low: float
    high: float
    n: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliable:
    """The expected calibration error over `n` lines or words, and their bands."""

    error: float
    n: int
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    paired: Paired
    score: Score
    intervals: Intervals
    units: Units
    words: Words
    variants: dict[str, tuple[Score, Intervals]]
    chars_confused: Confusions
    words_confused: Confusions
    by: By | None
    slices: dict[str, Score]
    lines_sure: Reliable | None
    words_sure: Reliable | None
    warnings: tuple[str, ...]


def analyse(paired: Paired, words: Words = "whitespace", worst: int = 10, by: By | None = None) -> Analysis:
    pairs = paired.pairs
    scored = score(pairs, worst, words)
    units = units_of([one.group for one in pairs])
    others = {name: score(pairs, 0, words, variant) for name, variant in VARIANTS.items()}
    found, *rest = intervals([scored, *others.values()], units)
    return Analysis(
        paired,
        scored,
        found,
        units,
        words,
        {name: (other, of) for (name, other), of in zip(others.items(), rest, strict=True)},
        _confusions((graphemes(a), graphemes(b)) for a, b in _wrong(scored)),
        _confusions((split(a, words), split(b, words)) for a, b in _wrong(scored)),
        by,
        slices(scored, by) if by else {},
        _lines_sure(scored.samples),
        _words_sure(scored.samples),
        warnings(scored, units, words),
    )


def counts_of(scored: Score) -> Array:
    """Errors and characters, errors and words, wrong and 1 of each sample: int64 (N, 6)."""
    rows = [
        (one.chars.errors, one.chars.n, one.words.errors, one.words.n, one.chars.errors > 0, 1)
        for one in scored.samples
    ]
    return np.array(rows, np.int64).reshape(-1, 6)


def rates(sums: Array) -> Array:
    """CER, WER and sentence error (..., 3) of summed counts (..., 6)."""
    found: Array = sums[..., 0::2] / np.maximum(1, sums[..., 1::2])
    return found


def intervals(scores: Sequence[Score], units: Units) -> list[Intervals]:
    """Intervals of several scores of the same samples, from the same draws."""
    counts = np.concatenate([counts_of(scored) for scored in scores], axis=1)
    drawn = rates(resampled(totals(counts, units)))  # (R, 3 per score)
    every = [interval(column) for column in drawn.T]
    return [Intervals(*every[i : i + 3]) for i in range(0, len(every), 3)]


def _wrong(scored: Score) -> Iterable[tuple[str, str]]:
    for one in scored.samples:
        if one.chars.errors or one.words.errors:
            yield normalize(one.pair.reference), normalize(one.pair.hypothesis)


def _confusions(texts: Iterable[tuple[list[str], list[str]]]) -> Confusions:
    found = Confusions(Counter(), Counter(), Counter())
    for reference, hypothesis in texts:
        for old, new in edits(reference, hypothesis):
            if old and new:
                found.substituted[old, new] += 1
            elif old:
                found.deleted[old] += 1
            else:
                found.inserted[new] += 1
    return found


def slices(scored: Score, by: By) -> dict[str, Score]:
    """The score of each group, worst CER first, or of each length of the reference in characters, by length."""
    parts: dict[Any, list[Scored]] = defaultdict(list)
    for one in scored.samples:
        parts[one.pair.group if by == "group" else one.chars.n.bit_length()].append(one)
    if by == "length":
        return {_length(bits): summed(parts[bits]) for bits in sorted(parts)}
    found = {"(no group)" if group is None else str(group): summed(part) for group, part in parts.items()}
    return dict(sorted(found.items(), key=lambda named: -named[1].cer))


def _length(bits: int) -> str:
    low, high = 1 << bits >> 1, (1 << bits) - 1
    return f"{low} to {high}" if low < high else f"{high}"


def _lines_sure(samples: Sequence[Scored]) -> Reliable | None:
    sure = [(one.pair.confidence, not one.chars.errors) for one in samples if one.pair.confidence is not None]
    return _reliable(sure)


def _words_sure(samples: Sequence[Scored]) -> Reliable | None:
    from seqrec.decoding.confidence import correct

    sure: list[tuple[float, bool]] = []
    for one in samples:
        heard = [normalize(text) for text, _ in one.pair.words]
        right = correct(normalize(one.pair.reference).split(), heard)
        sure += zip((confidence for _, confidence in one.pair.words), right, strict=True)
    return _reliable(sure)


def _reliable(judged: Sequence[tuple[float, bool]]) -> Reliable | None:
    from seqrec.decoding.confidence import expected_calibration_error

    if not judged:
        return None
    sure, right = (np.array(column, np.float64) for column in zip(*judged, strict=True))
    band = np.digitize(sure, BANDS) - 1
    bands = (
        Band(low, high, int((band == i).sum()), float(sure[band == i].mean()), float(right[band == i].mean()))
        for i, (low, high) in enumerate(zip(BANDS, (*BANDS[1:], 1.0), strict=True))
        if (band == i).any()
    )
    return Reliable(expected_calibration_error(sure, right).error, len(judged), tuple(bands))


def warnings(scored: Score, units: Units, words: Words) -> tuple[str, ...]:
    """What a reader of the figures must know."""
    said = []
    groups = {one.pair.group for one in scored.samples} - {None}
    if units.n < FEW:
        said.append(f"{units.n} {units.kind}s are few: the intervals are rough, and likely too narrow")
    if units.kind == "sample" and len(groups) == 1:
        said.append("all samples are of one group: the intervals say nothing of other groups")
    text = "".join(one.pair.reference for one in scored.samples)
    if words == "whitespace" and is_unspaced(text):
        said.append("these texts have no spaces between words: the WER means little; --words mixed counts characters")
    return tuple(said)


def as_row(found: Analysis) -> dict[str, Any]:
    """The whole result as a JSON object: what `seqrec score --json` says."""
    return {
        **rates_row(found.score),
        "word_tokenisation": found.words,
        "intervals": {**drawn_row(found.units), **asdict(found.intervals)},
        "variants": {
            name: {**rates_row(other), "intervals": asdict(of)} for name, (other, of) in found.variants.items()
        },
        "confusions": {
            "characters": _confusions_row(found.chars_confused),
            "words": _confusions_row(found.words_confused),
        },
        "slices": {"by": found.by, "rows": [{"name": name, **rates_row(s)} for name, s in found.slices.items()]},
        "calibration": {
            "lines": asdict(found.lines_sure) if found.lines_sure else None,
            "words": asdict(found.words_sure) if found.words_sure else None,
        },
        "missing": list(found.paired.missing),
        "extra": list(found.paired.extra),
        "worst": [sample_row(one) for one in found.score.worst],
        "warnings": list(found.warnings),
    }


def rates_row(scored: Score) -> dict[str, Any]:
    return {
        "cer": scored.cer,
        "wer": scored.wer,
        "sentence_error": scored.sentence_error,
        "samples": scored.n_samples,
        "wrong": scored.n_wrong,
        "characters": _counts_row(scored.chars),
        "words": _counts_row(scored.words),
    }


def drawn_row(units: Units) -> dict[str, Any]:
    return {
        "level": LEVEL, "method": "percentile bootstrap", "resamples": RESAMPLES, "seed": SEED,
        "over": units.kind, "units": units.n,
    }  # fmt: skip


def sample_row(one: Scored) -> dict[str, Any]:
    return {
        "id": one.pair.id,
        "reference": one.pair.reference,
        "hypothesis": one.pair.hypothesis,
        "aligned": one.aligned,
        "errors": one.chars.errors,
    }


def _confusions_row(found: Confusions) -> dict[str, Any]:
    return {
        "substituted": [
            {"reference": old, "hypothesis": new, "count": n} for (old, new), n in found.substituted.most_common()
        ],
        "deleted": [{"reference": old, "count": n} for old, n in found.deleted.most_common()],
        "inserted": [{"hypothesis": new, "count": n} for new, n in found.inserted.most_common()],
    }


def _counts_row(counts: Counts) -> dict[str, int]:
    return {
        "n": counts.n,
        "errors": counts.errors,
        "substitutions": counts.substitutions,
        "insertions": counts.insertions,
        "deletions": counts.deletions,
    }
