"""Where records come in and go out: checked, sealed, appended; traced for those who may read.

The caller supplies the index (`RecordIndex`) and the chain (`RecordAppender`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from chromatrace.domain.errors import NotFound
from chromatrace.domain.ledger_entries import LedgerEntry, RecordId, SubjectId, kind_hash, pack, subject_id
from chromatrace.domain.record_kinds import FieldType, RecordKind
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.document import MAX_DOCUMENT, RecordDocument
from chromatrace.records.errors import (
    InvalidRecordError,
    KeyMissingError,
    ProductNotFoundError,
    RecordMismatchError,
    RecordNotReadableError,
    RecordRepeatedError,
)
from chromatrace.records.preparation import Ledger, PreparedRecord, prepare
from chromatrace.records.reader_key import Reader, ReaderKey
from chromatrace.records.sealing import ByteSource
from chromatrace.records.vault import SealedContent, Vault


class RecordSnapshot(Protocol):
    """Queries on the index as of one block, answered with `DepartmentView` and `RecordView`."""

    def departments(self, organisation: int | None = None) -> Sequence[Any]:
        """All departments, or those of an organisation."""

    def records_of(self, subject: SubjectId, departments: Sequence[bytes] | None = None) -> Sequence[Any]:
        """Entries about a product, of these departments only."""

    def record(self, record: RecordId) -> Sequence[Any]:
        """The entries under one record's id, of whatever department, in the order of the chain."""

    def records_in(self, tx_hash: bytes) -> Sequence[Any]:
        """The entries that a transaction appended."""

    def subjects_of_record(self, record: RecordId, department: bytes) -> Sequence[SubjectId]:
        """See `Ledger`."""

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: bytes) -> RecordId | None:
        """See `Ledger`."""


class RecordIndex(Protocol):
    """An index of departments and their records."""

    def snapshot(self) -> AbstractContextManager[RecordSnapshot]:
        """Open a view of one indexed block."""


class _OrganisationLedger:
    """The ledger of one organisation's departments; what others have under a key is not there."""

    def __init__(self, index: RecordIndex, organisation: int | None) -> None:
        self._index, self._organisation = index, organisation

    def subjects_of_record(self, record: RecordId, department: str) -> Sequence[SubjectId]:
        """See `Ledger`."""
        known = self._departments.get(department)
        if known is None:
            return ()
        with self._index.snapshot() as snapshot:
            return snapshot.subjects_of_record(record, known)

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: str) -> RecordId | None:
        """See `Ledger`."""
        known = self._departments.get(department)
        if known is None:
            return None
        with self._index.snapshot() as snapshot:
            return snapshot.latest_record(kinds, subject, known)

    @cached_property
    def _departments(self) -> dict[str, bytes]:
        if self._organisation is None:
            return {}
        with self._index.snapshot() as snapshot:
            return {one.name: one.id for one in snapshot.departments(self._organisation)}


class RecordAppender(Protocol):
    """What the desk asks of the chain."""

    def may_read(self, department: bytes) -> bool:
        """Whether the caller may read a department now."""

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """Raises what the contract would refuse the append with."""

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Appends, and returns the transaction's id."""


