"""EPCIS documents of the chain's events, with everything that the events refer to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import IntegrityError, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId, BatchKey, Gln
from chromatrace.epcis.check import check_document
from chromatrace.epcis.document import document_of
from chromatrace.epcis.mapping import event_of, events_of
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, EventView

_PAGE = 1_000


class IndexDirectory:
    """A `chromatrace.epcis.mapping.Directory` that reads a snapshot of the index and the documents."""

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
        """Return an evidence document, or None if the store does not have it intact."""
        try:
            return InspectionEvidence.from_bytes(self._documents.get(digest))
        except (NotFound, IntegrityError, InvalidInput):
            return None

    def event(self, event: EventView) -> dict[str, Any] | None:
        """Return the EPCIS event of a chain event; a superseded verdict is marked as such."""
        epcis_event = event_of(event, self)
        if epcis_event is None or event.name != "InspectionRecorded":
            return epcis_event
        batch: Any = event.args["batch"]
        if batch not in self._timelines:
            timeline = events_of(self._snapshot.timeline(batch), self)
            self._timelines[batch] = {item["eventID"]: item for item in timeline}
        latest: dict[str, Any] = self._timelines[batch].get(epcis_event["eventID"], epcis_event)
        return latest

    def _batch(self, batch: Any) -> BatchView | None:
        if batch not in self._batches:
            identifier: BatchId = batch
            self._batches[batch] = self._snapshot.batch(identifier)
        return self._batches[batch]


def export(
    snapshot: Snapshot,
    directory: IndexDirectory,
    batches: Sequence[BatchKey],
    *,
    since: float | None = None,
    until: float | None = None,
) -> dict[str, Any]:
    """Return a checked EPCIS document of the events of `batches` (none: of all), recorded in [since, until).

    since, until  Unix seconds
    """
    events = [
        event
        for event in _events(snapshot, batches)
        if (since is None or event.block_time >= since) and (until is None or event.block_time < until)
    ]
    document = document_of(events_of(events, directory), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    check_document(document)
    return document


def _events(snapshot: Snapshot, batches: Sequence[BatchKey]) -> Iterator[EventView]:
    for key in batches:
        yield from snapshot.timeline(snapshot.registered_batch(key).batch_id)
    after: tuple[int, int] | None = None
    while not batches:
        page = snapshot.events(after=after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = (page[-1].block_number, page[-1].log_index)
