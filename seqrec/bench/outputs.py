"""What a beam search is given: log-probabilities with their true texts, and a language model of characters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqrec.alphabet import Alphabet
from seqrec.decoding import Failure
from seqrec.files import atomic
from seqrec.lm.arpa import write_arpa
from seqrec.lm.train import Training, train
from seqrec.recognizer import load
from seqrec.samples import OnError, read_manifest
from seqrec.scoring import Pair, score

ORDER = 6
_WORDS, _LEARNT, _LONGEST = 3000, 4000, 70  # words of the made-up language; texts that are learnt; characters of a text
_LOOK_ALIKES = 3


@dataclass(frozen=True)
class Outputs:
    """Log-probabilities (T, C) of lines, float32, and the texts of these lines."""

    alphabet: Alphabet
    log_probs: list[np.ndarray]
    texts: list[str]

    def save(self, path: Path) -> None:
        arrays: dict[str, Any] = {
            "n_frames": np.array([len(each) for each in self.log_probs]),
            "log_probs": np.concatenate(self.log_probs),
            "texts": np.array(self.texts),
            "symbols": np.array(self.alphabet.symbols),
            "form": np.array(self.alphabet.form),
        }
        with atomic(path, "wb") as out:
            np.savez(out, **arrays)

    @classmethod
    def load(cls, path: str) -> Outputs:
        with np.load(path) as kept:
            arrays = dict(kept)
        log_probs = np.split(arrays["log_probs"], arrays["n_frames"].cumsum()[:-1])
        alphabet = Alphabet(tuple(arrays["symbols"].tolist()), arrays["form"].item())
        return cls(alphabet, log_probs, arrays["texts"].tolist())

    def cer(self, found: list[list[int]]) -> float:
        """The character error rate of labels found in each line."""
        texts = map(self.alphabet.decode, found)
        return score(Pair("", *each) for each in zip(self.texts, texts, strict=True)).cer


def generated(count: int, frames: int, classes: int) -> tuple[list[str], Outputs]:
    """Texts to learn from, and other ones of the same made-up language with the outputs of a fairly good network.

    As of a network that was trained with CTC, most frames are almost surely blank, labels are narrow peaks,
    and now and then a label that looks alike has the higher one.
    """
    rng = np.random.default_rng(6)
    alphabet = Alphabet((" ", *map(chr, range(33, 31 + classes))))
    texts = _texts(rng, alphabet.symbols[1:], _LEARNT + count, min(_LONGEST, frames // 2 - 1))
    learnt, shown = texts[:_LEARNT], texts[_LEARNT:]
    alike = rng.integers(1, classes, (classes, _LOOK_ALIKES))
    return learnt, Outputs(alphabet, [_peaks(rng, alphabet.encode(text), alike, frames) for text in shown], shown)


def _texts(rng: np.random.Generator, letters: tuple[str, ...], count: int, longest: int) -> list[str]:
    """Lines of words, both by Zipf's law."""
    word_odds, odds = _zipf(_WORDS), _zipf(len(letters))
    words = ["".join(rng.choice(letters, rng.integers(2, 10), p=odds)) for _ in range(_WORDS)]
    drawn = iter(rng.choice(words, count * (longest // 3 + 1), p=word_odds).tolist())
    texts = []
    for _ in range(count):
        text = next(drawn)[:longest]
        while len(text) < longest - 10:
            text += f" {next(drawn)}"
        texts.append(text[:longest].rstrip())
    return texts


def _zipf(count: int) -> np.ndarray:
    odds: np.ndarray = 1 / np.arange(5.0, count + 5)
    return np.asarray(odds / odds.sum())


def _peaks(rng: np.random.Generator, labels: list[int], alike: np.ndarray, frames: int) -> np.ndarray:
    """Log-probabilities (frames, C) for one text."""
    logits = rng.normal(-4, 2.3, (frames, len(alike)))
    logits[:, 0] = rng.normal(11, 2, frames)
    starts = 2 * np.sort(rng.choice(frames // 2, len(labels), replace=False))
    for start, label in zip(starts, labels, strict=True):
        for at in range(start, start + 1 + (rng.random() < 0.3)):
            logits[at, 0] = rng.normal(3, 2.5)
            logits[at, alike[label]] = rng.normal(4, 2.5, _LOOK_ALIKES)
            logits[at, label] = rng.normal(11, 3)
    total: np.ndarray = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return np.asarray(logits - total, np.float32)


def real(model: Path, data: Path, most: int | None, on_error: OnError) -> tuple[list[str], Outputs]:
    """The texts of a recipe's `train.jsonl`, and a model's outputs for its `dev.jsonl`, `most` lines at most."""
    learnt = [sample.text for sample in read_manifest(data / "train.jsonl", on_error) if sample.text]
    recognizer = load(model)
    samples = list(islice((each for each in read_manifest(data / "dev.jsonl", on_error) if each.text), most))
    kept, texts = [], []
    for sample, made in zip(samples, recognizer.log_probs(samples), strict=True):
        if isinstance(made, Failure):
            on_error(made.error)
        else:
            kept.append(made)
            texts.append(sample.text or "")
    return learnt, Outputs(recognizer.alphabet, kept, texts)


def write_model(texts: list[str], path: Path) -> None:
    """A language model of the characters of some texts, as ARPA."""
    write_arpa(train(texts, Training("char", ORDER)), path)
