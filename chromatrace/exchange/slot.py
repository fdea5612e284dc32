"""The batch's slot in `BatchRegistry`, read from storage and computed from the batch's events.

Both must be equal. A withheld event (a recall, a later verdict, a transfer) shows as a difference.
Layout, from the lowest byte (`BatchRegistry.StoredBatch`): state, flags, first and final verdict, first and final
revision, one byte each; producer, custodian, quantity, standard, defective, four each; GTIN, six. Flags: channels in
bits 0 and 1, recalled in bit 2, one bit for each `HoldKind` from bit 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TypeVar

from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import BatchKey, OrganisationId
from chromatrace.domain.rights import BatchState, HoldKind, SalesChannel, Stage, Verdict
from chromatrace.domain.stored_batch import StoredBatch
from chromatrace.exchange.events import ProvenEvent

Member = TypeVar("Member", bound=IntEnum)

MAX_REVISION = 255
"""Revision of the 255th verdict of a stage and of all later ones."""

BATCHES_SLOT = 0
"""Storage slot of `BatchRegistry`'s mapping of batches."""


def storage_slot(key: BatchKey) -> bytes:
    """Return the 32-byte storage slot of a batch in `BatchRegistry`."""
    return keccak(bytes(key.batch_id) + BATCHES_SLOT.to_bytes(32, "big"))


def unpack(packed: int) -> StoredBatch:
    """Unpack a storage slot. Raises `IntegrityError` if it is not a batch."""
    raw = packed.to_bytes(32, "little")
    producer, custodian, quantity, standard, defective = (
        int.from_bytes(raw[start : start + 4], "little") for start in range(6, 26, 4)
    )
    state, flags = enum_member(BatchState, raw[0]), raw[1]
    scrap = quantity - standard - defective if state >= BatchState.GRADED else 0
    if scrap < 0:
        raise IntegrityError("the storage slot does not have the layout of a batch", field="state")
    return StoredBatch(
        state=state,
        holds=flags >> 3,
        recalled=bool(flags & 4),
        channels=flags & 3,
        first_verdict=enum_member(Verdict, raw[2]),
        final_verdict=enum_member(Verdict, raw[3]),
        first_revision=raw[4],
        final_revision=raw[5],
        producer=OrganisationId(producer),
        custodian=OrganisationId(custodian),
        quantity=quantity,
        standard=standard,
        defective=defective,
        scrap=scrap,
        gtin=int.from_bytes(raw[26:], "little"),
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
    if event.name == "CustodyReturnOrdered":
        return None
    parties = (event.args["from"], event.args["to"])
    if event.name == "CustodyOffered":
        return parties
    if offer != parties:
        raise IntegrityError(f"{event.name} has no matching offer", field="receipts")
    return None


def _registered(event: ProvenEvent) -> StoredBatch:
    args, none = event.args, Verdict.NONE
    parties, gtin = (args["producer"], args["producer"]), args["gtin"]
    return StoredBatch(BatchState.REGISTERED, 0, False, 0, none, none, 0, 0, *parties, args["quantity"], 0, 0, 0, gtin)


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
            _apply_hold(slot, event)
        case "BatchRecalled":
            slot.recalled = True
        case "CustodyTransferred":
            if args["from"] != slot.custodian:
                raise IntegrityError("a transfer does not start from the current custodian", field="receipts")
            slot.custodian = args["to"]
    return slot


def _apply_hold(slot: StoredBatch, event: ProvenEvent) -> None:
    kind = enum_member(HoldKind, event.args["kind"])
    if (event.name == "BatchHeld") is bool(slot.holds >> kind & 1):
        state = "set" if slot.holds >> kind & 1 else "not set"
        hold = kind.name.lower().replace("_", " ")
        raise IntegrityError(f"{event.name} is not valid while the {hold} hold is {state}", field="receipts")
    slot.holds ^= 1 << kind


def _apply_verdict(slot: StoredBatch, event: ProvenEvent) -> None:
    verdict, revision = enum_member(Verdict, event.args["verdict"]), event.args["revision"]
    if enum_member(Stage, event.args["stage"]) is Stage.FIRST:
        expected = min(slot.first_revision + 1, MAX_REVISION)
        slot.first_verdict, slot.first_revision = verdict, revision
        if slot.state <= BatchState.STOPPED:
            slot.state = BatchState.STOPPED if verdict is Verdict.FAIL else BatchState.FIRST_PASSED
    else:
        expected = min(slot.final_revision + 1, MAX_REVISION)
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
