"""What `train`, `run` and `lm` share: a language model for a model, its weights, calibration; progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqrec.cli._training import Display
from seqrec.config import Tuning
from seqrec.decoding.settings import Settings
from seqrec.errors import SeqrecError
from seqrec.lm.model import LanguageModel
from seqrec.lm.texts import texts_of
from seqrec.lm.train import Training, train
from seqrec.modelfolder import ModelFolder
from seqrec.samples import Manifest, OnError
from seqrec.tuning import Words, tune

_NEARLY_ALL = 0.95  # of dev's words that were seen; above, dev says nothing of words that were not


def run_tuning(
    folder: ModelFolder,
    tuning: Tuning,
    texts: Sequence[str],
    dev: Path,
    *,
    lm: LanguageModel | None = None,
    named_before: bool = False,
) -> int:
    """Train a language model on `texts` (see lm.texts.texts_of), tune it on `dev`, put both into the model.

    An `lm` that is given is taken instead. Returns how many samples and lines could not be used, each of which
    is named, unless it was `named_before`.
    """
    failures = 0
    with Display() as display:

        def reject(error: SeqrecError) -> None:
            nonlocal failures
            if not named_before:
                failures += 1
                display.say(f"left out: {error}")

        samples, seen = Manifest(dev, reject), None
        if lm is None and tuning.lm != "none":
            words = Words(sample.text or "" for sample in samples)
            lm, seen = train_lm(tuning, texts, display, reject, words), words.seen
        settings = tune(folder, samples, lm, tuning.beam, seen, reject, display.work)
        for line in results(settings):
            display.say(line)
    return failures


def train_lm(
    tuning: Tuning, texts: Sequence[str], display: Display, reject: OnError, words: Words | None = None
) -> LanguageModel:
    """Train a language model on `texts` (see lm.texts.texts_of); `words` see them."""
    assert tuning.lm != "none"
    training = Training(tuning.lm, tuning.order)
    lines = texts_of(texts, sys.stdin.buffer, reject)
    lm = train(words.see(lines) if words else lines, training, reject, display.work)
    display.say(f"language model: {training.n}-grams of {tuning.lm}s, {len(lm.ngram.logp):,} in all")
    return lm


def results(settings: Settings) -> Iterator[str]:
    """Lines about what tuning found."""
    for how, found in settings.measured.items():
        yield f"dev, {how:6}  CER {found.cer:.2%}  WER {found.wer:.2%}"
        if found.seen is not None:
            warning = "" if found.seen < _NEARLY_ALL else ": others may be read worse with it than without"
            yield f"{found.seen:.1%} of dev's words are in the language model's text{warning}"
