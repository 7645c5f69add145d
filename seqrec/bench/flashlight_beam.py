"""The beam search without a lexicon of flashlight-text, with KenLM: in C++, a decoder for each process."""

from __future__ import annotations

import math
from itertools import groupby
from multiprocessing import get_context
from typing import Any

from flashlight.lib.text.decoder import CriterionType, LexiconFreeDecoder, LexiconFreeDecoderOptions, ZeroLM
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary

from seqrec.alphabet import BLANK
from seqrec.bench.outputs import Outputs
from seqrec.bench.side import timed
from seqrec.lm.arpa import SPACE

# Of a frame so many labels, and scores so much worse: the least that raise no error rate of the recipes.
_LABELS, _SCORE = 10, 12.0
_CHUNKS = 8  # of the lines, for each process


def measure(
    *, outputs: str, arpa: str | None, lm_weight: float, beam: int, warmup: int, steps: int, threads: int
) -> dict[str, Any]:
    """Seconds for all lines, once the processes are there and have loaded all."""
    given = Outputs.load(outputs)
    chunks = _CHUNKS * threads if threads > 1 else 1
    parts = [(k * len(given.texts) // chunks, (k + 1) * len(given.texts) // chunks) for k in range(chunks)]
    job = (outputs, arpa, lm_weight, beam)
    if threads == 1:
        _start(*job)
        found = [_decode(*part) for part in parts]
        seconds = timed(lambda: [_decode(*part) for part in parts], warmup, steps)
    else:
        with get_context("spawn").Pool(threads, _start, job) as pool:
            found = pool.starmap(_decode, parts, 1)
            seconds = timed(lambda: pool.starmap(_decode, parts, 1), warmup, steps)
    return {"seconds": seconds, "cer": given.cer([labels for part in found for labels in part]), "peak_mb": None}


_held: dict[str, Any] = {}  # what a process needs; it lives as long as the process


def _start(outputs: str, arpa: str | None, lm_weight: float, beam: int) -> None:
    given = Outputs.load(outputs)
    tokens = Dictionary(["<blank>", *(SPACE if symbol == " " else symbol for symbol in given.alphabet.symbols)])
    lm = KenLM(arpa, tokens) if arpa else ZeroLM()
    options = LexiconFreeDecoderOptions(
        beam_size=beam,
        beam_size_token=min(_LABELS, given.alphabet.size),
        beam_threshold=_SCORE,
        lm_weight=lm_weight * math.log(10),  # KenLM's are log10
        sil_score=0.0,
        log_add=True,
        criterion_type=CriterionType.CTC,
    )
    _held.update(given=given, lm=lm, decoder=LexiconFreeDecoder(options, lm, BLANK, BLANK, []))


def _decode(start: int, end: int) -> list[list[int]]:
    """The labels of some lines."""
    decoder, found = _held["decoder"], []
    for log_probs in _held["given"].log_probs[start:end]:
        decoder.decode_begin()
        decoder.decode_step(log_probs.ctypes.data, *log_probs.shape)
        decoder.decode_end()
        path = decoder.get_best_hypothesis().tokens
        found.append([label for label, _ in groupby(path) if label not in (BLANK, -1)])
    return found
