"""Error rates: how far recognised texts are from their references.

CER counts grapheme clusters, WER what white space parts; both are Levenshtein distances summed over
all samples and divided by the references' length. Texts are compared in NFC without white space at
their ends.
"""

from __future__ import annotations

import heapq
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from rapidfuzz.distance import Levenshtein

from seqrec.alphabet import graphemes
from seqrec.errors import DataError


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and what was recognised in its place."""

    id: str
    reference: str
    hypothesis: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Errors against `n` reference characters (or words)."""

    n: int = 0
    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0

    @property
    def errors(self) -> int:
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Errors per reference character (or word); above 1 where insertions abound.

        An empty reference counts as one: 0 for an empty hypothesis, else the number of insertions.
        """
        return self.errors / max(1, self.n)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.n + other.n,
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """One sample's errors. `aligned` marks them as `git diff --word-diff` does: [-deleted-], {+inserted+}."""

    pair: Pair
    chars: Counts
    words: Counts

    @property
    def aligned(self) -> str:
        return align(self.pair.reference, self.pair.hypothesis)


@dataclass(frozen=True, slots=True)
class Score:
    """The errors of a set of samples; `worst` has those with the most character errors, worst first."""

    n_samples: int
    n_wrong: int
    chars: Counts
    words: Counts
    worst: tuple[Scored, ...]

    @property
    def cer(self) -> float:
        return self.chars.rate

    @property
    def wer(self) -> float:
        return self.words.rate

    @property
    def sentence_error(self) -> float:
        """Share of samples with any error."""
        return self.n_wrong / max(1, self.n_samples)


def score(pairs: Iterable[Pair], worst: int = 10) -> Score:
    """Errors over all pairs, and the `worst` samples among those with errors."""
    n_samples = n_wrong = 0
    chars, words = Counts(), Counts()
    heap: list[tuple[int, int, Scored]] = []
    order = count(0, -1)  # of equals, the earlier is kept
    for pair in pairs:
        scored = score_one(pair)
        n_samples += 1
        chars += scored.chars
        words += scored.words
        if not scored.chars.errors:
            continue
        n_wrong += 1
        heapq.heappush(heap, (scored.chars.errors, next(order), scored))
        if len(heap) > worst:
            heapq.heappop(heap)
    return Score(n_samples, n_wrong, chars, words, tuple(s for _, _, s in sorted(heap, reverse=True)))


def score_one(pair: Pair) -> Scored:
    reference, hypothesis = _normalize(pair.reference), _normalize(pair.hypothesis)
    chars = _count(graphemes(reference), graphemes(hypothesis))
    return Scored(pair, chars, _count(reference.split(), hypothesis.split()))


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _count(reference: Sequence[str], hypothesis: Sequence[str]) -> Counts:
    kinds = [kind for kind, _, _ in Levenshtein.editops(reference, hypothesis).as_list()]
    return Counts(len(reference), kinds.count("replace"), kinds.count("insert"), kinds.count("delete"))


def align(reference: str, hypothesis: str) -> str:
    """Both texts in one: `th[-e-]{+a+} cat` for reference "the cat" and hypothesis "tha cat"."""
    a, b = graphemes(_normalize(reference)), graphemes(_normalize(hypothesis))
    said = []
    for step in Levenshtein.opcodes(a, b):
        old, new = "".join(a[step.src_start : step.src_end]), "".join(b[step.dest_start : step.dest_end])
        if step.tag == "equal":
            said.append(old)
        else:
            said.append((f"[-{old}-]" if old else "") + (f"{{+{new}+}}" if new else ""))
    return "".join(said)


@dataclass(frozen=True, slots=True)
class Paired:
    """References with their hypotheses; a missing one counts as empty, an extra one not at all."""

    pairs: tuple[Pair, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def pair(references: Iterable[tuple[str, str]], hypotheses: Iterable[tuple[str, str]], where: str) -> Paired:
    """Match (id, text) of references and hypotheses by id, in the references' order.

    Raises DataError for an id that comes twice, for no references, or when no id is in both.
    """
    known, heard = _by_id(references, "the references"), _by_id(hypotheses, where)
    if not known:
        raise DataError("the references", "hold no sample", "one or more")
    missing = tuple(id for id in known if id not in heard)
    extra = tuple(id for id in heard if id not in known)
    if heard and len(missing) == len(known):
        came = f"has no id of the references: {next(iter(heard))!r:.60} where they have {next(iter(known))!r:.60}"
        raise DataError(where, came, "", "decode the manifest that is the reference")
    return Paired(tuple(Pair(id, text, heard.get(id, "")) for id, text in known.items()), missing, extra)


def _by_id(texts: Iterable[tuple[str, str]], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for id, text in texts:
        if id in found:
            raise DataError(where, f"has the id {id!r:.60} twice", "ids that differ")
        found[id] = text
    return found


def as_row(scored: Score, paired: Paired) -> dict[str, Any]:
    """The whole result as a JSON object: what `seqrec score --json` says."""
    return {
        "cer": scored.cer,
        "wer": scored.wer,
        "sentence_error": scored.sentence_error,
        "samples": scored.n_samples,
        "wrong": scored.n_wrong,
        "characters": _counts_row(scored.chars),
        "words": _counts_row(scored.words),
        "missing": list(paired.missing),
        "extra": list(paired.extra),
        "worst": [
            {
                "id": one.pair.id,
                "reference": one.pair.reference,
                "hypothesis": one.pair.hypothesis,
                "aligned": one.aligned,
                "errors": one.chars.errors,
            }
            for one in scored.worst
        ],
    }


def _counts_row(counts: Counts) -> dict[str, int]:
    return {
        "n": counts.n,
        "errors": counts.errors,
        "substitutions": counts.substitutions,
        "insertions": counts.insertions,
        "deletions": counts.deletions,
    }
