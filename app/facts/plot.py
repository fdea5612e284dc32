"""Small line plots of readings, as points of an SVG polyline: drawn on the server, no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.facts.notation import unit_words
from chromatrace.domain.reading import GOOD, Reading

WIDTH, HEIGHT = 320, 72
"""The drawing's coordinate system; the page scales it."""

_MARGIN = 4
_MAX_POINTS = 160
_DEFAULT_PLOTS = 3


@dataclass(frozen=True, slots=True)
class Plot:
    """One tag over time. `points` is an SVG points list, `area` the same closed at the bottom."""

    tag: str
    unit: str
    count: int
    least: float
    most: float
    last: float
    first_time_ns: int
    last_time_ns: int
    points: str
    area: str

    @property
    def summary(self) -> str:
        """For people who cannot see it."""
        most = f"{self.most:.4g} {unit_words(self.unit)}".strip()
        return f"{self.tag}: {self.count} readings between {self.least:.4g} and {most}"


def plots_of(readings: Iterable[Reading], tags: Sequence[str]) -> tuple[Plot, ...]:
    """A plot for each of `tags` with at least two good readings; the first three tags that vary where none is named."""
    by_tag: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.quality == GOOD:
            by_tag.setdefault(reading.tag, []).append(reading)
    drawable = {tag: series for tag, series in by_tag.items() if len(series) > 1}
    wanted = [tag for tag in tags if tag in drawable] or sorted(drawable, key=lambda tag: not _varies(drawable[tag]))
    return tuple(_plot(tag, drawable[tag]) for tag in wanted[: len(tags) or _DEFAULT_PLOTS])


def _varies(series: Sequence[Reading]) -> bool:
    return len({reading.value for reading in series}) > 1


def _plot(tag: str, series: list[Reading]) -> Plot:
    series.sort(key=lambda reading: reading.source_time_ns)
    values = [reading.value for reading in series]
    least, most = min(values), max(values)
    first_ns, last_ns = series[0].source_time_ns, series[-1].source_time_ns
    pairs = []
    for reading in _thinned(series):
        across = (reading.source_time_ns - first_ns) / max(1, last_ns - first_ns)
        up = (reading.value - least) / (most - least) if most > least else 0.5
        x, y = across * WIDTH, HEIGHT - _MARGIN - up * (HEIGHT - 2 * _MARGIN)
        pairs.append(f"{x:.1f},{y:.1f}")
    points = " ".join(pairs)
    area = f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}"
    return Plot(tag, series[0].unit, len(series), least, most, values[-1], first_ns, last_ns, points, area)


def _thinned(series: Sequence[Reading]) -> Sequence[Reading]:
    """At most `_MAX_POINTS`: the least and the most of each stretch, so that no excursion is lost."""
    if len(series) <= _MAX_POINTS:
        return series
    stretch = -(-len(series) // (_MAX_POINTS // 2 - 1))
    kept: list[Reading] = []
    for start in range(0, len(series), stretch):
        part = series[start : start + stretch]
        extremes = {min(part, key=lambda item: item.value), max(part, key=lambda item: item.value)}
        kept.extend(sorted(extremes, key=lambda item: item.source_time_ns))
    # Both ends stay, or the line would stop short of the window.
    return [series[0], *kept, series[-1]]
