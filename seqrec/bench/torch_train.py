"""A training step in PyTorch: nn.LSTM, CTCLoss, clipping, Adam."""

from __future__ import annotations

from typing import Any

import torch

from seqrec.bench.shapes import Shape
from seqrec.bench.side import timed
from seqrec.bench.torch_network import Stack, load_weights
from seqrec.config import Training


class Learner:
    """The stack and its optimizer, as plain as PyTorch's own examples."""

    def __init__(self, stack: Stack, options: Training) -> None:
        self.stack, self.options = stack, options
        self.loss = torch.nn.CTCLoss()
        self.optimizer = torch.optim.Adam(stack.parameters(), lr=options.learning_rate, eps=1e-7)

    def step(self, frames: torch.Tensor, n_out: torch.Tensor, labels: torch.Tensor, n_labels: torch.Tensor) -> float:
        """One update on frames (T, B, dim) and labels (B, L); returns the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.stack(frames), labels, n_out, n_labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.stack.parameters(), self.options.clip)
        self.optimizer.step()
        return float(loss.item())


def measure(*, shape: dict[str, Any], warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds of each step on one batch; `result` is the loss per label before the first."""
    torch.set_num_threads(threads)
    given = Shape(**shape)
    stack = load_weights(Stack(given.network, given.dim, given.classes), given.weights())
    learner = Learner(stack, Training())
    frames, labels = given.arrays()
    batch = (
        torch.from_numpy(frames.transpose(1, 0, 2).copy()),
        torch.full((given.batch,), given.frames),
        torch.from_numpy(labels),
        torch.full((given.batch,), given.labels),
    )
    first = learner.step(*batch)
    return {"seconds": timed(lambda: learner.step(*batch), warmup, steps), "result": first}
