"""Test the strict parsing of bundles: canonical form, and JSON pointers to malformed members."""

from __future__ import annotations

import copy
import json

import orjson
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.exchange.bundle import (
    Address,
    AggregateSignature,
    Bundle,
    CitedReading,
    CitedReceipt,
    CitedRecord,
    CitedRoute,
    CitedSignature,
    CitedState,
    CitedStep,
    InspectorSignature,
    Subject,
)
from chromatrace.exchange.events import CITED_EVENTS
from chromatrace.exchange.units import UnitProof
from chromatrace.storage.strict_json import Digest, Digits, Hex


def word(byte):
    return Digest(bytes([byte]) * 32)


BUNDLE = Bundle(
    chain_id=31337,
    contracts={name: Address(bytes([number]) * 20) for number, name in enumerate(sorted(CITED_EVENTS), 1)},
    subject=Subject.of(BatchKey.parse("09521234543213", "L1"), Serial("000042")),
    headers=(Hex(b"\xf9"), Hex(b"\xf8")),
    receipts=(CitedReceipt(7, 0, (Hex(b"\1"), Hex(b"\2"))), CitedReceipt(7, 1, ())),
    state=CitedState(7, (Hex(b"\1"),), (Hex(b"\2"),)),
    documents=('{"a":1}', "Grüße"),
    inspections=(
        CitedSignature(0, 1, Digits(2**255), Digits(2**64 - 1), InspectorSignature(b"\3" * 65)),
        CitedSignature(1, 1, Digits(0), Digits(0), InspectorSignature(b"\4" * 65)),
    ),
    readings=(CitedReading(word(5), Hex(b"\x8a"), 3, 9, (word(6),)),),
    route=CitedRoute(
        AggregateSignature(b"\x08" * 48),
        (CitedStep(word(9), CitedRecord(word(10), 7, word(11), 9)), CitedStep(word(12), None)),
    ),
    unit=UnitProof("000042", 1, 3, (word(7),)),
)


def test_bundle_round_trip():
    data = BUNDLE.to_bytes()
    assert Bundle.from_bytes(data) == BUNDLE
    assert Bundle.from_bytes(data).to_bytes() == data


def parse_error(value):
    with pytest.raises(InvalidInput) as error:
        Bundle.from_bytes(
            value if isinstance(value, bytes) else orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
        )
    return error.value


def pointers(value, at=""):
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from pointers(inner, f"{at}/{name}")


JSON = orjson.loads(BUNDLE.to_bytes())
POINTERS = [pointer for pointer in pointers(JSON) if pointer]


def with_value(pointer, value):
    changed = copy.deepcopy(JSON)
    *path, last = pointer.split("/")[1:]
    parent = changed
    for name in path:
        parent = parent[int(name) if isinstance(parent, list) else name]
    parent[int(last) if isinstance(parent, list) else last] = value
    return changed


NULLABLE = ("/state", "/unit", "/subject/serial", "/route", "/route/steps/0/record", "/route/steps/1/record")
FREE_TEXT = ("/documents/", "/subject/lot", "/subject/serial", "/unit/serial")
WRONG = [None, True, -1, 1.5, {}, [[]], "\t", "0xzz", 2**60]


def is_valid(pointer, value):
    if value is None:
        return pointer in NULLABLE
    return (value == "\t" and pointer.startswith("/documents/")) or (value == "0xzz" and pointer.startswith(FREE_TEXT))


MALFORMED = [(pointer, wrong) for pointer in POINTERS for wrong in WRONG if not is_valid(pointer, wrong)]


@pytest.mark.parametrize(("pointer", "wrong"), MALFORMED, ids=str)
def test_malformed_member_is_named_by_its_pointer(pointer, wrong):
    error = parse_error(with_value(pointer, wrong))
    assert error.field.startswith(pointer), error


@pytest.mark.parametrize("pointer", [pointer for pointer in POINTERS if not pointer.rsplit("/", 1)[1].isdigit()])
def test_missing_member_is_named(pointer):
    *path, last = pointer.split("/")[1:]
    changed = copy.deepcopy(JSON)
    parent = changed
    for name in path:
        parent = parent[int(name) if isinstance(parent, list) else name]
    del parent[last]
    assert parse_error(changed).field == pointer


