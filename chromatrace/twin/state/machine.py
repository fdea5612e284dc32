"""Follow the status, batch, step and counters of a machine."""

from __future__ import annotations

from chromatrace.domain.reading import ReadingValue
from chromatrace.twin.plan import NS_PER_S, MachinePlan, MachineStatus
from chromatrace.twin.state.records import BatchState, HourCounts, MachineState

KEPT_HOURS = 8 * 24
KEPT_BATCHES = 32
_HOUR_NS = 3600 * NS_PER_S


def as_text(value: ReadingValue) -> str:
    """Return a value as text: 2.0 as "2", as a state table names it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


class MachineFollower:
    """Applies readings of a machine's special tags to its state, in the order of the log."""

    def __init__(self, plan: MachinePlan, state: MachineState) -> None:
        self.plan, self.state = plan, state

    def apply(self, role: str, index: int, time_ns: int, value: ReadingValue) -> None:
        """Apply a good value of the tag with this role."""
        state = self.state
        if role == "state":
            self._status(index, time_ns, as_text(value))
        elif role == "batch":
            self._batch(index, time_ns, as_text(value).strip())
        elif role == "step":
            state.step = as_text(value) or None
            if state.batch is not None:
                state.batch.step = state.step
        else:
            self._count(role, time_ns, value)
        state.last_time_ns = max(state.last_time_ns, time_ns)

    def _status(self, index: int, time_ns: int, text: str) -> None:
        state = self.state
        self._account(time_ns)
        status = self.plan.state_values.get(text, MachineStatus.UNKNOWN)
        if status is not state.status or not state.status_since_ns:
            state.status, state.status_since_ns, state.index = status, time_ns, index
        state.status_text = text

    def _account(self, time_ns: int) -> None:
        """Add the time since the last status to the hours. (It is not counted before the first status.)"""
        state = self.state
        start = state.counted_ns
        state.counted_ns = max(start, time_ns)
        if not start:
            return
        # A pause of the log beyond the hours that are kept counts no further than these.
        start = max(start, time_ns - KEPT_HOURS * _HOUR_NS)
        while start < time_ns:
            end = min(time_ns, (start // _HOUR_NS + 1) * _HOUR_NS)
            hour = self._hour(start)
            setattr(hour, state.status, getattr(hour, state.status) + end - start)
            start = end

    def _hour(self, time_ns: int) -> HourCounts:
        hours, hour = self.state.hours, time_ns // _HOUR_NS
        if hour not in hours:
            hours[hour] = HourCounts()
            if len(hours) > KEPT_HOURS:
                del hours[min(hours)]
        return hours.get(hour) or HourCounts()

    def _batch(self, index: int, time_ns: int, batch: str) -> None:
        state = self.state
        current = state.batch
        if current is not None and current.batch == batch:
            return
        if current is not None:
            current.ended_ns, current.last_index = time_ns, index
            state.earlier.append(current)
            del state.earlier[:-KEPT_BATCHES]
        state.batch = BatchState(batch, time_ns, index, state.step) if batch else None

    def _count(self, role: str, time_ns: int, value: ReadingValue) -> None:
        """Add the increase of a counter. A counter that falls was reset to 0."""
        if not isinstance(value, float | int):
            return
        state, name = self.state, "units" if role == "count" else "rejected"
        before = getattr(state, name)
        setattr(state, name, float(value))
        added = 0 if before is None else round(value - before if value >= before else value)
        if added:
            hour = self._hour(time_ns)
            setattr(hour, name, getattr(hour, name) + added)
            if state.batch is not None:
                setattr(state.batch, name, getattr(state.batch, name) + added)
