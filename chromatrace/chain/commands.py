"""What the product does on the chain, as typed calls: `chain.submit(assemble(batch))`.

Each function returns a `Call`; `Chain.submit` and `Chain.send_many` send it, `keyed` makes it take effect at most once.
Times are Unix seconds unless a name says `_ns`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chromatrace.chain.client import Call
from chromatrace.crypto.eip712 import Inspection
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchId, BatchKey, Gln, Gtin
from chromatrace.domain.rights import FOR_EVER, OrganisationKind, Role, SalesChannel, Scope, Stage

_ZERO = bytes(32)


@dataclass(frozen=True, slots=True)
class Registration:
    """A batch to register.

    quantity        units, at least one
    content_digest  SHA-256 of the content document
    serial_root     root of the tree of unit serials; zeros where units carry none
    route           id of the designed route; zeros where none
    inputs          batches that this one is made of, and how much of each
    """

    batch: BatchKey
    quantity: int
    content_digest: bytes
    serial_root: bytes = _ZERO
    route: bytes = _ZERO
    inputs: tuple[Input, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.quantity < 1 << 32:
            raise InvalidInput(f"1 to 2^32 - 1 units are needed, got {self.quantity}", field="quantity")
        for name in ("content_digest", "serial_root", "route"):
            if len(getattr(self, name)) != 32:
                raise InvalidInput("32 bytes are needed", field=name)

    def as_struct(self) -> tuple[Any, ...]:
        """The contract's `Registration`."""
        key = self.batch
        lot_and_size = (int(key.gtin), str(key.lot), self.quantity)
        return (*lot_and_size, self.serial_root, self.content_digest, self.route, _structs(self.inputs))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a batch's commitment is made of, as its `BatchRegistered` event has it."""

    serial_root: bytes
    content_digest: bytes
    route: bytes
    inputs: tuple[Input, ...]

    def as_struct(self) -> tuple[Any, ...]:
        """The contract's `Parts`."""
        return self.serial_root, self.content_digest, self.route, _structs(self.inputs)


def _structs(inputs: Sequence[Input]) -> list[tuple[bytes, int]]:
    """The contract's `Input`s."""
    return [(one.batch, one.quantity) for one in inputs]


def keyed(call: Call, key: str) -> Call:
    """The same call with an idempotency key."""
    return replace(call, key=key)


def register_batch(registration: Registration) -> Call:
    """Registers one batch of the signer's organisation."""
    return Call("BatchRegistry", "register", (registration.as_struct(),))


def register_batches(registrations: Sequence[Registration]) -> Call:
    """Registers many batches in one transaction, all or none."""
    return Call("BatchRegistry", "registerMany", ([registration.as_struct() for registration in registrations],))


def record_inspection(inspection: Inspection, signature: bytes) -> Call:
    """Submits a signed inspection; anyone may."""
    return Call("InspectionLedger", "record", (inspection.as_struct(), signature))


def record_inspections(signed: Sequence[tuple[Inspection, bytes]]) -> Call:
    """Submits many signed inspections, all or none."""
    structs = [inspection.as_struct() for inspection, _ in signed]
    return Call("InspectionLedger", "recordMany", (structs, [signature for _, signature in signed]))


def set_policy(stage: Stage, units_per_sample: int, independent: bool) -> Call:
    """Sets the sampling and independence policy of a stage; only the registrar may."""
    return Call("InspectionLedger", "setPolicy", (stage, units_per_sample, independent))


def recycle(batch: BatchId) -> Call:
    """Closes a stopped batch: its material is recycled."""
    return Call("BatchRegistry", "recycle", (batch,))


def assemble(batch: BatchId) -> Call:
    """The devices of a batch that passed first inspection are assembled."""
    return Call("BatchRegistry", "assemble", (batch,))


def grade(batch: BatchId, standard: int, defective: int, scrap: int) -> Call:
    """Splits a batch after final inspection; units that add up to its quantity."""
    return Call("BatchRegistry", "grade", (batch, standard, defective, scrap))


