"""The inspections of a producer's batches, with their evidence if it is stored here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.identifiers import Gln
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, InspectionView
from chromatrace.services.organisations import organisation_number, signer_organisation
from chromatrace.services.workspace import Workspace

MAX_INSPECTIONS = 100_000
END_S = 1 << 40
"""A time after every inspection, in Unix seconds."""


@dataclass(frozen=True)
class InspectedBatch:
    """One recorded inspection."""

    batch: BatchView
    inspection: InspectionView
    documents: DocumentStore

    @cached_property
    def evidence(self) -> InspectionEvidence | None:
        """The evidence, read when it is first used; None if it is not stored here, or is about another batch."""
        try:
            evidence = InspectionEvidence.from_bytes(self.documents.get(self.inspection.evidence))
        except ChromaTraceError:
            return None
        return evidence if (evidence.key, evidence.stage) == (self.batch.key, self.inspection.stage) else None

    @property
    def name(self) -> str:
        """GTIN and lot, as in `GTIN/LOT`."""
        return f"{self.batch.gtin}/{self.batch.lot}"


def inspected_batches(
    snapshot: Snapshot, documents: DocumentStore, producer: int, from_s: int = 0, to_s: int = END_S
) -> tuple[InspectedBatch, ...]:
    """Return the inspections of a producer's batches in the order in which they were recorded, all revisions.

    Raises `InvalidInput` if there are more than `MAX_INSPECTIONS`.
    """
    inspections = snapshot.inspections_between(producer, from_s, to_s, MAX_INSPECTIONS + 1)
    if len(inspections) > MAX_INSPECTIONS:
        raise InvalidInput(f"more than {MAX_INSPECTIONS:,} inspections", field="from", hint="choose a shorter period")
    batches = snapshot.batches_by_id(list(dict.fromkeys(inspection.batch_id for inspection in inspections)))
    return tuple(
        InspectedBatch(batch, inspection, documents)
        for inspection in inspections
        if (batch := batches.get(inspection.batch_id)) is not None
    )


def producer_number(workspace: Workspace, gln: str | None) -> int:
    """Return the number of the organisation with this GLN; without one, that of the signer."""
    return signer_organisation(workspace) if gln is None else organisation_number(workspace, str(Gln(gln)))