class DepartmentRecords:
    """Records of one organisation's departments. `organisation`: its number on the chain."""

    def __init__(
        self,
        catalogue: Catalogue,
        index: RecordIndex,
        writer: RecordAppender,
        vault: Vault,
        organisation: int | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._index, self._writer, self._vault = index, writer, vault
        self._organisation = organisation
        self.ledger: Ledger = _OrganisationLedger(index, organisation)

    def department_of(self, kind: RecordKind) -> Any:
        """The department that writes a kind. Raises `NotFound` where it is not open."""
        with self._index.snapshot() as snapshot:
            departments = snapshot.departments(self._organisation)
        for department in departments:
            if department.name == kind.department:
                return department
        raise NotFound(
            f"the department {kind.department!r} is not open", field="department", hint="see `chromatrace record open`"
        )

    def require_writer(self, kind: RecordKind) -> None:
        """Raises what the contract says to a caller that may not append to the kind's department, and nothing more."""
        probe = LedgerEntry(RecordId(b"\1" * 20), SubjectId(b"\1" * 20), None, b"\1" * 32)
        self._writer.check(self.department_of(kind).id, kind_hash(kind.schema), probe.to_bytes())

    def document(self, kind: RecordKind, members: object, files: Mapping[str, Path]) -> RecordDocument:
        """The checked document; `files` are attached to their fields, and others that it names must be stored."""
        given = dict(members) if isinstance(members, Mapping) else members
        for name, path in files.items():
            field = kind.field(name)
            if field is None or field.type is not FieldType.FILE or not isinstance(given, dict):
                raise InvalidRecordError(f"{kind.schema} has no field for a file of that name", field=f"/{name}")
            with path.open("rb") as file:
                given[name] = "0x" + hashlib.file_digest(file, "sha256").hexdigest()
        document = RecordDocument.new(kind, given)
        for field in kind.fields:
            named = document.fields.get(field.name) if field.type is FieldType.FILE else None
            if named and field.name not in files and bytes.fromhex(named[2:]) not in self._vault:
                raise InvalidRecordError("no such file is stored", field=f"/{field.name}", hint="attach it")
        return document

    def prepare(self, document: RecordDocument, ledger: Ledger | None = None) -> PreparedRecord:
        """See `preparation.prepare`."""
        return prepare(self.catalogue, document, ledger or self.ledger)

    def add(self, prepared: Sequence[PreparedRecord], readers: Sequence[Reader], files: Mapping[str, Path]) -> str:
        """Appends records of one kind in one transaction; returns its id. What the contract refuses is not stored."""
        kind = prepared[0].document.kind
        department = self.department_of(kind).id
        packed = pack(entry for one in prepared for entry in one.entries)
        self._writer.check(department, prepared[0].kind, packed)
        for path in files.values():
            with path.open("rb") as file:
                self._vault.put(file, readers)
        for one in prepared:
            self._vault.put(io.BytesIO(one.document.to_bytes()), readers)
        return self._writer.append(department, prepared[0].kind, packed)

    def repeats_in(self, tx: str) -> frozenset[RecordId]:
        """The records that this transaction only repeated; the index must have its block."""
        return frozenset(entry.record for entry in self._appended(tx) if entry.repeat)

    def trace(self, product: str) -> tuple[Any, ...]:
        """The entries about a product in every department that the caller may read, oldest first.

        Raises `RecordNotReadableError` for one who may read none, whether there is such a product or not, and
        `ProductNotFoundError` where none of the caller's departments has anything about it.
        """
        with self._index.snapshot() as snapshot:
            readable = [item.id for item in snapshot.departments() if self._writer.may_read(item.id)]
            if not readable:
                raise RecordNotReadableError("not authorised", field="product")
            found = snapshot.records_of(subject_id(product), readable)
        if not found:
            raise ProductNotFoundError(f"no such product {product!r}", field="product")
        return tuple(found)

    def find(self, record: RecordId, kind: RecordKind | None = None, organisation: int | None = None) -> Any:
        """The first entry of a record. Raises `RecordNotReadableError` where there is none, and likewise where hidden.

        Whoever guesses a key may have a record of its own under it. The caller's organisation goes first, or
        `organisation` alone is asked; in there the department that writes the `kind`, or else the kind that the entry
        says it is of; then the order of the chain.
        """
        with self._index.snapshot() as snapshot:
            departments = {one.id: one for one in snapshot.departments(organisation)}
            entries = snapshot.record(record)
        ranked = []
        for place, entry in enumerate(entries):
            said = kind or self.catalogue.by_hash(entry.kind)
            department = departments.get(entry.department)
            if department is None or entry.repeat:
                continue
            writes = said is not None and department.name == said.department
            if writes or kind is None:
                ranked.append((department.organisation != self._organisation, not writes, place, entry))
        for *_, entry in sorted(ranked, key=lambda one: one[:3]):
            if self._writer.may_read(entry.department):
                return entry
        raise RecordNotReadableError("there is no such record, or you may not read it", field="key")

    def find_in(self, record: RecordId, tx: str) -> Any:
        """The entry of a record that this transaction appended. Raises as `find`, and `RecordRepeatedError`."""
        for entry in self._appended(tx):
            if entry.record == record and self._writer.may_read(entry.department):
                if entry.repeat:
                    raise RecordRepeatedError(f"0x{record.hex()}", tx, field="transaction")
                return entry
        raise RecordNotReadableError("there is no such record, or you may not read it", field="key")

    def appended_by(self, tx: str) -> tuple[Any, ...]:
        """The entries that a transaction appended and the caller may read, in their order. Raises as `find`."""
        found = tuple(entry for entry in self._appended(tx) if self._writer.may_read(entry.department))
        if not found:
            raise RecordNotReadableError("there is no such record, or you may not read it", field="transaction")
        return found

    def _appended(self, tx: str) -> Sequence[Any]:
        with self._index.snapshot() as snapshot:
            return snapshot.records_in(bytes.fromhex(tx.removeprefix("0x")))

    def repeats_of(self, entry: Any) -> tuple[Any, ...]:
        """The entries of an entry's department that repeat its record, and count nowhere."""
        with self._index.snapshot() as snapshot:
            found = snapshot.record(entry.record)
        return tuple(one for one in found if one.repeat and one.department == entry.department)

    def grant(self, entry: Any, by: ReaderKey, to: Sequence[Reader], revoked: Sequence[str] = ()) -> tuple[str, ...]:
        """Lets others read the document of an entry and its files, or no longer; who may now. `by` must read it.

        Raises `KeyMissingError`, and as `Vault.grant` and `Vault.revoke`.
        """
        document = self.read(entry, [by])
        if document is None:
            raise KeyMissingError(f"the key of {by.name!r} does not open the document", field="as")
        for digest in (entry.digest, *document.files):
            for reader in to:
                self._vault.grant(digest, by, reader)
            for gone in revoked:
                self._vault.revoke(digest, gone)
        return tuple(reader.name for reader in self._vault.content(entry.digest).readers)

    def file(self, document: RecordDocument, field: str, keys: Sequence[ReaderKey]) -> tuple[int, Iterator[bytes]]:
        """Return the size and the chunks of the file that a field names. Raises `InvalidRecordError` and as `read`."""
        found = document.kind.field(field)
        named = document.fields.get(field) if found is not None and found.type is FieldType.FILE else None
        if named is None:
            raise InvalidRecordError(f"the record names no file {field!r}", field=f"/{field}")
        digest = bytes.fromhex(named[2:])
        return self._vault.content(digest).size, self._vault.read_by_any(digest, keys)

    def store(self, source: ByteSource, readers: Sequence[Reader]) -> SealedContent:
        """Stores a file that a record is going to name."""
        return self._vault.put(source, readers)

    def read(self, entry: Any, keys: Sequence[ReaderKey]) -> RecordDocument | None:
        """The document of an entry, by the first of these keys that opens it; None where none does.

        Raises `ContentNotFoundError`, `ContentCorruptError`, and `RecordMismatchError` if it belongs to another record.
        """
        for key in keys:
            try:
                data = self._vault.read_whole(entry.digest, key, MAX_DOCUMENT)
            except KeyMissingError:
                continue
            document = RecordDocument.from_bytes(data, self.catalogue)
            if document.record != entry.record or kind_hash(document.kind.schema) != entry.kind:
                raise RecordMismatchError(
                    f"the entry (transaction 0x{entry.appended.tx_hash.hex()}) names the document of another record, "
                    f"the {document.kind.title.lower()} {document.key!r}",
                    field="digest",
                    hint=f"whoever wrote it ({entry.by}) did not do so by this software",
                )
            return document
        return None
