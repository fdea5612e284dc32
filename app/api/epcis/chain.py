"""Events of the chain as EPCIS events, in the order of their blocks. What is on the chain is public: anyone reads it.

The documents beside it (measurements of an inspection) are those that this portal publishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.api.epcis.goods import epcs_of, product_of
from app.api.epcis.places import CHAIN, EventPosition, LocatedEvent
from app.api.epcis.question import EventQuery, microseconds
from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, IntegrityError, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId, BatchKey, Gln
from chromatrace.epcis.document import NAMESPACE
from chromatrace.epcis.mapping import EVENT_NAMES, event_of, events_of
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.index import Index
from chromatrace.index.views import BatchView, EventView

LOOKED_AT = 500
SECOND = 1_000_000


class IndexDirectory:
    """What events refer to, from the index and the documents."""

    def __init__(self, index: Index, documents: DocumentStore, chain_id: int, base_url: str) -> None:
        self._index, self._documents = index, documents
        self._batches: dict[bytes, BatchView | None] = {}
        self._timelines: dict[bytes, dict[str, Any]] = {}
        self.chain_id, self.base_url = chain_id, base_url

    def key_of(self, batch: bytes) -> BatchKey | None:
        """GTIN and lot."""
        found = self._batch(batch)
        return None if found is None else found.key

    def quantity_of(self, batch: bytes) -> int | None:
        """Units registered."""
        found = self._batch(batch)
        return None if found is None else found.quantity

    def gln_of(self, organisation: int) -> Gln | None:
        """Where the organisation is."""
        found = self._index.organisation(organisation)
        return None if found is None else found.gln

    def evidence_of(self, digest: bytes) -> InspectionEvidence | None:
        """The evidence, where it is stored here and is what it should be."""
        try:
            return InspectionEvidence.from_bytes(self._documents.get(digest))
        except (NotFound, IntegrityError, InvalidInput):
            return None

    def event(self, event: EventView) -> dict[str, Any] | None:
        """The EPCIS event of one event; a verdict that was superseded says so, whenever that was."""
        made = event_of(event, self)
        if made is None or event.name != "InspectionRecorded":
            return made
        batch: Any = event.args["batch"]
        if batch not in self._timelines:
            life = events_of(self._index.timeline(batch), self)
            self._timelines[batch] = {one["eventID"]: one for one in life}
        told: dict[str, Any] = self._timelines[batch].get(made["eventID"], made)
        return told

    def _batch(self, batch: Any) -> BatchView | None:
        if batch not in self._batches:
            identifier: BatchId = batch
            self._batches[batch] = self._index.batch(identifier)
        return self._batches[batch]


def events(index: Index, directory: IndexDirectory, question: EventQuery) -> Iterator[LocatedEvent]:
    """The events of the chain that a question asks for, behind its place."""
    wanted = {product_of(epc) for epc in question.epcs}
    subjects = None
    if question.epcs:
        batches = [batch for batch in map(_batch_of, question.epcs) if batch is not None]
        # A batch stands in the event of its own registration, and in those of the batches that it went into.
        subjects = list({*batches, *(other for batch in batches for other in index.used_in(batch))})
    after, since_s = _start(question)
    while subjects is None or subjects:
        page = index.events(after=after, limit=LOOKED_AT, names=EVENT_NAMES, subjects=subjects, since=since_s)
        for event in page:
            made = directory.event(event)
            if made is not None and _fits(made, question, wanted):
                number = event.block_number << 24 | event.log_index
                place = EventPosition(event.block_time * SECOND, CHAIN, number)
                yield LocatedEvent(place, made, [CONTEXT, {"chromatrace": NAMESPACE}])
        if len(page) < LOOKED_AT:
            return
        after = (page[-1].block_number, page[-1].log_index)


def _start(question: EventQuery) -> tuple[tuple[int, int] | None, int | None]:
    """The last event before, and the earliest second of a block. Nothing happens after its block, so no event that is
    asked for lies in an earlier one."""
    since_s = None if question.since is None else question.since // SECOND
    after = question.after
    if after is None:
        return None, since_s
    if after.source == CHAIN:
        return (after.number >> 24, after.number & 0xFFFFFF), since_s
    return None, max(since_s or 0, after.time // SECOND + 1)


def _fits(event: dict[str, Any], question: EventQuery, wanted: set[str]) -> bool:
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
