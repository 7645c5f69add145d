"""One update of the weights: forward, CTC, backward, clipping, Adam, under a tf.distribute strategy."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqrec.batching import FILLER, Batch
from seqrec.config import Training
from seqrec.network.ctc import ctc_loss
from seqrec.network.encoder import Encoder, name_of


def strategy_of_this_machine() -> tf.distribute.Strategy:
    """Several machines when TF_CONFIG names them, several GPUs when there are, else one device."""
    if os.environ.get("TF_CONFIG"):
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def learning_rate(options: Training, updates: int, done: float) -> float:
    """Linear warm-up over the first updates, and a half cosine down to 0 when `done`, the share of all epochs, is 1."""
    warm = min(1.0, (updates + 1) / max(1, options.warmup))
    decay = 0.5 * (1 + math.cos(math.pi * done)) if options.decay == "cosine" else 1.0
    return options.learning_rate * warm * decay


@dataclass(frozen=True)
class _Part:
    """Weights that learn at one rate, not with scaled gradients: Adam's steps do not depend on their scale."""

    scale: float
    variables: list[keras.Variable]
    optimizer: keras.optimizers.Optimizer


def _parts(network: Encoder, options: Training, rates: Mapping[str, float]) -> list[_Part]:
    """The weights by their rates; those with the rate 0 are in none."""
    of: dict[float, list[keras.Variable]] = {}
    for variable in network.trainable_variables:
        of.setdefault(rates.get(name_of(variable), 1.0), []).append(variable)
    parts = [_Part(s, variables, keras.optimizers.Adam(options.learning_rate)) for s, variables in of.items() if s]
    for part in parts:
        part.optimizer.build(part.variables)
    return parts


class Trainer:
    """The network, its optimizer and the compiled step."""

    def __init__(
        self,
        network: Encoder,
        options: Training,
        strategy: tf.distribute.Strategy,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        """Call inside `strategy.scope()`. A weight named in `rates` learns at so many times the rate, at 0 nothing."""
        self.network, self.options, self.strategy = network, options, strategy
        self.parts = _parts(network, options, rates or {})
        spec = (
            tf.TensorSpec((None, None, network.dim), tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None,), tf.float32),
        )
        signature = spec if self.replicas == 1 else None  # replicas have none in common
        self._compiled = tf.function(self._everywhere, input_signature=signature, reduce_retracing=signature is None)

    @property
    def replicas(self) -> int:
        return int(self.strategy.num_replicas_in_sync)

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a checkpoint must hold."""
        return [*self.network.variables, *(v for part in self.parts for v in part.optimizer.variables)]

    def update(self, group: list[Batch], rate: float) -> tuple[np.ndarray, np.ndarray, bool]:
        """One step on a batch per replica, of all processes together.

        Returns, for the rows that this process computed, the losses per label and the samples' indices,
        and whether the step was applied: without finite losses and gradients it is not.
        """
        for part in self.parts:
            part.optimizer.learning_rate.assign(rate * part.scale)
        if self.replicas == 1:
            losses, applied = self._compiled(*self._values(group[0]))
            return losses.numpy(), group[0].index, bool(applied)
        group = [*group, *[_filler(group[-1])] * (self.replicas - len(group))]
        mine: list[int] = []  # this process's replicas
        self.strategy.experimental_distribute_values_from_function(
            lambda context: mine.append(context.replica_id_in_sync_group)
        )
        values = {replica: self._values(group[replica]) for replica in mine}
        spread = [
            self.strategy.experimental_distribute_values_from_function(
                lambda context, k=k: values[context.replica_id_in_sync_group][k]
            )
            for k in range(4)
        ]
        losses, applied = self._compiled(*spread)
        local = self.strategy.experimental_local_results
        index = np.concatenate([group[replica].index for replica in mine])
        return np.concatenate([x.numpy() for x in local(losses)]), index, all(bool(x) for x in local(applied))

    def _values(self, batch: Batch) -> tuple[Any, ...]:
        weights = (batch.index != FILLER).astype(np.float32)
        return tuple(map(tf.convert_to_tensor, (batch.frames, batch.n_frames, batch.labels, weights)))

    def _everywhere(self, *values: Any) -> tuple[Any, Any]:
        result: tuple[Any, Any] = self.strategy.run(self._replica, args=values)
        return result

    def _replica(
        self, frames: tf.Tensor, n_frames: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        variables = [v.value for part in self.parts for v in part.variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:  # nothing of what is frozen
            tape.watch(variables)
            logits, n_out = self.network(frames, n_frames, training=True)
            losses = ctc_loss(logits, n_out, labels)
            total = tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0) / self.replicas
        gradients = tape.gradient(total, variables)
        gradients, norm = tf.clip_by_global_norm(gradients, self.options.clip)
        # Every replica must decide alike, or the weights would drift apart.
        context = tf.distribute.get_replica_context()
        finite = tf.cast(tf.math.is_finite(total) & tf.math.is_finite(norm), tf.float32)
        finite = context.all_reduce(tf.distribute.ReduceOp.SUM, finite) > self.replicas - 0.5
        applied = iter([tf.where(finite, g, tf.zeros_like(g)) for g in gradients])
        for part in self.parts:
            part.optimizer.apply_gradients([(next(applied), v) for v in part.variables])
        n_labels = tf.reduce_sum(tf.cast(labels != 0, tf.float32), axis=1)
        return losses / tf.maximum(n_labels, 1.0), finite


def _filler(like: Batch) -> Batch:
    """A batch of the same shape that counts for nothing."""
    return replace(
        like,
        frames=np.zeros_like(like.frames),
        n_frames=np.ones_like(like.n_frames),
        labels=np.zeros_like(like.labels),
        n_labels=np.zeros_like(like.n_labels),
        index=np.full_like(like.index, FILLER),
    )
