"""Inspections of an order's batches, with their measurements if the evidence is stored here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.errors import DocumentNotFoundError
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey
from chromatrace.index import Snapshot
from chromatrace.orders.order import format_utc
from chromatrace.services.orders.progress import own_batches


def quality_report(
    snapshot: Snapshot,
    number: str,
    keys: Sequence[BatchKey],
    organisation: int | None,
    documents: DocumentStore | None,
) -> dict[str, Any]:
    """Return all inspections of an order's batches as JSON, oldest first."""
    inspections = []
    for key, batch in own_batches(snapshot, keys, organisation):
        if batch is None:
            continue
        for inspection in snapshot.inspections(batch.batch_id):
            inspections.append(
                {
                    "gtin": str(key.gtin),
                    "lot": str(key.lot),
                    "stage": inspection.stage.name.lower(),
                    "revision": inspection.revision,
                    "superseded": inspection.superseded,
                    "verdict": inspection.verdict.name.lower(),
                    "sample_size": inspection.sample_size,
                    "defects": inspection.defects,
                    "inspected_at": format_utc(inspection.inspected_at),
                    "inspector": inspection.inspector,
                    "evidence": "0x" + inspection.evidence.hex(),
                    "transaction": "0x" + inspection.recorded.tx_hash.hex(),
                    "measurements": _measurements(documents, inspection.evidence),
                }
            )
    return {"order": number, "inspections": inspections}


def _measurements(documents: DocumentStore | None, evidence: bytes) -> list[dict[str, Any]] | None:
    """Return the measurements; None if the evidence is not stored here."""
    if documents is None:
        return None
    try:
        found = InspectionEvidence.from_bytes(documents.get(evidence))
    except DocumentNotFoundError:
        return None
    return [measurement.as_json() for measurement in found.measurements]
