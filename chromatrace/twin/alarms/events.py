"""Alarms of OPC UA servers, which the gateway stores as text readings (`chromatrace.ingest.opcua.events`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from chromatrace.domain.reading import ReadingValue
from chromatrace.ingest.opcua.events import EVENT_TAG
from chromatrace.twin.plan import MachinePlan, Priority, TwinPlan

_LEVELS = ((901, Priority.CRITICAL), (667, Priority.HIGH), (334, Priority.MEDIUM))
"""Lowest severity of a priority. OPC UA (Part 5, 6.4.2) has severities from 1 to 1000, but no such mapping."""


@dataclass(frozen=True, slots=True)
class ConditionState:
    """The state of a condition of a server."""

    active: bool
    priority: Priority
    message: str
    facts: dict[str, Any]


def is_event_tag(tag: str) -> bool:
    """Return whether the readings of a tag are events."""
    return tag.startswith(EVENT_TAG)


def condition_state(tag: str, value: ReadingValue) -> ConditionState | None:
    """Return the state of a condition, or None if the event is not about one."""
    try:
        facts = orjson.loads(value) if isinstance(value, str) else None
    except orjson.JSONDecodeError:
        return None
    if not isinstance(facts, dict) or not isinstance(facts.get("active"), bool):
        return None
    severity = facts.get("severity")
    level = severity if isinstance(severity, int) else 0
    priority = next((priority for lowest, priority in _LEVELS if level >= lowest), Priority.LOW)
    message = facts.get("message")
    text = message if isinstance(message, str) and message else tag.removeprefix(EVENT_TAG)
    return ConditionState(facts["active"], priority, text, facts)


def machine_of_event(plan: TwinPlan, channel: str, tag: str) -> MachinePlan | None:
    """Return the machine whose id or name is the source name of an event."""
    name = tag.removeprefix(EVENT_TAG).split("/")[0]
    for machine in plan.machines:
        if name in (machine.id, machine.name) and machine.channel in (None, channel):
            return machine
    return None
