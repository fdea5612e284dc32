"""Events of the chain as EPCIS events: `docs/epcis.md` has the table. Pure: what it needs to know, `Directory` says."""

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
"""Namespace of event ids: an event of the chain has the same id in every export."""

Json = dict[str, Any]


class ChainEvent(Protocol):
    """One event of a contract (`chromatrace.index.views.EventView` is one). `block_time` in Unix seconds."""

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
    """What events refer to by number or digest. None where it is not known or not to be told."""

    @property
    def chain_id(self) -> int: ...
    @property
    def base_url(self) -> str:
        """What stands before `/01/…` in the identifiers of goods and places."""

    def key_of(self, batch: bytes) -> BatchKey | None: ...
    def quantity_of(self, batch: bytes) -> int | None: ...
    def gln_of(self, organisation: int) -> Gln | None: ...
    def evidence_of(self, digest: bytes) -> InspectionEvidence | None: ...


def events_of(events: Iterable[ChainEvent], directory: Directory) -> list[Json]:
    """The EPCIS events that `events` amount to, in their order; several of the chain may be one, and some are none.

    A verdict that a later one among them supersedes is given with an error declaration that names the later.
    """
    made: list[Json] = []
    verdicts: dict[tuple[bytes, int], Json] = {}
    for event in events:
        found = event_of(event, directory)
        if found is None:
            continue
        made.append(found)
        if event.name == "InspectionRecorded":
            about = (event.args["batch"], event.args["stage"])
            if about in verdicts:
                verdicts[about]["errorDeclaration"] = {
                    "declarationTime": _time(event.block_time),
                    "reason": "incorrect_data",
                    "correctiveEventIDs": [found["eventID"]],
                }
            verdicts[about] = found
    return made


def event_of(event: ChainEvent, directory: Directory) -> Json | None:
    """The EPCIS event of one event of the chain; None where it has none, or where its batch is not known."""
    make = _MAKERS.get((event.contract, event.name))
    key = directory.key_of(event.args["batch"]) if make else None
    if make is None or key is None:
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
    return common | make(_Goods(event, directory, key)) | proof


class _Goods:
    """The batch that an event is about."""

    def __init__(self, event: ChainEvent, directory: Directory, key: BatchKey) -> None:
        self.event, self.directory, self.key = event, directory, key
        self.args = event.args

    def quantity(self) -> list[Json]:
        """The whole batch; units are counted, so that there is no unit code."""
        return [_class(self.directory, self.args["batch"], self.key)]

    def observed(self, step: str, disposition: str | None = None, **more: Any) -> Json:
        made: Json = {"type": "ObjectEvent", "action": "OBSERVE", "quantityList": self.quantity(), "bizStep": step}
        return made | ({"disposition": disposition} if disposition else {}) | more

    def place(self, organisation: int) -> Json:
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
    made: Json = {"epcClass": uri_for_batch(directory.base_url, key)}
    quantity = directory.quantity_of(batch)
    return made if quantity is None else made | {"quantity": quantity}


def _registered(goods: _Goods) -> Json:
    args, directory = goods.args, goods.directory
    order = f"ni:///sha-256;{_base64(args['contentDigest'])}"
    common: Json = {"bizStep": "commissioning", "disposition": "active"}
    common |= goods.place(args["producer"]) | goods.transaction("prodorder", order)
    common["ilmd"] = {"cbvmda:lotNumber": goods.key.lot.value}
    used = [
        {"epcClass": uri_for_batch(directory.base_url, key), "quantity": one["quantity"]}
        for one in args["inputs"]
        if (key := directory.key_of(one["batch"])) is not None
    ]
    if used:
        return {
            "type": "TransformationEvent",
            "inputQuantityList": used,
            "outputQuantityList": goods.quantity(),
        } | common
    return {"type": "ObjectEvent", "action": "ADD", "quantityList": goods.quantity()} | common


def _inspected(goods: _Goods) -> Json:
    args = goods.args
    evidence = goods.directory.evidence_of(args["evidence"])
    passed = Verdict(args["verdict"]) is Verdict.PASS
    made = goods.observed("inspecting", "conformant" if passed else "non_conformant")
    made |= {"eventTime": _time(args["inspectedAt"])} | goods.place(args["organisation"])
    made |= goods.transaction("testres", f"ni:///sha-256;{_base64(args['evidence'])}")
    made |= {
        "chromatrace:inspection": Stage(args["stage"]).name.lower(),
        "chromatrace:revision": args["revision"],
        "chromatrace:sampleSize": args["sampleSize"],
        "chromatrace:defects": args["defects"],
        "chromatrace:inspector": args["inspector"],
    }
    if evidence is not None:
        made["sensorElementList"] = [_sensors(evidence, args["inspectedAt"])]
    return made


