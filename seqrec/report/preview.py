"""What augmentation makes of samples, before anything is trained on it: a contact sheet, or sounds on a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFont

from seqrec.config import Config
from seqrec.errors import ConfigError, SeqrecError
from seqrec.extraction import Recipe, Signals
from seqrec.features import Extractor, Signal
from seqrec.files import atomic
from seqrec.samples import OnError, Sample

_WIDTH = 1600  # pixels of a sheet; what does not fit beside the original goes below it
_GAP, _LABEL = 10, 20  # pixels
_CORPUS_HEIGHT = 18  # pixels of a small letter in ink
_FINER = 3  # ink is drawn so many times larger, for smooth edges
_FONTS = ("NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "msyh.ttc")
_NOTHING = chr(0x10FFFD)  # for which no font has a shape
_STYLE = "body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem } td { padding: .3rem 1rem .3rem 0 }"


class Shown(NamedTuple):
    """A sample and its signals: the plain one, then its copies."""

    sample: Sample
    signals: list[Signal]


class Preview:
    """The first `count` copies of signals, by the code that makes them for training, at a share `at` of it.

    Without ramps they are those that a training with this `seed`, by default the recipe's, is given.
    Raises ConfigError.
    """

    def __init__(self, config: Config, count: int, seed: int | None = None, at: float = 1.0) -> None:
        signal, seed = config.augment.signal, config.training.seed if seed is None else seed
        if not signal:
            raise ConfigError(
                "[augment.signal]", "is empty", "changes to show", "for instance: --set augment.signal.KEY=..."
            )
        recipes = [Recipe(config.features, signal, copy, seed, at) for copy in range(1, count + 1)]
        self._makers = [Signals(Recipe(config.features)), *map(Signals, recipes)]

    @property
    def extractor(self) -> Extractor:
        return self._makers[0].extractor

    def __call__(self, samples: Iterable[Sample], on_error: OnError) -> Iterator[Shown]:
        """The samples with their signals; what cannot be read goes to `on_error`."""
        for sample in samples:
            try:
                yield Shown(sample, [make(sample) for make in self._makers])
            except SeqrecError as error:
                on_error(error)


def write_preview(place: Path, rows: Sequence[Shown], extractor: Extractor) -> Path:
    """Write sounds and `index.html` into a folder, ink and images as a PNG: `sheet.png` where `place` is a folder.

    Returns the file to look at. Raises DataError where it cannot be written, ConfigError for a file of sounds
    and where the samples themselves lie.
    """
    sources = {row.sample.path.resolve() for row in rows if row.sample.path is not None}
    if place.resolve() in {*sources, *(source.parent for source in sources)}:
        raise ConfigError(place, "is where the samples are", "another place", "choose one with -o")
    if extractor.domain != "sound":
        sheet = place if place.suffix.lower() == ".png" else place / "sheet.png"
        with atomic(sheet, "wb") as out:
            contact_sheet(rows, extractor).save(out, "PNG")
        return sheet
    if place.suffix.lower() == ".png":
        raise ConfigError(place, "is a picture's name", "a folder, since sounds are to be heard")
    for number, row in enumerate(rows, 1):
        _write_sounds(place, number, row.signals, extractor)
    with atomic(place / "index.html") as out:
        out.write(_page(rows, extractor))
    return place / "index.html"


def contact_sheet(rows: Sequence[Shown], extractor: Extractor) -> Image.Image:
    """Each sample's label, and below it the original and its copies, as many side by side as fit."""
    blocks = [_block(row, extractor) for row in rows]
    width = max((block.width for block in blocks), default=_GAP)
    sheet = Image.new("RGB", (width + 2 * _GAP, sum(block.height + _GAP for block in blocks) + _GAP), "white")
    top = _GAP
    for block in blocks:
        sheet.paste(block, (_GAP, top))
        top += block.height + _GAP
    return sheet


def _block(row: Shown, extractor: Extractor) -> Image.Image:
    draw = _drawn_ink if extractor.domain == "ink" else _drawn_images
    cells = draw(row.signals, extractor)
    places, left, top, tall = list[tuple[int, int]](), 0, _LABEL, 0
    for cell in cells:
        if left and left + cell.width > _WIDTH:
            left, top, tall = 0, top + tall + _GAP // 2, 0
        places.append((left, top))
        left, tall = left + cell.width + _GAP, max(tall, cell.height)
    width = max(x + cell.width for (x, _), cell in zip(places, cells, strict=True))
    block = Image.new("RGB", (max(width, 200), top + tall), "white")
    _write(block, f"{row.sample.text or ''}   ({row.sample.id})")
    for number, (cell, (x, y)) in enumerate(zip(cells, places, strict=True)):
        block.paste(cell, (x, y))
        frame = "#2a6" if not number else "#ccc"
        ImageDraw.Draw(block).rectangle((x, y, x + cell.width - 1, y + cell.height - 1), outline=frame)
    return block


