"""Everything that EPCIS events refer to, read from the index and the document store."""

from __future__ import annotations

from typing import Any

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import IntegrityError, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId, BatchKey, Gln
from chromatrace.epcis.mapping import event_of, events_of
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, EventView


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
