"""Append, find and read the records of departments, and decide what a caller may do.

The caller supplies the index (`RecordIndex`) and the chain (`RecordAppender`). Each check is about one department, by
its id on the chain. Record ids, digests and names are public and equal in several organisations; they decide nothing.

    read an entry, its document and files   the chain allows the caller to read the department of the entry
    change the readers of an entry          it also allows the caller to append to the department of the entry
    add a record, upload a file             it allows the caller to append to the department of its own organisation
                                            that writes the kind
    name an uploaded file                   that department uploaded it
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import DepartmentId
from chromatrace.domain.ledger_entries import LedgerEntry, RecordId, SubjectId, kind_hash, pack, subject_id
from chromatrace.domain.record_kinds import FieldType, RecordKind
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.document import MAX_DOCUMENT, RecordDocument
from chromatrace.records.errors import (
    ContentCorruptError,
    ContentNotFoundError,
    InvalidRecordError,
    KeyMissingError,
    ProductNotFoundError,
    RecordMismatchError,
    RecordNotReadableError,
    RecordRepeatedError,
)
from chromatrace.records.key_ring import KeyRing
from chromatrace.records.manifest import Content, Manifest, Purpose, Scope
from chromatrace.records.preparation import Ledger, PreparedRecord, prepare
from chromatrace.records.reader_key import WHOLE_ORGANISATION, Reader, ReaderIdentity, ReaderKey
from chromatrace.records.sealing import ByteSource
from chromatrace.records.vault import Vault, require_one_key_each


class RecordSnapshot(Protocol):
    """Queries of the index at one block. Entries are `RecordView`, departments `DepartmentView`."""

    def departments(self, organisation: int | None = None) -> Sequence[Any]:
        """Return all departments, or those of an organisation."""

    def records_of(self, subject: SubjectId, departments: Sequence[bytes] | None = None) -> Sequence[Any]:
        """Return the entries about a product in these departments."""

    def record(self, record: RecordId) -> Sequence[Any]:
        """Return the entries with a record id, of any department, in chain order."""

    def records_in(self, tx_hash: bytes) -> Sequence[Any]:
        """Return the entries that a transaction appended."""

    def department(self, department_id: bytes) -> Any | None:
        """Return a department, or None if it is not open."""

    def organisation(self, number: int) -> Any | None:
        """Return an organisation, or None if it is not registered."""

    def subjects_of_record(self, record: RecordId, department: bytes) -> Sequence[SubjectId]:
        """See `Ledger`."""

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: bytes) -> RecordId | None:
        """See `Ledger`."""


class RecordIndex(Protocol):
    """An index of departments and their records."""

    def snapshot(self) -> AbstractContextManager[RecordSnapshot]:
        """Open a view of one indexed block."""


class _OrganisationLedger:
    """The ledger of one organisation's departments; entries of other organisations are not visible."""

    def __init__(self, index: RecordIndex, organisation: int | None) -> None:
        self._index, self._organisation = index, organisation

    def subjects_of_record(self, record: RecordId, department: str) -> Sequence[SubjectId]:
        """See `Ledger`."""
        department_id = self._departments.get(department)
        if department_id is None:
            return ()
        with self._index.snapshot() as snapshot:
            return snapshot.subjects_of_record(record, department_id)

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: str) -> RecordId | None:
        """See `Ledger`."""
        department_id = self._departments.get(department)
        if department_id is None:
            return None
        with self._index.snapshot() as snapshot:
            return snapshot.latest_record(kinds, subject, department_id)

    @cached_property
    def _departments(self) -> dict[str, bytes]:
        if self._organisation is None:
            return {}
        with self._index.snapshot() as snapshot:
            return {department.name: department.id for department in snapshot.departments(self._organisation)}


