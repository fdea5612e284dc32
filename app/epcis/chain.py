"""Events of the chain as EPCIS events, in the order of their blocks. What is on the chain is public: anyone reads it.

The documents beside it (measurements of an inspection) are those that this portal publishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.epcis.goods import epcs_of, product_of
from app.epcis.places import CHAIN, Found, Place
from app.epcis.question import Question, microseconds
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.identifiers import BatchId, BatchKey
from chromatrace.epcis.document import NAMESPACE
from chromatrace.epcis.mapping import EVENT_NAMES
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.index import Snapshot
from chromatrace.services.epcis_export import IndexDirectory

LOOKED_AT = 500
SECOND = 1_000_000


def events(snapshot: Snapshot, directory: IndexDirectory, question: Question) -> Iterator[Found]:
    """The events of the chain that a question asks for, behind its place."""
    wanted = {product_of(epc) for epc in question.epcs}
    subjects = None
    if question.epcs:
        batches = [batch for batch in map(_batch_of, question.epcs) if batch is not None]
        # A batch stands in the event of its own registration, and in those of the batches that it went into.
        subjects = list({*batches, *(other for batch in batches for other in snapshot.used_in(batch))})
    after, since_s = _start(question)
    while subjects is None or subjects:
        page = snapshot.events(after=after, limit=LOOKED_AT, names=EVENT_NAMES, entity_keys=subjects, since=since_s)
        for event in page:
            made = directory.event(event)
            if made is not None and _fits(made, question, wanted):
                number = event.block_number << 24 | event.log_index
                place = Place(event.block_time * SECOND, CHAIN, number)
                yield Found(place, made, [CONTEXT, {"chromatrace": NAMESPACE}])
        if len(page) < LOOKED_AT:
            return
        after = (page[-1].block_number, page[-1].log_index)


def _start(question: Question) -> tuple[tuple[int, int] | None, int | None]:
    """The last event before, and the earliest second of a block. Nothing happens after its block, so no event that is
    asked for lies in an earlier one."""
    since_s = None if question.since is None else question.since // SECOND
    after = question.after
    if after is None:
        return None, since_s
    if after.source == CHAIN:
        return (after.number >> 24, after.number & 0xFFFFFF), since_s
    return None, max(since_s or 0, after.time // SECOND + 1)


def _fits(event: dict[str, Any], question: Question, wanted: set[str]) -> bool:
    time = microseconds(event["eventTime"])
    return (
        (not question.kinds or event["type"] in question.kinds)
        and (not question.biz_steps or event.get("bizStep") in question.biz_steps)
        and (question.since is None or time >= question.since)
        and (question.before is None or time < question.before)
        and (not wanted or not wanted.isdisjoint(map(product_of, epcs_of(event))))
    )


def _batch_of(epc: str) -> BatchId | None:
    """The batch that an identifier of a whole lot names."""
    gtin, slash, lot = product_of(epc).partition("/")
    if not slash or "/21/" in epc:
        return None
    try:
        return BatchKey.parse(gtin, lot).batch_id
    except ChromaTraceError:
        return None
