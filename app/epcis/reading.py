"""Answers questions about captured events by goods, time and business step, page by page, within the asker's rights."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from app.epcis.capture import microseconds
from app.epcis.goods import epcs_of, gtins_of
from app.epcis.models import CapturedEvent, EventEpc
from app.store.database import Store
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.strict_json import time as checked_time

MAX_PAGE = 1_000
LOOKED_AT = 500

MayRead = Callable[[int, set[Gtin] | None], bool]
"""Whether the asker may read an organisation's events about goods of these lines (None: of unknown lines)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for; everything in Unix microseconds and all of it optional."""

    epcs: tuple[str, ...] = ()
    biz_steps: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    since: int | None = None
    before: int | None = None
    per_page: int = 30
    after: tuple[int, int] | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, str], epc: str | None = None) -> Question:
        """From query parameters named as in EPCIS 2.0; `InvalidInput` names the parameter."""
        unknown = set(arguments) - _PARAMETERS
        if unknown:
            name = sorted(unknown)[0]
            raise InvalidInput(
                "this parameter is not known", field=name, hint=f"known: {', '.join(sorted(_PARAMETERS))}"
            )
        asked = tuple(filter(None, arguments.get("MATCH_anyEPC", "").split(",")))
        return cls(
            epcs=(*asked, *([epc] if epc else [])),
            biz_steps=tuple(filter(None, arguments.get("EQ_bizStep", "").split(","))),
            kinds=tuple(filter(None, arguments.get("eventType", "").split(","))),
            since=_time(arguments, "GE_eventTime"),
            before=_time(arguments, "LT_eventTime"),
            per_page=_per_page(arguments.get("perPage", "30")),
            after=_token(arguments.get("nextPageToken")),
        )


_PARAMETERS = {
    "MATCH_anyEPC", "EQ_bizStep", "eventType", "GE_eventTime", "LT_eventTime", "perPage", "nextPageToken",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """Events with the contexts that they were captured in, oldest first; `next_token` where there are more."""

    events: list[dict[str, Any]]
    contexts: list[Any]
    next_token: str | None


def page_of(store: Store, question: Question, may_read: MayRead) -> Page:
    """One page. What the asker may not read is passed over, as if it were not there."""
    events: list[dict[str, Any]] = []
    contexts: list[Any] = []
    after = question.after
    while True:
        with store.begin() as session:
            rows = list(session.scalars(_statement(question, after).limit(LOOKED_AT)))
        for row in rows:
            body = json.loads(row.body)
            if row.public or may_read(row.organisation, gtins_of(epcs_of(body))):
                if len(events) == question.per_page:
                    return Page(events, contexts, _written(after))
                events.append(body)
                contexts.append(json.loads(row.context))
            after = (row.event_time, row.id)
        if len(rows) < LOOKED_AT:
            return Page(events, contexts, None)


def _statement(question: Question, after: tuple[int, int] | None) -> Select[CapturedEvent]:
    event = CapturedEvent
    chosen = select(event).order_by(event.event_time, event.id)
    if question.epcs:
        chosen = chosen.where(event.id.in_(select(EventEpc.event).where(EventEpc.epc.in_(question.epcs))))
    if question.biz_steps:
        chosen = chosen.where(event.biz_step.in_(question.biz_steps))
    if question.kinds:
        chosen = chosen.where(event.kind.in_(question.kinds))
    if question.since is not None:
        chosen = chosen.where(event.event_time >= question.since)
    if question.before is not None:
        chosen = chosen.where(event.event_time < question.before)
    if after is not None:
        later = (event.event_time > after[0]) | ((event.event_time == after[0]) & (event.id > after[1]))
        chosen = chosen.where(later)
    return chosen


def _time(arguments: Mapping[str, str], name: str) -> int | None:
    given = arguments.get(name)
    # A plus in a query is a space unless it is escaped; no time has a space.
    return None if given is None else microseconds(checked_time(given.replace(" ", "+"), name))


def _per_page(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_PAGE:
        raise InvalidInput(f"a number from 1 to {MAX_PAGE} is needed, got {text!r:.20}", field="perPage")
    return int(text)


def _written(after: tuple[int, int] | None) -> str | None:
    return None if after is None else base64.urlsafe_b64encode(f"{after[0]}.{after[1]}".encode()).decode().rstrip("=")


def _token(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        time, _, place = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).partition(b".")
        found = (int(time), int(place))
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(
            "this is no token of ours", field="nextPageToken", hint="take it from the Link header"
        ) from error
    if not all(-(2**62) < number < 2**62 for number in found):
        raise InvalidInput("this is no token of ours", field="nextPageToken")
    return found
