"""From arrivals to the spool: duplicates out, numbers on, durable before the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chromatrace.domain.reading import Reading
from chromatrace.ingest.opcua.statistics import Statistics
from chromatrace.ingest.opcua.values import Arrival, TagKey
from chromatrace.ingest.spool import Spool

_RESUME_WINDOW = 8_192
_RESUME_LIMIT = 400_000

_Series = tuple[str, str]


class Writer:
    """Knows the last time of each tag in the channel and the next number of each source. Used by one thread at a time.

    Its state moves on only after the spool has taken a batch: what failed can be written again.
    """

    def __init__(self, spool: Spool, channel: str, statistics: Statistics) -> None:
        self._spool = spool
        self._channel = channel
        self._statistics = statistics
        self._newest: dict[_Series, int] = {}
        self._next: dict[str, int] = {}

    def newest_ns(self, key: TagKey) -> int | None:
        """Source time of the tag's newest reading in the spool; None where there is none."""
        return self._newest.get((key.source, key.tag))

    def oldest_of_newest_ns(self, source: str) -> int | None:
        """The least `newest_ns` of the source's tags: no tag of it has been followed beyond this for certain."""
        times = [time for (of, _), time in self._newest.items() if of == source]
        return min(times) if times else None

    def resume(self, keys: Iterable[TagKey]) -> None:
        """Finds where an earlier gateway stopped, from the channel's end backwards.

        A tag that is not among the last `_RESUME_LIMIT` readings resumes at the oldest of its source's among them: what
        the earlier gateway missed came after it stopped.
        """
        wanted = {(key.source, key.tag) for key in keys} - self._newest.keys()
        sources = {source for source, _ in wanted}
        found: dict[_Series, int] = {}
        stop = self._spool.size(self._channel)
        limit = max(0, stop - _RESUME_LIMIT)
        oldest_ns: dict[str, int] = {}
        while stop > limit and wanted - found.keys():
            start = max(limit, stop - _RESUME_WINDOW)
            for source, tag, time_ns, _, _, _, _, sequence, _ in self._spool.fields(self._channel, start, stop):
                if source in sources:
                    oldest_ns[source] = min(oldest_ns.get(source, time_ns), time_ns)
                    self._next[source] = max(self._next.get(source, 0), sequence + 1)
                series = (source, tag)
                if series in wanted:
                    found[series] = max(found.get(series, 0), time_ns)
            stop = start
        self._newest.update(found)
        if stop > 0:
            for series in wanted - found.keys():
                if series[0] in oldest_ns:
                    self._newest[series] = oldest_ns[series[0]]

    def write(self, arrivals: Sequence[Arrival]) -> None:
        """Appends to the spool, in this order. Raises what the spool raises; nothing has then changed here."""
        numbers = dict(self._next)
        newest = dict(self._newest)
        pending: dict[tuple[str, str, int], Arrival] = {}
        readings: list[Reading] = []
        duplicates = replayed = 0
        for arrival in arrivals:
            key, time_ns = arrival.key, arrival.source_time_ns
            series, identity = (key.source, key.tag), (key.source, key.tag, time_ns)
            fresh = time_ns > newest.get(series, 0) or not self._known(identity, pending)
            if not fresh and self._same(identity, pending, arrival):
                duplicates += 1
                continue
            number = numbers.get(key.source, 0)
            readings.append(
                Reading(
                    key.source,
                    key.tag,
                    time_ns,
                    arrival.received_ns,
                    arrival.value,
                    key.unit,
                    arrival.quality,
                    number,
                    arrival.replayed,
                )
            )
            if fresh:
                pending[identity] = arrival
                numbers[key.source] = number + 1
                newest[series] = max(newest.get(series, 0), time_ns)
                replayed += arrival.replayed
        result = self._spool.append(self._channel, readings)
        self._next, self._newest = numbers, newest
        self._statistics.taken += result.taken
        self._statistics.duplicates += duplicates + result.duplicates
        self._statistics.conflicting += result.conflicting
        self._statistics.replayed += replayed

    def _known(self, identity: tuple[str, str, int], pending: dict[tuple[str, str, int], Arrival]) -> bool:
        return identity in pending or self._spool.find(self._channel, *identity) is not None

    def _same(
        self, identity: tuple[str, str, int], pending: dict[tuple[str, str, int], Arrival], arrival: Arrival
    ) -> bool:
        """Whether the known one says the same; where it does not, the spool is to record the conflict."""
        waiting = pending.get(identity)
        if waiting is not None:
            return (waiting.value, waiting.quality) == (arrival.value, arrival.quality)
        stored = self._spool.find(self._channel, *identity)
        return stored is not None and (stored.reading.value, stored.reading.unit, stored.reading.quality) == (
            arrival.value,
            arrival.key.unit,
            arrival.quality,
        )
