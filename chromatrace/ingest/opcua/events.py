"""Events and alarms of a server as text readings.

The tag is `event/<source name>/<condition name>`, or the name of the event's type if it is not a condition. The value
is a JSON object: type, severity, message and, of a condition, its states `active` and `acked`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import GOOD, MAX_VALUE_TEXT, Reading
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.opcua.values import time_ns_of

EVENT_TAG = "event/"
"""Start of the tags of all events."""
_BASE, _CONDITION = ua.ObjectIds.BaseEventType, ua.ObjectIds.ConditionType
_FIELDS = {
    "EventType": _BASE,
    "SourceNode": _BASE,
    "SourceName": _BASE,
    "Time": _BASE,
    "Message": _BASE,
    "Severity": _BASE,
    "ConditionName": _CONDITION,
    "ActiveState/Id": ua.ObjectIds.AlarmConditionType,
    "AckedState/Id": ua.ObjectIds.AcknowledgeableConditionType,
}
_REFRESH = {
    ua.NodeId(int(identifier))
    for identifier in (
        ua.ObjectIds.RefreshStartEventType,
        ua.ObjectIds.RefreshEndEventType,
        ua.ObjectIds.RefreshRequiredEventType,
    )
}
_OVERFLOW = ua.NodeId(int(ua.ObjectIds.EventQueueOverflowEventType))


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """An event as received. The fields of other types are None."""

    event_type: Any
    source_node: Any
    source_name: str
    time_ns: int | None
    message: str
    severity: int | None
    condition: str
    active: bool | None
    acked: bool | None

    @property
    def is_overflow(self) -> bool:
        """Whether the event states that the server's queue lost events."""
        return bool(self.event_type == _OVERFLOW)

    @property
    def is_refresh(self) -> bool:
        """Whether the event belongs to the protocol and not to the plant."""
        return self.event_type in _REFRESH


def event_filter(*, conditions: bool) -> ua.EventFilter:
    """Return a filter that selects the fields of all events. Some servers accept only the fields of the base type."""
    clauses = []
    for path, of_type in _FIELDS.items():
        if conditions or of_type == _BASE:
            clause = ua.SimpleAttributeOperand()
            clause.TypeDefinitionId = ua.NodeId(int(of_type))
            clause.BrowsePath = [ua.QualifiedName(name, 0) for name in path.split("/")]
            clause.AttributeId = ua.AttributeIds.Value
            clauses.append(clause)
    return ua.EventFilter(SelectClauses=clauses)


def read_event(fields: Sequence[Any]) -> ServerEvent:
    """Return the event with these fields, in the order of `event_filter`."""
    values = [field.Value for field in fields] + [None] * (len(_FIELDS) - len(fields))
    event_type, source_node, source_name, time, message, severity, condition, active, acked = values
    text = message.Text if isinstance(message, ua.LocalizedText) else message
    return ServerEvent(
        event_type,
        source_node,
        source_name or "",
        time_ns_of(time),
        text or "",
        severity,
        condition or "",
        active,
        acked,
    )


def event_value(
    event: ServerEvent, type_name: str, sources: Mapping[Any, str], received_ns: int, *, replayed: bool
) -> ReceivedValue | str:
    """Return the event as a received value, or the reason why it is not a valid reading.

    `sources` gives the source of a node. An event of another node has the first of these sources.
    """
    if event.time_ns is None:
        return "an event without a time"
    source = sources.get(event.source_node) or min(sources.values())
    tag = EVENT_TAG + "/".join(filter(None, (event.source_name, event.condition or type_name)))
    key = TagKey(source, tag, "")
    value = ReceivedValue(key, event.time_ns, received_ns, _text(event, type_name), GOOD, replayed)
    try:
        Reading(source, tag, value.source_time_ns, received_ns, value.value)
    except InvalidInput as error:
        return f"event: {error.field}: {error.message}"
    return value


def _text(event: ServerEvent, type_name: str) -> str:
    """Return the event as JSON of at most `MAX_VALUE_TEXT` characters. A message that is too long ends with "…"."""
    facts: dict[str, Any] = {"type": type_name, "severity": event.severity, "message": event.message}
    facts |= {name: state for name, state in (("active", event.active), ("acked", event.acked)) if state is not None}
    text = json.dumps(facts, ensure_ascii=False)
    while len(text) > MAX_VALUE_TEXT and facts["message"]:
        excess = len(text) - MAX_VALUE_TEXT + 1
        facts["message"] = facts["message"].removesuffix("…")[:-excess] + "…"
        text = json.dumps(facts, ensure_ascii=False)
    return text
