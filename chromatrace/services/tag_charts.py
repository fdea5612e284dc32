"""The control chart of one tag over a window of the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import GOOD
from chromatrace.ingest.spool import Spool
from chromatrace.twin.charts.individuals import TagLimits
from chromatrace.twin.charts.tag_chart import TagChart, signal_names

MAX_VALUES = 5000
"""Values of a chart. A longer window is an error: a chart judges every value."""


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A value and its statistics: z and the moving range in standard deviations; `signals`: names of the rules."""

    time_ns: int
    value: float
    moving_range: float | None
    ewma: float
    cusum_high: float
    cusum_low: float
    signals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WindowChart:
    """The chart of a tag. `left_out`: readings without a good number."""

    limits: TagLimits
    unit: str
    points: tuple[ChartPoint, ...]
    left_out: int


def base_limits(spool: Spool, channel: str, source: str, tag: str, from_ns: int, to_ns: int) -> TagLimits:
    """Return the limits estimated from a window that is in control. Raises `TrainingDataError`."""
    values, _, _ = _values(spool, channel, source, tag, from_ns, to_ns)
    return TagLimits.from_values(np.array([value for _, value in values]))


def window_chart(
    spool: Spool, channel: str, source: str, tag: str, from_ns: int, to_ns: int, limits: TagLimits
) -> WindowChart:
    """Return the chart of the values from `from_ns` to before `to_ns`."""
    values, unit, left_out = _values(spool, channel, source, tag, from_ns, to_ns)
    chart, points = TagChart(limits), []
    last: float | None = None
    for time_ns, value in values:
        signals = chart.update(value)
        moving_range = None if last is None else abs(value - last)
        last = value
        points.append(
            ChartPoint(
                time_ns,
                value,
                moving_range,
                limits.centre + chart.ewma * limits.sigma,
                chart.cusum_high,
                chart.cusum_low,
                tuple(signal_names(signals)),
            )
        )
    return WindowChart(limits, unit, tuple(points), left_out)


def _values(
    spool: Spool, channel: str, source: str, tag: str, from_ns: int, to_ns: int
) -> tuple[list[tuple[int, float]], str, int]:
    rows = spool.series_fields(channel, source, tag, from_ns, to_ns, MAX_VALUES + 1)
    if len(rows) > MAX_VALUES:
        raise InvalidInput(
            f"the window has more than {MAX_VALUES} readings of {tag}", field="from", hint="choose a shorter window"
        )
    good = [
        (time_ns, float(value))
        for _, _, time_ns, _, value, _, quality, _, _ in rows
        if quality == GOOD and isinstance(value, float | int)
    ]
    return good, next((row[5] for row in rows if row[5]), ""), len(rows) - len(good)
