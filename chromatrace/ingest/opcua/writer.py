"""Write received values to the spool: remove duplicates and assign sequence numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chromatrace.domain.reading import Reading
from chromatrace.ingest.opcua.statistics import GatewayStatistics
from chromatrace.ingest.opcua.values import ReceivedValue, TagKey
from chromatrace.ingest.spool import Spool

_RESUME_WINDOW = 8_192
_RESUME_LIMIT = 400_000

_Series = tuple[str, str]


class SpoolWriter:
    """Tracks the newest time of each tag and the next sequence number of each source. Not thread-safe.

    The state changes only after the spool has stored a batch. A failed batch can be written again.
    """

    def __init__(self, spool: Spool, channel: str, statistics: GatewayStatistics) -> None:
        self._spool = spool
        self._channel = channel
        self._statistics = statistics
        self._newest: dict[_Series, int] = {}
        self._next_sequence: dict[str, int] = {}

    def newest_ns(self, key: TagKey) -> int | None:
        """Return the source time of the newest stored reading of the tag, or None."""
        return self._newest.get((key.source, key.tag))

    def oldest_of_newest_ns(self, source: str) -> int | None:
        """Return the minimum `newest_ns` of the tags of `source`, or None. Later values of any tag may be missing."""
        times = [time for (of, _), time in self._newest.items() if of == source]
        return min(times) if times else None

    def resume(self, keys: Iterable[TagKey]) -> None:
        """Find the last stored reading of each tag, searching backwards from the end of the channel.

        A tag without a reading among the last `_RESUME_LIMIT` resumes at the oldest of them from the same source,
        because values were missed only after the earlier gateway stopped.
        """
        wanted = {(key.source, key.tag) for key in keys} - self._newest.keys()
        sources = {source for source, _ in wanted}
        newest_ns: dict[_Series, int] = {}
        stop = self._spool.size(self._channel)
        limit = max(0, stop - _RESUME_LIMIT)
        oldest_ns: dict[str, int] = {}
        while stop > limit and wanted - newest_ns.keys():
            start = max(limit, stop - _RESUME_WINDOW)
            for source, tag, time_ns, _, _, _, _, sequence, _ in self._spool.fields(self._channel, start, stop):
                if source in sources:
                    oldest_ns[source] = min(oldest_ns.get(source, time_ns), time_ns)
                    self._next_sequence[source] = max(self._next_sequence.get(source, 0), sequence + 1)
                series = (source, tag)
                if series in wanted:
                    newest_ns[series] = max(newest_ns.get(series, 0), time_ns)
            stop = start
        self._newest.update(newest_ns)
        if stop > 0:
            for series in wanted - newest_ns.keys():
                if series[0] in oldest_ns:
                    self._newest[series] = oldest_ns[series[0]]

    def write(self, values: Sequence[ReceivedValue]) -> None:
        """Append `values` to the spool in this order. Raises the spool's errors and leaves the state unchanged then."""
        next_sequence = dict(self._next_sequence)
        newest = dict(self._newest)
        pending: dict[tuple[str, str, int], ReceivedValue] = {}
        readings: list[Reading] = []
        duplicates = replayed = 0
        for value in values:
            key, time_ns = value.key, value.source_time_ns
            series, identity = (key.source, key.tag), (key.source, key.tag, time_ns)
            is_new = time_ns > newest.get(series, 0) or not self._known(identity, pending)
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
                newest[series] = max(newest.get(series, 0), time_ns)
                replayed += value.replayed
        result = self._spool.append(self._channel, readings)
        self._next_sequence, self._newest = next_sequence, newest
        self._statistics.stored += result.stored
        self._statistics.duplicates += duplicates + result.duplicates
        self._statistics.conflicting += result.conflicting
        self._statistics.replayed += replayed

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
