"""Prefix beam search: log-probabilities (T, C) -> the likeliest texts, all at once or as the frames come."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from seqrec.alphabet import Alphabet
from seqrec.compiling import is_ready
from seqrec.decoding import Reading, align, fusion, matching, prefixes
from seqrec.decoding.confidence import posteriors, softmax
from seqrec.decoding.fusion import Fused, Weights
from seqrec.decoding.settings import Search
from seqrec.errors import ModelError

Labels = tuple[int, ...]
SECONDS = 20  # that the first search on a machine waits for compilation, roughly
_FRAMES = 4096  # read at once


class Stream:
    """A search under way. Its memory is bounded by the beam and the length of the text so far, not by the frames."""

    def __init__(self, memory: prefixes.Memory) -> None:
        self.memory = memory


class BeamDecoder:
    """Finds the likeliest texts, summed over their alignments and scored by the fusion.

    May be shared by threads; a Stream may not.
    """

    def __init__(self, alphabet: Alphabet, search: Search | None = None, fused: Fused | None = None) -> None:
        search = search or Search()
        self.alphabet = alphabet
        self._fusion = (fused or fusion.build(alphabet)).arrays
        self._weights = Weights(*map(float, (search.lm_weight, search.char_bonus, search.word_bonus, search.unknown)))
        self._limits = prefixes.Limits(search.beam, float(search.token_threshold), float(search.score_threshold))

    def is_ready(self) -> bool:
        """Whether nothing has to be compiled first, which takes some SECONDS, once on a machine."""
        loops = (prefixes.advance, prefixes.ends, prefixes.trace, matching.shares)
        return all(map(is_ready, loops)) and align.is_ready()

    def decode(self, log_probs: np.ndarray) -> Reading:
        """The reading of log_probs (T, C); no frames give the empty text. Raises ModelError if C does not fit."""
        stream = self.start()
        self.advance(stream, log_probs)
        return self.finish(stream, log_probs)

    def decode_all(self, log_probs: Iterable[np.ndarray], threads: int = 1) -> list[Reading]:
        """The readings of many, in their order."""
        if threads == 1:
            return [self.decode(each) for each in log_probs]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self.decode, log_probs))

    def start(self) -> Stream:
        beam = self._limits.beam
        memory = prefixes.memory(beam, self.alphabet.size, max(1024, 32 * beam))
        stream = Stream(memory)
        self._advance(stream, np.empty((0, self.alphabet.size), np.float32))
        return stream

    def advance(self, stream: Stream, log_probs: np.ndarray) -> None:
        """Read frames more, log_probs (T, C)."""
        if log_probs.ndim != 2 or log_probs.shape[1] != self.alphabet.size:
            expected = f"(T, {self.alphabet.size}), for the alphabet and the blank"
            raise ModelError("log-probabilities", f"have shape {log_probs.shape}", expected)
        for start in range(0, len(log_probs), _FRAMES):
            self._advance(stream, np.require(log_probs[start : start + _FRAMES], np.float32, ["C", "A", "W"]))

    def _advance(self, stream: Stream, frames: np.ndarray) -> None:
        read: int = prefixes.advance(frames, self._fusion, self._weights, self._limits, stream.memory)
        while read < len(frames):
            stream.memory = prefixes.larger(stream.memory)
            read += prefixes.advance(frames[read:], self._fusion, self._weights, self._limits, stream.memory)

    def commit(self, stream: Stream, held: int) -> None:
        """Leave only texts that begin as the likeliest one does, but for its last `held` words and the one under way.

        In an alphabet without white space these are labels.
        """
        nodes, beam = stream.memory.nodes, stream.memory.prefixes[: stream.memory.counts[prefixes.ALIVE]]
        node, spaces = int(beam["node"][0]), self.alphabet.spaces
        while node != prefixes.ROOT:
            held -= not spaces or int(nodes["label"][node]) in spaces
            if held < 0:
                break
            node = int(nodes["parent"][node])
        origin = beam["node"]
        while (origin > node).any():  # parents come before their children
            origin = np.where(origin > node, nodes["parent"][origin], origin)
        nodes["slot"][beam["node"][origin != node]] = prefixes.NONE
        kept = beam[origin == node]
        nodes["slot"][kept["node"]] = np.arange(len(kept))
        beam[: len(kept)] = kept
        stream.memory.counts[prefixes.ALIVE] = len(kept)

    def best(self, stream: Stream) -> Labels:
        """The labels that are the likeliest so far, without space at the ends. The last word may be a part of one."""
        return self._labels(stream, stream.memory.prefixes["node"][:1].astype(np.int64))[0]

    def finish(self, stream: Stream, log_probs: np.ndarray | None = None) -> Reading:
        """The reading if nothing follows; the stream may go on all the same.

        With all the log_probs (T, C) that were read, probabilities take them into account.
        """
        texts = self.texts(stream)
        nbest, scores = [labels for labels, _ in texts], [score for _, score in texts]
        line, words, chars = posteriors(nbest, scores, self.alphabet, log_probs)
        return Reading(nbest[0], line, words, chars, tuple(zip(nbest, softmax(scores).tolist(), strict=True)))

    def texts(self, stream: Stream) -> list[tuple[Labels, float]]:
        """The texts of the beam if nothing follows and their scores, the best first.

        Those that differ by space at their ends alone are one.
        """
        nodes, scores = np.empty(self._limits.beam, np.int64), np.empty(self._limits.beam)
        count = prefixes.ends(self._fusion, self._weights, stream.memory, nodes, scores)
        nodes, scores = nodes[:count], scores[:count]
        found: dict[Labels, float] = {}
        for labels, score in zip(self._labels(stream, nodes), scores.tolist(), strict=True):
            found[labels] = float(np.logaddexp(found[labels], score)) if labels in found else score
        if max(scores) > -np.inf:
            found = {labels: score for labels, score in found.items() if score > -np.inf}
        return sorted(found.items(), key=lambda text: -text[1])

    def _labels(self, stream: Stream, nodes: np.ndarray) -> list[Labels]:
        """The labels of nodes, without white space at their ends."""
        labels, ends = prefixes.trace(stream.memory.nodes, self._fusion.is_space, nodes)
        flat, places = labels.tolist(), [0, *ends.tolist()]
        return [tuple(flat[start:end]) for start, end in pairwise(places)]
