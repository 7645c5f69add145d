"""A sample's signal within a page, as it is and not as a model would read it: drawn ink, a cut-out line, a player."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from seqrec.errors import SeqrecError
from seqrec.inputs import SUFFIXES
from seqrec.report.signal import ink_svg
from seqrec.samples import Sample

_HEIGHT = 64  # pixels of a picture
_WIDEST = 60.0  # times as wide as high
_POINTS = 2000  # of ink, at most
_RATE, _CLIP = 16_000, 10.0  # samples per second and seconds of a sound that is embedded
_COLUMNS = 480  # pixels of a sound's envelope


def embedded(sample: Sample) -> str:
    """HTML of the signal, without foreign parts; empty where it cannot be read.

    Of a sound the first 10 seconds are there, as mono FLAC at 16 kHz.
    """
    try:
        if sample.path is None:
            return _ink([np.asarray(stroke[:, :2], np.float64) for stroke in sample.strokes or () if len(stroke)])
        if sample.path.suffix.lower() in SUFFIXES["sound"]:
            return _sound(sample)
        return _image(sample)
    except SeqrecError:
        return ""


def _ink(strokes: list[np.ndarray]) -> str:
    with np.errstate(over="ignore"):
        if not strokes or not np.isfinite(np.ptp(np.concatenate(strokes), axis=0)).all():
            return ""
    step = -(-sum(map(len, strokes)) // _POINTS)
    return ink_svg([np.concatenate([stroke[:-1:step], stroke[-1:]]) for stroke in strokes[: _POINTS // 2]])


def _image(sample: Sample) -> str:
    from seqrec.features._page import cut, line, open_page

    assert sample.path is not None
    page = open_page(sample.path)
    grey, _ = cut(page, line(page.shape, sample.polygon, sample.baseline, _HEIGHT, _WIDEST, sample.id), masked=False)
    return _picture(grey)


def _picture(grey: np.ndarray) -> str:
    """An image (H, W) uint8, 255 white."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(grey)).save(stream, "PNG", optimize=True)
    return f"<img alt='' src='{_data('image/png', stream.getvalue())}'>"


def _sound(sample: Sample) -> str:
    import soundfile  # type: ignore[import-untyped]

    from seqrec.features._sound import extent, read_sound

    assert sample.path is not None
    begin, end = extent(sample.path, sample.start, sample.end, longest=np.inf)
    sound = read_sound(sample.path, begin, min(end, begin + _CLIP), _RATE, 2 * _CLIP)
    stream = io.BytesIO()
    soundfile.write(stream, np.clip(sound, -1, 1), _RATE, format="FLAC", subtype="PCM_16")
    length = f"{end - begin:.2f} s" if end - begin <= _CLIP else f"the first {_CLIP:g} of {end - begin:.2f} s"
    player = f"<audio controls preload=none src='{_data('audio/flac', stream.getvalue())}'></audio>"
    return f"{_picture(_envelope(sound))} {player} {length}"


def _envelope(sound: np.ndarray) -> np.ndarray:
    """A sound (N,) from its lowest to its highest value over time, full scale to the edges: (_HEIGHT, W) uint8."""
    edges = np.linspace(0, len(sound), min(_COLUMNS, len(sound)) + 1).astype(int)[:-1]
    bounds = (np.maximum.reduceat(sound, edges), np.minimum.reduceat(sound, edges))
    top, bottom = (np.rint((1 - np.clip(each, -1, 1)) / 2 * (_HEIGHT - 1)) for each in bounds)
    row = np.arange(_HEIGHT)[:, None]
    return np.where((row >= top) & (row <= bottom), 64, 255).astype(np.uint8)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
