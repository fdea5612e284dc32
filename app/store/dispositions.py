"""Signed dispositions of batches in the data folder, with their documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.identifiers import BatchId
from chromatrace.quality.disposition_store import DispositionStore, SignedDisposition
from chromatrace.services.quality.disposition import CheckedDisposition, checked


class Dispositions:
    """Reads the file that `chromatrace batch dispose` writes; it may not exist yet."""

    def __init__(self, path: Path, documents: DocumentStore, chain_id: int, registry: str) -> None:
        self._path = path
        self._documents = documents
        self._chain_id = chain_id
        self._registry = registry

    def newest(self, maximum: int) -> list[CheckedDisposition]:
        """Return the newest dispositions, newest first."""
        return self._read(lambda store: store.newest(maximum))

    def of_batch(self, batch_id: BatchId) -> list[CheckedDisposition]:
        """Return the dispositions of a batch, oldest first."""
        return self._read(lambda store: store.of_batch(bytes(batch_id)))

    def _read(self, select: Callable[[DispositionStore], Iterable[SignedDisposition]]) -> list[CheckedDisposition]:
        """Return the selected dispositions whose documents are stored here."""
        if not self._path.exists():
            return []
        with DispositionStore(self._path) as store:
            stored = list(select(store))
        found = []
        for item in stored:
            try:
                data = self._documents.get(item.document)
                found.append(checked(item, data, self._chain_id, self._registry))
            except ChromaTraceError:
                continue
        return found