def release(batch: BatchId, channel: SalesChannel) -> Call:
    """Releases the graded quantity of one channel."""
    return Call("BatchRegistry", "release", (batch, channel))


def hold(batch: BatchId, reason: str) -> Call:
    """Stops everything but inspection, recall and the end of the hold."""
    return Call("BatchRegistry", "hold", (batch, reason))


def release_hold(batch: BatchId, reason: str) -> Call:
    """Ends a hold."""
    return Call("BatchRegistry", "releaseHold", (batch, reason))


def recall(batch: BatchId, reason: str) -> Call:
    """Recalls a batch, for ever."""
    return Call("BatchRegistry", "recall", (batch, reason))


def recall_descendants(parent: BatchId, children: Sequence[tuple[BatchId, Parts]], reason: str) -> Call:
    """Recalls batches made of a recalled one; each child with the parts of its commitment."""
    ids = [child for child, _ in children]
    parts = [part.as_struct() for _, part in children]
    return Call("BatchRegistry", "recallDescendants", (parent, ids, parts, reason))


def offer_custody(batch: BatchId, to: int, valid_until: int) -> Call:
    """Offers a released batch to the organisation `to`."""
    return Call("CustodyLedger", "offer", (batch, to, valid_until))


def withdraw_offer(batch: BatchId) -> Call:
    """Takes an offer back."""
    return Call("CustodyLedger", "withdraw", (batch,))


def accept_custody(batch: BatchId) -> Call:
    """Takes custody of a batch on offer to the signer's organisation."""
    return Call("CustodyLedger", "accept", (batch,))


def reject_custody(batch: BatchId, reason: str) -> Call:
    """Declines a batch on offer to the signer's organisation."""
    return Call("CustodyLedger", "reject", (batch, reason))


def open_channel(name: str) -> Call:
    """Opens a channel of the signer's organisation."""
    return Call("ProcessLedger", "openChannel", (name,))


def anchor(channel: bytes, size: int, root: bytes, first_time_ns: int, last_time_ns: int) -> Call:
    """Anchors the head of a channel's log; source times in Unix nanoseconds."""
    return Call("ProcessLedger", "anchor", (channel, size, root, first_time_ns, last_time_ns))


def register_organisation(
    kind: OrganisationKind, gln: Gln, permitted_roles: Role, name: str, valid_until: int = FOR_EVER
) -> Call:
    """Adds an organisation; only the registrar may."""
    return Call("Consortium", "registerOrganisation", (kind, int(gln), permitted_roles, valid_until, name))


def change_organisation(organisation: int, permitted_roles: Role, valid_until: int = FOR_EVER) -> Call:
    """Changes what an organisation may be given, and until when."""
    return Call("Consortium", "changeOrganisation", (organisation, permitted_roles, valid_until))


def suspend_organisation(organisation: int) -> Call:
    """Takes every right of every operator of an organisation, at once."""
    return Call("Consortium", "suspendOrganisation", (organisation,))


def reinstate_organisation(organisation: int) -> Call:
    """Ends a suspension."""
    return Call("Consortium", "reinstateOrganisation", (organisation,))


def appoint_operator(operator: str, organisation: int, roles: Role, valid_until: int = FOR_EVER) -> Call:
    """Gives an address exactly these roles."""
    return Call("Consortium", "appointOperator", (operator, organisation, roles, valid_until))


def dismiss_operator(operator: str) -> Call:
    """Takes all rights of an address."""
    return Call("Consortium", "dismissOperator", (operator,))


def grant_read_scopes(reader: int, gtins: Sequence[Gtin], scopes: Scope, valid_until: int = FOR_EVER) -> Call:
    """Lets the organisation `reader` read these product lines of the signer's; no GTINs stand for every product."""
    numbers = [int(gtin) for gtin in gtins] or [0]
    return Call("Consortium", "grantReadScopes", (reader, numbers, scopes, valid_until))
