"""Line charts as SVG text."""

from __future__ import annotations

from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 220, 48, 24
_COLOURS = ("#1f6fb4", "#d9662b", "#3a923a", "#8a5fb8")


def curves(series: dict[str, list[float]], highest: float | None = None) -> str:
    """An SVG with a line per series over the epochs 1, 2, ...; values above `highest` are cut off."""
    count = max(len(values) for values in series.values())
    top = max((value for values in series.values() for value in values), default=1.0) or 1.0
    top = min(top, highest) if highest else top

    def x(i: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * i / max(1, count - 1)

    def y(value: float) -> float:
        return 8 + (_HEIGHT - _BOTTOM - 8) * (1 - min(value, top) / top)

    parts = [f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' width='{_WIDTH}' font-size='12' role='img'>"]
    for share in (0, 0.25, 0.5, 0.75, 1):
        at = y(top * share)
        parts.append(f"<line x1='{_LEFT}' x2='{_WIDTH}' y1='{at:.1f}' y2='{at:.1f}' stroke='#ddd'/>")
        parts.append(f"<text x='{_LEFT - 6}' y='{at + 4:.1f}' text-anchor='end'>{top * share:.3g}</text>")
    for values, colour in zip(series.values(), _COLOURS, strict=False):
        points = [f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values)]
        line = " ".join(points if len(points) > 1 else 2 * points)  # one alone is a dot
        parts.append(
            f"<polyline points='{line}' fill='none' stroke='{colour}' stroke-width='2' stroke-linecap='round'/>"
        )
    for number, (name, colour) in enumerate(zip(series, _COLOURS, strict=False)):
        parts.append(
            f"<text x='{_WIDTH - 8}' y='{22 + 16 * number}' text-anchor='end' fill='{colour}'>{escape(name)}</text>"
        )
    parts.append(f"<text x='{_LEFT}' y='{_HEIGHT - 6}'>epoch 1</text>")
    parts.append(f"<text x='{_WIDTH - 8}' y='{_HEIGHT - 6}' text-anchor='end'>{count}</text></svg>")
    return "".join(parts)
