"""Chain events as EPCIS events, in block order. Chain events are public, so no rights are checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, IntegrityError, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId, BatchKey, Gln
from chromatrace.epcis.document import NAMESPACE
from chromatrace.epcis.identifiers import event_epcs, product_of
from chromatrace.epcis.mapping import EVENT_NAMES, event_of, events_of
from chromatrace.epcis.query import CHAIN, EventPosition, EventQuery, LocatedEvent, microseconds
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, EventView

_CHUNK = 500
_MICROSECONDS = 1_000_000


class IndexDirectory:
    """Resolves the references of chain events from an index snapshot and the documents."""

    def __init__(self, snapshot: Snapshot, documents: DocumentStore, chain_id: int, base_url: str) -> None:
        self._snapshot, self._documents = snapshot, documents
        self._batches: dict[bytes, BatchView | None] = {}
        self._timelines: dict[bytes, dict[str, Any]] = {}
        self.chain_id, self.base_url = chain_id, base_url

    def key_of(self, batch: bytes) -> BatchKey | None:
        """Return GTIN and lot of a batch."""
        view = self._batch(batch)
        return None if view is None else view.key

    def quantity_of(self, batch: bytes) -> int | None:
        """Return the number of units registered."""
        view = self._batch(batch)
        return None if view is None else view.quantity

    def gln_of(self, organisation: int) -> Gln | None:
        """Return the GLN of an organisation."""
        view = self._snapshot.organisation(organisation)
        return None if view is None else view.gln

    def evidence_of(self, digest: bytes) -> InspectionEvidence | None:
        """Return inspection evidence; None if it is missing here or invalid."""
        try:
            return InspectionEvidence.from_bytes(self._documents.get(digest))
        except (NotFound, IntegrityError, InvalidInput):
            return None

    def event(self, event: EventView) -> dict[str, Any] | None:
        """Return the EPCIS event of a chain event. A superseded verdict is marked as such."""
        mapped = event_of(event, self)
        if mapped is None or event.name != "InspectionRecorded":
            return mapped
        batch: Any = event.args["batch"]
        if batch not in self._timelines:
            timeline = events_of(self._snapshot.timeline(batch), self)
            self._timelines[batch] = {entry["eventID"]: entry for entry in timeline}
        marked: dict[str, Any] = self._timelines[batch].get(mapped["eventID"], mapped)
        return marked

    def _batch(self, batch: Any) -> BatchView | None:
        if batch not in self._batches:
            identifier: BatchId = batch
            self._batches[batch] = self._snapshot.batch(identifier)
        return self._batches[batch]


def chain_events(snapshot: Snapshot, directory: IndexDirectory, query: EventQuery) -> Iterator[LocatedEvent]:
    """Return the chain events that match a query, after its position."""
    products = {product_of(epc) for epc in query.epcs}
    subjects = None
    if query.epcs:
        batches = [batch for batch in map(_batch_of, query.epcs) if batch is not None]
        # A batch is named in the event of its own registration and in those of the batches that used it.
        subjects = list({*batches, *(other for batch in batches for other in snapshot.used_in(batch))})
    after, since_s = _start(query)
    while subjects is None or subjects:
        page = snapshot.events(after=after, limit=_CHUNK, names=EVENT_NAMES, subjects=subjects, since=since_s)
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
