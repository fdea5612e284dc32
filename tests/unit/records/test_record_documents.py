"""Test record documents: canonical form, salts, and errors with JSON pointers."""

from __future__ import annotations

import hashlib
import json

import jsonschema
import pytest
from contract_order import CONTRACT, story

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.ledger_entries import LedgerEntry, chained, pack, record_id, subject_id, unpack
from chromatrace.plant import example_plant, example_plants
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.document import MAX_DOCUMENT, RecordDocument, parse
from chromatrace.records.errors import InvalidRecordError, RecordExistsError, UnknownPrecedingError, UnknownSchemaError
from chromatrace.records.preparation import PendingLedger, prepare

WORK_ORDER = story()[1]


class EmptyLedger:
    """A ledger without records."""

    def subjects_of_record(self, record, department):
        return ()

    def latest_record(self, kinds, subject, department):
        return None


def document(catalogue, value):
    return RecordDocument.new(catalogue.by_schema(value["schema"]), value)


def error_field(catalogue, value, error=InvalidRecordError):
    with pytest.raises(error) as raised:
        document(catalogue, value)
    assert type(raised.value) is error
    return raised.value.field


def test_document_round_trip(catalogue):
    contract = document(catalogue, CONTRACT)
    data = contract.to_bytes()
    assert RecordDocument.from_bytes(data, catalogue) == contract
    assert contract.digest == hashlib.sha256(data).digest()
    assert json.loads(data) == CONTRACT | {"salt": contract.salt}
    assert contract.products == ("P-1", "P-2")
    assert contract.record == record_id("sales.contract-order", "C-2026-001")


def test_salt_changes_the_digest(catalogue):
    assert document(catalogue, CONTRACT).digest != document(catalogue, CONTRACT).digest


@pytest.mark.parametrize("change", [b" ", b"\n"])
def test_non_canonical_document_is_rejected(catalogue, change):
    with pytest.raises(InvalidRecordError) as error:
        RecordDocument.from_bytes(document(catalogue, CONTRACT).to_bytes() + change, catalogue)
    assert error.value.field == ""


INVALID = [
    ({"customer": 7}, "/customer"),
    ({"customer": ""}, "/customer"),
    ({"customer": "x" * 201}, "/customer"),
    ({"customer": "tab\t"}, "/customer"),
    ({"customer": "\ud800"}, "/customer"),
    ({"contract_id": "x" * 61}, "/contract_id"),
    ({"contract_id": " C"}, "/contract_id"),
    ({"contract_id": None}, "/contract_id"),
    ({"products": []}, "/products"),
    ({"products": {}}, "/products"),
    ({"products": [{"product_id": "P", "quantity": 0}]}, "/products/0/quantity"),
    ({"products": [{"product_id": "P", "quantity": 1.0}]}, "/products/0/quantity"),
    ({"products": [{"product_id": "P", "quantity": True}]}, "/products/0/quantity"),
    ({"products": [{"product_id": "P"}]}, "/products/0/quantity"),
    ({"products": [{"product_id": "P", "quantity": 1, "price": 2}]}, "/products/0/price"),
    ({"products": [{"product_id": "P", "quantity": 1}] * 501}, "/products"),
    ({"a/b~c": 1}, "/a~1b~0c"),
    ({"salt": "0x00"}, "/salt"),
    ({"salt": 3}, "/salt"),
]


@pytest.mark.parametrize(("change", "field"), INVALID)
def test_invalid_member_is_named_by_its_pointer(catalogue, change, field):
    assert error_field(catalogue, CONTRACT | change) == field


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("planned_completion", "10 April"),
        ("planned_completion", "2026-04-31T00:00:00Z"),
        ("kind", "both"),
        ("kind", ["processing"]),
    ],
)
def test_invalid_times_and_choices_are_rejected(catalogue, field, wrong):
    assert error_field(catalogue, WORK_ORDER | {field: wrong}) == f"/{field}"


@pytest.mark.parametrize("name", ["0xAB", "0x0", "0x", "ab", "0x" + "00" * 513])
def test_invalid_signatures_are_rejected(catalogue, name):
    assert error_field(catalogue, story()[2] | {"route_signature": name}) == "/route_signature"


def test_duplicate_component_ids_are_rejected(catalogue):
    assert error_field(catalogue, story()[4] | {"component_ids": ["K", "K"]}) == "/component_ids/1"


def test_missing_field_is_named(catalogue):
    for name in CONTRACT.keys() - {"schema"}:
        assert error_field(catalogue, {key: value for key, value in CONTRACT.items() if key != name}) == f"/{name}"


