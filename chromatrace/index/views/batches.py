"""Batches, their inspections and custody offers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin, Lot
from chromatrace.domain.rights import BatchState, HoldKind, SalesChannel, Stage, Verdict
from chromatrace.index.views.chain import EventRef


class HoldView(NamedTuple):
    """A hold that is set."""

    kind: HoldKind
    reason: str


@dataclass(frozen=True, slots=True)
class BatchView:
    """The current state of a batch. Quantities are in units; `channels` are the sales channels of its release.

    holds          the holds that are set, by rising rank
    recall_cause   the recalled batch that it descends from, or itself; None if it is not recalled
    recall_reason  None if it is not recalled
    """

    batch_id: BatchId
    gtin: Gtin
    lot: Lot
    producer: int
    custodian: int
    state: BatchState
    holds: tuple[HoldView, ...]
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
    """Pass this as `after` to `Snapshot.batches` for the next page."""
    registered: EventRef
    changed: EventRef

    @property
    def on_hold(self) -> bool:
        """Whether a hold of any kind is set."""
        return bool(self.holds)

    @property
    def hold_reason(self) -> str | None:
        """The reason of the hold of the highest rank; None if the batch is not on hold."""
        return self.holds[-1].reason if self.holds else None

    @property
    def key(self) -> BatchKey:
        """The GTIN and lot."""
        return BatchKey(self.gtin, self.lot)

    @property
    def units(self) -> int:
        """See `existing_units`."""
        return existing_units(self.state, self.quantity, self.scrap)


def existing_units(state: BatchState, quantity: int, scrap: int) -> int:
    """Return the units that may still exist: none of a recycled or scrapped batch, otherwise all except scrap."""
    return 0 if state in (BatchState.RECYCLED, BatchState.SCRAPPED) else quantity - scrap


@dataclass(frozen=True, slots=True)
class InspectionView:
    """A signed verdict; `superseded` if a later revision of its stage exists."""

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


class OfferState(StrEnum):
    """Outcome of an offer; `REPLACED`: it expired, and a new offer replaced it."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class OfferView:
    """A custody offer; while open, it can be accepted until `valid_until`."""

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
        """Whether it could be accepted at this time."""
        return self.state is OfferState.OPEN and unix_s <= self.valid_until
