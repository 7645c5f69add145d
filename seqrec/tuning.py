"""What decoding needs beside the network: a language model, its weights, and confidences that are probabilities.

Weights and calibration are chosen on dev, whose log-probabilities are computed once, and go into the model with the
language model: `decoding.json` and `lm.bin`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from seqrec.decoding import Failure, Reading, confidence, fusion, greedy
from seqrec.decoding.beam import BeamDecoder
from seqrec.decoding.settings import How, Measured, Search, Settings
from seqrec.errors import DataError
from seqrec.files import cores
from seqrec.lm import binary
from seqrec.lm.model import LanguageModel
from seqrec.lm.texts import Progress, no_progress, normalized
from seqrec.modelfolder import ModelFolder, put_parts
from seqrec.recognizer import Recognizer
from seqrec.runtime import OnnxRuntime
from seqrec.samples import OnError, Sample, raise_error
from seqrec.scoring import Pair, Score, score

_MOST = 3000  # samples of dev that are decoded again and again
_NUMBERS = 100 << 20  # in their log-probabilities: 400 MB
_WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4)
_BONUSES = (0.0, 1.0, 2.0)  # for each character
_STEPS = {"lm_weight": 0.2, "char_bonus": 0.4, "word_bonus": 0.8}  # of the search around the best of these
_HALVINGS = 3
_TRIALS = len(_WEIGHTS) * len(_BONUSES) + _HALVINGS * 2 * len(_STEPS)


class Words:
    """The words of dev, and which of them a language model's text holds."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._counts = Counter(word for text in texts for word in normalized(text).split())
        self._unseen = set(self._counts)

    def see(self, texts: Iterable[str]) -> Iterator[str]:
        """The texts, as they go by."""
        for text in texts:
            self._unseen.difference_update(normalized(text).split())
            yield text

    @property
    def seen(self) -> float:
        """The share of dev's words that have gone by."""
        unseen = sum(self._counts[word] for word in self._unseen)
        return 1 - unseen / max(1, self._counts.total())


@dataclass(frozen=True)
class Heard:
    """Dev: its texts, in the alphabet's form, the log-probabilities (T, C) and the group of each sample."""

    texts: tuple[str, ...]
    groups: tuple[str, ...]
    log_probs: tuple[np.ndarray, ...]


def tune(
    folder: ModelFolder,
    dev: Sequence[Sample],
    lm: LanguageModel | None,
    beam: int,
    seen: float | None = None,
    on_error: OnError = raise_error,
    progress: Progress = no_progress,
) -> Settings:
    """Choose weights and calibration on `dev` and put them into the model, together with the language model.

    `seen` is the share of dev's words in its text. Without one, only greedy decoding and the plain beam are
    calibrated, and the model carries none. Samples that cannot be used go to `on_error`. Raises DataError where
    none can, ModelError.
    """
    heard = hear(Recognizer(folder, OnnxRuntime(folder)), dev, on_error)
    alphabet, threads = folder.alphabet, cores()
    search = Search(beam=beam)

    def read(search: Search, fused: fusion.Fused | None) -> list[Reading]:
        return BeamDecoder(alphabet, search, fused).decode_all(heard.log_probs, threads)

    def scored(readings: Sequence[Reading]) -> Score:
        texts = (alphabet.decode(reading.labels) for reading in readings)
        return score((Pair("", *each) for each in zip(heard.texts, texts, strict=True)), worst=0)

    found: dict[How, list[Reading]] = {"greedy": [greedy.read(each, alphabet) for each in heard.log_probs]}
    kept = None if lm is None else binary.to_bytes(lm)
    if not BeamDecoder(alphabet).is_ready():
        progress("compiling the search for this machine, once", 0, 0)
    if kept is not None:
        fused = fusion.build(alphabet, binary.from_bytes(kept, "lm.bin"))  # the very one that will be used
        search = best_search(lambda tried: scored(read(tried, fused)).chars.errors, search, progress)
        found["lm"] = read(search, fused)
    found["beam"] = read(Search(beam=beam), None)
    settings = Settings(
        search=search,
        calibration={
            how: confidence.fit(readings, heard.texts, alphabet, heard.groups) for how, readings in found.items()
        },
        measured={how: _measured(scored(readings), seen if how == "lm" else None) for how, readings in found.items()},
    )
    put_parts(folder, {"lm.bin": kept, "decoding.json": settings.model_dump_json(indent=1).encode()})
    return settings


def hear(
    recognizer: Recognizer, samples: Sequence[Sample], on_error: OnError = raise_error, most: int = _MOST
) -> Heard:
    """Log-probabilities of dev, or, where it has more than `most` samples, of every n-th of them.

    Raises DataError when there are none.
    """
    chosen = [sample for sample in samples[:: -(-len(samples) // most) or 1] if sample.text is not None]
    texts: list[str] = []
    groups: list[str] = []
    kept: list[np.ndarray] = []
    numbers = 0
    for sample, log_probs in zip(chosen, recognizer.log_probs(chosen), strict=True):
        if numbers > _NUMBERS:
            break
        if isinstance(log_probs, np.ndarray):
            texts.append(recognizer.alphabet.normalize(sample.text or ""))
            groups.append(sample.id if sample.group is None else sample.group)
            kept.append(log_probs)
            numbers += log_probs.size
        else:
            on_error(log_probs.error)
    if not kept:
        raise DataError("dev", "has no sample that can be used", "samples with texts", "see what `seqrec check` says")
    return Heard(tuple(texts), tuple(groups), tuple(kept))


def errors_of(folder: ModelFolder, samples: Sequence[Sample], on_error: OnError = raise_error) -> Score:
    """How well a model reads samples greedily; those that cannot be used go to `on_error`."""
    recognizer = Recognizer(folder, OnnxRuntime(folder))
    pairs: list[Pair] = []
    for sample, found in zip(samples, recognizer.decode(samples), strict=True):
        if isinstance(found, Failure):
            on_error(found.error)
        elif sample.text is None:
            on_error(DataError(sample.id, "has no text", "a text to measure with"))
        else:
            pairs.append(Pair(sample.id, recognizer.alphabet.normalize(sample.text), found.text))
    return score(pairs, worst=0)


def best_search(errors: Callable[[Search], int], start: Search, progress: Progress) -> Search:
    """The weights with the fewest errors: a grid, then smaller and smaller steps (Hooke and Jeeves 1961)."""
    known: dict[Search, int] = {}

    def of(search: Search) -> int:
        if search not in known:
            known[search] = errors(search)
            progress("tuning", len(known), _TRIALS)
        return known[search]

    grid = product(_WEIGHTS, _BONUSES)
    best = min((start.model_copy(update={"lm_weight": w, "char_bonus": b}) for w, b in grid), key=of)
    for halving in range(_HALVINGS):
        for name, step in _STEPS.items():
            for move in (step, -step):
                value = round(getattr(best, name) + move / 2**halving, 4)
                if name != "lm_weight" or value >= 0:
                    best = min(best, best.model_copy(update={name: value}), key=of)
    return best


def _measured(scored: Score, seen: float | None) -> Measured:
    return Measured(samples=scored.n_samples, cer=scored.cer, wer=scored.wer, seen=seen)
