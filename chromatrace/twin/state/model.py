"""Apply an approved model of several tags to the log: readings become rows, rows become alarms.

A row ends at each multiple of the sample period, by the source time of the readings. It has the last good value of each
tag; a tag without one within the last two periods is missing. After a pause of more than one period, earlier rows are
forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.storage.strict_json import decode, encode
from chromatrace.twin.charts import Model, Monitor
from chromatrace.twin.charts.monitor import Alarm, MonitorState
from chromatrace.twin.state.records import ModelState

_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """A model that monitors a channel from log size `start` to `end` (None: still).

    sample_ns   period of a row
    run_length  consecutive rows above a limit that raise an alarm
    """

    name: str
    channel: str
    model: Model
    sample_ns: int
    run_length: int
    start: int
    end: int | None = None


class ModelFollower:
    """Applies readings to a model. `state` is the stored form, after `store`."""

    def __init__(self, plan: ModelPlan, state: ModelState) -> None:
        self.plan, self.state = plan, state
        self.positions = {tag: position for position, tag in enumerate(plan.model.tags)}
        self._monitor = Monitor(plan.model, plan.run_length)
        if state.monitor:
            self._monitor.restore(decode(state.monitor, MonitorState, max_bytes=_MAX_BYTES))
        else:
            state.values, state.times_ns = [0.0] * len(self.positions), [0] * len(self.positions)

    def store(self) -> None:
        """Bring the stored form up to date."""
        self.state.monitor = encode(self._monitor.state)

    def apply(self, position: int, time_ns: int, value: float) -> tuple[tuple[Alarm, ...], tuple[Alarm, ...]]:
        """Apply a good value of a tag. Return the alarms that the row which it completes raises and ends."""
        state, period = self.state, self.plan.sample_ns
        raised: tuple[Alarm, ...] = ()
        ended: tuple[Alarm, ...] = ()
        if not state.row_end_ns:
            state.row_end_ns = (time_ns // period + 1) * period
        elif time_ns >= state.row_end_ns:
            oldest = state.row_end_ns - 2 * period
            row = [
                value if at_ns > oldest else float("nan")
                for value, at_ns in zip(state.values, state.times_ns, strict=True)
            ]
            result = self._monitor.update(row)
            raised, ended = result.raised, result.ended
            if time_ns >= state.row_end_ns + period:
                ended += self._monitor.alarms
                raised = ()
                self._monitor.reset()
            state.row_end_ns = (time_ns // period + 1) * period
        state.values[position], state.times_ns[position] = value, time_ns
        return raised, ended
