"""Readings of a machine's tags, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chromatrace.domain.errors import NotFound
from chromatrace.domain.reading import GOOD, ReadingValue
from chromatrace.ingest.spool import Spool
from chromatrace.twin.plan import MachinePlan, TwinPlan

_PAGE = 10_000
MAX_TIME_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Series:
    """A tag of a source in a channel of the spool."""

    channel: str
    source: str
    tag: str


class MachineLog:
    """The readings of one machine in a spool."""

    def __init__(self, spool: Spool, plan: TwinPlan, machine: MachinePlan) -> None:
        self._spool = spool
        self.machine = machine
        self._series = [
            Series(channel, source, tag)
            for channel in spool.names()
            for source, tag in spool.series(channel)
            if plan.machine_of(channel, source, tag) is machine
        ]

    @property
    def log_sizes(self) -> dict[str, int]:
        """Number of readings of each channel that has readings of the machine."""
        return {channel: self._spool.size(channel) for channel in sorted({series.channel for series in self._series})}

    def series(self, tag: str) -> Series | None:
        """Return the series of a tag of the plant file, by its whole name or its last path component; None without it.

        Raises `NotFound` if several series have it.
        """
        found = [series for series in self._series if tag in (series.tag, series.tag.rpartition("/")[2])]
        if len(found) > 1:
            raise NotFound(
                f"{len(found)} series of {self.machine.id} have the tag {tag!r}",
                field="tag",
                hint="check the tags and the source of the machine in the plant file",
            )
        return found[0] if found else None

    def require(self, tag: str) -> None:
        """Raise `NotFound` without readings of a tag."""
        if self.series(tag) is None:
            raise NotFound(f"no readings of the tag {tag!r} of {self.machine.id}", field="tag")

    def values(self, tag: str, from_ns: int, to_ns: int) -> Iterator[tuple[int, ReadingValue]]:
        """Yield time and value of the good readings from `from_ns` to before `to_ns`; bad readings have None."""
        series = self.series(tag)
        while series is not None:
            page = self._spool.series_fields(series.channel, series.source, series.tag, from_ns, to_ns, _PAGE)
            for _, _, time_ns, _, value, _, quality, *_ in page:
                yield time_ns, value if quality == GOOD else None
            if len(page) < _PAGE:
                return
            from_ns = page[-1][2] + 1

    def value_before(self, tag: str, time_ns: int) -> tuple[int, ReadingValue] | None:
        """Return time and value of the last good reading before a time."""
        series = self.series(tag)
        if series is None:
            return None
        found = self._spool.last_before(series.channel, series.source, series.tag, time_ns)
        return None if found is None else (found[2], found[4])

    def first_time(self) -> int | None:
        """Return the time of the machine's oldest reading; None without readings."""
        first = [
            page[0][2]
            for series in self._series
            if (page := self._spool.series_fields(series.channel, series.source, series.tag, 0, MAX_TIME_NS, 1))
        ]
        return min(first, default=None)

    def last_time(self) -> int | None:
        """Return the time of the machine's newest reading; None without readings."""
        last = [
            found[2]
            for series in self._series
            if (found := self._spool.last_before(series.channel, series.source, series.tag, MAX_TIME_NS)) is not None
        ]
        return max(last, default=None)
