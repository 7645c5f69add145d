"""What `train`, `run` and `lm` share: a language model for a model, its weights, calibration; progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqrec.cli._training import Display
from seqrec.config import Tuning
from seqrec.decoding.settings import Settings
from seqrec.errors import SeqrecError
from seqrec.lm.texts import texts_of
from seqrec.lm.train import Training, train
from seqrec.modelfolder import ModelFolder
from seqrec.samples import Manifest
from seqrec.tuning import Words, tune

_NEARLY_ALL = 0.95  # of dev's words that were seen; above, dev says nothing of words that were not


def run_tuning(
    folder: ModelFolder, tuning: Tuning, texts: Sequence[str], dev: Path, *, named_before: bool = False
) -> int:
    """Train a language model on `texts` (see lm.texts.texts_of), tune it on `dev`, put both into the model.

    Returns how many samples and lines could not be used, each of which is named, unless it was `named_before`.
    """
    failures = 0
    with Display() as display:

        def reject(error: SeqrecError) -> None:
            nonlocal failures
            if not named_before:
                failures += 1
                display.say(f"left out: {error}")

        samples, lm, seen = Manifest(dev, reject), None, None
        if tuning.lm != "none":
            training = Training(tuning.lm, tuning.order)
            words = Words(sample.text or "" for sample in samples)
            lm = train(words.see(texts_of(texts, sys.stdin.buffer, reject)), training, reject, display.work)
            seen = words.seen
            display.say(f"language model: {training.n}-grams of {tuning.lm}s, {len(lm.ngram.logp):,} in all")
        settings = tune(folder, samples, lm, tuning.beam, seen, reject, display.work)
        for line in results(settings):
            display.say(line)
    return failures


def results(settings: Settings) -> Iterator[str]:
    """Lines about what tuning found."""
    for how, found in settings.measured.items():
        yield f"dev, {how:6}  CER {found.cer:.2%}  WER {found.wer:.2%}"
        if found.seen is not None:
            warning = "" if found.seen < _NEARLY_ALL else ": others may be read worse with it than without"
            yield f"{found.seen:.1%} of dev's words are in the language model's text{warning}"
