"""Keys in scanned codes, and batches by the serial of a unit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from chromatrace.documents.content import BatchContent, ProductDescription
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.serials import SerialRange
from chromatrace.services.search import batch_key_text, batches_with_serial

GTIN = "09521234543213"
SERIALS = ("000001", "000060", "000150", "60")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"https://id.example.org/01/{GTIN}/10/L%2F1/21/000042", f"{GTIN}/L/1"),
        (f"(01){GTIN}(10)L1", f"{GTIN}/L1"),
        (f"]d201{GTIN}10L1\x1d21000042", f"{GTIN}/L1"),
        (f"01{GTIN}1727123110L1", f"{GTIN}/L1"),
        (f"https://id.example.org/01/{GTIN}", f"https://id.example.org/01/{GTIN}"),
        (" C-2026-001 ", "C-2026-001"),
        ("https://id.example.org/01/1/10/L1", "https://id.example.org/01/1/10/L1"),
    ],
)
def test_a_scanned_code_is_reduced_to_its_batch_key(text, key):
    assert batch_key_text(text) == key


@dataclass
class Batch:
    key: BatchKey
    content_digest: bytes
    serial_root: bytes | None = b"\1" * 32


def test_finds_batches_by_unit_serial(tmp_path):
    store = DocumentStore(tmp_path)
    batches = []
    for lot, serials in (("A", SerialRange(1, 100, 6)), ("B", SerialRange(50, 100, 6)), ("C", None)):
        key = BatchKey.parse(GTIN, lot)
        content = BatchContent(key.gtin, key.lot, ProductDescription("pane"), 100, "2026-03-31T10:00:00Z", serials)
        batches.append(Batch(key, store.put(content.to_bytes()), b"\1" * 32 if serials else None))
    missing = Batch(BatchKey.parse(GTIN, "D"), b"\7" * 32)
    other = Batch(BatchKey.parse(GTIN, "E"), batches[0].content_digest)  # names the document of another batch
    results = {
        serial: batches_with_serial(serial, [*batches, missing, other], store)
        for serial in ("000001", "000060", "000150", "60")
    }
    assert results == {"000001": batches[:1], "000060": batches[:2], "000150": [], "60": []}
    assert batches_with_serial("no serial", batches, store) == []
