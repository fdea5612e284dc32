"""Event queries with the parameter names of EPCIS 2.0, and pages of their results."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.identifiers import Gln
from chromatrace.epcis.identifiers import Selection, select
from chromatrace.epcis.vocabulary import ACTIONS, EVENT_TYPES, Standard
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.storage.strict_json import time as checked_time

MAX_PAGE = 1_000
LARGEST_PAGE = 800
"""Events on a page if more are asked for: a page of inspections then needs less than 200 ms."""
MAX_LIST = 8_000
"""Characters of a list parameter."""
MAX_ITEMS = 500
"""Values of a list parameter."""

CHAIN, PARTIES, OTHERS = range(3)
"""Sources of events in the order of a result: the chain; captures of the producers and custodians of the queried lots;
captures of other organisations."""
SOURCES = {"chain": CHAIN, "parties": PARTIES, "others": OTHERS}


class EventPosition(NamedTuple):
    """The order of events: by source, time and number.

    `time` is in Unix microseconds: the event time of a captured event, the block time of a chain event.
    """

    source: int
    time: int
    number: int


class LocatedEvent(NamedTuple):
    """An event, its position, and the JSON-LD context of its document."""

    position: EventPosition
    event: dict[str, Any]
    context: Any


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events with their contexts. `next_token` is None on the last page."""

    events: list[dict[str, Any]]
    contexts: list[Any]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A query. Times are Unix microseconds; empty and None members do not restrict the result.

    since, before              of the event time
    recorded_since, …_before   of the record time
    capturers                  GLNs; None: any. The chain has no capturer
    """

    selections: tuple[Selection, ...] = ()
    biz_steps: tuple[str, ...] = ()
    dispositions: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: int | None = None
    before: int | None = None
    recorded_since: int | None = None
    recorded_before: int | None = None
    sources: frozenset[int] = frozenset(SOURCES.values())
    capturers: tuple[Gln, ...] | None = None
    per_page: int = 30
    after: EventPosition | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, str], epc: str | None = None) -> EventQuery:
        """Parse query parameters. Raises `InvalidInput` with the parameter's name."""
        for name in sorted(set(arguments) - PARAMETERS):
            supported = f"supported: {', '.join(sorted(PARAMETERS))}"
            if _STANDARD.fullmatch(name):
                raise InvalidInput("this server does not support the parameter", field=name, hint=supported)
            raise InvalidInput("unknown parameter", field=name, hint=supported)
        matches = [name for name in ("MATCH_anyEPC", "MATCH_anyEPCClass") if arguments.get(name)]
        if (epc is not None) + len(matches) > 1:
            # EPCIS 2.0 returns events that match both parameters; only one list is supported.
            raise InvalidInput("use only one parameter that selects products", field=matches[0])
        selections = [
            selection for name in matches for item in _list(arguments, name) for selection in select(item, name)
        ]
        if epc is not None:
            selections += select(epc, "epc")
        return cls(
            selections=tuple(dict.fromkeys(selections)),
            biz_steps=_terms(arguments, "EQ_bizStep", Standard.BIZ_STEP),
            dispositions=_terms(arguments, "EQ_disposition", Standard.DISPOSITION),
            actions=_one_of(arguments, "EQ_action", ACTIONS),
            types=_one_of(arguments, "eventType", EVENT_TYPES),
            since=_time(arguments, "GE_eventTime"),
            before=_time(arguments, "LT_eventTime"),
            recorded_since=_time(arguments, "GE_recordTime"),
            recorded_before=_time(arguments, "LT_recordTime"),
            sources=_sources(arguments),
            capturers=_capturers(arguments),
            per_page=_per_page(arguments.get("perPage", "30")),
            after=_parse_token(arguments.get("nextPageToken")),
        )

    def includes(self, source: int) -> bool:
        """Return whether the rest of the result may contain events of a source."""
        return source in self.sources and (self.after is None or self.after.source <= source)

    def after_in(self, source: int) -> EventPosition | None:
        """Return the position to continue after within a source."""
        return self.after if self.after is not None and self.after.source == source else None


CAPTURER_PARAMETER = "EQ_chromatrace:capturer"
PARAMETERS = frozenset({
    "MATCH_anyEPC", "MATCH_anyEPCClass", "EQ_action", "EQ_bizStep", "EQ_disposition", "eventType", "GE_eventTime",
    "LT_eventTime", "GE_recordTime", "LT_recordTime", CAPTURER_PARAMETER, "source", "perPage", "nextPageToken",
})  # fmt: skip

