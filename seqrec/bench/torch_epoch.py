"""Epochs in PyTorch: a plain loop over batches of samples of like length, padded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from seqrec.bench.torch_network import Stack
from seqrec.bench.torch_train import Learner
from seqrec.config import Config


def measure(*, config: dict[str, Any], data: str, threads: int) -> dict[str, Any]:
    """Seconds of each epoch from the second on; the normalised frames of all samples lie in memory."""
    torch.set_num_threads(threads)
    parsed, held = Config.parse(config, "bench"), Held(data)
    stack = Stack(parsed.network, held.dim, held.classes)
    learner = Learner(stack, parsed.training)
    rng, size = np.random.default_rng(parsed.training.seed), parsed.training.batch_frames
    assert size
    seconds, losses = [], []
    for _ in range(parsed.training.epochs):
        began = time.perf_counter()
        learnt = [_learn(learner, held, parsed, rows) for rows in held.batches(size, rng)]
        seconds.append(time.perf_counter() - began)
        losses.append(float(np.mean(learnt)))
    return {"seconds": seconds[1:], "first_s": seconds[0], "losses": losses}


class Held:
    """A training set that `material.hold` wrote."""

    def __init__(self, path: str) -> None:
        with np.load(path) as arrays:
            flat, labels = torch.from_numpy(arrays["frames"]), torch.from_numpy(arrays["labels"])
            self.n_frames, self.n_labels = arrays["n_frames"], arrays["n_labels"]
            self.classes = int(arrays["classes"])
        self.dim = flat.shape[1]
        self.frames = flat.split(self.n_frames.tolist())
        self.labels = labels.split(self.n_labels.tolist())

    def batches(self, batch_frames: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Rows of all samples, neighbours in length together, at most `batch_frames` with padding; in random order."""
        order = rng.permutation(len(self.n_frames))
        order = order[np.argsort(self.n_frames[order], kind="stable")]
        batches, first = [], 0
        for last in range(1, len(order) + 1):
            if last == len(order) or (last + 1 - first) * self.n_frames[order[last]] > batch_frames:
                batches.append(order[first:last])
                first = last
        return [batches[i] for i in rng.permutation(len(batches))]


def _learn(learner: Learner, held: Held, config: Config, rows: np.ndarray) -> float:
    frames = torch.nn.utils.rnn.pad_sequence([held.frames[i] for i in rows])
    labels = torch.nn.utils.rnn.pad_sequence([held.labels[i] for i in rows], batch_first=True)
    n_out = torch.from_numpy(-(-held.n_frames[rows] // config.network.factor))
    return learner.step(frames, n_out, labels, torch.from_numpy(held.n_labels[rows]))
