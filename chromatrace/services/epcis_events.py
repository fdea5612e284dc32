"""Chain events as EPCIS events, in block order. Chain events are public, so no rights are checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.identifiers import BatchId, BatchKey
from chromatrace.epcis.document import NAMESPACE
from chromatrace.epcis.identifiers import event_epcs, product_of
from chromatrace.epcis.mapping import EVENT_NAMES
from chromatrace.epcis.query import CHAIN, EventPosition, EventQuery, LocatedEvent, microseconds
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.index import Snapshot
from chromatrace.services.epcis_export import IndexDirectory

_CHUNK = 500
_MICROSECONDS = 1_000_000


def chain_events(snapshot: Snapshot, directory: IndexDirectory, query: EventQuery) -> Iterator[LocatedEvent]:
    """Return the chain events that match a query, after its position."""
    products = {product_of(epc) for epc in query.epcs}
    entity_keys = None
    if query.epcs:
        batches = [batch for batch in map(_batch_of, query.epcs) if batch is not None]
        # A batch is named in the event of its own registration and in those of the batches that used it.
        entity_keys = list({*batches, *(other for batch in batches for other in snapshot.used_in(batch))})
    after, since_s = _start(query)
    while entity_keys is None or entity_keys:
        page = snapshot.events(after=after, limit=_CHUNK, names=EVENT_NAMES, entity_keys=entity_keys, since=since_s)
        for event in page:
            mapped = directory.event(event)
            if mapped is not None and _matches(mapped, query, products):
                number = event.block_number << 24 | event.log_index
                position = EventPosition(event.block_time * _MICROSECONDS, CHAIN, number)
                yield LocatedEvent(position, mapped, [CONTEXT, {"chromatrace": NAMESPACE}])
        if len(page) < _CHUNK:
            return
        after = (page[-1].block_number, page[-1].log_index)


def _start(query: EventQuery) -> tuple[tuple[int, int] | None, int | None]:
    """Return the chain position to start after and the earliest block time.

    An event is never later than its block, so blocks before `query.since` cannot contain a match.
    """
    since_s = None if query.since is None else query.since // _MICROSECONDS
    after = query.after
    if after is None:
        return None, since_s
    if after.source == CHAIN:
        return (after.number >> 24, after.number & 0xFFFFFF), since_s
    return None, max(since_s or 0, after.time // _MICROSECONDS + 1)


def _matches(event: dict[str, Any], query: EventQuery, products: set[str]) -> bool:
    time = microseconds(event["eventTime"])
    return (
        (not query.types or event["type"] in query.types)
        and (not query.biz_steps or event.get("bizStep") in query.biz_steps)
        and (query.since is None or time >= query.since)
        and (query.before is None or time < query.before)
        and (not products or not products.isdisjoint(map(product_of, event_epcs(event))))
    )


def _batch_of(epc: str) -> BatchId | None:
    """Return the batch of an EPC that identifies a whole lot."""
    gtin, slash, lot = product_of(epc).partition("/")
    if not slash or "/21/" in epc:
        return None
    try:
        return BatchKey.parse(gtin, lot).batch_id
    except ChromaTraceError:
        return None
