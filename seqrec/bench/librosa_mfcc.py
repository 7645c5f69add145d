"""MFCC with first and second differences by librosa, one file after the other."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import soundfile  # type: ignore[import-untyped]

from seqrec.bench.side import timed
from seqrec.samples import Manifest, Sample


def measure(*, manifest: str, warmup: int, steps: int, threads: int) -> dict[str, Any]:
    """Seconds for all samples of a manifest, read from their files, which have the rate already."""
    samples = list(Manifest(manifest))
    return {"seconds": timed(lambda: [_mfcc(sample) for sample in samples], warmup, steps)}


def _mfcc(sample: Sample) -> np.ndarray:
    """Frames (39, T): 25 ms windows every 10 ms, 40 mel bands, 13 coefficients."""
    signal, rate = soundfile.read(sample.path, dtype="float32")
    found = librosa.feature.mfcc(
        y=signal, sr=rate, n_mfcc=13, n_mels=40, n_fft=256, win_length=rate // 40, hop_length=rate // 100
    )
    return np.vstack([found, librosa.feature.delta(found), librosa.feature.delta(found, order=2)])
