"""Write received values to the spool: remove duplicates and assign sequence numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite

from chromatrace.domain.reading import MAX_TIME_NS, Reading, ReadingValue
from chromatrace.ingest.gateway.clock import CLOCK_TOLERANCE_NS, EARLIEST_NS, ClockOffsets
from chromatrace.ingest.gateway.dead_letters import (
    DeadLetter,
    NoRecorder,
    Recorder,
    reading_letter,
    rejected_letter,
)
from chromatrace.ingest.gateway.series import ChannelSeries, Series, SeriesState
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.records import NUMBER, TEXT, ReadingConflict, ReadingFields, reading_fields
from chromatrace.ingest.spool import Spool


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
        self._series = ChannelSeries(spool, channel, clock_tolerance_ns)

    def newest_ns(self, key: TagKey) -> int | None:
        """Return the source time of the newest stored reading of the tag that is plausible, or None."""
        return self._series.newest_ns(key)

    def newest_of(self, sources: Collection[str], prefix: str) -> int | None:
        """Return the newest plausible source time of the tags of `sources` that start with `prefix`, or None."""
        return self._series.newest_of(sources, prefix)

    def oldest_of_newest_ns(self, source: str) -> int | None:
        """Return the minimum `newest_ns` of the tags of `source`, or None. Later values of any tag may be missing."""
        return self._series.oldest_of_newest_ns(source)

    def has(self, key: TagKey, source_time_ns: int) -> bool:
        """Return whether a reading of the tag with this source time is stored."""
        return self._spool.find(self._channel, key.source, key.tag, source_time_ns) is not None

    def resume(self, keys: Iterable[TagKey]) -> None:
        """Continue after the last stored reading of each tag. See `ChannelSeries.resume`."""
        self._series.resume(keys)

    def skip(self, source: str, count: int) -> None:
        """Leave out sequence numbers of readings that were lost, which makes the loss visible in the log."""
        self._series.next_sequence[source] = self._series.next_sequence.get(source, 0) + count

    def write(self, values: Sequence[ReceivedValue]) -> dict[int, str]:
        """Append `values` to the spool in this order. Return the reason by position of each that is not stored.

        A duplicate is stored. Raises the spool's errors and leaves the state unchanged then.
        """
        batch = self._batch(values)
        changed = batch.changed
        self._recorder.record([reading_letter(values[position], reason) for position, reason in changed.items()])
        result = self._spool.append_fields(self._channel, batch.fields)
        self._series.commit(batch.states, batch.next_sequence)
        statistics = self._statistics
        statistics.stored += result.stored
        statistics.duplicates += batch.duplicates + result.duplicates
        statistics.conflicting += result.conflicting
        statistics.out_of_order += batch.out_of_order
        statistics.replayed += batch.replayed
        for source, ahead in batch.implausible:
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
                changed[batch.positions[conflict.position]] = letter.reason
        return changed

    def _batch(self, values: Sequence[ReceivedValue]) -> _Batch:
        """Return the readings to store. This runs a hundred thousand times a second, so the usual case comes first."""
        batch = _Batch()
        states, fields, positions, sequences = batch.states, batch.fields, batch.positions, batch.next_sequence
        tolerance_ns = self._tolerance_ns
        for position, value in enumerate(values):
            key, time_ns, received_ns, content, quality, replayed, _ = value
            source, tag, unit = key.source, key.tag, key.unit
            series = (source, tag)
            state = states.get(series)
            if state is None:
                state = states[series] = self._series.draft(key)
                if source not in sequences:
                    sequences[source] = self._series.next_sequence.get(source, 0)
            if unit != state.unit:
                state.check_names(key)
            is_new = True
            if time_ns <= state.any_ns:
                known = self._known(batch, (source, tag, time_ns))
                is_new = known is None
                if known == (content, unit, quality):
                    batch.duplicates += 1
                    continue
            kind = TEXT if content.__class__ is str else NUMBER
            if kind not in state.kinds and content is not None:
                reason = self._changed_type(series, kind, state)
                if reason is not None:
                    batch.changed[position] = reason
                    continue
            sequence = sequences[source]
            reading: ReadingFields = (source, tag, time_ns, received_ns, content, unit, quality, sequence, replayed)
            if not (
                content.__class__ is float and isfinite(content) and 0 < time_ns <= MAX_TIME_NS and 0 <= quality < 2**32
            ):
                reading = reading_fields(Reading(*reading))
            positions.append(position)
            fields.append(reading)
            if not is_new:
                continue
            sequences[source] = sequence + 1
            batch.replayed += replayed
            if time_ns < state.ns and not replayed:
                batch.out_of_order += 1
            if time_ns > state.any_ns:
                state.any_ns = time_ns
            if time_ns > received_ns + tolerance_ns:
                batch.implausible.append((source, True))
                continue
            if time_ns < EARLIEST_NS:
                batch.implausible.append((source, False))
            if time_ns > state.plausible_ns:
                state.plausible_ns = time_ns
        return batch

    def _changed_type(self, series: Series, kind: str, state: SeriesState) -> str | None:
        """Return why the type of a value does not fit its tag, or None."""
        known = state.kinds
        if known and not self._recorder.accepts_type(*series, kind):
            return f"the type changed: a {kind}, but earlier values of the tag are {' or '.join(sorted(known))}s"
        state.kinds = known | {kind}
        return None

    def _known(self, batch: _Batch, identity: tuple[str, str, int]) -> tuple[ReadingValue, str, int] | None:
        """Return value, unit and quality of the reading with this identity, in the batch or in the spool, or None."""
        waiting = batch.find(identity)
        if waiting is not None:
            return waiting[4:7]
        stored = self._spool.find(self._channel, *identity)
        return None if stored is None else (stored.reading.value, stored.reading.unit, stored.reading.quality)


@dataclass(slots=True)
class _Batch:
    """The readings of one `write`, their positions among its values, and the states after it.

    `changed` gives the reason for each value whose type does not fit.
    """

    states: dict[Series, SeriesState] = field(default_factory=dict)
    next_sequence: dict[str, int] = field(default_factory=dict)
    fields: list[ReadingFields] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    changed: dict[int, str] = field(default_factory=dict)
    implausible: list[tuple[str, bool]] = field(default_factory=list)
    duplicates: int = 0
    replayed: int = 0
    out_of_order: int = 0
    _by_identity: dict[tuple[str, str, int], ReadingFields] = field(default_factory=dict)
    _indexed: int = 0

    def find(self, identity: tuple[str, str, int]) -> ReadingFields | None:
        """Return the first reading with this identity, or None. Readings are indexed when the first one is sought."""
        for reading in self.fields[self._indexed :]:
            self._by_identity.setdefault(reading[:3], reading)
        self._indexed = len(self.fields)
        return self._by_identity.get(identity)


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
