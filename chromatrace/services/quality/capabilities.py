"""Capability of tags over time: Cp and Cpk of the readings that belong to each inspected lot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from chromatrace.documents.evidence import ReadingWindow
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.reading import Reading
from chromatrace.plant.records import Plant, Tag
from chromatrace.services.quality.history import InspectedBatch
from chromatrace.twin.charts.capability import capability
from chromatrace.twin.charts.individuals import TagLimits

MAX_READINGS = 50_000
"""Readings of one window that are evaluated: the first ones."""


class Readings(Protocol):
    """A store of readings, such as `chromatrace.ingest.spool.Spool`."""

    def __hash__(self) -> int:
        """Return the hash, for the cache of windows."""

    def size(self, channel: str) -> int:
        """Return the number of readings stored for the channel."""

    def entries(self, channel: str, start: int, stop: int) -> Iterable[Reading]:
        """Return the readings of leaves `start` to `stop - 1`."""


@dataclass(frozen=True, slots=True)
class TagCapability:
    """Capability of a tag in the window of a lot, in the unit of the plant file.

    time_s    time of the last reading of the window (Unix seconds)
    readings  good values
    sigma     mean moving range / d2
    cp        None with one limit only
    """

    lot: str
    time_s: int
    tag: str
    unit: str
    readings: int
    mean: float
    sigma: float
    low: float | None
    high: float | None
    cp: float | None
    cpk: float


def capabilities(
    readings: Readings, plant: Plant, inspected: Iterable[InspectedBatch], windows: int
) -> tuple[TagCapability, ...]:
    """Return the capability of each tag with limits in the newest `windows` evidence windows, oldest first.

    A tag with fewer than 20 good values, or with equal values only, has no capability.
    """
    found: dict[ReadingWindow, InspectedBatch] = {}
    for item in inspected:
        if item.evidence is not None and item.evidence.readings is not None:
            found.setdefault(item.evidence.readings, item)
    newest = sorted(found, key=lambda window: window.last_time_ns)[-windows:]
    limited = tuple(tag for tag in plant.tags if tag.limit_low is not None or tag.limit_high is not None)
    rows: list[TagCapability] = []
    for window in newest:
        for tag, count, limits in _of_window(readings, window, limited):
            result = capability(limits.centre, limits.sigma, lower=tag.limit_low, upper=tag.limit_high)
            rows.append(
                TagCapability(
                    found[window].name,
                    window.last_time_ns // 10**9,
                    tag.name,
                    tag.unit,
                    count,
                    limits.centre,
                    limits.sigma,
                    tag.limit_low,
                    tag.limit_high,
                    result.cp,
                    result.cpk,
                )
            )
    return tuple(rows)


@lru_cache(maxsize=512)
def _of_window(
    readings: Readings, window: ReadingWindow, tags: tuple[Tag, ...]
) -> tuple[tuple[Tag, int, TagLimits], ...]:
    """Return each tag with its number of values and its limits in control. The log does not change."""
    if readings.size(window.channel) < window.tree_size:
        return ()
    return tuple(_limits(readings, window, tags))


def _limits(readings: Readings, window: ReadingWindow, tags: tuple[Tag, ...]) -> Iterator[tuple[Tag, int, TagLimits]]:
    stop = min(window.last_leaf + 1, window.first_leaf + MAX_READINGS)
    values: dict[str, list[float]] = {}
    by_name = {tag.name: tag for tag in tags}
    for reading in readings.entries(window.channel, window.first_leaf, stop):
        names = (reading.tag, f"{reading.source}/{reading.tag}", reading.tag.rpartition("/")[2])
        tag = next((by_name[name] for name in names if name in by_name), None)
        number = reading.good_number
        if tag is not None and number is not None:
            values.setdefault(tag.name, []).append(tag.in_unit(number))
    for tag in tags:
        try:
            series = np.array(values.get(tag.name, ()))
            yield tag, len(series), TagLimits.from_values(series)
        except ChromaTraceError:  # too few values, or all equal
            continue
