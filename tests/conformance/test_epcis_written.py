"""Test the EPCIS export: chain events as EPCIS events that are valid by GS1's JSON schema."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

import pytest

from chromatrace.documents.content import InspectionEvidence, Instrument, Measurement, ReadingWindow
from chromatrace.domain.identifiers import BatchKey, Gln
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.epcis.document import document_of, read_document
from chromatrace.epcis.mapping import EVENT_FORMS, events_of, is_chain_event_id


@dataclass(frozen=True)
class Event:
    """A chain event as the index returns it."""

    contract: str
    name: str
    args: dict
    block_number: int = 7
    block_time: int = 1_780_000_000
    tx_hash: bytes = b"\x11" * 32
    log_index: int = 0


BATCH, INPUT = b"\x01" * 32, b"\x02" * 32
EVIDENCE = InspectionEvidence(
    BatchKey.parse("09521234543213", "L/1+").gtin,
    BatchKey.parse("09521234543213", "L/1+").lot,
    Stage.FINAL,
    "2026-05-28T20:00:00+00:00",
    Instrument("Spectrophotometer", "SP-07", "2026-05-18"),
    (),
    (
        Measurement("optical modulation", 52.5, "%", 40.0, ">=", True),
        Measurement("coloration efficiency", 22.0, "cm²/C", 30.0, ">=", False),
        Measurement("Ø", 1.0, "", 2.0, "<", True),
    ),
    ReadingWindow("coater 1", Gln("9521234500001"), 0, 9, 10, b"\x05" * 32, 1, 2),
)


class Directory:
    chain_id = 31337
    base_url = "https://id.example.org"

    def key_of(self, batch):
        return {BATCH: BatchKey.parse("09521234543213", "L/1+"), INPUT: BatchKey.parse("09521234543213", "IN")}.get(
            batch
        )

    def quantity_of(self, batch):
        return 100 if batch == BATCH else None

    def units_of(self, batch):
        return 98 if batch == BATCH else None

    def gln_of(self, organisation):
        return {1: Gln("9521234500001"), 2: Gln("9521234510000")}.get(organisation)

    def evidence_of(self, digest):
        return EVIDENCE if digest == b"\x07" * 32 else None


def inspected(revision, verdict, **more):
    args = {
        "batch": BATCH,
        "stage": 1,
        "inspector": "0x" + "ab" * 20,
        "organisation": 2,
        "verdict": verdict,
        "revision": revision,
        "sampleSize": 1,
        "defects": 0,
        "instrument": bytes(32),
        "evidence": b"\x07" * 32,
        "inspectedAt": 1_779_999_000,
    }
    return Event("InspectionLedger", "InspectionRecorded", args | more, log_index=revision)


def registry(name, **args):
    return Event("BatchRegistry", name, {"batch": BATCH, "by": "0x" + "ab" * 20, "reason": "", **args})


def custody(name, **args):
    return Event("CustodyLedger", name, {"batch": BATCH, "from": 1, "to": 2, "by": "0x" + "ab" * 20, **args})


def registered(inputs=()):
    quantities = [{"batch": batch, "quantity": 40} for batch in inputs]
    return registry("BatchRegistered", producer=1, inputs=quantities, contentDigest=b"\x06" * 32)


ALL_EVENTS = [
    registered(),
    registered([INPUT, b"\x09" * 32]),
    inspected(1, 2),
    inspected(2, 1),
    inspected(3, 1, evidence=b"\x08" * 32, organisation=9, stage=0),
    registry("BatchAssembled"),
    registry("BatchGraded", standard=90, defective=8, scrap=2),
    registry("BatchReleased", channel=0),
    registry("BatchRecycled"),
    registry("BatchHeld", reason="colour"),
    registry("BatchHoldReleased"),
    registry("BatchRecalled", cause=INPUT, reason="cracks"),
    custody("CustodyOffered"),
    custody("CustodyAccepted"),
    custody("CustodyRejected", reason="no room"),
    custody("CustodyOfferWithdrawn"),
]


def test_evidence_of_another_batch_is_not_exported():
    """Digests are public, so an inspection can name the evidence of another batch."""
    own, other = inspected(1, 1), inspected(2, 1, batch=INPUT)
    assert ["sensorElementList" in event for event in events_of([own, other], Directory())] == [True, False]


def test_exported_events_are_valid_by_the_schema(epcis_schema):
    events = events_of(ALL_EVENTS, Directory())
    assert len(events) == len(ALL_EVENTS)
    for event in events:
        document = document_of([event], "2026-11-22T10:00:00Z")
        epcis_schema.validate(document)
        assert read_document(json.dumps(document).encode()) == document


@pytest.mark.parametrize(
    ("event", "members"),
    [
        (registered(), {"type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning", "disposition": "active"}),
        (registered([INPUT]), {"type": "TransformationEvent", "bizStep": "commissioning", "disposition": "active"}),
        (inspected(1, 1), {"action": "OBSERVE", "bizStep": "inspecting", "disposition": "conformant"}),
        (inspected(1, 2), {"disposition": "non_conformant", "eventTime": "2026-05-28T20:10:00Z"}),
        (registry("BatchHeld"), {"bizStep": "holding"}),
        (custody("CustodyOffered"), {"bizStep": "shipping", "disposition": "in_transit"}),
        (custody("CustodyAccepted"), {"bizStep": "receiving"}),
        (
            registry("BatchRecalled", cause=BATCH),
            {"disposition": "recalled", "persistentDisposition": {"set": ["recalled"]}},
        ),
    ],
)
def test_terms_of_the_core_business_vocabulary(event, members):
    epcis_event = events_of([event], Directory())[0]
    assert epcis_event.items() >= members.items()
    assert epcis_event["eventTimeZoneOffset"] == "+00:00"


def test_a_recall_counts_the_units_that_may_still_exist():
    """The number is the one of the recall impact; other events have the registered number."""
    quantities = {
        name: events_of([registry(name, cause=BATCH)], Directory())[0]["quantityList"][0]["quantity"]
        for name in ("BatchRecalled", "BatchHeld")
    }
    assert quantities == {"BatchRecalled": 98, "BatchHeld": 100}


def test_forms_of_a_query_are_those_of_the_events():
    """Every event has exactly one form, with its values, and every form has an event."""
    used = set()
    for event in ALL_EVENTS:
        (epcis_event,) = events_of([event], Directory())
        values = [epcis_event.get(name) for name in ("type", "action", "bizStep", "disposition")]
        (form,) = (
            form
            for form in EVENT_FORMS
            if form.name == event.name
            and form.has_inputs in (None, bool(event.args.get("inputs")))
            and form.passed in (None, event.args.get("verdict") == Verdict.PASS)
        )
        assert [form.type, form.action, form.biz_step, form.disposition] == values
        used.add(form)
    assert used == set(EVENT_FORMS)


def test_batches_and_organisations_are_digital_links():
    events = events_of([registered([INPUT]), inspected(1, 1), custody("CustodyAccepted")], Directory())
    source = {"epcClass": "https://id.example.org/01/09521234543213/10/IN", "quantity": 40}
    assert events[0]["inputQuantityList"] == [source]
    assert events[0]["outputQuantityList"] == events[1]["quantityList"]
    batch = "https://id.example.org/01/09521234543213/10/L%2F1%2B"
    assert events[1]["quantityList"] == [{"epcClass": batch, "quantity": 100}]
    assert events[0]["bizTransactionList"][0]["type"] == "prodorder"
    assert events[1]["bizTransactionList"][0]["type"] == "testres"
    assert events[2]["sourceList"] == [
        {"type": "possessing_party", "source": "https://id.example.org/414/9521234500001"}
    ]
    assert events[2]["destinationList"][0]["destination"] == events[2]["readPoint"]["id"]


def test_measurement_units():
    reports = events_of([inspected(1, 1)], Directory())[0]["sensorElementList"][0]["sensorReport"]
    assert (reports[0]["type"], reports[0]["value"], reports[0]["uom"]) == ("chromatrace:OpticalModulation", 52.5, "P1")
    assert "uom" not in reports[1]
    assert reports[1]["chromatrace:unit"] == "cm²/C"
    assert reports[2]["type"] == "chromatrace:Measurement"


def test_superseded_verdict_refers_to_its_successor():
    first, second = events_of([inspected(1, 2), inspected(2, 1)], Directory())
    assert first["errorDeclaration"]["correctiveEventIDs"] == [second["eventID"]]
    assert "errorDeclaration" not in second


def test_event_ids_are_stable_and_unique():
    first, second = events_of(ALL_EVENTS[2:5], Directory()), events_of(ALL_EVENTS[2:5], Directory())
    assert [event["eventID"] for event in first] == [event["eventID"] for event in second]
    assert len({event["eventID"] for event in first}) == 3
    assert all(is_chain_event_id(event["eventID"]) for event in first)
    assert uuid.UUID(first[0]["eventID"]).version == 8
    assert not is_chain_event_id(f"urn:uuid:{uuid.uuid4()}")
    assert is_chain_event_id("URN:UUID:" + first[0]["eventID"][9:].upper().replace("-", ""))


def test_repeated_events_and_unknown_batches_are_omitted():
    repeated = [registry("VerdictApplied"), registry("CustodyTransferred")]
    assert events_of([*repeated, Event("BatchRegistry", "BatchHeld", {"batch": b"\x09" * 32})], Directory()) == []
