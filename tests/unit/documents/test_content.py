"""Test the batch and inspection documents: canonical bytes, round trips and errors."""

import copy
import hashlib
import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.documents.content import (
    BatchContent,
    InspectionEvidence,
    Instrument,
    LimitComparison,
    Measurement,
    ProductDescription,
    ReadingWindow,
    SuppliedMaterial,
    digest,
)
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Gln, Gtin, Lot, Serial
from chromatrace.domain.rights import Stage
from chromatrace.domain.serials import SerialRange

GTIN, LOT = Gtin("09521234543213"), Lot("L2410A")
CONTENT = BatchContent(
    GTIN,
    LOT,
    ProductDescription("Example pane", "300 × 300 mm"),
    100,
    "2026-03-31T14:05:00Z",
    SerialRange(1, 100, 6),
    (
        SuppliedMaterial("Tungsten target", "Example Metals", "W-7"),
        SuppliedMaterial("FTO glass", "Example Glass", "G/9"),
    ),
)
EVIDENCE = InspectionEvidence(
    GTIN,
    LOT,
    Stage.FINAL,
    "2026-04-01T09:00:00.25+02:00",
    Instrument("Spectrophotometer", "SP-1", "2026-01-15"),
    (Serial("000042"), Serial("000077")),
    (
        Measurement("optical modulation", 44.5, "%", 40, LimitComparison.AT_LEAST, True),
        Measurement("switching time", 31.0, "s", 30, LimitComparison.AT_MOST, False, "to 90 % of the modulation"),
    ),
    ReadingWindow("line-1", Gln("9520123456788"), 10, 999, 1000, bytes(range(32)), 1_775_000_000_000_000_001, 2**62),
)


def test_the_bytes_of_a_batch_document():
    assert (
        CONTENT.to_bytes()
        == (
            '{"gtin":"09521234543213","lot":"L2410A","made_at":"2026-03-31T14:05:00Z","materials":['
            '{"name":"Tungsten target","supplier":"Example Metals","supplier_lot":"W-7"},'
            '{"name":"FTO glass","supplier":"Example Glass",'
            '"supplier_lot":"G/9"}],"product":{"description":"300 × 300 mm","name":"Example pane"},"quantity":100,'
            '"schema":"chromatrace.batch/1","serials":{"count":100,"first":1,"width":6}}'
        ).encode()
    )
    assert CONTENT.digest == hashlib.sha256(CONTENT.to_bytes()).digest() == digest(CONTENT.to_bytes())
    assert CONTENT.key == BatchKey(GTIN, LOT)


@pytest.mark.parametrize(
    "document",
    [CONTENT, replace(CONTENT, serials=None, materials=()), EVIDENCE, replace(EVIDENCE, readings=None, sample=())],
)
def test_an_encoded_document_decodes_to_the_same_document(document):
    assert type(document).from_bytes(document.to_bytes()) == document


def test_nanoseconds_and_roots_are_exact_strings():
    window = json.loads(EVIDENCE.to_bytes())["readings"]
    assert window["first_time_ns"] == "1775000000000000001"
    assert window["root"] == "0x" + bytes(range(32)).hex()


def test_evidence_passes_if_every_measurement_passes():
    assert not EVIDENCE.passed
    assert replace(EVIDENCE, measurements=EVIDENCE.measurements[:1]).passed


# 0.1 + 0.2 and the like: numbers as ECMAScript writes them, the hard part of RFC 8785.
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_any_measured_value_survives_encoding(value):
    measurement = Measurement("q", value, "u", 0, LimitComparison.ABOVE, value > 0)
    evidence = replace(EVIDENCE, measurements=(measurement,))
    assert InspectionEvidence.from_bytes(evidence.to_bytes()) == evidence


def canonical(document):
    return rfc8785.dumps(document)


def changed(document, pointer, value):
    """Return the JSON of `document` with `value` at `pointer`; `...` removes the member."""
    tree = copy.deepcopy(json.loads(document.to_bytes()))
    *path, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    parent = tree
    for step in path:
        parent = parent[step]
    if value is ...:
        del parent[last]
    else:
        parent[last] = value
    return canonical(tree)