def _sensors(evidence: InspectionEvidence, inspected_at: int) -> Json:
    instrument = evidence.instrument
    metadata: Json = {
        "time": _time(inspected_at),
        "chromatrace:instrument": instrument.name,
        "chromatrace:instrumentSerial": instrument.serial,
        "chromatrace:calibratedOn": instrument.calibrated_on,
    }
    made: Json = {"sensorMetadata": metadata, "sensorReport": [_report(one) for one in evidence.measurements]}
    return made if evidence.readings is None else made | {"chromatrace:readings": _window(evidence.readings)}


def _report(measured: Measurement) -> Json:
    words = "".join(word.capitalize() for word in measured.quantity.split())
    name = "".join(one for one in words if one.isascii() and one.isalnum()) or "Measurement"
    made: Json = {"type": f"chromatrace:{name}", "value": measured.value}
    code = UNIT_CODES.get(measured.unit)
    made |= {"uom": code} if code else {"chromatrace:unit": measured.unit} if measured.unit else {}
    return made | {
        "chromatrace:quantity": measured.quantity,
        "chromatrace:comparison": str(measured.comparison),
        "chromatrace:limit": measured.limit,
        "chromatrace:passed": measured.passed,
    }


def _window(window: ReadingWindow) -> Json:
    return {"chromatrace:" + name: value for name, value in window.as_json().items()}


def _graded(goods: _Goods) -> Json:
    split = {name: goods.args[name] for name in ("standard", "defective", "scrap")}
    more = {f"chromatrace:{name}": value for name, value in split.items()}
    return goods.observed("chromatrace:grading", "in_progress") | more


def _released(goods: _Goods) -> Json:
    channel = SalesChannel(goods.args["channel"]).name.lower()
    return goods.observed("chromatrace:releasing", "sellable_not_accessible") | {"chromatrace:channel": channel}


def _recycled(goods: _Goods) -> Json:
    return goods.observed("decommissioning", "inactive", action="DELETE")


def _recalled(goods: _Goods) -> Json:
    made = goods.observed("holding", "recalled", persistentDisposition={"set": ["recalled"]}) | goods.reason()
    cause = goods.directory.key_of(goods.args["cause"])
    if cause is not None and cause != goods.key:
        made["chromatrace:cause"] = uri_for_batch(goods.directory.base_url, cause)
    return made


def _moved(step: str, disposition: str) -> Callable[[_Goods], Json]:
    def make(goods: _Goods) -> Json:
        giver, taker = goods.party(goods.args["from"]), goods.party(goods.args["to"])
        made = goods.observed(step, disposition)
        # The giver ships where it is, the taker receives where it is.
        made |= goods.place(goods.args["to" if step == "receiving" else "from"])
        if giver:
            made["sourceList"] = [{"type": "possessing_party", "source": giver}]
        if taker:
            made["destinationList"] = [{"type": "possessing_party", "destination": taker}]
        return made | ({"chromatrace:reason": goods.args["reason"]} if goods.args.get("reason") else {})

    return make


_MAKERS: dict[tuple[str, str], Callable[[_Goods], Json]] = {
    ("BatchRegistry", "BatchRegistered"): _registered,
    ("BatchRegistry", "BatchAssembled"): lambda goods: goods.observed("assembling", "in_progress"),
    ("BatchRegistry", "BatchGraded"): _graded,
    ("BatchRegistry", "BatchReleased"): _released,
    ("BatchRegistry", "BatchRecycled"): _recycled,
    ("BatchRegistry", "BatchHeld"): lambda goods: goods.observed("holding", "non_sellable_other") | goods.reason(),
    ("BatchRegistry", "BatchHoldReleased"): lambda goods: (
        goods.observed("chromatrace:releasing_hold", "in_progress") | goods.reason()
    ),
    ("BatchRegistry", "BatchRecalled"): _recalled,
    ("InspectionLedger", "InspectionRecorded"): _inspected,
    ("CustodyLedger", "CustodyOffered"): _moved("shipping", "in_transit"),
    ("CustodyLedger", "CustodyAccepted"): _moved("receiving", "in_progress"),
    ("CustodyLedger", "CustodyRejected"): _moved("void_shipping", "in_progress"),
    ("CustodyLedger", "CustodyOfferWithdrawn"): _moved("void_shipping", "in_progress"),
}
"""`VerdictApplied` and `CustodyTransferred` are left out: they repeat `InspectionRecorded` and `CustodyAccepted`."""

EVENT_NAMES = frozenset(name for _, name in _MAKERS)
"""Events of the chain that have a counterpart here."""


def _time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(digest: bytes) -> str:
    """As RFC 6920 writes digests."""
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
