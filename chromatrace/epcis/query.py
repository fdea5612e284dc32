"""Event queries with the parameter names of EPCIS 2.0, and pages of their results."""

from __future__ import annotations

import base64
import binascii
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis.vocabulary import EVENT_TYPES
from chromatrace.storage.strict_json import time as checked_time

MAX_PAGE = 1_000
MAX_LIST = 8_000
"""Characters of a list parameter."""

CHAIN, CAPTURED = 0, 1


class EventPosition(NamedTuple):
    """The order of events: by time, then chain events before captured events, then by number.

    `time` is in Unix microseconds: the event time of a captured event, the block time of a chain event.
    """

    time: int
    source: int
    number: int


class LocatedEvent(NamedTuple):
    """An event, its position, and the JSON-LD context of its document."""

    position: EventPosition
    event: dict[str, Any]
    context: Any


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events with their contexts, oldest first. `next_token` is None on the last page."""

    events: list[dict[str, Any]]
    contexts: list[Any]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A query. Times are Unix microseconds; empty and None members do not restrict the result."""

    epcs: tuple[str, ...] = ()
    biz_steps: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: int | None = None
    before: int | None = None
    per_page: int = 30
    after: EventPosition | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, str], epc: str | None = None) -> EventQuery:
        """Parse query parameters. Raises `InvalidInput` with the parameter's name."""
        unknown = set(arguments) - _PARAMETERS
        if unknown:
            supported = ", ".join(sorted(_PARAMETERS))
            raise InvalidInput("unknown parameter", field=sorted(unknown)[0], hint=f"supported: {supported}")
        types = _list(arguments, "eventType")
        if invalid := sorted(set(types) - EVENT_TYPES):
            raise InvalidInput(
                f"{invalid[0]!r:.80} is not an event type",
                field="eventType",
                hint=f"one of {', '.join(sorted(EVENT_TYPES))}",
            )
        epc_lists = [_list(arguments, name) for name in ("MATCH_anyEPC", "MATCH_anyEPCClass")]
        if (epc is not None) + sum(map(bool, epc_lists)) > 1:
            # EPCIS 2.0 returns events that match both parameters; only one list is supported.
            raise InvalidInput("use only one parameter that selects products", field="MATCH_anyEPC")
        return cls(
            epcs=(*epc_lists[0], *epc_lists[1], *([epc] if epc else [])),
            biz_steps=_list(arguments, "EQ_bizStep"),
            types=types,
            since=_time(arguments, "GE_eventTime"),
            before=_time(arguments, "LT_eventTime"),
            per_page=_per_page(arguments.get("perPage", "30")),
            after=_parse_token(arguments.get("nextPageToken")),
        )


_PARAMETERS = {
    "MATCH_anyEPC", "MATCH_anyEPCClass", "EQ_bizStep", "eventType", "GE_eventTime", "LT_eventTime",
    "perPage", "nextPageToken",
}  # fmt: skip


def page_of(query: EventQuery, *sources: Iterator[LocatedEvent]) -> EventPage:
    """Merge sources, each in the order of its positions, into one page."""
    page: list[LocatedEvent] = []
    next_token = None
    for event in heapq.merge(*sources, key=lambda event: event.position):
        if len(page) == query.per_page:
            next_token = _token(page[-1].position)
            break
        page.append(event)
    return EventPage([located.event for located in page], [located.context for located in page], next_token)


def _list(arguments: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = arguments.get(name, "")
    if not text:
        return ()
    items = text.split(",")
    if len(text) > MAX_LIST or not all(items) or any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise InvalidInput(f"expected a comma-separated list of at most {MAX_LIST:,} characters", field=name)
    return tuple(items)


def _time(arguments: Mapping[str, str], name: str) -> int | None:
    text = arguments.get(name)
    # An unescaped plus in a query is a space; no valid time contains a space.
    return None if text is None else microseconds(checked_time(text.replace(" ", "+"), name))


def _per_page(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MAX_PAGE:
        raise InvalidInput(f"expected a number from 1 to {MAX_PAGE}, got {text!r:.20}", field="perPage")
    return int(text)


def _token(position: EventPosition) -> str:
    """Return the `nextPageToken` of the page after a position."""
    return base64.urlsafe_b64encode(".".join(map(str, position)).encode()).decode().rstrip("=")


def _parse_token(text: str | None) -> EventPosition | None:
    if text is None:
        return None
    invalid = InvalidInput("invalid page token", field="nextPageToken", hint="use the URL in the Link header")
    try:
        parts = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
        time, source, number = map(int, parts.split("."))
    except (ValueError, binascii.Error) as error:
        raise invalid from error
    if source not in (CHAIN, CAPTURED) or not (-(2**62) < time < 2**62 and 0 <= number < 2**62):
        raise invalid
    return EventPosition(time, source, number)


def microseconds(time: str) -> int:
    """Convert a validated RFC 3339 time to Unix microseconds. Finer fractions are truncated."""
    whole, dot, rest = time.partition(".")
    if dot:
        digits = rest.rstrip("Z").split("+")[0].split("-")[0]
        rest = digits[:6] + rest[len(digits) :]
    moment = datetime.fromisoformat(whole + dot + rest)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
