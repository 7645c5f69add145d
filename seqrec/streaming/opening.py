"""The stream that suits a model."""

from __future__ import annotations

from seqrec.errors import ConfigError
from seqrec.features import Extractor
from seqrec.features.mfcc import Sound
from seqrec.features.strokes import Extractor as Strokes
from seqrec.reader import Reader
from seqrec.runtime import Runtime
from seqrec.streaming.ink import InkStream
from seqrec.streaming.sound import SoundStream


def opened(reader: Reader, runtime: Runtime, extractor: Extractor, rate: int | None) -> SoundStream | InkStream:
    """A new stream. Raises ConfigError."""
    if isinstance(extractor, Sound):
        if rate is None:
            raise ConfigError("stream", "of sound without a rate", "its samples a second, as in rate=16000")
        return SoundStream(reader, runtime, extractor, rate)
    if isinstance(extractor, Strokes):
        if rate is not None:
            raise ConfigError("stream", "with a rate, for a model of ink", "none", "a model of sound takes a rate")
        return InkStream(reader, runtime, extractor)
    raise ConfigError(
        "stream", f"a model of {extractor.domain}, which comes whole", "one of sound (mfcc) or ink (strokes)"
    )
