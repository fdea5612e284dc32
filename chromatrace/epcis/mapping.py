"""Map chain events to EPCIS events; `docs/epcis.md` has the table. Pure functions; lookups go through `Directory`."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from chromatrace.documents.content import InspectionEvidence, Measurement, ReadingWindow
from chromatrace.domain.identifiers import BatchKey, Gln
from chromatrace.domain.rights import SalesChannel, Stage, Verdict
from chromatrace.epcis.vocabulary import UNIT_CODES
from chromatrace.identity.digital_link import DigitalLink, uri_for_batch

EVENT_IDS = uuid.UUID("5d0c7f0e-3b0c-5a8e-9b61-0f3f6f2b7c11")
"""Namespace of event ids: a chain event has the same id in every export."""

Json = dict[str, Any]


class ChainEvent(Protocol):
    """A contract event, such as `chromatrace.index.views.EventView`. `block_time` is in Unix seconds."""

    @property
    def contract(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def args(self) -> Mapping[str, Any]: ...
    @property
    def block_number(self) -> int: ...
    @property
    def block_time(self) -> int: ...
    @property
    def tx_hash(self) -> bytes: ...
    @property
    def log_index(self) -> int: ...


class Directory(Protocol):
    """Lookup of what events refer to. Returns None if it is unknown or must not be disclosed."""

    @property
    def chain_id(self) -> int: ...
    @property
    def base_url(self) -> str:
        """Base URL of the identifiers of products and locations, before `/01/…`."""

    def key_of(self, batch: bytes) -> BatchKey | None: ...
    def quantity_of(self, batch: bytes) -> int | None: ...
    def gln_of(self, organisation: int) -> Gln | None: ...
    def evidence_of(self, digest: bytes) -> InspectionEvidence | None: ...


def events_of(events: Iterable[ChainEvent], directory: Directory) -> list[Json]:
    """Return the EPCIS events of `events`, in order. Chain events without a counterpart are omitted.

    A verdict that a later one supersedes has an error declaration that refers to the later one.
    """
    epcis_events: list[Json] = []
    verdicts: dict[tuple[bytes, int], Json] = {}
    for event in events:
        epcis_event = event_of(event, directory)
        if epcis_event is None:
            continue
        epcis_events.append(epcis_event)
        if event.name == "InspectionRecorded":
            key = (event.args["batch"], event.args["stage"])
            if key in verdicts:
                verdicts[key]["errorDeclaration"] = {
                    "declarationTime": _time(event.block_time),
                    "reason": "incorrect_data",
                    "correctiveEventIDs": [epcis_event["eventID"]],
                }
            verdicts[key] = epcis_event
    return epcis_events


def event_of(event: ChainEvent, directory: Directory) -> Json | None:
    """Return the EPCIS event of a chain event, or None if it has no counterpart or its batch is unknown."""
    convert = _CONVERTERS.get((event.contract, event.name))
    key = directory.key_of(event.args["batch"]) if convert else None
    if convert is None or key is None:
        return None
    common = {
        "eventID": f"urn:uuid:{uuid.uuid5(EVENT_IDS, f'{directory.chain_id}/{event.tx_hash.hex()}/{event.log_index}')}",
        "eventTime": _time(event.block_time),
        "recordTime": _time(event.block_time),
        "eventTimeZoneOffset": "+00:00",
    }
    proof = {
        "chromatrace:chain": directory.chain_id,
        "chromatrace:block": event.block_number,
        "chromatrace:transaction": f"0x{event.tx_hash.hex()}",
        "chromatrace:logIndex": event.log_index,
    }
    return common | convert(_BatchEvent(event, directory, key)) | proof


class _BatchEvent:
    """A chain event with its batch."""

    def __init__(self, event: ChainEvent, directory: Directory, key: BatchKey) -> None:
        self.event, self.directory, self.key = event, directory, key
        self.args = event.args

    def quantity(self) -> list[Json]:
        """Return the quantity of the whole batch, as a count of units without a unit code."""
        return [_class(self.directory, self.args["batch"], self.key)]

    def observed(self, step: str, disposition: str | None = None, **more: Any) -> Json:
        event: Json = {"type": "ObjectEvent", "action": "OBSERVE", "quantityList": self.quantity(), "bizStep": step}
        return event | ({"disposition": disposition} if disposition else {}) | more

    def read_point(self, organisation: int) -> Json:
        uri = self.party(organisation)
        return {"readPoint": {"id": uri}} if uri else {}

    def party(self, organisation: int) -> str | None:
        gln = self.directory.gln_of(organisation)
        return None if gln is None else DigitalLink.build([("414", gln.value)], self.directory.base_url).uri

    def transaction(self, kind: str, uri: str) -> Json:
        return {"bizTransactionList": [{"type": kind, "bizTransaction": uri}]}

    def reason(self) -> Json:
        return {"chromatrace:reason": self.args["reason"]} if self.args["reason"] else {}


def _class(directory: Directory, batch: bytes, key: BatchKey) -> Json:
    item: Json = {"epcClass": uri_for_batch(directory.base_url, key)}
    quantity = directory.quantity_of(batch)
    return item if quantity is None else item | {"quantity": quantity}


def _registered(batch: _BatchEvent) -> Json:
    args, directory = batch.args, batch.directory
    order = f"ni:///sha-256;{_base64(args['contentDigest'])}"
    common: Json = {"bizStep": "commissioning", "disposition": "active"}
    common |= batch.read_point(args["producer"]) | batch.transaction("prodorder", order)
    common["ilmd"] = {"cbvmda:lotNumber": batch.key.lot.value}
    inputs = [
        {"epcClass": uri_for_batch(directory.base_url, key), "quantity": source["quantity"]}
        for source in args["inputs"]
        if (key := directory.key_of(source["batch"])) is not None
    ]
    if inputs:
        return {
            "type": "TransformationEvent",
            "inputQuantityList": inputs,
            "outputQuantityList": batch.quantity(),
        } | common
    return {"type": "ObjectEvent", "action": "ADD", "quantityList": batch.quantity()} | common


def _inspected(batch: _BatchEvent) -> Json:
    args = batch.args
    evidence = batch.directory.evidence_of(args["evidence"])
    passed = Verdict(args["verdict"]) is Verdict.PASS
    event = batch.observed("inspecting", "conformant" if passed else "non_conformant")
    event |= {"eventTime": _time(args["inspectedAt"])} | batch.read_point(args["organisation"])
    event |= batch.transaction("testres", f"ni:///sha-256;{_base64(args['evidence'])}")
    event |= {
        "chromatrace:inspection": Stage(args["stage"]).name.lower(),
        "chromatrace:revision": args["revision"],
        "chromatrace:sampleSize": args["sampleSize"],
        "chromatrace:defects": args["defects"],
        "chromatrace:inspector": args["inspector"],
    }
    if evidence is not None:
        event["sensorElementList"] = [_sensors(evidence, args["inspectedAt"])]
    return event


def _sensors(evidence: InspectionEvidence, inspected_at: int) -> Json:
    instrument = evidence.instrument
    metadata: Json = {
        "time": _time(inspected_at),
        "chromatrace:instrument": instrument.name,
        "chromatrace:instrumentSerial": instrument.serial,
        "chromatrace:calibratedOn": instrument.calibrated_on,
    }
    reports = [_report(measurement) for measurement in evidence.measurements]
    element: Json = {"sensorMetadata": metadata, "sensorReport": reports}
    return element if evidence.readings is None else element | {"chromatrace:readings": _window(evidence.readings)}


def _report(measured: Measurement) -> Json:
    words = "".join(word.capitalize() for word in measured.quantity.split())
    name = "".join(character for character in words if character.isascii() and character.isalnum()) or "Measurement"
    report: Json = {"type": f"chromatrace:{name}", "value": measured.value}
    code = UNIT_CODES.get(measured.unit)
    report |= {"uom": code} if code else {"chromatrace:unit": measured.unit} if measured.unit else {}
    return report | {
        "chromatrace:quantity": measured.quantity,
        "chromatrace:comparison": str(measured.comparison),
        "chromatrace:limit": measured.limit,
        "chromatrace:passed": measured.passed,
    }


def _window(window: ReadingWindow) -> Json:
    return {"chromatrace:" + name: value for name, value in window.as_json().items()}


def _graded(batch: _BatchEvent) -> Json:
    split = {name: batch.args[name] for name in ("standard", "defective", "scrap")}
    more = {f"chromatrace:{name}": value for name, value in split.items()}
    return batch.observed("chromatrace:grading", "in_progress") | more


def _released(batch: _BatchEvent) -> Json:
    channel = SalesChannel(batch.args["channel"]).name.lower()
    return batch.observed("chromatrace:releasing", "sellable_not_accessible") | {"chromatrace:channel": channel}


def _recycled(batch: _BatchEvent) -> Json:
    return batch.observed("decommissioning", "inactive", action="DELETE")


def _recalled(batch: _BatchEvent) -> Json:
    event = batch.observed("holding", "recalled", persistentDisposition={"set": ["recalled"]}) | batch.reason()
    cause = batch.directory.key_of(batch.args["cause"])
    if cause is not None and cause != batch.key:
        event["chromatrace:cause"] = uri_for_batch(batch.directory.base_url, cause)
    return event


def _moved(step: str, disposition: str) -> Callable[[_BatchEvent], Json]:
    def convert(batch: _BatchEvent) -> Json:
        giver, receiver = batch.party(batch.args["from"]), batch.party(batch.args["to"])
        event = batch.observed(step, disposition)
        event |= batch.read_point(batch.args["to" if step == "receiving" else "from"])
        if giver:
            event["sourceList"] = [{"type": "possessing_party", "source": giver}]
        if receiver:
            event["destinationList"] = [{"type": "possessing_party", "destination": receiver}]
        return event | ({"chromatrace:reason": batch.args["reason"]} if batch.args.get("reason") else {})

    return convert


_CONVERTERS: dict[tuple[str, str], Callable[[_BatchEvent], Json]] = {
    ("BatchRegistry", "BatchRegistered"): _registered,
    ("BatchRegistry", "BatchAssembled"): lambda batch: batch.observed("assembling", "in_progress"),
    ("BatchRegistry", "BatchGraded"): _graded,
    ("BatchRegistry", "BatchReleased"): _released,
    ("BatchRegistry", "BatchRecycled"): _recycled,
    ("BatchRegistry", "BatchHeld"): lambda batch: batch.observed("holding", "non_sellable_other") | batch.reason(),
    ("BatchRegistry", "BatchHoldReleased"): lambda batch: (
        batch.observed("chromatrace:releasing_hold", "in_progress") | batch.reason()
    ),
    ("BatchRegistry", "BatchRecalled"): _recalled,
    ("InspectionLedger", "InspectionRecorded"): _inspected,
    ("CustodyLedger", "CustodyOffered"): _moved("shipping", "in_transit"),
    ("CustodyLedger", "CustodyAccepted"): _moved("receiving", "in_progress"),
    ("CustodyLedger", "CustodyRejected"): _moved("void_shipping", "in_progress"),
    ("CustodyLedger", "CustodyOfferWithdrawn"): _moved("void_shipping", "in_progress"),
}
"""`VerdictApplied` and `CustodyTransferred` are left out: they repeat `InspectionRecorded` and `CustodyAccepted`."""

EVENT_NAMES = frozenset(name for _, name in _CONVERTERS)
"""Names of the chain events that have an EPCIS counterpart."""


def _time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(digest: bytes) -> str:
    """Encode a digest as in RFC 6920."""
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
