"""A sample's signal as a small picture in HTML: ink as SVG, a line as PNG, a sound as its frames."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from seqrec.errors import SeqrecError
from seqrec.features import Extractor
from seqrec.samples import Sample

_HEIGHT = 64  # pixels
_WIDEST = 1600


def picture(sample: Sample, extractor: Extractor) -> str:
    """HTML of the signal as `extractor` reads it; empty where it cannot be read."""
    try:
        signal = extractor.read(sample)
        if extractor.domain == "ink":
            return ink_svg(signal)
        if extractor.domain == "image":
            return _png(1 - signal)
        frames = extractor.frames(signal).T[::-1]
    except SeqrecError:
        return ""
    low, high = np.percentile(frames, (2, 98))
    return _png(1 - np.clip((frames - low) / max(high - low, 1e-6), 0, 1))


def ink_svg(strokes: list[np.ndarray]) -> str:
    """Strokes (N, 2 or more), y downwards, as an SVG of fixed height."""
    points = np.concatenate([stroke[:, :2] for stroke in strokes])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min((_HEIGHT - 8) / max(high[1] - low[1], 1e-9), (_WIDEST - 8) / max(high[0] - low[0], 1e-9))
    width = int((high[0] - low[0]) * scale) + 8
    lines = []
    for stroke in strokes:
        moved = (stroke[:, :2] - low) * scale + 4
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (moved if len(moved) > 1 else np.repeat(moved, 2, axis=0)))
        lines.append(f"<polyline points='{path}'/>")
    style = "fill='none' stroke='#222' stroke-width='1.8' stroke-linecap='round' stroke-linejoin='round'"
    return f"<svg width='{width}' height='{_HEIGHT}' {style}>{''.join(lines)}</svg>"


def _png(grey: np.ndarray) -> str:
    """An image (H, W) in [0, 1], 1 white, as an <img> with its data."""
    image = Image.fromarray(np.round(np.clip(grey, 0, 1) * 255).astype(np.uint8))
    width = min(_WIDEST, max(1, round(image.width * _HEIGHT / image.height)))
    stream = io.BytesIO()
    image.resize((width, _HEIGHT), Image.Resampling.BILINEAR).save(stream, "PNG")
    return f"<img alt='' src='data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}'>"
