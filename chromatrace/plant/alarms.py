"""Limit alarms of the plant's OPC UA server: one condition for each tag that has limits of the process.

The alarm of a tag is active while its value is outside the limits. The Server object reports each change
(OPC UA Part 9) and keeps it in its history.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncua import Server, ua
from asyncua.server.event_generator import EventGenerator

from chromatrace.plant.history import ValueHistory
from chromatrace.plant.records import Tag
from chromatrace.plant.sources import Source, TagSample

CONDITION = "Level"
_SEVERITY = 500


@dataclass(slots=True)
class _Alarm:
    tag: Tag
    position: int
    generator: Any
    active: bool = False


class LimitAlarms:
    """The alarms of a source. `nodes` are the variables of its tags."""

    def __init__(self, server: Server, history: ValueHistory) -> None:
        self._server, self._history = server, history
        self._alarms: list[_Alarm] = []

    async def build(self, source: Source, nodes: tuple[ua.NodeId, ...]) -> None:
        """Create the condition of each tag that has a limit."""
        for position, (tag, node_id) in enumerate(zip(source.tags, nodes, strict=True)):
            if tag.limit_low is None and tag.limit_high is None:
                continue
            generator = EventGenerator(self._server.iserver.isession)
            await generator.init(ua.ObjectIds.ExclusiveLevelAlarmType, add_generates_event=not self._alarms)
            event = generator.event
            event.SourceNode, event.SourceName, event.InputNode = node_id, tag.name, node_id
            event.NodeId = ua.NodeId(f"{node_id.Identifier}/{CONDITION}", node_id.NamespaceIndex)
            event.ConditionName, event.Severity = CONDITION, _SEVERITY
            event.LowLimit, event.HighLimit = tag.limit_low, tag.limit_high
            setattr(event, "EnabledState/Id", True)
            self._alarms.append(_Alarm(tag, position, generator))
        bits = [ua.EventNotifier.SubscribeToEvents, ua.EventNotifier.HistoryRead]
        await self._server.nodes.server.set_event_notifier(bits)

    async def check(self, step: TagSample, time: datetime) -> None:
        """Report the alarms that a step raises or ends."""
        for alarm in self._alarms:
            message = _violation(alarm.tag, step.values[alarm.position])
            if (message is not None) == alarm.active:
                continue
            alarm.active = not alarm.active
            event = alarm.generator.event
            setattr(event, "ActiveState/Id", alarm.active)
            event.ActiveState = ua.LocalizedText("Active" if alarm.active else "Inactive")
            setattr(event, "AckedState/Id", False)
            event.AckedState = ua.LocalizedText("Unacknowledged")
            event.Retain = True
            event.Message = ua.LocalizedText(message or f"{alarm.tag.name} is within its limits")
            event.Time = time
            # Write the history first: a notified client must be able to find the event there.
            self._history.add_event(copy.copy(event))
            await alarm.generator.trigger(time_attr=time)


def _violation(tag: Tag, value: float) -> str | None:
    """Return which limit the value violates, or None."""
    for limit, side, violated in (
        (tag.limit_low, "below", tag.limit_low is not None and value < tag.limit_low),
        (tag.limit_high, "above", tag.limit_high is not None and value > tag.limit_high),
    ):
        if violated:
            return f"{tag.name} is {value:g} {tag.unit}, {side} its limit of {limit:g} {tag.unit}".replace(" ,", ",")
    return None
