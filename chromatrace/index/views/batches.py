"""Batches, their verdicts, and offers of custody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin, Lot
from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch as it stands now. Quantities in units; `channels` those that it is released to.

    `recall_cause` is the recalled batch that this one descends from, its own id where it is the origin;
    `hold_reason` and the recall fields are None where it is not on hold or not recalled.
    """

    batch_id: BatchId
    gtin: Gtin
    lot: Lot
    producer: int
    custodian: int
    state: BatchState
    on_hold: bool
    hold_reason: str | None
    recalled: bool
    recall_cause: BatchId | None
    recall_reason: str | None
    quantity: int
    standard: int
    defective: int
    scrap: int
    channels: frozenset[SalesChannel]
    first_verdict: Verdict
    final_verdict: Verdict
    first_revision: int
    final_revision: int
    serial_root: bytes | None
    content_digest: bytes
    route: bytes | None
    cursor: int
    """Give this as `after` to `batches` to go on behind this batch."""
    registered: EventRef
    changed: EventRef

    @property
    def key(self) -> BatchKey:
        """GTIN and lot."""
        return BatchKey(self.gtin, self.lot)

    @property
    def units(self) -> int:
        """Units that can still be anywhere: none of a recycled or scrapped batch, else all but the scrap."""
        if self.state in (BatchState.RECYCLED, BatchState.SCRAPPED):
            return 0
        return self.quantity - self.scrap


@dataclass(frozen=True, slots=True)
class InspectionView:
    """One signed verdict; `superseded` where a later revision of its stage exists."""

    batch_id: BatchId
    stage: Stage
    verdict: Verdict
    revision: int
    superseded: bool
    sample_size: int
    defects: int
    instrument: bytes
    evidence: bytes
    inspected_at: int
    inspector: str
    organisation: int
    recorded: EventRef


@dataclass(frozen=True, slots=True)
class PolicyView:
    """What inspections of a stage must satisfy: one sample per `units_per_sample` (0: at least one)."""

    stage: Stage
    units_per_sample: int
    independent: bool
    changed: EventRef


class OfferState(StrEnum):
    """What became of an offer; `REPLACED`: it expired and another took its place."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class OfferView:
    """One offer of custody. An open one can be accepted until `valid_until`."""

    batch_id: BatchId
    from_organisation: int
    to_organisation: int
    offered_by: str
    valid_until: int
    state: OfferState
    closed_by: str | None
    reason: str | None
    offered: EventRef
    closed: EventRef | None

    def open_at(self, unix_s: int) -> bool:
        """Whether it could be accepted at that second."""
        return self.state is OfferState.OPEN and unix_s <= self.valid_until
