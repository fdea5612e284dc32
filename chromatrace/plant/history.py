"""In-memory value history for OPC UA HistoryRead.

asyncua's own history uses a subscription, which misses a value equal to the previous one, and searches linearly. This
history is written to directly, keeps every value and searches by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from typing import Any

from asyncua import ua
from asyncua.server.history import HistoryStorageInterface


class ValueHistory(HistoryStorageInterface):  # type: ignore[misc]
    """Keeps at least the last `capacity` values of each variable (at most twice as many), ordered by source time.

    A response has at most `page` values. A continuation point gives the rest.
    """

    def __init__(self, capacity: int = 100_000, page: int = 10_000) -> None:
        super().__init__(page)
        self._capacity = capacity
        self._values: dict[ua.NodeId, list[ua.DataValue]] = {}
        self._times: dict[ua.NodeId, list[datetime]] = {}
        self._events: list[Any] = []

    def keep(self, node_id: ua.NodeId) -> None:
        """Start the history of a variable."""
        self._values[node_id] = []
        self._times[node_id] = []

    def add(self, node_id: ua.NodeId, value: ua.DataValue) -> None:
        """Add a value that is newer than all values before it."""
        values, times = self._values[node_id], self._times[node_id]
        values.append(value)
        times.append(value.SourceTimestamp)
        if len(values) >= 2 * self._capacity:
            del values[: -self._capacity], times[: -self._capacity]

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """Return values from `start` to `end`, both included (OPC UA Part 11, 6.5.3).

        Without `start`, or with `start` after `end`, the newest value comes first.
        """
        if node_id not in self._values:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadHistoryOperationUnsupported)
        values, times = self._values[node_id], self._times[node_id]
        start, end = _time(start), _time(end)
        backwards = start is None or (end is not None and start > end)
        if start is None:
            earliest, latest = None, end
        else:
            earliest, latest = (end, start) if backwards else (start, end)
        first = 0 if earliest is None else bisect_left(times, earliest)
        after = len(times) if latest is None else bisect_right(times, latest)
        wanted = min(nb_values or self.max_history_data_response_size, self.max_history_data_response_size)
        if backwards:
            begin = max(first, after - wanted)
            page, more = values[begin:after][::-1], times[begin - 1] if begin > first else None
        else:
            page, more = (
                values[first : min(after, first + wanted)],
                times[first + wanted] if after - first > wanted else None,
            )
        # A continuation point is needed only if the server's own page limit cut the response.
        return page, None if nb_values and wanted == nb_values else more

    def add_event(self, event: Any) -> None:
        """Add an event that is not older than all events before it."""
        self._events.append(event)
        if len(self._events) >= 2 * self._capacity:
            del self._events[: -self._capacity]

    async def read_event_history(
        self, source_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int, evfilter: Any
    ) -> tuple[list[Any], datetime | None]:
        """Return the events from `start` to `end`, both included, oldest first."""
        start, end = _time(start), _time(end)
        first = 0 if start is None else bisect_left(self._events, start, key=lambda event: event.Time)
        after = len(self._events) if end is None else bisect_right(self._events, end, key=lambda event: event.Time)
        wanted = min(nb_values or self.max_history_data_response_size, self.max_history_data_response_size)
        more = self._events[first + wanted].Time if after - first > wanted and wanted != nb_values else None
        return self._events[first : min(after, first + wanted)], more

    async def init(self) -> None:
        """Do nothing; the interface requires this method."""

    async def stop(self) -> None:
        """Do nothing; the interface requires this method."""

    async def new_historized_node(self, node_id: ua.NodeId, period: timedelta | None, count: int = 0) -> None:
        self.keep(node_id)

    async def save_node_value(self, node_id: ua.NodeId, datavalue: ua.DataValue) -> None:
        self.add(node_id, datavalue)


def _time(time: datetime | None) -> datetime | None:
    """Return None for OPC UA's null time."""
    return None if time is None or time <= ua.get_win_epoch() else time