UNSUPPORTED = (
    "EQ_bizLocation", "EQ_bizRules", "EQ_bizTransaction_*", "EQ_booleanValue", "EQ_chemicalSubstance",
    "EQ_correctiveEventID", "EQ_dataProcessingMethod", "EQ_destination_*", "EQ_deviceID", "EQ_errorReason",
    "EQ_eventID", "EQ_hexBinaryValue", "EQ_microorganism", "EQ_persistentDisposition_set",
    "EQ_persistentDisposition_unset", "EQ_quantity", "EQ_readPoint", "EQ_source_*", "EQ_stringValue",
    "EQ_transformationID", "EQ_type", "EQ_uriValue", "EQ_value_*", "EQATTR_*", "EXISTS_*", "GE_*", "GT_*", "HASATTR_*",
    "LE_*", "LT_*", "MATCH_epc", "MATCH_epcClass", "MATCH_inputEPC", "MATCH_inputEPCClass", "MATCH_outputEPC",
    "MATCH_outputEPCClass", "MATCH_parentID", "WD_bizLocation", "WD_readPoint", "eventCountLimit", "maxEventCount",
    "orderBy", "orderDirection",
)  # fmt: skip
"""Parameters of EPCIS 2.0 (8.2.7.1) that are not supported; `*` stands for any ending."""
_STANDARD = re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in (*UNSUPPORTED, "EQ_*")))


def page_of(
    query: EventQuery, events: Iterable[LocatedEvent], continue_after: EventPosition | None = None
) -> EventPage:
    """Return one page of events that are in the order of their positions.

    continue_after  position of the next page if the search ended before this page was full
    """
    page: list[LocatedEvent] = []
    next_token = None if continue_after is None else _token(continue_after)
    for event in events:
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
    if len(items) > MAX_ITEMS:
        raise InvalidInput(f"the list has {len(items)} values; the maximum is {MAX_ITEMS}", field=name)
    return tuple(items)


def _terms(arguments: Mapping[str, str], name: str, standard: Standard) -> tuple[str, ...]:
    return tuple(map(standard.short_name, _list(arguments, name)))


def _one_of(arguments: Mapping[str, str], name: str, known: frozenset[str]) -> tuple[str, ...]:
    items = _list(arguments, name)
    if invalid := sorted(set(items) - known):
        raise InvalidInput(f"{invalid[0]!r:.80} is not valid", field=name, hint=f"one of {', '.join(sorted(known))}")
    return items


def _sources(arguments: Mapping[str, str]) -> frozenset[int]:
    names = _one_of(arguments, "source", frozenset(SOURCES))
    return frozenset(SOURCES[name] for name in names or SOURCES)


def _capturers(arguments: Mapping[str, str]) -> tuple[Gln, ...] | None:
    if CAPTURER_PARAMETER not in arguments:
        return None
    return tuple(map(_gln, _list(arguments, CAPTURER_PARAMETER) or [""]))


def _gln(text: str) -> Gln:
    try:
        gln = Gln(text) if text.isdigit() else DigitalLink.parse(text).gln
    except ChromaTraceError:
        gln = None
    if gln is None:
        raise InvalidInput(
            f"{text!r:.100} is not the GLN of an organisation",
            field=CAPTURER_PARAMETER,
            hint="for example https://id.gs1.org/414/9521234500001",
        )
    return gln


def _time(arguments: Mapping[str, str], name: str) -> int | None:
    text = arguments.get(name)
    # An unescaped plus in a query is a space; no valid time contains a space.
    return None if text is None else microseconds(checked_time(text.replace(" ", "+"), name))


def _per_page(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MAX_PAGE:
        raise InvalidInput(f"expected a number from 1 to {MAX_PAGE}, got {text!r:.20}", field="perPage")
    return min(int(text), LARGEST_PAGE)


def _token(position: EventPosition) -> str:
    """Return the `nextPageToken` of the page after a position."""
    return base64.urlsafe_b64encode(".".join(map(str, position)).encode()).decode().rstrip("=")


def _parse_token(text: str | None) -> EventPosition | None:
    if text is None:
        return None
    invalid = InvalidInput("invalid page token", field="nextPageToken", hint="use the URL in the Link header")
    try:
        parts = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
        source, time, number = map(int, parts.split("."))
    except (ValueError, binascii.Error) as error:
        raise invalid from error
    if source not in SOURCES.values() or not (-(2**62) < time < 2**62 and 0 <= number < 2**62):
        raise invalid
    return EventPosition(source, time, number)


def microseconds(time: str) -> int:
    """Convert a validated RFC 3339 time to Unix microseconds. Finer fractions are truncated."""
    whole, dot, rest = time.partition(".")
    if dot:
        digits = rest.rstrip("Z").split("+")[0].split("-")[0]
        rest = digits[:6] + rest[len(digits) :]
    moment = datetime.fromisoformat(whole + dot + rest)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
