"""EPCIS documents of the chain's events, with everything that the events refer to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import IntegrityError, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId, BatchKey, Gln, Gtin
from chromatrace.epcis.check import check_document
from chromatrace.epcis.document import document_of
from chromatrace.epcis.mapping import event_of, events_of, superseded_by
from chromatrace.index import Snapshot
from chromatrace.index.views import EventView

_PAGE = 1_000


class IndexDirectory:
    """A `chromatrace.epcis.mapping.Directory` that reads a snapshot of the index and the documents."""

    def __init__(self, snapshot: Snapshot, documents: DocumentStore, chain_id: int, base_url: str) -> None:
        self._snapshot, self._documents = snapshot, documents
        self._batches: dict[bytes, tuple[BatchKey, int, int] | None] = {}
        self._glns: dict[int, Gln | None] = {}
        self.chain_id, self.base_url = chain_id, base_url

    def key_of(self, batch: bytes) -> BatchKey | None:
        """Return GTIN and lot of a batch."""
        registered = self._batch(batch)
        return None if registered is None else registered[0]

    def quantity_of(self, batch: bytes) -> int | None:
        """Return the number of units registered."""
        registered = self._batch(batch)
        return None if registered is None else registered[1]

    def units_of(self, batch: bytes) -> int | None:
        """Return the number of units that may still exist, as in the impact of a recall."""
        registered = self._batch(batch)
        return None if registered is None else registered[2]

    def gln_of(self, organisation: int) -> Gln | None:
        """Return the GLN of an organisation."""
        if organisation not in self._glns:
            view = self._snapshot.organisation(organisation)
            self._glns[organisation] = None if view is None else view.gln
        return self._glns[organisation]

    def evidence_of(self, digest: bytes) -> InspectionEvidence | None:
        """Return an evidence document, or None if the store does not have it intact."""
        try:
            return InspectionEvidence.from_bytes(self._documents.get(digest))
        except (NotFound, IntegrityError, InvalidInput):
            return None

    def events(self, events: Sequence[EventView]) -> list[dict[str, Any]]:
        """Return the EPCIS events of chain events that all have one; superseded verdicts are marked as such.

        The lookups of all events are made together.
        """
        named = [batch for event in events for batch in _batches_of(event)]
        self._batches.update(self._snapshot.batch_quantities(named).items())
        superseding = self._snapshot.superseding([event for event in events if event.name == "InspectionRecorded"])
        mapped = []
        for event in events:
            epcis_event = event_of(event, self)
            assert epcis_event is not None, event.name
            if event.position in superseding:
                epcis_event["errorDeclaration"] = superseded_by(superseding[event.position], self)
            mapped.append(epcis_event)
        return mapped

    def lines_of(self, events: Sequence[EventView]) -> list[list[tuple[int, Gtin]]]:
        """Return the product lines that each event names, that of its own batch first. One lookup for all."""
        named = [list(_batches_of(event)) for event in events]
        lines = self._snapshot.lines_of([batch for batches in named for batch in batches])
        return [[lines[batch] for batch in batches if batch in lines] for batches in named]

    def _batch(self, batch: Any) -> tuple[BatchKey, int, int] | None:
        if batch not in self._batches:
            self._batches[batch] = self._snapshot.batch_quantities([batch]).get(batch)
        return self._batches[batch]


def _batches_of(event: EventView) -> Iterator[BatchId]:
    args: Any = event.args
    yield args["batch"]
    yield from (source["batch"] for source in args.get("inputs", ()))
    if "cause" in args:
        yield args["cause"]


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
