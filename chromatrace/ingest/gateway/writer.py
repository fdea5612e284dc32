"""Write received values to the spool: remove duplicates and assign sequence numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from chromatrace.domain.reading import Reading, ReadingValue
from chromatrace.ingest.gateway.clock import CLOCK_TOLERANCE_NS, ClockOffsets, is_future, is_implausible
from chromatrace.ingest.gateway.dead_letters import (
    DeadLetter,
    NoRecorder,
    Recorder,
    reading_letter,
    rejected_letter,
)
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.records import NUMBER, TEXT, ReadingConflict, SeriesEnd
from chromatrace.ingest.spool import Spool

_RESUME_LIMIT = 400_000

_Series = tuple[str, str]


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

    def add(self, source_time_ns: int, received_ns: int, tolerance_ns: int) -> None:
        self.any_ns = max(self.any_ns, source_time_ns)
        if not is_future(source_time_ns, received_ns, tolerance_ns):
            self.plausible_ns = max(self.plausible_ns, source_time_ns)


class SpoolWriter:
    """Tracks the newest time of each tag and the next sequence number of each source. Not thread-safe.

    The state changes only after the spool has stored a batch. A failed batch can be written again.

    A text is rejected if the earlier values of its tag are numbers, and the reverse, unless an operator accepted the
    change. Rejected and conflicting values go to `recorder`.
    """

    def __init__(
        self,
        spool: Spool,
        channel: str,
        statistics: GatewayStatistics,
        recorder: Recorder | None = None,
        clock_tolerance_ns: int = CLOCK_TOLERANCE_NS,
    ) -> None:
        self._spool = spool
        self._channel = channel
        self._statistics = statistics
        self._recorder = recorder or NoRecorder()
        self._tolerance_ns = clock_tolerance_ns
        self._clocks = ClockOffsets()
        self._kinds: dict[_Series, frozenset[str]] = {}
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

    def skip(self, source: str, count: int) -> None:
        """Leave out sequence numbers of readings that were lost, which makes the loss visible in the log."""
        self._next_sequence[source] = self._next_sequence.get(source, 0) + count

    def _ends_of_channel(self) -> dict[_Series, SeriesEnd | None]:
        """Return the ends of the series that earlier gateways stored. They are read once."""
        if self._ends is None:
            self._ends = self._spool.series_ends(self._channel, _RESUME_LIMIT, self._tolerance_ns)
            for series, end in self._ends.items():
                if end is not None:
                    source = series[0]
                    self._oldest_ns[source] = min(self._oldest_ns.get(source, end.oldest_ns), end.oldest_ns)
                    self._next_sequence[source] = max(self._next_sequence.get(source, 0), end.sequence + 1)
                    if end.kinds:
                        self._kinds[series] = end.kinds
        return self._ends

    def write(self, values: Sequence[ReceivedValue]) -> dict[int, str]:
        """Append `values` to the spool in this order. Return the reason by position of each that is not stored.

        A duplicate is stored. Raises the spool's errors and leaves the state unchanged then.
        """
        self.resume(value.key for value in values)
        next_sequence = dict(self._next_sequence)
        newest = {series: replace(times) for series, times in self._newest.items()}
        kinds: dict[_Series, frozenset[str]] = {}
        pending: dict[tuple[str, str, int], ReceivedValue] = {}
        readings: list[Reading] = []
        positions: list[int] = []
        implausible: list[tuple[str, bool]] = []
        changed: dict[int, str] = {}
        duplicates = replayed = out_of_order = 0
        for position, value in enumerate(values):
            key, time_ns = value.key, value.source_time_ns
            series, identity = (key.source, key.tag), (key.source, key.tag, time_ns)
            is_new = time_ns > _any_ns(newest.get(series)) or not self._known(identity, pending)
            if not is_new and self._equals_known(identity, pending, value):
                duplicates += 1
                continue
            reason = self._changed_type(series, value.value, kinds)
            if reason is not None:
                changed[position] = reason
                continue
            sequence = next_sequence.get(key.source, 0)
            positions.append(position)
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
                times = newest.setdefault(series, _Newest())
                out_of_order += time_ns < times.ns and not value.replayed
                times.add(time_ns, value.received_ns, self._tolerance_ns)
                if is_implausible(time_ns, value.received_ns, self._tolerance_ns):
                    implausible.append((key.source, time_ns > value.received_ns))
                replayed += value.replayed
        self._recorder.record([reading_letter(values[position], reason) for position, reason in changed.items()])
        result = self._spool.append(self._channel, readings)
        self._next_sequence, self._newest = next_sequence, newest
        self._kinds |= kinds
        statistics = self._statistics
        statistics.stored += result.stored
        statistics.duplicates += duplicates + result.duplicates
        statistics.conflicting += result.conflicting
        statistics.out_of_order += out_of_order
        statistics.replayed += replayed
        for source, ahead in implausible:
            statistics.add_implausible_time(source, ahead=ahead)
        for position, reason in changed.items():
            key = values[position].key
            statistics.reject(RejectedTagValue(key.source, key.tag, reason))
        self._clocks.add(values)
        statistics.clock_offset_ms = self._clocks.offsets_ms()
        if result.conflicts:
            # The spool itself has recorded them, so an error here loses nothing.
            letters = [_conflict_letter(conflict) for conflict in result.conflicts]
            self._recorder.record(letters)
            for conflict, letter in zip(result.conflicts, letters, strict=True):
                changed[positions[conflict.position]] = letter.reason
        return changed

    def _changed_type(self, series: _Series, value: ReadingValue, added: dict[_Series, frozenset[str]]) -> str | None:
        """Return why the type of a value does not fit its tag, or None. `added`: types that the batch adds."""
        if value is None:
            return None
        kind = TEXT if isinstance(value, str) else NUMBER
        known = added.get(series) or self._kinds.get(series) or frozenset()
        if kind in known:
            return None
        if known and not self._recorder.accepts_type(*series, kind):
            return f"the type changed: a {kind}, but earlier values of the tag are {' or '.join(sorted(known))}s"
        added[series] = known | {kind}
        return None

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


def _conflict_letter(conflict: ReadingConflict) -> DeadLetter:
    rejected, stored = conflict.rejected, conflict.stored
    return rejected_letter(
        rejected.source,
        rejected.tag,
        f"contradicts the stored value {stored.reading.value!r:.60} of the same time (entry {stored.index})",
        rejected.received_ns,
        time_ns=rejected.source_time_ns,
        value=rejected.value,
        unit=rejected.unit,
        quality=rejected.quality,
    )
