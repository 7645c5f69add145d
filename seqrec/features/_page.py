"""Line images: pages opened and kept, lines cut out and levelled, ink drawn."""

from __future__ import annotations

import re
import struct
import threading
import warnings
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageDraw, ImageOps, UnidentifiedImageError

from seqrec.errors import DataError
from seqrec.samples import Points

_T = TypeVar("_T")

# No EPS, PDF or WMF: Pillow hands those to other programs.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
_EXPECTED = "an image (PNG, JPEG, TIFF, BMP, GIF, WebP, PBM/PGM/PPM or JPEG 2000)"
# What Pillow's decoders raise over broken files, beside OSError.
_BROKEN = (
    SyntaxError, ValueError, TypeError, LookupError, AttributeError, EOFError, ArithmeticError, RuntimeError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip
_MAGIC = {
    b"RIFF": "a sound",
    b"fLaC": "a sound",
    b"OggS": "a sound",
    b"ID3": "a sound",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an archive",
}
_WEB = re.compile(rb"\s*(?i:<!doctype|<html)")

_DOT = 1e-200  # the extent of ink that has none; by a smaller one cannot be divided
_KEPT_PAGES, _KEPT_BYTES = 8, 96 << 20  # the largest image that Pillow lets pass has 89 million pixels
_kept: OrderedDict[tuple[str, int, int], np.ndarray] = OrderedDict()
_lock = threading.Lock()


def open_page(path: Path) -> np.ndarray:
    """The first page of an image file as (H, W) uint8, upright, black 0, white 255; read-only.

    Colours become grey, transparency white; 16-bit and float images are scaled by their brightest
    value. The last few pages are kept, since many lines come from one page.

    Raises DataError for anything that is not a readable image or is larger than Pillow's limit.
    """
    try:
        if not path.is_file():
            came = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
            raise DataError(path, came, "an image file", "check the path in the manifest")
        state = path.stat()
    except (OSError, ValueError) as error:
        raise DataError(path, f"cannot be read ({error})", "an image file") from None
    key = (str(path.absolute()), state.st_mtime_ns, state.st_size)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
        page = _opened(path, _decode)
        page.flags.writeable = False
        _kept[key] = page
        while len(_kept) > 1 and (len(_kept) > _KEPT_PAGES or sum(p.nbytes for p in _kept.values()) > _KEPT_BYTES):
            _kept.popitem(last=False)
        return page


def header(path: Path) -> tuple[int, float]:
    """An upright image's width in pixels and its dots per inch, 0 where it does not say. Raises DataError."""
    return _opened(path, lambda image: (_width(image), _dpi(image)))


def pages(path: Path) -> int:
    """How many pages an image file holds; only the first is read. Raises DataError."""
    return _opened(path, lambda image: int(getattr(image, "n_frames", 1)))


def _width(image: Image.Image) -> int:
    turned = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return image.height if turned else image.width


def _dpi(image: Image.Image) -> float:
    dpi = float(image.info.get("dpi", (0, 0))[0])
    return dpi if 10 <= dpi <= 10_000 else 0.0  # 1 or 72 x 10^n: a placeholder


def _decode(image: Image.Image) -> np.ndarray:
    image.draft("L", image.size)  # a JPEG's brightness, without its colours
    image.load()  # turns a TIFF upright by itself
    ImageOps.exif_transpose(image, in_place=True)
    return _grey(image)


def _opened(path: Path, look: Callable[[Image.Image], _T]) -> _T:
    """What `look` sees in an image file; every fault of the file becomes a DataError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # By name, Pillow maps uncompressed files into memory and scrambles a turned TIFF.
            with open(path, "rb") as file, Image.open(file, formats=_FORMATS) as image:
                return look(image)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"at most {(Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels"
        raise DataError(path, "is too large an image", most, "scale it down or cut it into lines") from None
    except UnidentifiedImageError:
        raise DataError(path, _what(path), _EXPECTED, "check what the path names") from None
    except (OSError, *_BROKEN) as error:
        if isinstance(error, OSError) and error.errno:
            raise DataError(path, f"cannot be read ({error.strerror})", _EXPECTED) from None
        said = str(error) or type(error).__name__
        raise DataError(path, f"is a broken image ({said:.80})", "a complete image", "copy or export it anew") from None


def _what(path: Path) -> str:
    """What a file holds that is no image."""
    with open(path, "rb") as file:
        head = file.read(512)
    if not head:
        return "is empty"
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return f"is {kind}, not an image"
    if _WEB.match(head):
        return "is an HTML page, not an image"
    text = all(byte in b"\t\n\r\f" or byte >= 32 for byte in head)
    return "is text, not an image" if text else "is not an image that can be read"


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        brightest = max(float(values.max()), 1e-9)
        return (np.clip(values, 0, None) * (255 / brightest)).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return np.array(image.convert("L"))


class Axes:
    """Coordinates along a baseline: u runs along its chord, v across it, v = 0 on the baseline.

    A baseline that is flatter than steep is followed from left to right, whichever way it was drawn.
    """

    def __init__(self, baseline: Points | None) -> None:
        knots = np.asarray(baseline if baseline else [(0, 0), (1, 0)], np.float64)
        chord = knots[-1] - knots[0]
        if abs(chord[0]) >= abs(chord[1]) and chord[0] < 0:
            knots, chord = knots[::-1], -chord
        length = float(np.hypot(*chord))
        self.along = chord / length if length > 1 else np.array([1.0, 0.0])
        self.across = np.array([-self.along[1], self.along[0]])
        self.origin = knots[0] if length > 1 else np.zeros(2)
        u, v = (knots - self.origin) @ self.along, (knots - self.origin) @ self.across
        u = u.round(6)  # between knots a hair apart the slope would overflow
        order = np.argsort(u, kind="stable")
        self.u: np.ndarray = u[order] if length > 1 else np.zeros(1)
        self.v: np.ndarray = v[order] if length > 1 else np.zeros(1)
        if self.level:
            self.origin = np.zeros(2)

    @property
    def level(self) -> bool:
        return self.along[1] == 0 and not self.v.any()

    def bend(self, u: np.ndarray) -> np.ndarray:
        """How far the baseline lies off its chord at u."""
        return np.asarray(np.interp(u, self.u, self.v))

    def from_page(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) x, y -> (N, 2) u, v."""
        u, v = (points - self.origin) @ self.along, (points - self.origin) @ self.across
        return np.stack([u, v - self.bend(u)], axis=1)

    def to_page(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(W,) u and (H,) v -> x and y, each (H, W) float32."""
        x = self.origin[0] + u * self.along[0] + self.bend(u) * self.across[0]
        y = self.origin[1] + u * self.along[1] + self.bend(u) * self.across[1]
        grid = [(a[None, :] + v[:, None] * b).astype(np.float32) for a, b in zip((x, y), self.across, strict=True)]
        return grid[0], grid[1]


@dataclass(frozen=True)
class Line:
    """A line of a page, levelled along its baseline: its outline (N, 2) in u and v, and the shape it is given."""

    axes: Axes
    outline: np.ndarray
    shape: tuple[int, int]
    scale: float  # rows or columns per pixel, but for rounding
    width: int  # of the page

    @property
    def low(self) -> np.ndarray:
        return np.asarray(np.floor(self.outline.min(axis=0)))

    @property
    def high(self) -> np.ndarray:
        return np.asarray(np.maximum(np.ceil(self.outline.max(axis=0)), self.low + 1))

    def to_page(self, columns: np.ndarray) -> np.ndarray:
        """x on the page of ascending places (n,), in columns, half-way up the line; never descending."""
        middle = (self.low[1] + self.high[1]) / 2
        by = self.shape[1] / (self.high - self.low)[0] if self.axes.level else self.scale
        x, _ = self.axes.to_page(self.low[0] + columns / by, np.array([middle]))
        return np.maximum.accumulate(x[0].clip(0, self.width).astype(np.float64))


def line(
    size: tuple[int, int], polygon: Points | None, baseline: Points | None, tallest: int, widest: float, where: str
) -> Line:
    """The line of a page of a size (height, width) that is scaled down to at most `tallest` rows.

    Raises DataError for a polygon without area or outside of the page, or for a line that is more
    than `widest` times as wide as it is high.
    """
    bounds = np.array(size[::-1], np.float64)
    axes = Axes(tuple(map(tuple, np.clip(baseline, 0, bounds))) if baseline else None)
    outline = axes.from_page(_outline(polygon, bounds, where))
    w, h = np.maximum(np.ceil(outline.max(axis=0)) - np.floor(outline.min(axis=0)), 1)
    if w > widest * h:
        raise DataError(
            where, f"is {w:.0f} pixels wide and {h:.0f} high", f"at most {widest:.0f} times as wide as high"
        )
    scale = min(1.0, tallest / h)
    return Line(axes, outline, (max(1, round(h * scale)), max(1, round(w * scale))), scale, size[1])


def cut(page: np.ndarray, line: Line, masked: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """The line's grey (h, w) uint8, and if it is `masked` what lies inside of its outline: (h, w) bool."""
    if line.axes.level:
        left, top, right, bottom = (int(n) for n in (*line.low, *line.high))
        grey = _scaled(page[top:bottom, left:right], line.shape)
    else:
        grey = _levelled(page, line.axes, line.low, line.scale, line.shape)
    if not masked:
        return grey, None
    mask = Image.new("L", line.shape[::-1])
    ImageDraw.Draw(mask).polygon(((line.outline - line.low) * line.scale).ravel().tolist(), fill=1)
    return grey, np.asarray(mask).view(bool)


def _outline(polygon: Points | None, bounds: np.ndarray, where: str) -> np.ndarray:
    """The polygon inside of the page, (N, 2), with a point at least every 16 pixels."""
    corners = np.asarray(polygon if polygon else [(0, 0), (bounds[0], 0), bounds, (0, bounds[1])], np.float64)
    following = np.roll(corners, -1, axis=0)
    if not abs(corners[:, 0] @ following[:, 1] - corners[:, 1] @ following[:, 0]) > 0:
        raise DataError(where, "has a polygon without area", "three or more corners around the line")
    inside = np.clip(corners, 0, bounds)
    if (inside.max(axis=0) <= inside.min(axis=0)).any():
        size = f"inside of the image, {bounds[0]:.0f} x {bounds[1]:.0f} pixels"
        raise DataError(where, "has a polygon outside of the image", size, "does it belong to another page or scale?")
    ring = np.concatenate([inside, inside[:1]])
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    at = np.union1d(arc, np.arange(0, arc[-1], 16))
    return np.stack([np.interp(at, arc, ring[:, 0]), np.interp(at, arc, ring[:, 1])], axis=1)


def _scaled(grey: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if grey.shape == shape:
        return grey
    return np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize(shape[::-1], Image.Resampling.BOX))


def _levelled(page: np.ndarray, axes: Axes, low: np.ndarray, scale: float, shape: tuple[int, int]) -> np.ndarray:
    v, u = ((np.arange(n) + 0.5) / scale - 0.5 + start for n, start in zip(shape, low[::-1], strict=True))
    x, y = axes.to_page(u, v)
    left, right = (int(n) for n in np.clip([x.min() - 2, x.max() + 3], 0, page.shape[1]))
    top, bottom = (int(n) for n in np.clip([y.min() - 2, y.max() + 3], 0, page.shape[0]))
    part = page[top:bottom, left:right]
    small = _scaled(part, (max(1, round(part.shape[0] * scale)), max(1, round(part.shape[1] * scale))))
    by_x, by_y = small.shape[1] / part.shape[1], small.shape[0] / part.shape[0]
    x, y = (x - (left - 0.5)) * by_x - 0.5, (y - (top - 0.5)) * by_y - 0.5
    return remap(small, np.clip(x, 0, small.shape[1] - 1), np.clip(y, 0, small.shape[0] - 1)).round().astype(np.uint8)


def remap(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The image (H, W) at the places x, y (h, w), bilinear, 0 outside; float32 (h, w)."""
    height, width = image.shape
    framed = np.zeros((height + 3, width + 3), np.float32)
    framed[1:-2, 1:-2] = image
    x, y = np.clip(x + 1, 0, width + 1), np.clip(y + 1, 0, height + 1)
    column, row = x.astype(np.intp), y.astype(np.intp)
    x, y = (x - column).astype(np.float32), (y - row).astype(np.float32)
    at, values = row * (width + 3) + column, framed.ravel()
    above = values.take(at)
    above += x * (values.take(at + 1) - above)
    at += width + 3
    below = values.take(at)
    below += x * (values.take(at + 1) - below)
    below -= above
    return np.asarray(above + y * below)


def draw(
    strokes: tuple[np.ndarray, ...], height: int, pen: float, widest: float, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Ink as an image (height, W) float32, ink 1 on paper 0, smooth-edged; and the column of each point (N,).

    The ink fills the height but for margins; strokes without any height, a dash or a dot, are drawn
    as wide as a letter; the aspect is kept. `pen` is the pen's width as a share of the height.
    Raises DataError for ink without points, with NaN, or `widest` times as wide as high.
    """
    inked = [np.asarray(stroke, np.float64)[:, :2] for stroke in strokes if len(stroke)]
    points = np.concatenate(inked) if inked else np.zeros((0, 2))
    if not len(points) or not np.isfinite(points).all():
        raise DataError(where, "holds no ink" if not len(points) else "holds NaN", "strokes with finite points")
    low, (w, h) = points.min(axis=0), np.ptp(points, axis=0)
    length = sum(float(np.hypot(*np.diff(stroke, axis=0).T).sum()) for stroke in inked)
    dash = length < 1.5 * w  # writing is far longer than wide
    size = max(h, w if dash else w / 30)
    size = size if size > _DOT else 1.0
    if w > widest * size:
        raise DataError(where, f"is ink {w:.4g} wide and {h:.4g} high", f"at most {widest:.0f} times as wide as high")
    fine, margin = 3 * height, 3 * height * (1 / 16 + pen / 2)
    scale = (fine - 2 * margin) / size
    image = Image.new("L", (3 * round((w * scale + 2 * margin) / 3), fine))
    start = np.array([margin, (fine - h * scale) / 2])
    for stroke in inked:
        _draw_stroke(ImageDraw.Draw(image), (stroke - low) * scale + start, pen * fine)
    return np.asarray(image.reduce(3), np.float32) / 255, ((points - low) * scale + start)[:, 0] / 3


def _draw_stroke(canvas: ImageDraw.ImageDraw, points: np.ndarray, width: float) -> None:
    """A line with round joints and ends; points that share a pixel are drawn once."""
    pixels = np.round(points)
    points = points[np.concatenate([[True], (np.diff(pixels, axis=0) != 0).any(axis=1)])]
    canvas.line(points.ravel().tolist(), fill=255, width=max(1, round(width)))
    for x, y in points.tolist():
        canvas.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
