"""The chain events of a batch as a readable timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.presenters.organisations import OrganisationSummary
from app.presenters.status import StatusTone
from chromatrace.domain.rights import SalesChannel, Stage, Verdict
from chromatrace.index.views import AnchorView, EventRef, EventView, RouteView

OrganisationLookup = Callable[[int], OrganisationSummary]
Description = tuple[str, str, StatusTone]
"""Title, detail and tone of a timeline entry."""

ROUTE_EVENTS = ("RouteProven", "RouteRecordedUnverified")

_REPLACED_BY = {
    "VerdictApplied": "InspectionRecorded",
    "CustodyTransferred": "CustodyAccepted",
    "AssemblyProven": "RouteProven",
}
"""Events that are omitted if the same transaction has the more specific event."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One recorded event and its position on the chain. `block_time` is in Unix seconds.

    unrelated  whether another organisation than the producer recorded it about a route of its own
    """

    title: str
    detail: str
    tone: StatusTone
    contract: str
    event: str
    block_time: int
    block_number: int
    block_hash: bytes
    tx: bytes
    log_index: int
    unrelated: bool = False

    @property
    def tx_hash(self) -> str:
        """The transaction as hex."""
        return f"0x{self.tx.hex()}"

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {
            "title": self.title,
            "detail": self.detail,
            "contract": self.contract,
            "event": self.event,
            "block_time": self.block_time,
            "block_number": self.block_number,
            "block_hash": f"0x{self.block_hash.hex()}",
            "tx_hash": self.tx_hash,
            "log_index": self.log_index,
            "unrelated": self.unrelated,
        }


def batch_timeline(
    events: Iterable[EventView],
    anchors: Iterable[tuple[AnchorView, OrganisationSummary]],
    lookup: OrganisationLookup,
    route: RouteView | None = None,
    designers: Mapping[bytes, int] | None = None,
    producer: int | None = None,
) -> tuple[TimelineEntry, ...]:
    """Return the batch's events and the anchors of its readings in chain order, those of unrelated organisations last.

    route      the route that the batch was registered with; a proof of another route is labelled as such
    designers  organisations of the other routes with proofs about the batch: anyone can record such a proof
    """
    designers = designers or {}
    listed = list(events)
    present = {(event.tx_hash, event.name) for event in listed}
    entries = [
        replace(
            _entry(event, _describe(event, lookup, route, designers), event.contract, event.name),
            unrelated=_designer(event, designers) not in (None, producer),
        )
        for event in listed
        if (event.tx_hash, _REPLACED_BY.get(event.name, "")) not in present
    ]
    for anchor, organisation in anchors:
        detail = f"{organisation.name} anchored its first {anchor.size:,} machine readings."
        description = "Readings anchored", detail, StatusTone.CLEAR
        entries.append(_entry(anchor.anchored, description, "ProcessLedger", "LogAnchored"))
    return tuple(sorted(entries, key=lambda entry: (entry.unrelated, entry.block_number, entry.log_index)))


def _entry(event_ref: EventRef, description: Description, contract: str, event: str) -> TimelineEntry:
    title, detail, tone = description
    return TimelineEntry(
        title,
        detail,
        tone,
        contract,
        event,
        event_ref.block_time,
        event_ref.block_number,
        event_ref.block_hash,
        event_ref.tx_hash,
        event_ref.log_index,
    )


def _designer(event: EventView, designers: Mapping[bytes, int]) -> int | None:
    """Return the organisation of another route that an event is about; None for every other event."""
    route = event.args.get("route")
    return designers.get(route) if event.name in ROUTE_EVENTS and isinstance(route, bytes) else None


def _describe(
    event: EventView, lookup: OrganisationLookup, route: RouteView | None, designers: Mapping[bytes, int]
) -> Description:
    """Describe an event. An event without a description is shown by its name, never omitted."""
    if event.name in ROUTE_EVENTS:
        designer = _designer(event, designers)
        return _route(event, route, None if designer is None else lookup(designer).name)
    describe = _DESCRIPTIONS.get(event.name)
    return describe(dict(event.args), lookup) if describe else (event.name, "", StatusTone.CLEAR)


def _registered(args: dict[str, Any], lookup: OrganisationLookup) -> Description:
    inputs = len(args.get("inputs") or ())
    source = f", made from {inputs} earlier {'batch' if inputs == 1 else 'batches'}" if inputs else ""
    detail = f"{lookup(args['producer']).name} registered {args['quantity']:,} units{source}."
    return "Registered", detail, StatusTone.CLEAR


def _inspected(args: dict[str, Any], lookup: OrganisationLookup) -> Description:
    stage = "First" if args["stage"] == Stage.FIRST else "Final"
    passed = args["verdict"] == Verdict.PASS
    inspector = lookup(args["organisation"]).name
    revision = f" Revision {args['revision']} replaces the previous verdict." if args["revision"] > 1 else ""
    return (
        f"{stage} inspection {'passed' if passed else 'failed'}",
        f"{inspector} measured {_units(args['sampleSize'])}, {args['defects'] or 'none'} out of limits.{revision}",
        StatusTone.CLEAR if passed else StatusTone.ALARM,
    )


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count:,} units"


def _verdict(args: dict[str, Any], _lookup: OrganisationLookup) -> Description:
    stage = "First" if args["stage"] == Stage.FIRST else "Final"
    return f"{stage} verdict applied", "The verdict was applied to the batch.", StatusTone.CLEAR


def _graded(args: dict[str, Any], _lookup: OrganisationLookup) -> Description:
    detail = f"{args['standard']:,} standard, {args['defective']:,} defective, {args['scrap']:,} scrap."
    return "Graded", detail, StatusTone.CLEAR


def _released(args: dict[str, Any], _lookup: OrganisationLookup) -> Description:
    standard = args["channel"] == SalesChannel.STANDARD
    detail = (
        "The standard units are for sale." if standard else "The units with a known defect are for sale at a discount."
    )
    return "Released", detail, StatusTone.CLEAR


def _route(event: EventView, route: RouteView | None, designer: str | None) -> Description:
    if route is None or event.args["route"] != route.id:
        whose = f" of {designer}" if designer else ""
        detail = f"A signature for a route{whose} that the batch was not registered with."
        return "Another route", detail, StatusTone.CAUTION
    if event.name == "RouteRecordedUnverified":
        detail = "This chain cannot verify the stations' signature."
        return "Route recorded, not verified by the chain", detail, StatusTone.CAUTION
    detail = f"The contract verified that its {len(route.steps)} stations signed, each after the previous one."
    return "Route proven in order", detail, StatusTone.CLEAR


Describe = Callable[[dict[str, Any], OrganisationLookup], Description]


def _custody(title: str, text: str, tone: StatusTone = StatusTone.CLEAR) -> Describe:
    def describe(args: dict[str, Any], lookup: OrganisationLookup) -> Description:
        giver, receiver = lookup(args["from"]).name, lookup(args["to"]).name
        reason = args.get("reason") or "no reason given"
        return title, text.format(giver=giver, receiver=receiver, reason=reason), tone

    return describe


def _with_reason(title: str, tone: StatusTone) -> Describe:
    return lambda args, _lookup: (title, f"Reason: {args['reason'] or 'no reason given'}", tone)


def _fixed(title: str, detail: str, tone: StatusTone = StatusTone.CLEAR) -> Describe:
    return lambda _args, _lookup: (title, detail, tone)


_DESCRIPTIONS: dict[str, Describe] = {
    "BatchRegistered": _registered,
    "InspectionRecorded": _inspected,
    "VerdictApplied": _verdict,
    "BatchRecycled": _fixed("Recycled", "The material of the stopped batch was recycled.", StatusTone.ALARM),
    "BatchAssembled": _fixed("Assembled", "The units were assembled."),
    "BatchGraded": _graded,
    "BatchReleased": _released,
    "BatchHeld": _with_reason("Put on hold", StatusTone.CAUTION),
    "BatchHoldReleased": _with_reason("Hold released", StatusTone.CLEAR),
    "BatchRecalled": _with_reason("Recalled", StatusTone.ALARM),
    "SupplierNoticeGiven": _with_reason("The recall of an input was notified", StatusTone.CAUTION),
    "CustodyReturnOrdered": _with_reason("Ordered back to the producer", StatusTone.CAUTION),
    "CustodyOffered": _custody("Offered", "{giver} offered the batch to {receiver}."),
    "CustodyAccepted": _custody("Handed over", "{receiver} accepted the batch from {giver}."),
    "CustodyTransferred": _custody("Handed over", "The batch moved from {giver} to {receiver}."),
    "CustodyRejected": _custody("Offer rejected", "{receiver} rejected the batch: {reason}", StatusTone.CAUTION),
    "CustodyOfferWithdrawn": _custody("Offer withdrawn", "{giver} withdrew its offer to {receiver}."),
}
