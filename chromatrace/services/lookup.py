"""Interpret a typed or scanned search text, and find batches by the serial of a unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from chromatrace.documents.content import BatchContent
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.identifiers import Serial
from chromatrace.identity.digital_link import DigitalLink


class HasContent(Protocol):
    """A batch with a document, such as `chromatrace.index.views.BatchView`."""

    @property
    def content_digest(self) -> bytes: ...
    @property
    def serial_root(self) -> bytes | None: ...


Batch = TypeVar("Batch", bound=HasContent)


def search_key(text: str) -> str:
    """Return `GTIN/LOT` for a scanned Digital Link or `(01)…(10)…`, and any other text unchanged."""
    text = text.strip()
    try:
        link = DigitalLink.from_bracketed(text) if text.startswith("(") else DigitalLink.parse(text)
    except InvalidInput:
        return text
    key = link.batch_key
    return text if key is None else f"{key.gtin}/{key.lot}"


def batches_with_serial(serial: str, batches: Iterable[Batch], documents: DocumentStore) -> list[Batch]:
    """Return the batches whose document has a unit with this serial; none if `serial` is not a valid serial."""
    try:
        unit = Serial(serial)
    except InvalidInput:
        return []
    return [batch for batch in batches if batch.serial_root and _has(batch, unit, documents)]


def _has(batch: HasContent, serial: Serial, documents: DocumentStore) -> bool:
    try:
        content = BatchContent.from_bytes(documents.get(batch.content_digest))
    except ChromaTraceError:
        # The document is missing or corrupt.
        return False
    return content.serials is not None and serial in content.serials