@pytest.mark.parametrize(
    "schema", ["chromatrace.record/sales.contract-order/2", "chromatrace.record/sales.order/1", "", 7, None]
)
def test_unknown_schema_is_rejected(catalogue, schema):
    with pytest.raises(UnknownSchemaError) as raised:
        catalogue.by_schema(schema)
    assert raised.value.field == "/schema"
    assert "chromatrace.record/sales.contract-order/1" in raised.value.hint


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000, b'{"a":"' + b"x" * MAX_DOCUMENT + b'"}'],
)
def test_invalid_json_is_rejected(data):
    with pytest.raises(InvalidRecordError):
        parse(data)


def test_worked_example_is_accepted(catalogue):
    ledger = PendingLedger(EmptyLedger())
    prepared = []
    for value in [CONTRACT, *story("P-1"), *story("P-2")]:
        prepared.append(prepare(catalogue, document(catalogue, value), ledger))
        ledger.add(prepared[-1])
    contract, design, order = prepared[0].entries, prepared[1].entries, prepared[2].entries
    assert [entry.subject for entry in contract] == [subject_id("P-1"), subject_id("P-2")]
    assert {entry.digest for entry in contract} == {prepared[0].document.digest}
    assert contract[0].preceding is None
    assert design[0].preceding == contract[0].record
    assert order[0].preceding == design[0].record
    inspection = prepared[6]
    assert inspection.entries[0].preceding == prepared[5].entries[0].record


@pytest.mark.parametrize(
    ("index", "change", "field"),
    [
        (0, {"contract_id": "C-9"}, "/contract_id"),
        (1, {"drawing_id": "D-9"}, "/drawing_id"),
        (1, {"contract_id": "C-9"}, "/contract_id"),
        (1, {"product_id": "P-2"}, "/drawing_id"),
        (4, {"component_ids": ["K-11", "K-99"]}, "/component_ids/1"),
        (5, {"product_id": "P-2"}, "/product_id"),
    ],
)
def test_unknown_preceding_key_is_named(catalogue, index, change, field):
    ledger = PendingLedger(EmptyLedger())
    for value in [CONTRACT, *story()]:
        ledger.add(prepare(catalogue, document(catalogue, value), ledger))
    fresh = {"drawing_id": "D-7", "work_order_id": "W-7", "completion_time": "2026-05-01T00:00:00Z"}
    value = story()[index]
    own = catalogue.by_schema(value["schema"]).key[0]
    value |= {name: new for name, new in fresh.items() if name == own} | change
    if own == "product_id":
        value["completion_time" if index == 4 else "time"] = "2026-05-01T00:00:00Z"
    with pytest.raises(UnknownPrecedingError) as raised:
        prepare(catalogue, document(catalogue, value), ledger)
    assert raised.value.field == field


def test_existing_record_is_rejected(catalogue):
    ledger = PendingLedger(EmptyLedger())
    ledger.add(prepare(catalogue, document(catalogue, CONTRACT), ledger))
    with pytest.raises(RecordExistsError) as raised:
        prepare(catalogue, document(catalogue, CONTRACT), ledger)
    assert raised.value.field == "/contract_id"


@pytest.mark.parametrize("plant", example_plants())
def test_record_kinds_of_all_plants_have_json_schemas(plant):
    kinds = Catalogue(example_plant(plant).record_kinds)
    for kind in kinds.kinds:
        jsonschema.Draft202012Validator.check_schema(kind.json_schema())
    assert len(kinds.departments) >= 3


def test_json_schema_agrees_with_the_validation(catalogue):
    schema = catalogue.by_schema(CONTRACT["schema"]).json_schema()
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(CONTRACT)
    for change, field in INVALID:
        # JSON Schema cannot express control characters, spaces around a key, or that 1.0 is not an integer.
        if field in ("/a~1b~0c",) or change in ({"customer": "tab\t"}, {"contract_id": " C"}, {"customer": "\ud800"}):
            continue
        if change == {"products": [{"product_id": "P", "quantity": 1.0}]}:
            continue
        assert not validator.is_valid(CONTRACT | change), change


def test_entries_round_trip():
    entries = [LedgerEntry(b"r" * 20, b"s" * 20, before, b"d" * 32) for before in (None, b"p" * 20)]
    assert unpack(pack(entries)) == entries
    assert len(pack(entries)) == 2 * 92
    with pytest.raises(InvalidInput):
        unpack(pack(entries)[:-1])
    assert len(chained(bytes(27), b"k" * 32, entries)) == 27


def test_ids_are_unambiguous():
    assert record_id("ab", "c") != record_id("a", "bc")
    assert record_id("a", "b") != subject_id("b")