def _write(block: Image.Image, text: str) -> None:
    """The label; what no font at hand can show is written as its number."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
    fonts = _fonts()
    font = next((font for font in fonts if not _lacking(font, text)), fonts[0])
    for missing in _lacking(font, text):
        text = text.replace(missing, f"<U+{ord(missing):04X}>")
    ImageDraw.Draw(block).text((0, 0), text, "#444", font)


@cache
def _fonts() -> list[Any]:
    found: list[Any] = [ImageFont.load_default(14)]
    for name in _FONTS:
        try:
            found.append(ImageFont.truetype(name, 14))
        except OSError:  # this machine has none of that name
            continue
    return found


def _lacking(font: Any, text: str) -> set[str]:
    if not isinstance(font, ImageFont.FreeTypeFont):  # Pillow without FreeType: a small font of its own
        return {c for c in text if ord(c) > 255}
    empty = bytes(font.getmask(_NOTHING))
    return {c for c in text if not c.isspace() and bytes(font.getmask(c)) == empty}


def _drawn_images(signals: Sequence[np.ndarray], extractor: Extractor) -> list[Image.Image]:
    return [Image.fromarray(np.round(255 * (1 - np.clip(s, 0, 1))).astype(np.uint8)).convert("RGB") for s in signals]


def _drawn_ink(signals: Sequence[list[np.ndarray]], extractor: Any) -> list[Image.Image]:
    """Normalised ink, all of it to one scale; strokes from blue to red in their order, with a dot where each begins."""
    inks = [extractor.normalise(signal) for signal in signals]
    heights = np.concatenate([stroke[:, 1] for ink in inks for stroke in ink])
    low, high = min(-2.0, heights.min()) - 0.3, max(1.0, heights.max()) + 0.3
    return [_drawn(ink, low, high) for ink in inks]


def _drawn(ink: list[np.ndarray], low: float, high: float) -> Image.Image:
    scale = _FINER * _CORPUS_HEIGHT
    across = np.concatenate([stroke[:, 0] for stroke in ink])
    left, right = across.min() - 0.3, across.max() + 0.3
    scale = min(scale, _FINER * _WIDTH / (right - left))
    large = Image.new("RGB", (round((right - left) * scale) + 1, round((high - low) * scale) + 1), "white")
    canvas = ImageDraw.Draw(large)
    for number, stroke in enumerate(ink):
        share = number / max(1, len(ink) - 1)
        colour = (round(20 + 190 * share), 50, round(190 - 160 * share))
        points = [tuple(point) for point in ((stroke[:, :2] - (left, low)) * scale).tolist()]
        canvas.line(points if len(points) > 1 else 2 * points, colour, 2 * _FINER, "curve")
        x, y = points[0]
        canvas.ellipse((x - 3 * _FINER, y - 3 * _FINER, x + 3 * _FINER, y + 3 * _FINER), colour)
    return large.resize((-(-large.width // _FINER), -(-large.height // _FINER)), Image.Resampling.BOX)


def _write_sounds(folder: Path, number: int, signals: Sequence[np.ndarray], extractor: Any) -> None:
    """WAV files of 16 bits; all of a sample's by one factor, so that a change of the gain is heard."""
    loudest = max(float(np.abs(signal).max()) for signal in signals)
    for copy, signal in enumerate(signals):
        file = io.BytesIO()
        soundfile.write(file, signal / max(1.0, loudest), extractor.rate, format="WAV", subtype="PCM_16")
        with atomic(folder / _name(number, copy), "wb") as out:
            out.write(file.getvalue())


def _name(number: int, copy: int) -> str:
    return f"{number:02}-{copy}.wav" if copy else f"{number:02}-original.wav"


def _page(rows: Sequence[Shown], extractor: Extractor) -> str:
    body = ["<!doctype html><html lang=en><meta charset=utf-8><title>Augmentation</title>", f"<style>{_STYLE}</style>"]
    for number, (sample, signals) in enumerate(rows, 1):
        body.append(f"<h2>{escape(sample.text or '')} <small>{escape(sample.id)}</small></h2><table>")
        for copy, signal in enumerate(signals):
            name = _name(number, copy)
            heard = f"<audio controls preload=none src='{name}'></audio>"
            body.append(f"<tr><td>{name}<td>{heard}<td>{_picture(extractor.frames(signal))}")
        body.append("</table>")
    return "\n".join(body) + "\n"


def _picture(frames: np.ndarray) -> str:
    """Frames (T, F) as a small image, time from left to right."""
    low, high = np.percentile(frames, (2, 98))
    grey = 255 * (1 - np.clip((frames.T[::-1] - low) / max(high - low, 1e-6), 0, 1))
    file = io.BytesIO()
    Image.fromarray(np.round(grey).astype(np.uint8)).resize((min(4 * len(frames), 1200), 80)).save(file, "PNG")
    return f"<img alt='' src='data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}'>"
