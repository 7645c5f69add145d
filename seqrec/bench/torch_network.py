"""The same stack in PyTorch, time first as its LSTM likes it best; and that network alone, in decoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from seqrec.bench.shapes import Shape
from seqrec.bench.side import timed
from seqrec.config import Network


class Stack(torch.nn.Module):  # type: ignore[misc]
    """Frames (T, B, dim) -> log-probabilities (T', B, classes)."""

    def __init__(self, network: Network, dim: int, classes: int) -> None:
        super().__init__()
        self.joins = [count for count in network.subsample if count > 1]
        self.runs = torch.nn.ModuleList()
        width = dim
        for layers, joined in _runs(network):
            self.runs.append(
                torch.nn.LSTM(width, network.units, layers, bidirectional=True, dropout=network.dropout * (layers > 1))
            )
            width = 2 * network.units * joined
        self.dropout = torch.nn.Dropout(network.dropout)
        self.output = torch.nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i, run in enumerate(self.runs):
            x, _ = run(x)
            if i < len(self.joins):
                x = _join(x, self.joins[i])
            x = self.dropout(x)
        return self.output(x).log_softmax(-1)


def _runs(network: Network) -> list[tuple[int, int]]:
    """The layers that one nn.LSTM can hold, and how many frames are joined after them."""
    after = [*network.subsample, *[1] * network.layers][: network.layers]
    runs, layers = [], 0
    for i, joined in enumerate(after):
        layers += 1
        if joined > 1 or i == len(after) - 1:
            runs.append((layers, joined))
            layers = 0
    return runs


def _join(x: torch.Tensor, count: int) -> torch.Tensor:
    """(T, B, F) -> (ceil(T / count), B, count * F)."""
    x = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, -len(x) % count))
    steps, batch, width = x.shape
    return x.view(steps // count, count, batch, width).transpose(1, 2).reshape(steps // count, batch, count * width)


def load_weights(stack: Stack, weights: dict[str, np.ndarray]) -> Stack:
    """Put weights under seqrec's names into the stack. The gates have the same order."""
    with torch.no_grad():
        layer = 0
        for run in stack.runs:
            for own in range(run.num_layers):
                for way, suffix in (("forward", ""), ("backward", "_reverse")):
                    cell = f"layer{layer}/{way}_lstm/lstm_cell"
                    place = f"l{own}{suffix}"
                    getattr(run, f"weight_ih_{place}").copy_(torch.from_numpy(weights[f"{cell}/kernel"].T.copy()))
                    recurrent = torch.from_numpy(weights[f"{cell}/recurrent_kernel"].T.copy())
                    getattr(run, f"weight_hh_{place}").copy_(recurrent)
                    getattr(run, f"bias_ih_{place}").copy_(torch.from_numpy(weights[f"{cell}/bias"]))
                    getattr(run, f"bias_hh_{place}").zero_()
                layer += 1
        stack.output.weight.copy_(torch.from_numpy(weights["output/kernel"].T.copy()))
        stack.output.bias.copy_(torch.from_numpy(weights["output/bias"]))
    return stack


def measure(*, shape: dict[str, Any], warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds of the network alone on frames that lie in memory as it wants them."""
    torch.set_num_threads(threads)
    given = Shape(**shape)
    stack = load_weights(Stack(given.network, given.dim, given.classes), given.weights()).eval()
    frames = torch.from_numpy(given.arrays()[0].transpose(1, 0, 2).copy())
    with torch.inference_mode():
        seconds = timed(lambda: stack(frames), warmup, steps)
        return {"seconds": seconds, "result": float(stack(frames).sum())}
