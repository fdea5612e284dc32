"""A batch's events on the chain, as steps that a person can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.facts.parties import Party
from app.facts.status import Tone
from chromatrace.domain.rights import SalesChannel, Stage, Verdict
from chromatrace.index.views import AnchorView, EventRef, EventView, RouteView

Name = Callable[[int], Party]

_SAID_BY = {
    "VerdictApplied": "InspectionRecorded",
    "CustodyTransferred": "CustodyAccepted",
    "AssemblyProven": "RouteProven",
}
"""Events that another event of the same transaction says better."""


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded step: what happened, in words, and where on the chain that stands."""

    title: str
    detail: str
    tone: Tone
    contract: str
    event: str
    at: int
    """Unix seconds of the block."""
    block: int
    block_hash: bytes
    tx: bytes
    log_index: int

    @property
    def tx_hash(self) -> str:
        return f"0x{self.tx.hex()}"

    def as_dict(self) -> dict[str, object]:
        return {
            "title": self.title,
            "detail": self.detail,
            "contract": self.contract,
            "event": self.event,
            "block_time": self.at,
            "block_number": self.block,
            "block_hash": f"0x{self.block_hash.hex()}",
            "tx_hash": self.tx_hash,
            "log_index": self.log_index,
        }


def steps_of(
    events: Iterable[EventView],
    anchors: Iterable[tuple[AnchorView, Party]],
    name: Name,
    route: RouteView | None = None,
) -> tuple[Step, ...]:
    """The steps in the order of the chain: the batch's own events and the anchors of its readings.

    `route` is the one that the batch was registered with: a proof of any other says nothing about that one.
    """
    listed = list(events)
    said = {(event.tx_hash, event.name) for event in listed}
    steps = [
        _step(event, *_words(event, name, route))
        for event in listed
        if (event.tx_hash, _SAID_BY.get(event.name, "")) not in said
    ]
    for anchor, party in anchors:
        title = "Readings anchored"
        detail = f"{party.name} fixed its first {anchor.size:,} machine readings with one fingerprint."
        steps.append(_place(anchor.anchored, title, detail, Tone.CLEAR, "ProcessLedger", "LogAnchored"))
    return tuple(sorted(steps, key=lambda step: (step.block, step.log_index)))


def _step(event: EventView, title: str, detail: str, tone: Tone = Tone.CLEAR) -> Step:
    return _place(event, title, detail, tone, event.contract, event.name)


def _place(ref: EventRef, title: str, detail: str, tone: Tone, contract: str, event: str) -> Step:
    return Step(
        title,
        detail,
        tone,
        contract,
        event,
        ref.block_time,
        ref.block_number,
        ref.block_hash,
        ref.tx_hash,
        ref.log_index,
    )


def _words(event: EventView, name: Name, route: RouteView | None) -> tuple[str, str] | tuple[str, str, Tone]:
    """Title, detail and tone of an event. One that is not known here is shown by its own name, never left out."""
    if event.name in ("RouteProven", "RouteRecordedUnverified"):
        return _route(event, route)
    write = _WRITERS.get(event.name)
    return write(dict(event.args), name) if write else (event.name, "", Tone.CLEAR)


def _registered(args: dict[str, Any], name: Name) -> tuple[str, str]:
    made_of = len(args.get("inputs") or ())
    source = f", made from {made_of} earlier {'batch' if made_of == 1 else 'batches'}" if made_of else ""
    return "Registered", f"{name(args['producer']).name} registered {args['quantity']:,} units{source}."


def _inspected(args: dict[str, Any], name: Name) -> tuple[str, str, Tone]:
    stage = "First" if args["stage"] == Stage.FIRST else "Final"
    passed = args["verdict"] == Verdict.PASS
    inspector = name(args["organisation"]).name
    again = f" Revision {args['revision']}, in place of the one before." if args["revision"] > 1 else ""
    return (
        f"{stage} inspection {'passed' if passed else 'failed'}",
        f"{inspector} measured {_units(args['sampleSize'])}, {args['defects'] or 'none'} out of limits.{again}",
        Tone.CLEAR if passed else Tone.ALARM,
    )


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count:,} units"


def _verdict(args: dict[str, Any], _name: Name) -> tuple[str, str]:
    stage = "First" if args["stage"] == Stage.FIRST else "Final"
    return f"{stage} verdict applied", "The verdict was taken over into the batch's record."


def _graded(args: dict[str, Any], _name: Name) -> tuple[str, str]:
    return (
        "Graded",
        f"{args['standard']:,} first quality, {args['defective']:,} second quality, {args['scrap']:,} scrap.",
    )


def _released(args: dict[str, Any], _name: Name) -> tuple[str, str]:
    first = args["channel"] == SalesChannel.STANDARD
    return "Released", f"Released for sale as {'first' if first else 'second'} quality."


def _route(event: EventView, route: RouteView | None) -> tuple[str, str, Tone]:
    if route is None or event.args["route"] != route.id:
        return "Another route", "A signature for a route that it was not registered with.", Tone.CAUTION
    if event.name == "RouteRecordedUnverified":
        return (
            "Route recorded, not checked by the chain",
            "This chain cannot check the stations' signature.",
            Tone.CAUTION,
        )
    detail = f"The contract checked that its {len(route.steps)} stations signed, each after the one before it."
    return "Route proven in order", detail, Tone.CLEAR


def _between(title: str, text: str, tone: Tone = Tone.CLEAR) -> Callable[[dict[str, Any], Name], tuple[str, str, Tone]]:
    def write(args: dict[str, Any], name: Name) -> tuple[str, str, Tone]:
        words = text.format(
            giver=name(args["from"]).name, taker=name(args["to"]).name, reason=args.get("reason") or "no reason given"
        )
        return title, words, tone

    return write


def _with_reason(title: str, text: str, tone: Tone) -> Callable[[dict[str, Any], Name], tuple[str, str, Tone]]:
    return lambda args, _name: (title, text.format(reason=args["reason"] or "no reason given"), tone)


_WRITERS: dict[str, Callable[[dict[str, Any], Name], tuple[str, str] | tuple[str, str, Tone]]] = {
    "BatchRegistered": _registered,
    "InspectionRecorded": _inspected,
    "VerdictApplied": _verdict,
    "BatchRecycled": lambda _args, _name: ("Recycled", "The stopped batch's material was recycled.", Tone.ALARM),
    "BatchAssembled": lambda _args, _name: ("Assembled", "The units were put together."),
    "BatchGraded": _graded,
    "BatchReleased": _released,
    "BatchHeld": _with_reason("Put on hold", "Reason: {reason}", Tone.CAUTION),
    "BatchHoldReleased": _with_reason("Hold ended", "Reason: {reason}", Tone.CLEAR),
    "BatchRecalled": _with_reason("Recalled", "Reason: {reason}", Tone.ALARM),
    "CustodyOffered": _between("Offered", "{giver} offered the batch to {taker}."),
    "CustodyAccepted": _between("Handed over", "{taker} took the batch over from {giver}."),
    "CustodyTransferred": _between("Handed over", "The batch went from {giver} to {taker}."),
    "CustodyRejected": _between("Offer refused", "{taker} refused the batch: {reason}", Tone.CAUTION),
    "CustodyOfferWithdrawn": _between("Offer withdrawn", "{giver} took its offer to {taker} back."),
}
