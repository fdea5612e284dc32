"""The batch's slot in `BatchRegistry`, as its storage has it and as the batch's events make it.

Both must be the same: an event that a bundle keeps back (a recall, a later verdict, a transfer) shows as a difference.
Layout, from the lowest byte (`IBatchRegistry.Batch`): state, onHold, recalled, channels, firstVerdict, finalVerdict,
firstRevision, finalRevision, one byte each; producer, custodian, quantity, standard, defective, scrap, four each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TypeVar

from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict
from chromatrace.exchange.events import Event

BATCHES_SLOT = 0
"""Storage position of `BatchRegistry`'s mapping of batches."""

Member = TypeVar("Member", bound=IntEnum)


@dataclass(slots=True)
class BatchSlot:
    """`IBatchRegistry.Batch`, member for member."""

    state: BatchState
    on_hold: bool
    recalled: bool
    channels: int
    first_verdict: Verdict
    final_verdict: Verdict
    first_revision: int
    final_revision: int
    producer: int
    custodian: int
    quantity: int
    standard: int
    defective: int
    scrap: int

    def differences(self, other: BatchSlot) -> list[str]:
        """Names of the members that differ."""
        theirs = asdict(other)
        return [name for name, value in asdict(self).items() if theirs[name] != value]


def unpack(packed: int) -> BatchSlot:
    """The slot that stands in storage; `IntegrityError` where it is no batch's."""
    raw = packed.to_bytes(32, "little")
    if raw[1] > 1 or raw[2] > 1 or raw[3] > 3:
        raise IntegrityError("the slot is not laid out as a batch's", field="state")
    words = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, 32, 4)]
    verdicts = (member(Verdict, raw[4]), member(Verdict, raw[5]))
    return BatchSlot(member(BatchState, raw[0]), bool(raw[1]), bool(raw[2]), raw[3], *verdicts, raw[6], raw[7], *words)


def replay(events: Iterable[Event]) -> BatchSlot:
    """What `events`, all of one batch and in the order of the chain, leave in the slot.

    Raises `IntegrityError` where they do not follow from one another.
    """
    slot: BatchSlot | None = None
    offer: tuple[int, int] | None = None
    for event in events:
        if event.contract == "CustodyLedger":
            offer = _offered(offer, event)
        if event.contract != "BatchRegistry":
            continue
        if (slot is None) is not (event.name == "BatchRegistered"):
            raise IntegrityError("the batch's events do not begin with one registration", field="receipts")
        slot = _registered(event) if slot is None else _apply(slot, event)
    if slot is None:
        raise IntegrityError("the batch's registration is not in the bundle", field="receipts")
    return slot


def _offered(offer: tuple[int, int] | None, event: Event) -> tuple[int, int] | None:
    """The offer of custody that is open after `event`: from whom, to whom."""
    parties = (event.args["from"], event.args["to"])
    if event.name == "CustodyOffered":
        return parties
    if offer != parties:
        raise IntegrityError(f"{event.name} does not follow on an offer", field="receipts")
    return None


def _registered(event: Event) -> BatchSlot:
    producer, none = event.args["producer"], Verdict.NONE
    return BatchSlot(
        BatchState.REGISTERED, False, False, 0, none, none, 0, 0, producer, producer, event.args["quantity"], 0, 0, 0
    )


_ONLY_IN = {
    "BatchRecycled": (BatchState.STOPPED,),
    "BatchAssembled": (BatchState.FIRST_PASSED,),
    "BatchGraded": (BatchState.ASSEMBLED,),
    "BatchReleased": (BatchState.GRADED, BatchState.RELEASED),
    "CustodyTransferred": (BatchState.RELEASED,),
}
"""The states from which the contract lets these events come."""


def _apply(slot: BatchSlot, event: Event) -> BatchSlot:
    args = event.args
    if slot.state not in _ONLY_IN.get(event.name, (slot.state,)):
        raise IntegrityError(f"{event.name} does not follow on {slot.state.name.lower()}", field="receipts")
    if (event.name, slot.on_hold) in (("BatchHeld", True), ("BatchHoldReleased", False)):
        raise IntegrityError(f"{event.name} does not follow on what is before it", field="receipts")
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
            slot.channels |= 1 << member(SalesChannel, args["channel"])
        case "BatchHeld" | "BatchHoldReleased":
            slot.on_hold = event.name == "BatchHeld"
        case "BatchRecalled":
            slot.recalled = True
        case "CustodyTransferred":
            if args["from"] != slot.custodian:
                raise IntegrityError("a transfer does not start from the custodian before it", field="receipts")
            slot.custodian = args["to"]
    return slot


def _apply_verdict(slot: BatchSlot, event: Event) -> None:
    verdict, revision = member(Verdict, event.args["verdict"]), event.args["revision"]
    if member(Stage, event.args["stage"]) is Stage.FIRST:
        expected = slot.first_revision + 1
        slot.first_verdict, slot.first_revision = verdict, revision
        if slot.state <= BatchState.STOPPED:
            slot.state = BatchState.STOPPED if verdict is Verdict.FAIL else BatchState.FIRST_PASSED
    else:
        expected = slot.final_revision + 1
        slot.final_verdict, slot.final_revision = verdict, revision
    if revision != expected:
        raise IntegrityError(f"revision {expected} of a verdict is not in the bundle", field="receipts")
    if slot.state is not member(BatchState, event.args["state"]):
        raise IntegrityError(f"a verdict does not follow on {slot.state.name.lower()}", field="receipts")


def member(kind: type[Member], number: int) -> Member:
    """The member of an enumeration; `IntegrityError` where it has none of this number."""
    try:
        return kind(number)
    except ValueError as error:
        raise IntegrityError(f"there is no {kind.__name__} {number}", field="receipts") from error
