"""The content document of a batch may name the released design that it is made by."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chromatrace.documents.content import BatchContent, DesignVersion, ProductDescription
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin, Lot
from chromatrace.storage.strict_json import canonical

PLAIN = BatchContent(Gtin("09521234543213"), Lot("L1"), ProductDescription("Pane"), 10, "2026-11-01T08:00:00Z")
DESIGN = DesignVersion("D-7", 2, bytes(range(32)))


def test_a_document_with_a_design_is_read_back():
    named = replace(PLAIN, design=DESIGN)
    assert BatchContent.from_bytes(named.to_bytes()) == named
    assert named.digest != PLAIN.digest


def test_a_document_without_a_design_keeps_its_bytes():
    assert b"design" not in PLAIN.to_bytes()
    assert BatchContent.from_bytes(PLAIN.to_bytes()) == PLAIN


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 0}, "/design/version"),
        ({"version": "2"}, "/design/version"),
        ({"id": ""}, "/design/id"),
        ({"digest": "0x12"}, "/design/digest"),
        ({"note": "x"}, "/design/note"),
    ],
    ids=str,
)
def test_a_wrong_design_is_an_error_that_names_the_member(change, field):
    document = json.loads(replace(PLAIN, design=DESIGN).to_bytes())
    document["design"] |= change
    with pytest.raises(InvalidInput) as raised:
        BatchContent.from_bytes(canonical(document))
    assert raised.value.field == field


@pytest.mark.parametrize("value", [None, [], "D-7"], ids=str)
def test_a_design_is_an_object(value):
    document = json.loads(PLAIN.to_bytes()) | {"design": value}
    with pytest.raises(InvalidInput) as raised:
        BatchContent.from_bytes(canonical(document))
    assert raised.value.field == "/design"
