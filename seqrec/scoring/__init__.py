"""Error rates: how far recognised texts are from their references.

CER counts grapheme clusters, WER words (see texts.split); both are Levenshtein distances summed over all samples
and divided by the references' length. Texts are compared in NFC without white space at their ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from seqrec.alphabet import graphemes
from seqrec.errors import DataError
from seqrec.scoring.texts import Words, normalize, split


@dataclass(frozen=True, slots=True)
class Transcript:
    """A text, right or recognised.

    `group` is who spoke or wrote it. `confidence`, in [0, 1], and `words`, each with its confidence, are those of
    a recognised text where they are known.
    """

    id: str
    text: str
    group: str | None = None
    confidence: float | None = None
    words: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and what was recognised in its place, with what a Transcript knows of them."""

    id: str
    reference: str
    hypothesis: str
    group: str | None = None
    confidence: float | None = None
    words: tuple[tuple[str, float], ...] = ()


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

    samples: tuple[Scored, ...]
    chars: Counts
    words: Counts
    worst: tuple[Scored, ...]

    @property
    def n_samples(self) -> int:
        return len(self.samples)

    @property
    def n_wrong(self) -> int:
        return sum(one.chars.errors > 0 for one in self.samples)

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


def _same(text: str) -> str:
    return text


def score(
    pairs: Iterable[Pair], worst: int = 10, words: Words = "whitespace", variant: Callable[[str], str] = _same
) -> Score:
    """Errors over all pairs, each text sent through `variant`, and the `worst` samples among those with errors."""
    return summed([score_one(pair, words, variant) for pair in pairs], worst)


def summed(samples: Sequence[Scored], worst: int = 0) -> Score:
    chars, words = Counts(), Counts()
    for one in samples:
        chars += one.chars
        words += one.words
    wrong = (one for one in samples if one.chars.errors)
    return Score(tuple(samples), chars, words, tuple(heapq.nlargest(worst, wrong, lambda one: one.chars.errors)))


def score_one(pair: Pair, words: Words = "whitespace", variant: Callable[[str], str] = _same) -> Scored:
    reference, hypothesis = normalize(variant(pair.reference)), normalize(variant(pair.hypothesis))
    chars = _count(graphemes(reference), graphemes(hypothesis))
    return Scored(pair, chars, _count(split(reference, words), split(hypothesis, words)))


def _count(reference: Sequence[str], hypothesis: Sequence[str]) -> Counts:
    if reference == hypothesis:
        return Counts(len(reference))
    kinds = [kind for kind, _, _ in Levenshtein.editops(reference, hypothesis).as_list()]
    return Counts(len(reference), kinds.count("replace"), kinds.count("insert"), kinds.count("delete"))


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What makes the hypothesis of the reference: pairs of old and new, of which the missing one is empty."""
    for op in Levenshtein.editops(reference, hypothesis):
        old, new = op.tag != "insert", op.tag != "delete"
        yield reference[op.src_pos] if old else "", hypothesis[op.dest_pos] if new else ""


def align(reference: str, hypothesis: str) -> str:
    """Both texts in one: `th[-e-]{+a+} cat` for reference "the cat" and hypothesis "tha cat"."""
    a, b = graphemes(normalize(reference)), graphemes(normalize(hypothesis))
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


def pair(
    references: Iterable[Transcript], hypotheses: Iterable[Transcript], where: str, ref: str = "the references"
) -> Paired:
    """Match hypotheses to references by id, in the references' order; `where` and `ref` name them in errors.

    Raises DataError for an id that comes twice, for no references, or when no id is in both.
    """
    known, heard = _by_id(references, ref), _by_id(hypotheses, where)
    if not known:
        raise DataError(ref, "holds no sample with a text", "one or more")
    missing = tuple(id for id in known if id not in heard)
    extra = tuple(id for id in heard if id not in known)
    if heard and len(missing) == len(known):
        came = f"has no id of the references: {next(iter(heard))!r:.60} where they have {next(iter(known))!r:.60}"
        raise DataError(where, came, "", "decode the manifest that is the reference")
    return Paired(tuple(_pair(one, heard.get(id)) for id, one in known.items()), missing, extra)


def _pair(reference: Transcript, heard: Transcript | None) -> Pair:
    heard = heard or Transcript(reference.id, "")
    return Pair(reference.id, reference.text, heard.text, reference.group, heard.confidence, heard.words)


def _by_id(transcripts: Iterable[Transcript], where: str) -> dict[str, Transcript]:
    found: dict[str, Transcript] = {}
    for one in transcripts:
        if one.id in found:
            raise DataError(where, f"has the id {one.id!r:.60} twice", "ids that differ")
        found[one.id] = one
    return found
