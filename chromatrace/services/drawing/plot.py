"""Draw curves as SVG or PNG. Curves with the same axes and overlapping abscissas share a panel."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.instruments.results import Array, Curve

WIDTH, COLUMN, NARROW = 760, 620, 340
"""Widths of a drawing in pixels: alone, in the column of a page, and on a phone."""
MAX_PANELS = 30
MAX_DRAWN = 4000
"""Points of a curve that are drawn. Of more, the lowest and the highest of each section are drawn."""

DATE = "date (UTC)"
"""Label of an abscissa in days (`date.toordinal`), whose marks are dates."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 24, 20, 56
_LEGEND_LINE = 20
_MAX_LEGEND = 8
_COLOURS = ("#1f5f99", "#b3541e", "#3b7d3a", "#7b4a9e", "#8a6d00", "#a3294f", "#1b7f86", "#555b66")
_INK, _SOFT, _GRID, _PAPER = "#0d1b27", "#4d5d6b", "#dfe5ea", "#ffffff"
_PNG_SCALE = 2


@dataclass(frozen=True, slots=True)
class _Line:
    points: list[tuple[float, float]]
    colour: str
    width: float


@dataclass(frozen=True, slots=True)
class _Text:
    x: float
    y: float
    text: str
    colour: str
    size: int
    anchor: str = "start"
    upright: bool = False
    """Rotated by 90 degrees, from bottom to top."""


def plot_svg(curves: Sequence[Curve], width: int = WIDTH) -> str:
    """Return the drawing as SVG. `width` in pixels, at least `NARROW`."""
    height, shapes = _drawing(curves, width)
    title = "; ".join(dict.fromkeys(f"{curve.y_label} by {curve.x_label}" for curve in curves))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="system-ui, &quot;Liberation Sans&quot;, Arial, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
    ]
    for shape in shapes:
        if isinstance(shape, _Line):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width}" '
                'stroke-linejoin="round"/>'
            )
        else:
            turn = f' transform="rotate(-90 {shape.x:.1f} {shape.y:.1f})"' if shape.upright else ""
            parts.append(
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" fill="{shape.colour}" font-size="{shape.size}" '
                f'text-anchor="{shape.anchor}"{turn}>{escape(shape.text)}</text>'
            )
    return "".join([*parts, "</svg>"])


