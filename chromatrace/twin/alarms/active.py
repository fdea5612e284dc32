"""The conditions of a channel that are true, and the suppression of floods.

A flood is more alarms than an operator can handle: ANSI/ISA-18.2 counts 10 alarms in 10 minutes, until there are fewer
than 5. Its alarms of low priority are recorded as suppressed; those that are still active at its end are released.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chromatrace.twin.effects import AlarmCleared, AlarmRaised, AlarmReleased, Effect
from chromatrace.twin.plan import AlarmSettings, Priority
from chromatrace.twin.state.records import ActiveAlarm, ChannelState

FLOOD_KEY = "flood"


class ActiveAlarms:
    """Raises and clears the conditions of a channel. The returned effects are in the order of the log."""

    def __init__(self, settings: AlarmSettings, state: ChannelState) -> None:
        self._settings, self._state = settings, state

    def raise_(
        self,
        key: str,
        kind: str,
        priority: Priority,
        log_size: int,
        time_ns: int,
        message: str,
        *,
        machine: str | None = None,
        source: str | None = None,
        tag: str | None = None,
        batch: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Iterator[Effect]:
        """Raise an alarm unless the condition is already true."""
        state = self._state
        if key in state.alarms:
            return
        yield from self._count(log_size)
        suppressed = state.flood and priority not in self._settings.flood_passes
        about = (machine, source, tag, batch)
        state.alarms[key] = ActiveAlarm(key, kind, priority, log_size, time_ns, message, suppressed, *about)
        yield AlarmRaised(
            state.channel, log_size, key, kind, priority, time_ns, message, *about, suppressed=suppressed, data=data
        )

    def clear(self, key: str, log_size: int, time_ns: int) -> Iterator[Effect]:
        """Clear an alarm if the condition is true."""
        if self._state.alarms.pop(key, None) is not None:
            yield AlarmCleared(self._state.channel, log_size, key, time_ns)

    def check_flood(self, log_size: int) -> Iterator[Effect]:
        """End the flood if there are few alarms now. Call it as the log's time advances."""
        state = self._state
        start = state.clock_ns - self._settings.flood_window_ns
        while state.raised_ns and state.raised_ns[0] <= start:
            state.raised_ns.pop(0)
        if state.flood and len(state.raised_ns) < self._settings.flood_end:
            state.flood = False
            yield from self.clear(FLOOD_KEY, log_size, state.clock_ns)
            for alarm in state.alarms.values():
                if alarm.suppressed:
                    alarm.suppressed = False
                    yield AlarmReleased(state.channel, log_size, alarm.key, state.clock_ns)

    def _count(self, log_size: int) -> Iterator[Effect]:
        state, settings = self._state, self._settings
        yield from self.check_flood(log_size)
        state.raised_ns.append(state.clock_ns)
        del state.raised_ns[: -settings.flood_count]
        if not state.flood and len(state.raised_ns) >= settings.flood_count:
            state.flood = True
            minutes = settings.flood_window_ns / 60e9
            message = f"{settings.flood_count} alarms within {minutes:g} minutes; alarms of low priority are suppressed"
            priority = Priority.HIGH
            state.alarms[FLOOD_KEY] = ActiveAlarm(FLOOD_KEY, "flood", priority, log_size, state.clock_ns, message)
            yield AlarmRaised(state.channel, log_size, FLOOD_KEY, "flood", priority, state.clock_ns, message)
