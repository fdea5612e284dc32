"""What is asked about events: query parameters by their names in EPCIS 2.0."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.api.epcis.places import CAPTURED, CHAIN, EventPosition
from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis.vocabulary import EVENT_TYPES
from chromatrace.storage.strict_json import time as checked_time

MAX_PAGE = 1_000
MAX_LIST = 8_000


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What is asked for; everything in Unix microseconds and all of it optional."""

    epcs: tuple[str, ...] = ()
    biz_steps: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    since: int | None = None
    before: int | None = None
    per_page: int = 30
    after: EventPosition | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, str], epc: str | None = None) -> EventQuery:
        """From query parameters named as in EPCIS 2.0; `InvalidInput` names the parameter."""
        unknown = set(arguments) - _PARAMETERS
        if unknown:
            name = sorted(unknown)[0]
            raise InvalidInput(
                "this parameter is not known", field=name, hint=f"known: {', '.join(sorted(_PARAMETERS))}"
            )
        kinds = _listed(arguments, "eventType")
        if strange := sorted(set(kinds) - EVENT_TYPES):
            known = ", ".join(sorted(EVENT_TYPES))
            raise InvalidInput(f"{strange[0]!r:.80} is no type of event", field="eventType", hint=f"known: {known}")
        asked = [_listed(arguments, name) for name in ("MATCH_anyEPC", "MATCH_anyEPCClass")]
        if (epc is not None) + sum(map(bool, asked)) > 1:
            # EPCIS 2.0 asks for events that meet both, and one list is all that we look up.
            raise InvalidInput("goods are named in one way at a time", field="MATCH_anyEPC")
        return cls(
            epcs=(*asked[0], *asked[1], *([epc] if epc else [])),
            biz_steps=_listed(arguments, "EQ_bizStep"),
            kinds=kinds,
            since=_time(arguments, "GE_eventTime"),
            before=_time(arguments, "LT_eventTime"),
            per_page=_per_page(arguments.get("perPage", "30")),
            after=_token(arguments.get("nextPageToken")),
        )


_PARAMETERS = {
    "MATCH_anyEPC", "MATCH_anyEPCClass", "EQ_bizStep", "eventType", "GE_eventTime", "LT_eventTime",
    "perPage", "nextPageToken",
}  # fmt: skip


def _listed(arguments: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The items of a list by commas; none where it is absent or empty."""
    text = arguments.get(name, "")
    if not text:
        return ()
    items = text.split(",")
    if len(text) > MAX_LIST or not all(items) or any(ord(one) < 32 or ord(one) == 127 for one in text):
        raise InvalidInput(f"a list by commas of at most {MAX_LIST:,} characters is needed", field=name)
    return tuple(items)


def _time(arguments: Mapping[str, str], name: str) -> int | None:
    given = arguments.get(name)
    # A plus in a query is a space unless it is escaped; no time has a space.
    return None if given is None else microseconds(checked_time(given.replace(" ", "+"), name))


def _per_page(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MAX_PAGE:
        raise InvalidInput(f"a number from 1 to {MAX_PAGE} is needed, got {text!r:.20}", field="perPage")
    return int(text)


def token_of(place: EventPosition) -> str:
    """What `nextPageToken` says for the page behind a place."""
    return base64.urlsafe_b64encode(".".join(map(str, place)).encode()).decode().rstrip("=")


def _token(text: str | None) -> EventPosition | None:
    if text is None:
        return None
    try:
        parts = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
        time, source, number = map(int, parts.split("."))
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(
            "this is no token of ours", field="nextPageToken", hint="take it from the Link header"
        ) from error
    if source not in (CHAIN, CAPTURED) or not (-(2**62) < time < 2**62 and 0 <= number < 2**62):
        raise InvalidInput("this is no token of ours", field="nextPageToken")
    return EventPosition(time, source, number)


def microseconds(time: str) -> int:
    """Unix microseconds of a checked RFC 3339 time; finer fractions are cut off."""
    whole, dot, rest = time.partition(".")
    if dot:
        digits = rest.rstrip("Z").split("+")[0].split("-")[0]
        rest = digits[:6] + rest[len(digits) :]
    moment = datetime.fromisoformat(whole + dot + rest)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
