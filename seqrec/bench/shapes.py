"""What the sides of a case share, so that all do the same work: shape, arrays, weights, operations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqrec.config import Network


@dataclass(frozen=True)
class Shape:
    """A batch and the stack that it goes through: `layers` BLSTMs of `units`, and a dense output."""

    layers: int
    units: int
    batch: int
    frames: int
    dim: int = 39
    classes: int = 80
    labels: int = 30
    subsample: tuple[int, ...] = ()
    dropout: float = 0.0

    @property
    def network(self) -> Network:
        return Network(
            layers=self.layers, units=self.units, subsample=tuple(self.subsample), dropout=self.dropout
        )  # fmt: skip

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Frames (B, T, dim) float32 and labels (B, L) int32, all of full length."""
        rng = np.random.default_rng(1)
        frames = rng.standard_normal((self.batch, self.frames, self.dim), np.float32)
        return frames, rng.integers(1, self.classes, (self.batch, self.labels)).astype(np.int32)

    def weights(self) -> dict[str, np.ndarray]:
        """A number for everything that is learnt, under seqrec's names, in Keras' layouts and of the usual size."""
        return weights_of(self.network, self.dim, self.classes)

    @property
    def gflop(self) -> float:
        """Floating-point operations of the matrix products of one forward pass, in units of 1e9."""
        return self.batch * gflop(self.network, self.dim, self.classes, self.frames)


def weights_of(network: Network, dim: int, classes: int) -> dict[str, np.ndarray]:
    """Named weights of any seqrec network of LSTM layers, drawn as Glorot and Bengio 2010 do."""
    rng = np.random.default_rng(2)
    made: dict[str, np.ndarray] = {}

    def add(name: str, *shape: int) -> None:
        fan = np.prod(shape[:-2], initial=1) * sum(shape[-2:])
        made[name] = rng.uniform(-1, 1, shape).astype(np.float32) * np.float32(np.sqrt(6 / fan))

    width = dim
    for i, conv in enumerate(network.conv):
        before = network.conv[i - 1].filters if i else 1
        add(f"conv{i}/kernel", *conv.kernel, before, conv.filters)
        made[f"conv{i}/bias"] = np.zeros(conv.filters, np.float32)
        width = -(-width // conv.pool[1])
    width *= network.conv[-1].filters if network.conv else 1
    for i, joined in enumerate(_joined_before(network)):
        for way in ("forward", "backward"):
            cell = f"layer{i}/{way}_lstm/lstm_cell"
            add(f"{cell}/kernel", width * joined, 4 * network.units)
            add(f"{cell}/recurrent_kernel", network.units, 4 * network.units)
            made[f"{cell}/bias"] = np.repeat(np.array([0, 1, 0, 0], np.float32), network.units)
        width = 2 * network.units
    add("output/kernel", width * _joined_last(network), classes)
    made["output/bias"] = np.zeros(classes, np.float32)
    return made


def gflop(network: Network, dim: int, classes: int, frames: float) -> float:
    """Operations, in units of 1e9, of the matrix products for `frames` input frames; convolutions are left out."""
    total, width = 0.0, dim
    for joined in _joined_before(network):
        width, frames = width * joined, frames / joined
        total += frames * 2 * 2 * 4 * network.units * (width + network.units)  # [multiply, add] [directions] [gates]
        width = 2 * network.units
    joined = _joined_last(network)
    return (total + frames / joined * 2 * width * joined * classes) / 1e9


def _joined_before(network: Network) -> list[int]:
    """How many neighbouring frames are joined before each layer."""
    counts = [network.stack, *network.subsample]
    return [*counts, *[1] * network.layers][: network.layers]


def _joined_last(network: Network) -> int:
    return network.subsample[network.layers - 1] if len(network.subsample) == network.layers else 1
