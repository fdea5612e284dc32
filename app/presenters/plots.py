"""Line plots of readings as points of an SVG polyline, drawn on the server so pages need no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.presenters.notation import format_unit
from chromatrace.domain.reading import Reading
from chromatrace.services.trends import Trend

WIDTH, HEIGHT = 320, 72
"""The SVG view box; the page scales it."""

_MARGIN = 4
_MAX_POINTS = 160
_DEFAULT_PLOTS = 3


@dataclass(frozen=True, slots=True)
class LinePlot:
    """One tag over time. `points` is an SVG points list; `area` is the same polygon closed at the bottom."""

    tag: str
    unit: str
    count: int
    minimum: float
    maximum: float
    points: str
    area: str

    @property
    def summary(self) -> str:
        """The text alternative of the plot."""
        upper = f"{self.maximum:.4g} {format_unit(self.unit)}".strip()
        return f"{self.tag}: {self.count} readings between {self.minimum:.4g} and {upper}"


def line_plots(readings: Iterable[Reading], tags: Sequence[str]) -> tuple[LinePlot, ...]:
    """Plot each of `tags` that has at least two good readings. If `tags` is empty, plot the first three that vary."""
    by_tag: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.good_number is not None:
            by_tag.setdefault(reading.tag, []).append(reading)
    drawable = {tag: series for tag, series in by_tag.items() if len(series) > 1}
    selected = [tag for tag in tags if tag in drawable] or sorted(drawable, key=lambda tag: not _varies(drawable[tag]))
    return tuple(_plot(tag, drawable[tag]) for tag in selected[: len(tags) or _DEFAULT_PLOTS])


def _number(reading: Reading) -> float:
    value = reading.good_number
    assert value is not None
    return value


def _varies(series: Sequence[Reading]) -> bool:
    return len({_number(reading) for reading in series}) > 1


def _plot(tag: str, series: list[Reading]) -> LinePlot:
    series.sort(key=lambda reading: reading.source_time_ns)
    values = [_number(reading) for reading in series]
    minimum, maximum = min(values), max(values)
    first_ns, last_ns = series[0].source_time_ns, series[-1].source_time_ns
    pairs = []
    for reading in _downsample(series):
        across = (reading.source_time_ns - first_ns) / max(1, last_ns - first_ns)
        up = (_number(reading) - minimum) / (maximum - minimum) if maximum > minimum else 0.5
        x, y = across * WIDTH, HEIGHT - _MARGIN - up * (HEIGHT - 2 * _MARGIN)
        pairs.append(f"{x:.1f},{y:.1f}")
    points = " ".join(pairs)
    area = f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}"
    return LinePlot(tag, series[0].unit, len(series), minimum, maximum, points, area)


def _downsample(series: Sequence[Reading]) -> Sequence[Reading]:
    """Return at most `_MAX_POINTS` readings: the minimum and maximum of each interval, so no excursion is lost."""
    if len(series) <= _MAX_POINTS:
        return series
    interval = -(-len(series) // (_MAX_POINTS // 2 - 1))
    kept: list[Reading] = []
    for start in range(0, len(series), interval):
        part = series[start : start + interval]
        extremes = {min(part, key=_number), max(part, key=_number)}
        kept.extend(sorted(extremes, key=lambda reading: reading.source_time_ns))
    # Keep both ends, or the line would stop short of the window.
    return [series[0], *kept, series[-1]]


def band_plot(trend: Trend) -> str:
    """Return the SVG points of a closed band between the extremes of a trend; "" without a good number."""
    drawn = [
        (time_ns, low, high)
        for time_ns, low, high in zip(trend.times_ns, trend.minimum, trend.maximum, strict=True)
        if low is not None and high is not None
    ]
    if not drawn:
        return ""
    first_ns, last_ns = drawn[0][0], drawn[-1][0]
    bottom, top = min(low for _, low, _ in drawn), max(high for _, _, high in drawn)

    def point(time_ns: int, value: float) -> str:
        across = (time_ns - first_ns) / max(1, last_ns - first_ns)
        up = (value - bottom) / (top - bottom) if top > bottom else 0.5
        return f"{across * WIDTH:.1f},{HEIGHT - _MARGIN - up * (HEIGHT - 2 * _MARGIN):.1f}"

    upper = [point(time_ns, high) for time_ns, _, high in drawn]
    lower = [point(time_ns, low) for time_ns, low, _ in reversed(drawn)]
    return " ".join(upper + lower)
