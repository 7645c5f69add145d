"""How a training does on dev: the very graph that will be shipped, decoded greedily."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqrec.alphabet import BLANK
from seqrec.decoding import greedy
from seqrec.modelfolder import ModelFolder
from seqrec.runtime import OnnxSession, Runtime
from seqrec.scoring import Pair, Score, score
from seqrec.training.data import DataSet

_CHUNK = 512  # samples whose log-probabilities are in memory at a time


class _Candidate(Runtime):
    """A graph in memory behind the model folder's normaliser."""

    def __init__(self, folder: ModelFolder, model: bytes) -> None:
        super().__init__(folder)
        self._session = OnnxSession(model, folder.where("model.onnx"))

    def run(self, frames: np.ndarray, n_frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._session.run(frames, n_frames)


@dataclass(frozen=True)
class Evaluation:
    score: Score
    blanks: float  # share of frames whose likeliest label is the blank
    example: Pair


def evaluate(folder: ModelFolder, model: bytes, data: DataSet, turn: int = 0) -> Evaluation:
    """Decode `data` with the graph `model`; `turn` chooses the sample that is shown."""
    runtime = _Candidate(folder, model)
    pairs: list[Pair] = []
    blank = total = 0
    for start in range(0, len(data), _CHUNK):
        part = range(start, min(start + _CHUNK, len(data)))
        for i, log_probs in zip(part, runtime.log_probs([data.frames(i) for i in part]), strict=True):
            text = folder.alphabet.decode(greedy.best_path(log_probs, folder.alphabet))
            pairs.append(Pair(data.id(i), folder.alphabet.normalize(data.text(i)), text))
            blank += int((log_probs.argmax(axis=1) == BLANK).sum())
            total += len(log_probs)
    return Evaluation(score(pairs), blank / max(1, total), pairs[turn * 7919 % len(pairs)])
