"""Map chain events to EPCIS events; `docs/epcis.md` has the table. Pure functions; lookups go through `Directory`."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from chromatrace.documents.content import InspectionEvidence, Measurement, ReadingWindow
from chromatrace.domain.identifiers import BatchKey, Gln
from chromatrace.domain.rights import SalesChannel, Stage, Verdict
from chromatrace.epcis.vocabulary import UNIT_CODES
from chromatrace.identity.digital_link import DigitalLink, uri_for_batch

_CHAIN_ID_TAG = int.from_bytes(b"CTrace")
"""First 48 bits of the UUID (version 8, RFC 9562) of every chain event, which no captured event may have."""

Json = dict[str, Any]


class Recorded(Protocol):
    """Where the chain has an event, such as `chromatrace.index.views.EventRef`. `block_time` is in Unix seconds."""

    @property
    def block_time(self) -> int: ...
    @property
    def tx_hash(self) -> bytes: ...
    @property
    def log_index(self) -> int: ...


class ChainEvent(Recorded, Protocol):
    """A contract event, such as `chromatrace.index.views.EventView`."""

    @property
    def contract(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def args(self) -> Mapping[str, Any]: ...
    @property
    def block_number(self) -> int: ...


class Directory(Protocol):
    """Lookup of what events refer to. Returns None if it is unknown or must not be disclosed."""

    @property
    def chain_id(self) -> int: ...
    @property
    def base_url(self) -> str:
        """Base URL of the identifiers of products and locations, before `/01/…`."""

    def key_of(self, batch: bytes) -> BatchKey | None: ...
    def quantity_of(self, batch: bytes) -> int | None: ...
    def units_of(self, batch: bytes) -> int | None: ...
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
                verdicts[key]["errorDeclaration"] = superseded_by(event, directory)
            verdicts[key] = epcis_event
    return epcis_events


def superseded_by(later: Recorded, directory: Directory) -> Json:
    """Return the error declaration of a verdict that the verdict recorded by `later` supersedes."""
    return {
        "declarationTime": _time(later.block_time),
        "reason": "incorrect_data",
        "correctiveEventIDs": [event_id(directory.chain_id, later.tx_hash, later.log_index)],
    }


def event_of(event: ChainEvent, directory: Directory) -> Json | None:
    """Return the EPCIS event of a chain event, or None if it has no counterpart or its batch is unknown."""
    convert = _CONVERTERS.get((event.contract, event.name))
    key = directory.key_of(event.args["batch"]) if convert else None
    if convert is None or key is None:
        return None
    common = {
        "eventID": event_id(directory.chain_id, event.tx_hash, event.log_index),
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


def event_id(chain_id: int, tx_hash: bytes, log_index: int) -> str:
    """Return the eventID of a chain event, which is the same in every export."""
    digest = hashlib.sha256(f"{chain_id}/{tx_hash.hex()}/{log_index}".encode()).digest()
    value = _CHAIN_ID_TAG << 80 | int.from_bytes(digest[:10])
    value = value & ~(0xF << 76) | 8 << 76  # version
    value = value & ~(0b11 << 62) | 0b10 << 62  # variant
    return f"urn:uuid:{uuid.UUID(int=value)}"


def is_chain_event_id(text: str) -> bool:
    """Return whether an eventID is that of a chain event, in any notation of its UUID."""
    if text[:9].lower() != "urn:uuid:":
        return False
    digits = re.sub(r"[^0-9a-f]", "", text[9:].lower())
    return digits.startswith(f"{_CHAIN_ID_TAG:012x}8")


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
    if evidence is not None and evidence.key == batch.key:  # the digest of another batch's evidence is public too
        if evidence.overrule is not None:
            event["chromatrace:overrule"] = evidence.overrule
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
    units = batch.directory.units_of(batch.args["batch"])
    event["quantityList"] = [
        {"epcClass": uri_for_batch(batch.directory.base_url, batch.key)} | ({"quantity": units} if units else {})
    ]
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


@dataclass(frozen=True, slots=True)
class EventForm:
    """The values by which a query selects the EPCIS events of one kind of chain event.

    has_inputs  of `BatchRegistered`: whether the batch is made of others
    passed      of `InspectionRecorded`: whether the verdict is a pass
    """

    name: str
    type: str
    action: str | None
    biz_step: str
    disposition: str
    has_inputs: bool | None = None
    passed: bool | None = None


def _observed_form(name: str, biz_step: str, disposition: str, action: str = "OBSERVE", **more: bool) -> EventForm:
    return EventForm(name, "ObjectEvent", action, biz_step, disposition, **more)


EVENT_FORMS = (
    _observed_form("BatchRegistered", "commissioning", "active", "ADD", has_inputs=False),
    EventForm("BatchRegistered", "TransformationEvent", None, "commissioning", "active", has_inputs=True),
    _observed_form("BatchAssembled", "assembling", "in_progress"),
    _observed_form("BatchGraded", "chromatrace:grading", "in_progress"),
    _observed_form("BatchReleased", "chromatrace:releasing", "sellable_not_accessible"),
    _observed_form("BatchRecycled", "decommissioning", "inactive", "DELETE"),
    _observed_form("BatchHeld", "holding", "non_sellable_other"),
    _observed_form("BatchHoldReleased", "chromatrace:releasing_hold", "in_progress"),
    _observed_form("BatchRecalled", "holding", "recalled"),
    _observed_form("InspectionRecorded", "inspecting", "conformant", passed=True),
    _observed_form("InspectionRecorded", "inspecting", "non_conformant", passed=False),
    _observed_form("CustodyOffered", "shipping", "in_transit"),
    _observed_form("CustodyAccepted", "receiving", "in_progress"),
    _observed_form("CustodyRejected", "void_shipping", "in_progress"),
    _observed_form("CustodyOfferWithdrawn", "void_shipping", "in_progress"),
)
"""What `_CONVERTERS` write, one form for each combination of values. A test compares the two."""


def _time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(digest: bytes) -> str:
    """Encode a digest as in RFC 6920."""
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
