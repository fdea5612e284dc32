"""What the index answers: frozen records, each naming the events that it was made of.

Addresses are EIP-55 text, digests and identifiers raw bytes, times Unix seconds unless the name says `_ns`.
Organisations are their numbers on the chain (from 1). `None` stands for the chain's zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.identifiers import BatchId, BatchKey, Gln, Gtin, Lot
from chromatrace.domain.ledger_entries import DepartmentRight, RecordId, SubjectId
from chromatrace.domain.rights import (
    BatchState,
    OrganisationKind,
    Role,
    RouteKind,
    SalesChannel,
    Scope,
    Stage,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class EventRef:
    """Where on the chain something was recorded. `block_time` in Unix seconds, hashes of 32 bytes."""

    block_number: int
    block_hash: bytes
    block_time: int
    tx_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class EventView(EventRef):
    """One event as the contract emitted it; `args` by their names in the ABI."""

    contract: str
    name: str
    args: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """One organisation. `active` is its flag on the chain; see `holds_at` for expiry too."""

    id: int
    kind: OrganisationKind
    gln: Gln
    name: str
    permitted_roles: Role
    valid_until: int
    active: bool
    registered: EventRef
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether its rights hold at that second: active and not expired."""
        return self.active and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class OperatorView:
    """One operator's address; its rights hold only while its organisation's do."""

    address: str
    organisation: int
    roles: Role
    valid_until: int
    active: bool
    changed_by: str
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether the operator itself is active and not expired at that second."""
        return self.active and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class GrantView:
    """What `reader` may read of `owner`'s product line; `gtin` None: of every line. Empty scopes: revoked."""

    owner: int
    reader: int
    gtin: Gtin | None
    scopes: Scope
    valid_until: int
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether it grants anything at that second."""
        return bool(self.scopes) and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One append-only log; `size` and `root` of its last anchor (0 and None before the first)."""

    id: bytes
    organisation: int
    name: str
    size: int
    root: bytes | None
    opened: EventRef
    anchored: EventRef | None


@dataclass(frozen=True, slots=True)
class AnchorView:
    """One anchored head: leaves `previous_size` to `size - 1` came with it."""

    channel_id: bytes
    size: int
    previous_size: int
    root: bytes
    first_time_ns: int
    last_time_ns: int
    by: str
    anchored: EventRef


@dataclass(frozen=True, slots=True)
class DepartmentView:
    """One department. `count` of its records and `head` of the hash chain over them (zeros before the first)."""

    id: bytes
    organisation: int
    name: str
    count: int
    head: bytes
    opened: EventRef


@dataclass(frozen=True, slots=True)
class MemberView:
    """What an address may do in a department."""

    department: bytes
    member: str
    rights: DepartmentRight
    changed: EventRef


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a department about one product. `number` counts the department's entries from 0; a record about
    several products has one entry for each. `kind`: see `kind_hash`; `preceding` None: it goes on from none.

    `repeat`: the department had a record of that key before, and that one is the record; this one counts nowhere.
    """

    department: bytes
    number: int
    kind: bytes
    record: RecordId
    subject: SubjectId
    preceding: RecordId | None
    digest: bytes
    by: str
    appended: EventRef
    repeat: bool = False


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


class OfferState(StrEnum):
    """What became of an offer; `REPLACED`: it expired and another took its place."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
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


@dataclass(frozen=True, slots=True)
class PolicyView:
    """What inspections of a stage must satisfy: one sample per `units_per_sample` (0: at least one)."""

    stage: Stage
    units_per_sample: int
    independent: bool
    changed: EventRef


@dataclass(frozen=True, slots=True)
class RouteStepView:
    """One step of a designed route: the process, and the station whose key signs it.

    `organisation` owns the station that `station` names; `revoked_from` is the Unix second from which no proof may
    use its key, None where it is not revoked. `verified`: whether the chain has checked the key; one that it has not
    proves nothing.
    """

    step: int
    process: str
    key: bytes
    station: str
    organisation: int
    revoked_from: int | None
    verified: bool


@dataclass(frozen=True, slots=True)
class RouteView:
    """A designed route, its steps in order from 1."""

    id: bytes
    organisation: int
    name: str
    version: int
    kind: RouteKind
    requires_proof: bool
    steps: tuple[RouteStepView, ...]
    designed_by: str
    designed: EventRef


class RouteProofState(StrEnum):
    """`RECORDED`: a signature stands on the chain that nobody has verified; it never counts as a proof."""

    PROVEN = "proven"
    RECORDED = "recorded-unverified"


@dataclass(frozen=True, slots=True)
class ComponentView:
    """A proven part of an assembly."""

    route: bytes
    subject: bytes


@dataclass(frozen=True, slots=True)
class RouteProofView:
    """What stands on the chain of one subject under one route.

    `head` (c_k, the last link) and `by` are those of the proof, or of the unverified record where there is no proof.
    Both `proven` and `recorded` may be there: recorded first, proven later. `components` in the order of the proof.
    """

    route: bytes
    subject: bytes
    head: bytes
    by: str
    proven: EventRef | None
    recorded: EventRef | None
    components: tuple[ComponentView, ...]

    @property
    def state(self) -> RouteProofState:
        """Whether it is a proof."""
        return RouteProofState.RECORDED if self.proven is None else RouteProofState.PROVEN


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A transaction that emitted events of ours, with them."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    block_time: int
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class HeadView:
    """How far the index is, and how far behind the chain's head when the follower last looked.

    `checked_at` is the follower's clock at that look, Unix seconds; None: no follower has run yet, and then
    `indexed_block` is -1 (nothing).
    """

    chain_id: int | None
    indexed_block: int
    indexed_hash: bytes | None
    indexed_time: int | None
    chain_head: int | None
    chain_time: int | None
    confirmations: int | None
    checked_at: int | None

    @property
    def lag_blocks(self) -> int | None:
        """Blocks between the indexed one and the chain's head; None before the first look."""
        return None if self.chain_head is None else max(0, self.chain_head - self.indexed_block)

    @property
    def lag_s(self) -> int | None:
        """Seconds of chain time between the two; None before the first look or the first block."""
        if self.chain_time is None or self.indexed_time is None:
            return None
        return max(0, self.chain_time - self.indexed_time)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """What one `Follower.sync` did. `undone_blocks`: indexed blocks that the chain no longer has."""

    from_block: int
    indexed_block: int
    chain_head: int
    events: int
    undone_blocks: int
    undone_events: int

    @property
    def changed(self) -> bool:
        """Whether anything was written or undone but the cursor."""
        return bool(self.events or self.undone_events)