def plot_png(curves: Sequence[Curve]) -> bytes:
    """Return the drawing as PNG, at twice the size of the SVG."""
    from PIL import Image, ImageDraw, ImageFont

    height, shapes = _drawing(curves, WIDTH)
    image = Image.new("RGB", (WIDTH * _PNG_SCALE, height * _PNG_SCALE), _PAPER)
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        if isinstance(shape, _Line):
            points = [(x * _PNG_SCALE, y * _PNG_SCALE) for x, y in shape.points]
            draw.line(points, shape.colour, round(shape.width * _PNG_SCALE), joint="curve")
            continue
        font = ImageFont.load_default(shape.size * _PNG_SCALE)
        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
        x, y = shape.x * _PNG_SCALE, shape.y * _PNG_SCALE
        if not shape.upright:
            draw.text((x, y), shape.text, shape.colour, font, anchor)
            continue
        left, top, right, bottom = (math.ceil(edge) for edge in font.getbbox(shape.text, anchor="ls"))
        label = Image.new("RGB", (right - left + 2, bottom - top + 2), _PAPER)
        ImageDraw.Draw(label).text((-left, -top), shape.text, shape.colour, font, "ls")
        turned = label.rotate(90, expand=True)
        image.paste(turned, (round(x) + top, round(y) - turned.height // 2))
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()


def _drawing(curves: Sequence[Curve], width: int) -> tuple[int, list[_Line | _Text]]:
    """Return the height and the shapes."""
    panel = 150 + width * 3 // 10
    shapes: list[_Line | _Text] = []
    top = 0
    for members in _panels(curves):
        legend = min(len(members), _MAX_LEGEND) * _LEGEND_LINE
        shapes += _panel(members, top + _TOP + legend, width, panel)
        for index, curve in enumerate(members[:_MAX_LEGEND]):
            y = top + _TOP + index * _LEGEND_LINE
            shapes.append(_Line([(_LEFT, y - 4), (_LEFT + 22, y - 4)], _COLOURS[index % len(_COLOURS)], 2))
            more = len(members) - _MAX_LEGEND if index == _MAX_LEGEND - 1 else 0
            name = _shortened(curve.name, width // 9) + (f" and {more} more" if more > 0 else "")
            shapes.append(_Text(_LEFT + 30, y, name, _INK, 13))
        top += panel + legend
    return top, shapes


def _panels(curves: Sequence[Curve]) -> list[list[Curve]]:
    panels: list[list[Curve]] = []
    for curve in curves:
        for members in panels:
            low, high = _limits([member.x for member in members])
            same = (members[0].x_label, members[0].y_label) == (curve.x_label, curve.y_label)
            if same and float(curve.x.min()) <= high and low <= float(curve.x.max()):
                members.append(curve)
                break
        else:
            panels.append([curve])
        if len(panels) > MAX_PANELS:
            raise InvalidInput(f"the files have more than {MAX_PANELS} diagrams", field="plot", hint="draw fewer files")
    return panels


def _shortened(text: str, characters: int) -> str:
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= characters else f"{plain[: characters - 1]}…"


def _panel(curves: list[Curve], top: float, width: int, height: int) -> Iterator[_Line | _Text]:
    left, right, bottom = _LEFT, width - _RIGHT, top + height - _TOP - _BOTTOM
    x_low, x_high = _limits([curve.x for curve in curves])
    y_low, y_high = _limits([curve.y for curve in curves])
    pad = (y_high - y_low) * 0.04
    y_low, y_high = (0.0 if 0 <= y_low < (y_high - y_low) * 0.25 else y_low - pad), y_high + pad

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - x_low) / (x_high - x_low) * (right - left),
            bottom - (y - y_low) / (y_high - y_low) * (bottom - top),
        )

    dates = curves[0].x_label == DATE
    for tick in _ticks(x_low, x_high, width // 110 if dates else min(8, width // 60)):
        if dates and not tick.is_integer():
            continue
        x, _ = at(tick, y_low)
        yield _Line([(x, top), (x, bottom)], _GRID, 1)
        text = date.fromordinal(int(tick)).isoformat() if dates else f"{tick:g}"
        yield _Text(x, bottom + 18, text, _SOFT, 12, "middle")
    for tick in _ticks(y_low, y_high, min(6, height // 50)):
        _, y = at(x_low, tick)
        yield _Line([(left, y), (right, y)], _GRID, 1)
        yield _Text(left - 8, y + 4, f"{tick:g}", _SOFT, 12, "end")
    yield _Line([(left, top), (left, bottom), (right, bottom)], _SOFT, 1)
    yield _Text((left + right) / 2, bottom + 42, curves[0].x_label, _INK, 13, "middle")
    yield _Text(20, (top + bottom) / 2, curves[0].y_label, _INK, 13, "middle", upright=True)
    for index, curve in enumerate(curves):
        x_values, y_values = _thinned(curve.x, curve.y)
        points = [at(x, y) for x, y in zip(x_values.tolist(), y_values.tolist(), strict=True)]
        yield _Line(points, _COLOURS[index % len(_COLOURS)], 1.6)


def _limits(arrays: list[Array]) -> tuple[float, float]:
    low = min(float(array.min()) for array in arrays)
    high = max(float(array.max()) for array in arrays)
    if not math.isfinite(high - low):
        raise InvalidInput(f"{low:g} to {high:g} is too large a range to draw", field="plot")
    if low == high:
        return low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0)
    return low, high


def _ticks(low: float, high: float, number: int) -> list[float]:
    """Return round values between `low` and `high`, at most about `number`."""
    raw = (high - low) / number
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [float(f"{index * step:.12g}") for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    if len(x) <= MAX_DRAWN:
        return x, y
    sections = np.array_split(np.arange(len(x)), MAX_DRAWN // 2)
    kept = sorted({int(s[np.argmin(y[s])]) for s in sections} | {int(s[np.argmax(y[s])]) for s in sections})
    return x[kept], y[kept]