@pytest.mark.parametrize(
    "pointer",
    ["", "/subject", "/receipts/0", "/state", "/inspections/0", "/readings/0", "/route", "/route/steps/0", "/unit"],
)
def test_unknown_members_are_rejected(pointer):
    assert parse_error(with_value(f"{pointer}/note", "x")).field == f"{pointer}/note"


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/schema", "chromatrace.bundle/2"),
        ("/contracts/BatchRegistry", "0x" + "11" * 19),
        ("/contracts/BatchRegistry", "0X" + "11" * 20),
        ("/contracts/BatchRegistry", "0x" + "AA" * 20),
        ("/contracts/BatchRegistry", "0x" + " 1" * 20),
        ("/contracts/Consortium", JSON["contracts"]["BatchRegistry"]),
        ("/subject/gtin", "09521234543214"),
        ("/subject/gtin", "9521234543213"),
        ("/subject/lot", "x" * 21),
        ("/subject/serial", "ü"),
        ("/inspections/0/stage", 2),
        ("/inspections/0/revision", 256),
        ("/inspections/0/nonce", str(2**256)),
        ("/inspections/0/nonce", "01"),
        ("/inspections/0/nonce", "²"),
        ("/inspections/0/nonce", ""),
        ("/inspections/0/deadline", str(2**64)),
        ("/inspections/0/signature", "0x" + "11" * 64),
        ("/readings/0/channel", "0x" + "11" * 31),
        ("/readings/0/path/0", "0x" + "11" * 33),
        ("/route/signature", "0x" + "11" * 47),
        ("/route/steps/0/message", "0x" + "11" * 31),
        ("/route/steps/0/record/log_size", 2**53),
        ("/readings/0/index", 2**53),
        ("/unit/path/0", "0x" + "11" * 31),
        ("/unit/index", 3),
        ("/unit/size", 0),
        ("/headers/1", JSON["headers"][0]),
        ("/receipts/1", JSON["receipts"][0]),
        ("/documents/1", JSON["documents"][0]),
    ],
)
def test_values_out_of_range_are_named(pointer, value):
    field = parse_error(with_value(pointer, value)).field
    assert field.startswith(pointer) or field == "/contracts/BatchRegistry"


@pytest.mark.parametrize("name", ["inspections", "readings"])
def test_repeated_parts_are_rejected(name):
    changed = copy.deepcopy(JSON)
    changed[name].append(copy.deepcopy(changed[name][0]))
    assert parse_error(changed).field == f"/{name}/{len(changed[name]) - 1}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"\xef\xbb\xbf" + BUNDLE.to_bytes(),
        BUNDLE.to_bytes()[:-1],
        BUNDLE.to_bytes() + b"\n",
        BUNDLE.to_bytes().replace(b"  ", b"\t", 1),
        BUNDLE.to_bytes().replace("Grüße".encode(), b"Gr\\u00fc\\u00dfe"),
        BUNDLE.to_bytes().replace("Grüße".encode(), b"Gr\\ud800e"),
        json.dumps(JSON).encode(),
        json.dumps(dict(reversed(JSON.items())), indent=2).encode() + b"\n",
        BUNDLE.to_bytes().replace(b'"chain_id": 31337', b'"chain_id": 31337,\n  "chain_id": 31337'),
        BUNDLE.to_bytes().replace(b"31337", b"31337.0"),
        BUNDLE.to_bytes().replace(b"31337", b"NaN"),
        BUNDLE.to_bytes().replace(b"31337", b"1" * 5000),
        b"[" * 100_000,
        b'{"schema": "chromatrace.bundle/1", "x": ' + b"[" * 100_000,
        b" " * (17 * 1024 * 1024),
    ],
    ids=range(19),
)
def test_non_canonical_bundles_are_rejected(data):
    parse_error(data)


def test_truncated_bundles_are_rejected():
    data = BUNDLE.to_bytes()
    for length in range(len(data)):
        parse_error(data[:length])
