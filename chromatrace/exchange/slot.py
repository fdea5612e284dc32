"""The batch's slot in `BatchRegistry`, read from storage and computed from the batch's events.

Both must be equal. A withheld event (a recall, a later verdict, a transfer) shows as a difference.
Layout, from the lowest byte (`IBatchRegistry.Batch`): state, onHold, recalled, channels, firstVerdict, finalVerdict,
firstRevision, finalRevision, one byte each; producer, custodian, quantity, standard, defective, scrap, four each.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TypeVar

from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import BatchKey, OrganisationId
from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict
from chromatrace.domain.stored_batch import StoredBatch
from chromatrace.exchange.events import ProvenEvent

Member = TypeVar("Member", bound=IntEnum)

BATCHES_SLOT = 0
"""Storage slot of `BatchRegistry`'s mapping of batches."""


def storage_slot(key: BatchKey) -> bytes:
    """Return the 32-byte storage slot of a batch in `BatchRegistry`."""
    return keccak(bytes(key.batch_id) + BATCHES_SLOT.to_bytes(32, "big"))


def unpack(packed: int) -> StoredBatch:
    """Unpack a storage slot. Raises `IntegrityError` if it is not a batch."""
    raw = packed.to_bytes(32, "little")
    if raw[1] > 1 or raw[2] > 1 or raw[3] > 3:
        raise IntegrityError("the storage slot does not have the layout of a batch", field="state")
    producer, custodian, *units = (int.from_bytes(raw[start : start + 4], "little") for start in range(8, 32, 4))
    parties = (OrganisationId(producer), OrganisationId(custodian))
    verdicts = (enum_member(Verdict, raw[4]), enum_member(Verdict, raw[5]))
    return StoredBatch(
        enum_member(BatchState, raw[0]), bool(raw[1]), bool(raw[2]), raw[3], *verdicts, raw[6], raw[7], *parties, *units
    )


def replay(events: Iterable[ProvenEvent]) -> StoredBatch:
    """Return the slot that results from `events`, which belong to one batch and are in chain order.

    Raises `IntegrityError` if an event is not valid in its state.
    """
    slot: StoredBatch | None = None
    offer: tuple[int, int] | None = None
    for event in events:
        if event.contract == "CustodyLedger":
            offer = _next_offer(offer, event)
        if event.contract != "BatchRegistry":
            continue
        if (slot is None) is not (event.name == "BatchRegistered"):
            raise IntegrityError("the batch's events must start with exactly one registration", field="receipts")
        slot = _registered(event) if slot is None else _apply(slot, event)
    if slot is None:
        raise IntegrityError("the batch's registration is not in the bundle", field="receipts")
    return slot


def _next_offer(offer: tuple[int, int] | None, event: ProvenEvent) -> tuple[int, int] | None:
    """Return the open offer of custody after `event`: giver and receiver."""
    parties = (event.args["from"], event.args["to"])
    if event.name == "CustodyOffered":
        return parties
    if offer != parties:
        raise IntegrityError(f"{event.name} has no matching offer", field="receipts")
    return None


def _registered(event: ProvenEvent) -> StoredBatch:
    producer, quantity, none = event.args["producer"], event.args["quantity"], Verdict.NONE
    return StoredBatch(BatchState.REGISTERED, False, False, 0, none, none, 0, 0, producer, producer, quantity, 0, 0, 0)


_VALID_STATES = {
    "BatchRecycled": (BatchState.STOPPED,),
    "BatchAssembled": (BatchState.FIRST_PASSED,),
    "BatchGraded": (BatchState.ASSEMBLED,),
    "BatchReleased": (BatchState.GRADED, BatchState.RELEASED),
    "CustodyTransferred": (BatchState.RELEASED,),
}
"""States in which the contract emits these events."""


def _apply(slot: StoredBatch, event: ProvenEvent) -> StoredBatch:
    args = event.args
    if slot.state not in _VALID_STATES.get(event.name, (slot.state,)):
        raise IntegrityError(f"{event.name} is not valid in state {slot.state.name.lower()}", field="receipts")
    if (event.name, slot.on_hold) in (("BatchHeld", True), ("BatchHoldReleased", False)):
        state = "on hold" if slot.on_hold else "not on hold"
        raise IntegrityError(f"{event.name} is not valid while the batch is {state}", field="receipts")
    match event.name:
        case "VerdictApplied":
            _apply_verdict(slot, event)
        case "BatchRecycled":
            slot.state = BatchState.RECYCLED
        case "BatchAssembled":
            slot.state = BatchState.ASSEMBLED
        case "BatchGraded":
            slot.standard, slot.defective, slot.scrap = args["standard"], args["defective"], args["scrap"]
            slot.state = BatchState.SCRAPPED if slot.scrap == slot.quantity else BatchState.GRADED
        case "BatchReleased":
            slot.state = BatchState.RELEASED
            slot.channels |= 1 << enum_member(SalesChannel, args["channel"])
        case "BatchHeld" | "BatchHoldReleased":
            slot.on_hold = event.name == "BatchHeld"
        case "BatchRecalled":
            slot.recalled = True
        case "CustodyTransferred":
            if args["from"] != slot.custodian:
                raise IntegrityError("a transfer does not start from the current custodian", field="receipts")
            slot.custodian = args["to"]
    return slot


def _apply_verdict(slot: StoredBatch, event: ProvenEvent) -> None:
    verdict, revision = enum_member(Verdict, event.args["verdict"]), event.args["revision"]
    if enum_member(Stage, event.args["stage"]) is Stage.FIRST:
        expected = slot.first_revision + 1
        slot.first_verdict, slot.first_revision = verdict, revision
        if slot.state <= BatchState.STOPPED:
            slot.state = BatchState.STOPPED if verdict is Verdict.FAIL else BatchState.FIRST_PASSED
    else:
        expected = slot.final_revision + 1
        slot.final_verdict, slot.final_revision = verdict, revision
    if revision != expected:
        raise IntegrityError(f"revision {expected} of a verdict is not in the bundle", field="receipts")
    if slot.state is not enum_member(BatchState, event.args["state"]):
        raise IntegrityError(f"VerdictApplied is not valid in state {slot.state.name.lower()}", field="receipts")


def enum_member(kind: type[Member], number: int) -> Member:
    """Return the enum member with this number. Raises `IntegrityError`."""
    try:
        return kind(number)
    except ValueError as error:
        raise IntegrityError(f"{number} is not a {kind.__name__}", field="receipts") from error