class RecordAppender(Protocol):
    """Access to the chain as the caller."""

    def may_read(self, department: bytes) -> bool:
        """Return whether the caller may read a department now."""

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """Simulate the append. Raises the contract's error."""

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Append and return the transaction hash."""


class DepartmentRecords:
    """The records of an organisation's departments.

    organisation  its number on the chain
    keys          the reader keys that encrypt and decrypt documents
    """

    def __init__(
        self,
        catalogue: Catalogue,
        index: RecordIndex,
        appender: RecordAppender,
        vault: Vault,
        keys: KeyRing,
        organisation: int | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._index, self._appender, self._vault, self._keys = index, appender, vault, keys
        self._organisation = organisation
        self._readable: dict[bytes, bool] = {}
        self.ledger: Ledger = _OrganisationLedger(index, organisation)

    def department_of(self, kind: RecordKind) -> Any:
        """Return the department that writes a kind. Raises `NotFound` if it is not open."""
        with self._index.snapshot() as snapshot:
            departments = snapshot.departments(self._organisation)
        for department in departments:
            if department.name == kind.department:
                return department
        raise NotFound(
            f"department {kind.department!r} is not open", field="department", hint="see `chromatrace record open`"
        )

    def require_writer(self, kind: RecordKind) -> None:
        """Check that the caller may append to the kind's department. Raises the contract's error otherwise."""
        self._require_append(self.department_of(kind).id, kind_hash(kind.schema))

    def _require_append(self, department: bytes, kind: bytes) -> None:
        probe = LedgerEntry(RecordId(b"\1" * 20), SubjectId(b"\1" * 20), None, b"\1" * 32)
        self._appender.check(department, kind, probe.to_bytes())

    def _may_read(self, department: bytes) -> bool:
        """Return whether the caller may read a department; the chain is asked once."""
        if department not in self._readable:
            self._readable[department] = self._appender.may_read(department)
        return self._readable[department]

    def _require_reader(self, entry: Any) -> None:
        if not self._may_read(entry.department):
            raise RecordNotReadableError("the record does not exist, or you may not read it", field="key")

    def document(self, kind: RecordKind, members: object, files: Mapping[str, Path]) -> RecordDocument:
        """Return the valid document with `files` attached.

        The department must have uploaded the other files that it names.
        """
        value = dict(members) if isinstance(members, Mapping) else members
        for name, path in files.items():
            field = kind.field(name)
            if field is None or field.type is not FieldType.FILE or not isinstance(value, dict):
                raise InvalidRecordError(f"{kind.schema} has no file field of this name", field=f"/{name}")
            with path.open("rb") as file:
                value[name] = "0x" + hashlib.file_digest(file, "sha256").hexdigest()
        document = RecordDocument.new(kind, value)
        for field in kind.fields:
            digest = document.fields.get(field.name) if field.type is FieldType.FILE else None
            if digest and field.name not in files:
                try:
                    self._uploaded(kind, bytes.fromhex(digest[2:]))
                except ContentNotFoundError as error:
                    raise InvalidRecordError(
                        error.message, field=f"/{field.name}", hint="upload or attach the file first"
                    ) from error
        return document

    def prepare(self, document: RecordDocument, ledger: Ledger | None = None) -> PreparedRecord:
        """See `preparation.prepare`."""
        return prepare(self.catalogue, document, ledger or self.ledger)

    def add(self, prepared: Sequence[PreparedRecord], readers: Sequence[Reader], files: Mapping[str, Path]) -> str:
        """Store and append records of one kind in one transaction, and return its hash.

        readers  further readers besides the department and the recovery key of its organisation

        Nothing is stored if the contract would reject the append.
        """
        kind = prepared[0].document.kind
        department = self.department_of(kind)
        packed = pack(entry for record in prepared for entry in record.entries)
        self._require_known(readers)
        self._appender.check(department.id, prepared[0].kind, packed)
        identity = _identity(department)
        keys, all_readers = list(self._keys.keys(identity)), [*self._keys.readers(identity), *readers]
        require_one_key_each(all_readers)
        for path in files.values():
            with path.open("rb") as file:
                self._vault.upload(file, keys[0])
        for record in prepared:
            document = record.document
            attached = [self._vault.uploaded(digest, keys) for digest in dict.fromkeys(document.files)]
            scope = Scope(identity, document.record, document.digest)
            self._vault.put(scope, document.to_bytes(), attached, all_readers, keys)
        return self._appender.append(department.id, prepared[0].kind, packed)

    def repeats_in(self, tx: str) -> frozenset[RecordId]:
        """Return the records that this transaction only repeated. The index must have its block."""
        return frozenset(entry.record for entry in self._appended(tx) if entry.repeat)

    def trace(self, product: str) -> tuple[Any, ...]:
        """Return the entries about a product in all departments that the caller may read, oldest first.

        Raises `RecordNotReadableError` if the caller may read no department, whether the product exists or not, and
        `ProductNotFoundError` if none of the readable departments has an entry.
        """
        with self._index.snapshot() as snapshot:
            readable = [item.id for item in snapshot.departments() if self._may_read(item.id)]
            if not readable:
                raise RecordNotReadableError("not authorised to read any department", field="product")
            entries = snapshot.records_of(subject_id(product), readable)
        if not entries:
            raise ProductNotFoundError(f"product {product!r} not found", field="product")
        return tuple(entries)

    def find(self, record: RecordId, kind: RecordKind | None = None, organisation: int | None = None) -> Any:
        """Return the first entry of a record. Raises `RecordNotReadableError` if it does not exist or is not readable.

        Other organisations can append records with a guessed key. Entries are ranked by organisation (the caller's
        own first; with `organisation`, only that one), then by whether the department writes the `kind` (by default,
        the kind of the entry), then by chain order.
        """
        with self._index.snapshot() as snapshot:
            departments = {department.id: department for department in snapshot.departments(organisation)}
            entries = snapshot.record(record)
        ranked = []
        for index, entry in enumerate(entries):
            entry_kind = kind or self.catalogue.by_hash(entry.kind)
            department = departments.get(entry.department)
            if department is None or entry.repeat:
                continue
            writes = entry_kind is not None and department.name == entry_kind.department
            if writes or kind is None:
                ranked.append((department.organisation != self._organisation, not writes, index, entry))
        for *_, entry in sorted(ranked, key=lambda item: item[:3]):
            if self._may_read(entry.department):
                return entry
        raise RecordNotReadableError("the record does not exist, or you may not read it", field="key")

    def find_in(self, record: RecordId, tx: str) -> Any:
        """Return the entry of a record that this transaction appended. Raises as `find`, and `RecordRepeatedError`."""
        for entry in self._appended(tx):
            if entry.record == record and self._may_read(entry.department):
                if entry.repeat:
                    raise RecordRepeatedError(f"0x{record.hex()}", tx, field="transaction")
                return entry
        raise RecordNotReadableError("the record does not exist, or you may not read it", field="key")

    def appended_by(self, tx: str) -> tuple[Any, ...]:
        """Return the entries that a transaction appended and the caller may read, in order. Raises as `find`."""
        entries = tuple(entry for entry in self._appended(tx) if self._may_read(entry.department))
        if not entries:
            raise RecordNotReadableError("the record does not exist, or you may not read it", field="transaction")
        return entries

    def _appended(self, tx: str) -> Sequence[Any]:
        with self._index.snapshot() as snapshot:
            return snapshot.records_in(bytes.fromhex(tx.removeprefix("0x")))

    def repeats_of(self, entry: Any) -> tuple[Any, ...]:
        """Return the entries of the same department that repeat this record, without effect."""
        with self._index.snapshot() as snapshot:
            entries = snapshot.record(entry.record)
        return tuple(other for other in entries if other.repeat and other.department == entry.department)

    def readers(self, entry: Any, keys: Iterable[ReaderKey] | None = None) -> tuple[Reader, ...]:
        """Return the readers of a record. Raises `RecordNotReadableError`, and as `Vault.open`."""
        self._require_reader(entry)
        scope = self._scope(entry)
        return self._vault.open(scope, self._keys.candidates(scope.identity) if keys is None else keys)[0].readers

    def grant(
        self,
        entry: Any,
        to: Sequence[Reader],
        revoked: Sequence[str] = (),
        *,
        keys: Sequence[ReaderKey] | None = None,
        rotate: bool = False,
    ) -> tuple[Reader, ...]:
        """Grant and revoke access to a record, its document and files, in one step, and return its readers.

        revoked  fingerprints of keys
        keys     keys of the record's department; default: those of the key ring

        Raises the contract's error if the caller may not append to the entry's department, and as `read` and
        `Vault.change_readers`.
        """
        self._require_reader(entry)
        self._require_append(entry.department, entry.kind)
        scope = self._scope(entry)
        used = list(self._keys.keys(scope.identity) if keys is None else keys)
        self._require_known(to)
        if self.read(entry, used) is None:
            raise KeyMissingError(
                f"no available key of {scope.identity} decrypts the record",
                field="as",
                hint="only the record's own department can change its readers",
            )
        return self._vault.change_readers(scope, used, to, revoked, rotate=rotate).readers

    def file(self, entry: Any, field: str, keys: Iterable[ReaderKey] | None = None) -> Content:
        """Return the file that a field of a record names. Raises `InvalidRecordError`, and as `read`."""
        opened = self._open(entry, keys)
        definition = opened.document.kind.field(field)
        value = None
        if definition is not None and definition.type is FieldType.FILE:
            value = opened.document.fields.get(field)
        if value is None:
            raise InvalidRecordError(f"the record has no file {field!r}", field=f"/{field}")
        digest = bytes.fromhex(value[2:])
        content = opened.manifest.content(Purpose.FILE, digest)
        if content is None:
            raise ContentCorruptError(f"the manifest of the record lacks its file 0x{digest.hex()}", field="digest")
        return content

    def content(self, content: Content) -> Iterator[bytes]:
        """Yield a file in chunks; see `Vault.read`."""
        return self._vault.read(content)

    def upload(self, source: ByteSource, kind: RecordKind) -> Content:
        """Store a file for a later record of this kind."""
        return self._vault.upload(source, self._keys.current(_identity(self.department_of(kind))))

    def read(self, entry: Any, keys: Iterable[ReaderKey] | None = None) -> RecordDocument | None:
        """Return the document of an entry, or None if none of the keys (default: the key ring) decrypts it.

        Raises `ContentNotFoundError`, `ContentCorruptError`, and `RecordMismatchError` if it belongs to another record.
        """
        try:
            return self._open(entry, keys).document
        except KeyMissingError:
            return None

    def _open(self, entry: Any, keys: Iterable[ReaderKey] | None) -> _OpenRecord:
        self._require_reader(entry)
        scope = self._scope(entry)
        manifest, _ = self._vault.open(scope, self._keys.candidates(scope.identity) if keys is None else keys)
        content = manifest.content(Purpose.DOCUMENT, scope.digest)
        if content is None or content.size > MAX_DOCUMENT:
            raise ContentCorruptError("the manifest of the record lacks its document", field="digest")
        document = RecordDocument.from_bytes(b"".join(self._vault.read(content)), self.catalogue)
        if document.record != entry.record or kind_hash(document.kind.schema) != entry.kind:
            raise RecordMismatchError(
                f"the entry (transaction 0x{entry.appended.tx_hash.hex()}) refers to the document of "
                f"another record, {document.kind.title.lower()} {document.key!r}",
                field="digest",
                hint=f"it was appended by {entry.by} with other software",
            )
        return _OpenRecord(manifest, document)

    def _scope(self, entry: Any) -> Scope:
        with self._index.snapshot() as snapshot:
            department = snapshot.department(entry.department)
        if department is None:
            raise NotFound(f"department 0x{entry.department.hex()} is not open", field="department")
        return Scope(_identity(department), entry.record, entry.digest)

    def _uploaded(self, kind: RecordKind, digest: bytes) -> Content:
        return self._vault.uploaded(digest, self._keys.keys(_identity(self.department_of(kind))))

    def _require_known(self, readers: Sequence[Reader]) -> None:
        """Raise `InvalidInput` for a reader whose organisation or department is not on the chain."""
        for reader in readers:
            organisation, department = reader.identity
            with self._index.snapshot() as snapshot:
                if department == WHOLE_ORGANISATION:
                    known = snapshot.organisation(organisation) is not None
                else:
                    opened = snapshot.department(department)
                    known = opened is not None and opened.organisation == organisation
            if not known:
                raise InvalidInput(
                    f"{reader.name!r} is {reader.identity}, which is not on this chain",
                    field="reader",
                    hint="check that the reader was created for this chain, and that the index is up to date",
                )


@dataclass(frozen=True, slots=True)
class _OpenRecord:
    manifest: Manifest
    document: RecordDocument


def _identity(department: Any) -> ReaderIdentity:
    """Return the reader identity of a `DepartmentView`."""
    return ReaderIdentity(department.organisation, DepartmentId(department.id))