BAD_BATCH = [
    ("/schema", "chromatrace.batch/2"),
    ("/schema", ...),
    ("/gtin", "09521234543214"),
    ("/gtin", 9521234543213),
    ("/gtin", ...),
    ("/lot", "L" * 21),
    ("/lot", None),
    ("/extra", 1),
    ("/product", "pane"),
    ("/product/name", ""),
    ("/product/name", "a\u0007b"),
    ("/product/colour", "blue"),
    ("/product/description", ...),
    ("/quantity", 0),
    ("/quantity", 1.5),
    ("/quantity", True),
    ("/quantity", "100"),
    ("/made_at", "2026-03-31"),
    ("/made_at", "2026-02-30T00:00:00Z"),
    ("/made_at", "2026-03-31T14:05:00"),
    ("/made_at", 0),
    ("/serials/first", -1),
    ("/serials/count", 99),
    ("/serials/width", 2),
    ("/serials/step", 1),
    ("/serials", []),
    ("/materials", {}),
    ("/materials/1/supplier", ""),
    ("/materials/0/supplier_lot", ...),
    ("/materials/0", None),
]


@pytest.mark.parametrize(("pointer", "value"), BAD_BATCH)
def test_an_invalid_batch_document_names_the_member(pointer, value):
    with pytest.raises(InvalidInput) as error:
        BatchContent.from_bytes(changed(CONTENT, pointer, value))
    assert error.value.field == pointer


BAD_EVIDENCE = [
    ("/stage", "second"),
    ("/stage", 1),
    ("/inspected_at", "yesterday"),
    ("/instrument/calibrated_on", "2026-13-01"),
    ("/instrument/serial", 7),
    ("/sample/1", "000042"),
    ("/sample/0", "ü"),
    ("/sample/0", 42),
    ("/measurements", []),
    ("/measurements/0/value", "44.5"),
    ("/measurements/0/value", True),
    ("/measurements/0/limit", None),
    ("/measurements/0/comparison", "≥"),
    ("/measurements/0/comparison", []),
    ("/measurements/0/passed", 1),
    ("/measurements/0/passed", False),
    ("/measurements/1/passed", True),
    ("/measurements/1/criterion", None),
    ("/measurements/1/unit", ...),
    ("/readings/organisation", "9520123456789"),
    ("/readings/first_leaf", 1000),
    ("/readings/last_leaf", 1000),
    ("/readings/tree_size", 0),
    ("/readings/root", "ab"),
    ("/readings/root", "0x" + "AB" * 32),
    ("/readings/first_time_ns", 1_775_000_000),
    ("/readings/first_time_ns", "9" * 19),
    ("/readings/last_time_ns", "01"),
    ("/readings", 0),
]


@pytest.mark.parametrize(("pointer", "value"), BAD_EVIDENCE)
def test_invalid_evidence_names_the_member(pointer, value):
    with pytest.raises(InvalidInput) as error:
        InspectionEvidence.from_bytes(changed(EVIDENCE, pointer, value))
    assert error.value.field == pointer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"schema":"chromatrace.batch/1"} x',
        b"\xff\xfe",
        b"\xef\xbb\xbf" + CONTENT.to_bytes(),
        CONTENT.to_bytes() + b"\n",
        CONTENT.to_bytes().replace(b'"quantity":100', b'"quantity":1e2'),
        CONTENT.to_bytes().replace(b'"quantity":100', b'"quantity":NaN'),
        CONTENT.to_bytes().replace(b'"quantity":100', b'"quantity":100,"quantity":100'),
        CONTENT.to_bytes().replace(b'"quantity":100', b'"quantity": 100'),
        CONTENT.to_bytes().replace("×".encode(), b"\\u00d7"),
        b"[" * 100_000,
        b'{"schema":' + b"9" * 5000 + b"}",
        b"{" + b" " * (16 * 1024 * 1024) + b"}",
        EVIDENCE.to_bytes(),
    ],
    ids=range(17),
)
def test_bytes_that_are_not_canonical_are_rejected(data):
    with pytest.raises(InvalidInput):
        BatchContent.from_bytes(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_decoded_or_raise_invalid_input(data):
    with pytest.raises(InvalidInput):
        BatchContent.from_bytes(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, 1e300, True, "1"])
def test_a_value_that_json_cannot_represent_exactly_is_rejected(value):
    with pytest.raises(InvalidInput) as error:
        Measurement("q", value, "u", 0, LimitComparison.ABOVE, True)
    assert error.value.field == "/value"


def test_lone_surrogates_are_rejected():
    with pytest.raises(InvalidInput) as error:
        ProductDescription("\ud800")
    assert error.value.field == "/name"
