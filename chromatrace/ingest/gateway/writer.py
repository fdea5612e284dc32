"""Write received values to the spool: remove duplicates and assign sequence numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from chromatrace.domain.reading import Reading
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.records import SeriesEnd
from chromatrace.ingest.spool import Spool

_RESUME_LIMIT = 400_000

CLOCK_TOLERANCE_NS = 300 * 10**9
"""A source time that is further ahead of the receipt is implausible."""
_EARLIEST_NS = 946_684_800 * 10**9
"""1 January 2000. Earlier source times are implausible."""

_Series = tuple[str, str]


def is_future(source_time_ns: int, received_ns: int) -> bool:
    """Return whether a source time is implausibly far ahead of its receipt."""
    return source_time_ns > received_ns + CLOCK_TOLERANCE_NS


@dataclass(slots=True)
class _Newest:
    """The newest source times of a tag: of all readings, and of those that are not ahead of their receipt.

    A clock that is wrong for a moment must not hide the following readings. If it is always ahead, all its times are
    used.
    """

    any_ns: int = 0
    plausible_ns: int = 0

    @property
    def ns(self) -> int:
        return self.plausible_ns or self.any_ns

    def add(self, source_time_ns: int, received_ns: int) -> None:
        self.any_ns = max(self.any_ns, source_time_ns)
        if not is_future(source_time_ns, received_ns):
            self.plausible_ns = max(self.plausible_ns, source_time_ns)


class SpoolWriter:
    """Tracks the newest time of each tag and the next sequence number of each source. Not thread-safe.

    The state changes only after the spool has stored a batch. A failed batch can be written again.
    """

    def __init__(self, spool: Spool, channel: str, statistics: GatewayStatistics) -> None:
        self._spool = spool
        self._channel = channel
        self._statistics = statistics
        self._newest: dict[_Series, _Newest] = {}
        self._next_sequence: dict[str, int] = {}
        self._ends: dict[_Series, SeriesEnd | None] | None = None
        self._oldest_ns: dict[str, int] = {}

    def newest_ns(self, key: TagKey) -> int | None:
        """Return the source time of the newest stored reading of the tag that is plausible, or None."""
        newest = self._newest.get((key.source, key.tag))
        return newest.ns if newest is not None else None

    def has(self, key: TagKey, source_time_ns: int) -> bool:
        """Return whether a reading of the tag with this source time is stored."""
        return self._spool.find(self._channel, key.source, key.tag, source_time_ns) is not None

    def oldest_of_newest_ns(self, source: str) -> int | None:
        """Return the minimum `newest_ns` of the tags of `source`, or None. Later values of any tag may be missing."""
        times = [newest.ns for (of, _), newest in self._newest.items() if of == source]
        return min(times) if times else None

    def resume(self, keys: Iterable[TagKey]) -> None:
        """Continue after the last stored reading of each tag.

        A tag whose readings are all older than the last `_RESUME_LIMIT` of the channel resumes at the oldest of these
        from the same source, because values were missed only after the earlier gateway stopped.
        """
        ends = self._ends_of_channel()
        for key in keys:
            series = (key.source, key.tag)
            if series in self._newest or series not in ends:
                continue
            end = ends[series]
            if end is not None:
                self._newest[series] = _Newest(end.newest_ns, end.plausible_ns)
            elif key.source in self._oldest_ns:
                self._newest[series] = _Newest(self._oldest_ns[key.source])

    def newest_of(self, sources: Collection[str], prefix: str) -> int | None:
        """Return the newest plausible source time of the tags of `sources` that start with `prefix`, or None."""

        def chosen(series: _Series) -> bool:
            return series[0] in sources and series[1].startswith(prefix)

        self.resume(TagKey(*series, "") for series in self._ends_of_channel() if chosen(series))
        return max((newest.ns for series, newest in self._newest.items() if chosen(series)), default=None)

    def _ends_of_channel(self) -> dict[_Series, SeriesEnd | None]:
        """Return the ends of the series that earlier gateways stored. They are read once."""
        if self._ends is None:
            self._ends = self._spool.series_ends(self._channel, _RESUME_LIMIT, CLOCK_TOLERANCE_NS)
            for (source, _), end in self._ends.items():
                if end is not None:
                    self._oldest_ns[source] = min(self._oldest_ns.get(source, end.oldest_ns), end.oldest_ns)
                    self._next_sequence[source] = max(self._next_sequence.get(source, 0), end.sequence + 1)
        return self._ends

    def write(self, values: Sequence[ReceivedValue]) -> None:
        """Append `values` to the spool in this order. Raises the spool's errors and leaves the state unchanged then."""
        self.resume(value.key for value in values)
        next_sequence = dict(self._next_sequence)
        newest = {series: replace(times) for series, times in self._newest.items()}
        pending: dict[tuple[str, str, int], ReceivedValue] = {}
        readings: list[Reading] = []
        implausible: list[tuple[str, bool]] = []
        duplicates = replayed = 0
        for value in values:
            key, time_ns = value.key, value.source_time_ns
            series, identity = (key.source, key.tag), (key.source, key.tag, time_ns)
            is_new = time_ns > _any_ns(newest.get(series)) or not self._known(identity, pending)
            if not is_new and self._equals_known(identity, pending, value):
                duplicates += 1
                continue
            sequence = next_sequence.get(key.source, 0)
            readings.append(
                Reading(
                    key.source,
                    key.tag,
                    time_ns,
                    value.received_ns,
                    value.value,
                    key.unit,
                    value.quality,
                    sequence,
                    value.replayed,
                )
            )
            if is_new:
                pending[identity] = value
                next_sequence[key.source] = sequence + 1
                newest.setdefault(series, _Newest()).add(time_ns, value.received_ns)
                if is_future(time_ns, value.received_ns) or time_ns < _EARLIEST_NS:
                    implausible.append((key.source, time_ns > value.received_ns))
                replayed += value.replayed
        result = self._spool.append(self._channel, readings)
        self._next_sequence, self._newest = next_sequence, newest
        self._statistics.stored += result.stored
        self._statistics.duplicates += duplicates + result.duplicates
        self._statistics.conflicting += result.conflicting
        self._statistics.replayed += replayed
        for source, ahead in implausible:
            self._statistics.add_implausible_time(source, ahead=ahead)

    def _known(self, identity: tuple[str, str, int], pending: dict[tuple[str, str, int], ReceivedValue]) -> bool:
        return identity in pending or self._spool.find(self._channel, *identity) is not None

    def _equals_known(
        self, identity: tuple[str, str, int], pending: dict[tuple[str, str, int], ReceivedValue], value: ReceivedValue
    ) -> bool:
        """Return whether `value` equals the known value. If not, the spool records a conflict."""
        waiting = pending.get(identity)
        if waiting is not None:
            return (waiting.value, waiting.quality) == (value.value, value.quality)
        stored = self._spool.find(self._channel, *identity)
        return stored is not None and (stored.reading.value, stored.reading.unit, stored.reading.quality) == (
            value.value,
            value.key.unit,
            value.quality,
        )


def _any_ns(newest: _Newest | None) -> int:
    return newest.any_ns if newest is not None else 0
