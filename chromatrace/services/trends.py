"""Points to draw of one tag over a window: every reading, or the extremes of equal intervals if there are many."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.reading import GOOD
from chromatrace.ingest.spool import Spool

MAX_POINTS = 2000
"""Readings of a window that are drawn one by one; of more readings, `INTERVALS` pairs of extremes are drawn."""
INTERVALS = 1000


@dataclass(frozen=True, slots=True)
class Trend:
    """One tag over a window.

    times_ns          time of each point (Unix ns); with `step_ns`, the middle of its interval
    minimum, maximum  values of each point, equal for a single reading; None: no good number there
    step_ns           length of the intervals; 0 if the points are single readings
    readings          readings in the window
    not_good          those that are not good numbers: bad, uncertain, or texts
    """

    source: str
    tag: str
    unit: str
    times_ns: tuple[int, ...]
    minimum: tuple[float | None, ...]
    maximum: tuple[float | None, ...]
    step_ns: int
    readings: int
    not_good: int


def trend(spool: Spool, channel: str, source: str, tag: str, from_ns: int, to_ns: int) -> Trend:
    """Return the points of a tag from `from_ns` to before `to_ns`. Excursions are never left out."""
    rows = spool.series_fields(channel, source, tag, from_ns, to_ns, MAX_POINTS + 1)
    unit = next((row[5] for row in rows if row[5]), "")
    if len(rows) <= MAX_POINTS:
        values = tuple(
            float(value) if quality == GOOD and isinstance(value, float | int) else None
            for _, _, _, _, value, _, quality, _, _ in rows
        )
        times = tuple(row[2] for row in rows)
        return Trend(source, tag, unit, times, values, values, 0, len(rows), values.count(None))
    step = -(-(to_ns - from_ns) // INTERVALS)
    bounds = [min(from_ns + index * step, to_ns) for index in range(INTERVALS + 1)]
    intervals = list(spool.extremes(channel, source, tag, bounds))
    return Trend(
        source,
        tag,
        unit,
        times_ns=tuple(start + step // 2 for start in bounds[:-1]),
        minimum=tuple(low for _, _, low, _ in intervals),
        maximum=tuple(high for _, _, _, high in intervals),
        step_ns=step,
        readings=sum(total for total, _, _, _ in intervals),
        not_good=sum(total - good for total, good, _, _ in intervals),
    )
