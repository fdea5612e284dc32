"""Find batches and records by any key or unit serial, and report the progress of an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from chromatrace.documents.content import BatchContent
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound
from chromatrace.domain.identifiers import Gtin, Serial
from chromatrace.domain.ledger_entries import kind_hash
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.identity.digital_link import read_code
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, DepartmentView, KeyMatches, OrderStatus, Reader, RecordView

SERIAL_BATCHES = 1000
"""Number of newest batches whose documents are searched for a serial."""

MayRead = Callable[[bytes], bool]
"""Whether the caller may read the records of a department now, as the chain answers."""


class Relation(IntEnum):
    """How a batch relates to an organisation: made or held by it, granted to it, or neither."""

    OWN = 0
    GRANTED = 1
    OTHER = 2


@dataclass(frozen=True, slots=True)
class SearchReader:
    """The organisation that searches; None: unknown.

    granted  whether a batch belongs to a product line granted to it
    shown    whether a batch may be in its results
    listed   restricts searches by serial to the batches that it may list; None: all batches
    """

    organisation: int | None = None
    granted: Callable[[BatchView], bool] = lambda batch: False
    shown: Callable[[BatchView], bool] = lambda batch: True
    listed: Reader | None = None

    def relation(self, batch: BatchView) -> Relation:
        """Return how a batch relates to the organisation."""
        if self.organisation is not None and self.organisation in (batch.producer, batch.custodian):
            return Relation.OWN
        return Relation.GRANTED if self.granted(batch) else Relation.OTHER


@dataclass(frozen=True, slots=True)
class MatchedRecord:
    """A record of a search result. `title` is None if the plant does not define its kind."""

    entry: RecordView
    department: DepartmentView
    title: str | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The search results for a key; batches and records of the reader's organisation come first, unrelated ones last.

    batches              batches with this lot, GTIN or identifier
    batches_with_serial  batches that have a unit with this serial, among the newest `SERIAL_BATCHES`
    all_batches_searched whether every batch was searched for the serial
    """

    matches: KeyMatches
    batches: tuple[BatchView, ...]
    batches_with_serial: tuple[BatchView, ...]
    all_batches_searched: bool
    records: tuple[MatchedRecord, ...]

    def __bool__(self) -> bool:
        return bool(self.batches or self.records or self.batches_with_serial)


def find(
    snapshot: Snapshot,
    documents: DocumentStore,
    text: str,
    kinds: Sequence[RecordKind],
    may_read: MayRead,
    reader: SearchReader | None = None,
) -> SearchResult:
    """Search for a key, a serial or a scanned code; records only from departments that the caller may read."""
    reader = reader or SearchReader()
    departments = {department.id: department for department in snapshot.departments()}
    readable = [department for department in departments if may_read(department)]
    matches = snapshot.find(batch_key_text(text), kinds, readable, reader.organisation)
    newest = snapshot.batches(limit=SERIAL_BATCHES, reader=reader.listed)
    titles = {kind_hash(kind.schema): kind.title for kind in kinds}
    records = [MatchedRecord(entry, departments[entry.department], titles.get(entry.kind)) for entry in matches.records]
    records.sort(key=lambda record: record.department.organisation != reader.organisation)
    return SearchResult(
        matches,
        _related_first(matches.batches, reader),
        _related_first(batches_with_serial(text, newest, documents), reader),
        len(newest) < SERIAL_BATCHES,
        tuple(records),
    )


def _related_first(batches: Iterable[BatchView], reader: SearchReader) -> tuple[BatchView, ...]:
    return tuple(sorted(filter(reader.shown, batches), key=reader.relation))


def order_status(
    snapshot: Snapshot,
    contract: str,
    kinds: Sequence[RecordKind],
    may_read: MayRead,
    now: int,
    *,
    own_organisation: int | None = None,
    organisation: int | None = None,
) -> OrderStatus:
    """Return the progress of a contract from the departments that the caller may read.

    If several organisations have a contract with this key, `organisation` selects one; otherwise the caller's own is
    preferred. `now` is in Unix seconds. Raises `NotFound`.
    """
    departments = [department.id for department in snapshot.departments(organisation)]
    readable = [department for department in departments if may_read(department)]
    status = snapshot.order_status(contract, kinds, readable, now, own_organisation)
    if status is None:
        raise NotFound(
            f"no contract {contract!r} in the departments that you may read",
            field="contract",
            hint="check the key, and that your operator is a member of the departments",
        )
    return status


def batch_key_text(text: str) -> str:
    """Return `GTIN/LOT` for the content of a code that names a batch, otherwise the text itself."""
    text = text.strip()
    try:
        link = read_code(text)
    except InvalidInput:
        return text
    key = link.batch_key
    return text if key is None else f"{key.gtin}/{key.lot}"


def names_product_line(text: str) -> bool:
    """Return whether a key is a GTIN without a lot."""
    try:
        Gtin(text.strip())
    except InvalidInput:
        return False
    return True


def batches_with_serial(text: str, batches: Iterable[BatchView], documents: DocumentStore) -> list[BatchView]:
    """Return the batches whose document lists this serial; none if the text is not a valid serial."""
    try:
        serial = Serial(text)
    except InvalidInput:
        return []
    return [batch for batch in batches if batch.serial_root and _lists(batch, serial, documents)]


def _lists(batch: BatchView, serial: Serial, documents: DocumentStore) -> bool:
    try:
        content = BatchContent.from_bytes(documents.get(batch.content_digest))
    except ChromaTraceError:
        # A document that is missing or fails its digest proves nothing.
        return False
    return content.key == batch.key and content.serials is not None and serial in content.serials
