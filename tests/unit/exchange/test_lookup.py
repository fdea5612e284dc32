"""What a person types or scans, and batches by a unit's serial."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from chromatrace.documents.content import BatchContent, ProductDescription
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.serials import SerialRange
from chromatrace.exchange.lookup import batches_with, key_in

GTIN = "09521234543213"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"https://id.example.org/01/{GTIN}/10/L%2F1/21/000042", f"{GTIN}/L/1"),
        (f"(01){GTIN}(10)L1", f"{GTIN}/L1"),
        (f"https://id.example.org/01/{GTIN}", f"https://id.example.org/01/{GTIN}"),
        (" C-2026-001 ", "C-2026-001"),
        ("https://id.example.org/01/1/10/L1", "https://id.example.org/01/1/10/L1"),
    ],
)
def test_a_code_names_its_batch_and_other_text_itself(text, key):
    assert key_in(text) == key


@dataclass
class Batch:
    content_digest: bytes
    serial_root: bytes | None = b"\1" * 32


def test_batches_are_found_by_the_serial_of_a_unit(tmp_path):
    store = DocumentStore(tmp_path)
    made = []
    for lot, serials in (("A", SerialRange(1, 100, 6)), ("B", SerialRange(50, 100, 6)), ("C", None)):
        key = BatchKey.parse(GTIN, lot)
        content = BatchContent(key.gtin, key.lot, ProductDescription("pane"), 100, "2026-03-31T10:00:00Z", serials)
        made.append(Batch(store.put(content.to_bytes()), b"\1" * 32 if serials else None))
    missing = Batch(b"\7" * 32)
    found = {serial: batches_with(serial, [*made, missing], store) for serial in ("000001", "000060", "000150", "60")}
    assert found == {"000001": made[:1], "000060": made[:2], "000150": [], "60": []}
    assert batches_with("no serial", made, store) == []
