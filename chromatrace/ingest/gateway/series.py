"""The state of the series of a channel: newest times, types of values, sequence numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from chromatrace.domain.reading import Reading
from chromatrace.ingest.gateway.values import TagKey
from chromatrace.ingest.spool import Spool

Series = tuple[str, str]
"""Source and tag."""

_RESUME_LIMIT = 400_000


@dataclass(slots=True)
class SeriesState:
    """The newest source times of a tag, of all readings and of those that are not ahead of their receipt.

    A clock that is wrong for a moment must not hide the following readings. If it is always ahead, all its times are
    used. `kinds` are the types of the stored values. `unit` is the unit with which the names were checked; None: they
    are not checked yet.
    """

    any_ns: int = 0
    plausible_ns: int = 0
    kinds: frozenset[str] = frozenset()
    unit: str | None = None

    @property
    def ns(self) -> int:
        return self.plausible_ns or self.any_ns

    def check_names(self, key: TagKey) -> None:
        """Raise `InvalidInput` if source, tag or unit cannot be those of a reading."""
        Reading(key.source, key.tag, 1, 1, 0.0, key.unit)
        self.unit = key.unit

    def copy(self) -> SeriesState:
        """Return a copy. It takes less time than `dataclasses.replace`."""
        return SeriesState(self.any_ns, self.plausible_ns, self.kinds, self.unit)


class ChannelSeries:
    """The states of the series of a channel, and the next sequence number of each source."""

    def __init__(self, spool: Spool, channel: str, tolerance_ns: int) -> None:
        self._spool, self._channel, self._tolerance_ns = spool, channel, tolerance_ns
        self._states: dict[Series, SeriesState] = {}
        self._stored: dict[Series, SeriesState | None] | None = None
        """The states that earlier gateways left; None for a series whose readings are all old."""
        self._oldest_ns: dict[str, int] = {}
        self.next_sequence: dict[str, int] = {}

    def resume(self, keys: Iterable[TagKey]) -> None:
        """Continue after the last stored reading of each tag.

        A tag whose readings are all older than the last `_RESUME_LIMIT` of the channel resumes at the oldest of these
        from the same source, because values were missed only after the earlier gateway stopped.
        """
        stored = self._stored_states()
        for key in keys:
            series = (key.source, key.tag)
            if series in self._states or series not in stored:
                continue
            state = stored[series]
            if state is not None:
                self._states[series] = state
            elif key.source in self._oldest_ns:
                self._states[series] = SeriesState(self._oldest_ns[key.source])

    def draft(self, key: TagKey) -> SeriesState:
        """Return a copy of the state of a tag, to change it for a batch that is not stored yet."""
        series = (key.source, key.tag)
        if series not in self._states:
            self.resume([key])
        state = self._states.get(series)
        return SeriesState() if state is None else state.copy()

    def commit(self, states: Mapping[Series, SeriesState], next_sequence: Mapping[str, int]) -> None:
        """Take the states of a batch that is stored."""
        self._states.update(states)
        self.next_sequence.update(next_sequence)

    def newest_ns(self, key: TagKey) -> int | None:
        """Return the source time of the newest stored reading of the tag that is plausible, or None."""
        state = self._states.get((key.source, key.tag))
        return state.ns if state is not None else None

    def newest_of(self, sources: Collection[str], prefix: str) -> int | None:
        """Return the newest plausible source time of the tags of `sources` that start with `prefix`, or None."""

        def chosen(series: Series) -> bool:
            return series[0] in sources and series[1].startswith(prefix)

        self.resume(TagKey(*series, "") for series in self._stored_states() if chosen(series))
        return max((state.ns for series, state in self._states.items() if chosen(series)), default=None)

    def oldest_of_newest_ns(self, source: str) -> int | None:
        """Return the minimum `newest_ns` of the tags of `source`, or None. Later values of any tag may be missing."""
        return min((state.ns for (of, _), state in self._states.items() if of == source), default=None)

    def _stored_states(self) -> dict[Series, SeriesState | None]:
        """Return the states that earlier gateways left. They are read once."""
        if self._stored is None:
            stored: dict[Series, SeriesState | None] = {}
            ends = self._spool.series_ends(self._channel, _RESUME_LIMIT, self._tolerance_ns)
            for series, end in ends.items():
                stored[series] = None
                if end is not None:
                    source = series[0]
                    stored[series] = SeriesState(end.newest_ns, end.plausible_ns, end.kinds)
                    self._oldest_ns[source] = min(self._oldest_ns.get(source, end.oldest_ns), end.oldest_ns)
                    self.next_sequence[source] = max(self.next_sequence.get(source, 0), end.sequence + 1)
            self._stored = stored
        return self._stored
