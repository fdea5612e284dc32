"""What a person types or scans to find goods: what it names, and which batches have a unit of that serial."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from chromatrace.documents.content import BatchContent
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.identifiers import Serial
from chromatrace.identity.digital_link import DigitalLink


class HasContent(Protocol):
    """A batch with a document (`chromatrace.index.views.BatchView` is one)."""

    @property
    def content_digest(self) -> bytes: ...
    @property
    def serial_root(self) -> bytes | None: ...


Batch = TypeVar("Batch", bound=HasContent)


def key_in(text: str) -> str:
    """`GTIN/LOT` of a scanned Digital Link or of `(01)…(10)…`; any other text as it is."""
    text = text.strip()
    try:
        link = DigitalLink.from_bracketed(text) if text.startswith("(") else DigitalLink.parse(text)
    except InvalidInput:
        return text
    key = link.batch_key
    return text if key is None else f"{key.gtin}/{key.lot}"


def batches_with(serial: str, batches: Iterable[Batch], documents: DocumentStore) -> list[Batch]:
    """Those of `batches` whose document gives one of their units this serial; none where it can be no serial."""
    try:
        wanted = Serial(serial)
    except InvalidInput:
        return []
    return [batch for batch in batches if batch.serial_root and _has(batch, wanted, documents)]


def _has(batch: HasContent, serial: Serial, documents: DocumentStore) -> bool:
    try:
        content = BatchContent.from_bytes(documents.get(batch.content_digest))
    except ChromaTraceError:
        # Not here, or not what the chain names: it says nothing.
        return False
    return content.serials is not None and serial in content.serials
