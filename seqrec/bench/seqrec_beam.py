"""seqrec's beam search, its n-best lists and their confidences included."""

from __future__ import annotations

from typing import Any

from seqrec.bench.outputs import Outputs
from seqrec.bench.side import timed
from seqrec.decoding import fusion
from seqrec.decoding.beam import BeamDecoder
from seqrec.decoding.settings import Search
from seqrec.lm.arpa import read_arpa


def measure(
    *, outputs: str, arpa: str | None, lm_weight: float, beam: int, warmup: int, steps: int, threads: int
) -> dict[str, Any]:
    """Seconds for all lines."""
    given = Outputs.load(outputs)
    fused = fusion.build(given.alphabet, lm=read_arpa(arpa, "char")) if arpa else None
    decoder = BeamDecoder(given.alphabet, Search(beam=beam, lm_weight=lm_weight), fused)
    seconds = timed(lambda: decoder.decode_all(given.log_probs, threads), warmup, steps)
    readings = decoder.decode_all(given.log_probs, threads)
    return {"seconds": seconds, "cer": given.cer([list(each.labels) for each in readings])}
