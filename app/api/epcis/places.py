"""Where an event stands among all of them: by time, then events of the chain before captured ones, then by number."""

from __future__ import annotations

from typing import Any, NamedTuple

CHAIN, CAPTURED = 0, 1


class EventPosition(NamedTuple):
    """`time` in Unix microseconds: of the event where it was captured, of its block where the chain has it."""

    time: int
    source: int
    number: int


class LocatedEvent(NamedTuple):
    """An event, with the context that gives its members their meaning."""

    place: EventPosition
    event: dict[str, Any]
    context: Any
