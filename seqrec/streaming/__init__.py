"""Recognising while the signal still comes: text under way, of which a growing part is settled.

The network reads in both directions, so that the text at a place depends on what follows. The newest part of a
signal therefore goes through the network again and again, with some of what was before, and its outputs settle when
enough has followed. Sound ends in a Hypothesis at every pause, ink at every line, as if that had been a sample of its
own. What is settled never changes, and what has ended is forgotten: a stream may last for days.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqrec.decoding import Hypothesis, greedy, prefixes
from seqrec.decoding.beam import Stream as BeamStream
from seqrec.errors import DataError, ModelError
from seqrec.features import Layout
from seqrec.reader import Reader
from seqrec.runtime import Runtime

_HELD_WORDS, _HELD_LABELS = 3, 16  # that must follow until only the likeliest text stays: as far as a model looks back


@dataclass(frozen=True, slots=True)
class Partial:
    """What a stream has given since it was last asked, and what is under way.

    `done` are the utterances or lines that have ended. `settled` is the beginning of the text of the one under way,
    and only grows until that is done; `tentative` is what seems to follow.
    """

    done: tuple[Hypothesis, ...]
    settled: str
    tentative: str


class Stream(ABC):
    """A signal that comes in blocks."""

    def __init__(self, reader: Reader, runtime: Runtime) -> None:
        self._text = Text(reader, runtime)
        self._done: list[Hypothesis] = []
        self._finished = False

    def feed(self, block: np.ndarray) -> Partial:
        """Take what comes next of the signal. Raises DataError where it is none, ModelError when the network fails."""
        if self._finished:
            raise DataError("stream", "has been finished", "a new stream")
        self._take(np.asarray(block))
        return self._partial()

    def finish(self) -> Partial:
        """The signal has ended: all is done."""
        if not self._finished:
            self._end()
            self._finished = True
        return self._partial()

    @abstractmethod
    def _take(self, block: np.ndarray) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...

    def _close(self, id: str, layout: Layout | None) -> None:
        """An utterance or line is done; where nothing was read, there is none."""
        found = self._text.end(id, layout)
        if found.text:
            self._done.append(found)

    def _partial(self) -> Partial:
        done, self._done = tuple(self._done), []
        return Partial(done, self._text.settled, self._text.tentative)


class Text:
    """The text of an utterance or line under way, from log-probabilities (T, C) that come bit by bit."""

    def __init__(self, reader: Reader, runtime: Runtime) -> None:
        self.reader, self._runtime = reader, runtime
        self._nothing = np.empty((0, reader.alphabet.size), np.float32)
        self._log_probs = self._nothing
        self._beam, self._shared = self._fresh(), list[int]()
        self.settled = self.tentative = ""

    def __len__(self) -> int:
        """Outputs of the network that are settled."""
        return len(self._log_probs)

    def log_probs(self, frames: np.ndarray) -> np.ndarray:
        """What the network gives for frames (T, F). Raises ModelError."""
        if not len(frames):
            return self._nothing
        [log_probs] = self._runtime.log_probs([frames])
        if np.isnan(log_probs).any():
            raise ModelError(self._runtime.folder.path, "gives NaN", "numbers", "train it again")
        return log_probs

    def add(self, settled: np.ndarray, rest: np.ndarray) -> None:
        """Log-probabilities that are settled now, and what for the time being follows them."""
        self._log_probs = np.concatenate([self._log_probs, settled])
        self.settled, tentative = self._beams(settled, rest) if self._beam else self._paths(rest)
        self.tentative = tentative[len(self.settled) :]

    def end(self, id: str, layout: Layout | None) -> Hypothesis:
        """The hypothesis of what is settled, after which a new text begins."""
        [reading] = self.reader.read([self._log_probs])
        if self._beam and not self._agrees(reading.labels):
            assert self.reader.beam
            reading = self.reader.beam.finish(self._beam, self._log_probs)
        found = self.reader.hypothesis(id, reading, self._log_probs, layout)
        self._log_probs, self._beam, self._shared = self._nothing, self._fresh(), []
        self.settled = self.tentative = ""
        return found

    def _agrees(self, labels: Sequence[int]) -> bool:
        """Whether a text begins with what has settled, and with no longer word."""
        count, spaces = len(self._shared), self.reader.alphabet.spaces
        follows = labels[count : count + 1]
        return list(labels[:count]) == self._shared and (not spaces or not count or spaces.issuperset(follows))

    def _fresh(self) -> BeamStream | None:
        return self.reader.beam.start() if self.reader.beam else None

    def _paths(self, rest: np.ndarray) -> tuple[str, str]:
        """The text of the best path through what is settled, and through all."""
        alphabet = self.reader.alphabet
        whole = np.concatenate([self._log_probs, rest])
        settled, all_of_it = (alphabet.decode(greedy.best_path(part, alphabet)) for part in (self._log_probs, whole))
        return settled, all_of_it

    def _beams(self, settled: np.ndarray, rest: np.ndarray) -> tuple[str, str]:
        """The whole words that all texts in the beam share, and the likeliest text so far.

        A word that is not quite sure would leave all that follows open: in the end the likeliest one stays.
        """
        beam, alphabet = self.reader.beam, self.reader.alphabet
        assert beam
        assert self._beam
        beam.advance(self._beam, settled)
        if alphabet.spaces or not self.reader.decoding.closed:
            beam.commit(self._beam, _HELD_WORDS if alphabet.spaces else _HELD_LABELS)
        shared = _shared(self._beam)
        if alphabet.spaces or self.reader.decoding.closed:
            shared = _whole_words(shared, alphabet.spaces)
        first = next((i for i, label in enumerate(shared) if label not in alphabet.spaces), len(shared))
        self._shared = shared[first:]
        ahead = copy.deepcopy(self._beam)
        beam.advance(ahead, rest)
        return alphabet.decode(self._shared), alphabet.decode(beam.best(ahead))


def _shared(beam: BeamStream) -> list[int]:
    """The labels with which all prefixes of the beam begin: no frame that follows changes them."""
    memory = beam.memory
    parents, labels = (memory.nodes[field][: memory.counts[prefixes.NODES]].tolist() for field in ("parent", "label"))
    nodes = set(memory.prefixes["node"][: memory.counts[prefixes.ALIVE]].tolist())
    while len(nodes) > 1:  # parents come before their children
        last = max(nodes)
        nodes.remove(last)
        nodes.add(parents[last])
    [node] = nodes
    shared = []
    while node != prefixes.ROOT:
        shared.append(labels[node])
        node = parents[node]
    return shared[::-1]


def _whole_words(labels: list[int], spaces: frozenset[int]) -> list[int]:
    """Labels up to the last space: a closed lexicon may still take back a word that has begun."""
    last = max((i for i, label in enumerate(labels) if label in spaces), default=0)
    return labels[:last]
