"""The server's memory of its values, for OPC UA HistoryRead.

asyncua's own history subscribes to the nodes and so misses a value equal to the one before it, and searches from the
front. This one is written to directly, keeps every value, and finds a time by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta

from asyncua import ua
from asyncua.server.history import HistoryStorageInterface


class ValueHistory(HistoryStorageInterface):  # type: ignore[misc]
    """The last `capacity` values of each variable (at times twice as many), in the order of their source times.

    One answer has at most `page` values; the rest follows by continuation point.
    """

    def __init__(self, capacity: int = 100_000, page: int = 10_000) -> None:
        super().__init__(page)
        self._capacity = capacity
        self._values: dict[ua.NodeId, list[ua.DataValue]] = {}
        self._times: dict[ua.NodeId, list[datetime]] = {}

    def keep(self, node_id: ua.NodeId) -> None:
        """Begins the history of a variable."""
        self._values[node_id] = []
        self._times[node_id] = []

    def add(self, node_id: ua.NodeId, value: ua.DataValue) -> None:
        """Adds a value, newer than those before."""
        values, times = self._values[node_id], self._times[node_id]
        values.append(value)
        times.append(value.SourceTimestamp)
        if len(values) >= 2 * self._capacity:
            del values[: -self._capacity], times[: -self._capacity]

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """OPC UA Part 11, 6.5.3: both ends included; without start, or with start after end, newest first."""
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
            found, more = values[begin:after][::-1], times[begin - 1] if begin > first else None
        else:
            found, more = (
                values[first : min(after, first + wanted)],
                times[first + wanted] if after - first > wanted else None,
            )
        # Whoever asked for a number of values has got it: only our own limit leaves something to follow.
        return found, None if nb_values and wanted == nb_values else more

    async def init(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def new_historized_node(self, node_id: ua.NodeId, period: timedelta | None, count: int = 0) -> None:
        self.keep(node_id)

    async def save_node_value(self, node_id: ua.NodeId, datavalue: ua.DataValue) -> None:
        self.add(node_id, datavalue)


def _time(time: datetime | None) -> datetime | None:
    """A null time of OPC UA means: not given."""
    return None if time is None or time <= ua.get_win_epoch() else time
