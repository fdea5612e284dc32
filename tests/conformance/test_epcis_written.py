"""EPCIS 2.0 as we write it: events of the chain, judged by GS1's JSON schema."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from chromatrace.documents.content import InspectionEvidence, Instrument, Measurement, ReadingWindow
from chromatrace.domain.identifiers import BatchKey, Gln
from chromatrace.domain.rights import Stage
from chromatrace.epcis.document import document_of, read_document
from chromatrace.epcis.mapping import events_of


@dataclass(frozen=True)
class Event:
    """As the index gives them."""

    contract: str
    name: str
    args: dict
    block_number: int = 7
    block_time: int = 1_780_000_000
    tx_hash: bytes = b"\x11" * 32
    log_index: int = 0


BATCH, INPUT = b"\x01" * 32, b"\x02" * 32
EVIDENCE = InspectionEvidence(
    BatchKey.parse("09521234543213", "L1").gtin,
    BatchKey.parse("09521234543213", "L1").lot,
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
    used = [{"batch": batch, "quantity": 40} for batch in inputs]
    return registry("BatchRegistered", producer=1, inputs=used, contentDigest=b"\x06" * 32)


EVERY_EVENT = [
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


def test_every_event_of_the_chain_is_written_as_gs1_has_it(epcis_schema):
    made = events_of(EVERY_EVENT, Directory())
    assert len(made) == len(EVERY_EVENT)
    for event in made:
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
def test_words_are_those_of_the_core_business_vocabulary(event, members):
    found = events_of([event], Directory())[0]
    assert found.items() >= members.items()
    assert found["eventTimeZoneOffset"] == "+00:00"


def test_what_is_registered_inspected_and_moved_is_named_by_digital_links():
    made = events_of([registered([INPUT]), inspected(1, 1), custody("CustodyAccepted")], Directory())
    used = {"epcClass": "https://id.example.org/01/09521234543213/10/IN", "quantity": 40}
    assert made[0]["inputQuantityList"] == [used]
    assert made[0]["outputQuantityList"] == made[1]["quantityList"]
    batch = "https://id.example.org/01/09521234543213/10/L%2F1%2B"
    assert made[1]["quantityList"] == [{"epcClass": batch, "quantity": 100}]
    assert made[0]["bizTransactionList"][0]["type"] == "prodorder"
    assert made[1]["bizTransactionList"][0]["type"] == "testres"
    assert made[2]["sourceList"] == [{"type": "possessing_party", "source": "https://id.example.org/414/9521234500001"}]
    assert made[2]["destinationList"][0]["destination"] == made[2]["readPoint"]["id"]


def test_measurements_carry_unit_codes_or_say_their_own_unit():
    reports = events_of([inspected(1, 1)], Directory())[0]["sensorElementList"][0]["sensorReport"]
    assert (reports[0]["type"], reports[0]["value"], reports[0]["uom"]) == ("chromatrace:OpticalModulation", 52.5, "P1")
    assert "uom" not in reports[1]
    assert reports[1]["chromatrace:unit"] == "cm²/C"
    assert reports[2]["type"] == "chromatrace:Measurement"


def test_a_superseded_verdict_names_its_successor():
    first, second = events_of([inspected(1, 2), inspected(2, 1)], Directory())
    assert first["errorDeclaration"]["correctiveEventIDs"] == [second["eventID"]]
    assert "errorDeclaration" not in second


def test_event_ids_are_the_same_in_every_export_and_differ_between_events():
    made, again = events_of(EVERY_EVENT[2:5], Directory()), events_of(EVERY_EVENT[2:5], Directory())
    assert [event["eventID"] for event in made] == [event["eventID"] for event in again]
    assert len({event["eventID"] for event in made}) == 3


def test_events_without_a_word_of_their_own_and_of_unknown_batches_are_left_out():
    said_again = [registry("VerdictApplied"), registry("CustodyTransferred")]
    assert events_of([*said_again, Event("BatchRegistry", "BatchHeld", {"batch": b"\x09" * 32})], Directory()) == []
