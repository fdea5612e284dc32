"""The manifest of a record: its readers, and the keys of its document and files. It is an age file for its readers.

    records/<organisation>-<department>/<record>-<digest>.age   manifest of a record
    uploads/<organisation>-<department>/<tag>.age               manifest of a file uploaded for a later record

An upload's tag is derived from its digest and the department's private key, so others can neither find it by its digest
nor learn whether it is stored. The decrypted manifest is JSON:

    {"schema": "chromatrace.vault/3", "organisation": 1, "department": "0x…", "record": "0x…", "digest": "0x…",
     "readers": ["Sales=1/0x…/ed25519:…/…"],
     "contents": [{"purpose": "document", "digest": "0x…", "size": 512, "blob": "…", "key": "AGE-SECRET-KEY-1…"}]}

Reading checks that it belongs to the record that was asked for. age does not authenticate the sender: only a reader
knows the key of a content, so a manifest whose document has the digest on the chain was written by a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

import pyrage

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import DepartmentId, OrganisationId
from chromatrace.domain.ledger_entries import ID_SIZE, RecordId
from chromatrace.records.errors import ContentCorruptError, KeyMissingError
from chromatrace.records.reader_key import Reader, ReaderIdentity, ReaderKey
from chromatrace.storage import strict_json

FOLDER = "records/"
"""Folder of the manifests of records."""
MAX_READERS = 1_000
"""Maximum number of readers of a record."""
_BLOB = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"records/([1-9][0-9]{0,14})-([0-9a-f]{64})/([0-9a-f]{40})-([0-9a-f]{64})\.age")
_NO_KEY = "No matching keys found"


class Purpose(StrEnum):
    """Use of a content; a file cannot be used as the document of a record."""

    DOCUMENT = "document"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Scope:
    """The record that a manifest belongs to: `record` and `digest` as in its entry on the chain.

    The manifest of an upload has no record, and the digest of the file.
    """

    identity: ReaderIdentity
    record: RecordId | None
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) != 32 or len(self.identity.department) != 32 or len(self.record or bytes(20)) != ID_SIZE:
            raise InvalidInput("expected ids of 20 and 32 bytes and a digest of 32 bytes", field="record")


@dataclass(frozen=True, slots=True)
class Content:
    """An encrypted document or file. `size` is in bytes, `key` is the age identity that decrypts `blob`."""

    purpose: Purpose
    digest: bytes
    size: int
    blob: str
    key: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Readers and contents of a record."""

    scope: Scope
    readers: tuple[Reader, ...]
    contents: tuple[Content, ...]

    def __post_init__(self) -> None:
        if len(self.readers) > MAX_READERS:
            raise InvalidInput(
                f"the record has {len(self.readers):,} readers; the maximum is {MAX_READERS:,}", field="reader"
            )

    def content(self, purpose: Purpose, digest: bytes) -> Content | None:
        """Return the content with this purpose and digest, or None."""
        return next((item for item in self.contents if (item.purpose, item.digest) == (purpose, digest)), None)

    def seal(self) -> bytes:
        """Encrypt for the readers."""
        identity, record, digest = self.scope.identity, self.scope.record, self.scope.digest
        value = _ManifestFile(
            "chromatrace.vault/3",
            identity.organisation,
            strict_json.Digest(identity.department),
            None if record is None else strict_json.Hex(record),
            strict_json.Digest(digest),
            tuple(map(str, self.readers)),
            tuple(
                _ContentEntry(item.purpose, strict_json.Digest(item.digest), item.size, item.blob, item.key)
                for item in self.contents
            ),
        )
        sealed: bytes = pyrage.encrypt(strict_json.encode(value), [reader.recipient for reader in self.readers])
        return sealed

    @classmethod
    def unseal(cls, data: bytes, name: str, scope: Scope, keys: Iterable[ReaderKey]) -> tuple[Self, ReaderKey]:
        """Return the manifest in the blob `name`, and the first of these keys that decrypts it.

        Raises `KeyMissingError`, and `ContentCorruptError` naming the blob, also for the manifest of another scope.
        """
        for key in keys:
            try:
                plain = pyrage.decrypt(data, [key.identity_key])
            except pyrage.DecryptError as error:
                if str(error) == _NO_KEY:
                    continue
                raise _corrupt(name, error) from error
            try:
                return cls._parse(plain, scope), key
            except InvalidInput as error:
                raise _corrupt(name, error) from error
        raise KeyMissingError(
            "no available key decrypts the record", field="as", hint="ask a reader of the record for access"
        )

    @classmethod
    def _parse(cls, plain: bytes, scope: Scope) -> Self:
        value = strict_json.decode(plain, _ManifestFile)
        identity = ReaderIdentity(OrganisationId(value.organisation), DepartmentId(bytes(value.department)))
        record = None if value.record is None else RecordId(bytes(value.record))
        if Scope(identity, record, bytes(value.digest)) != scope:
            raise InvalidInput("it belongs to another record")
        contents = tuple(
            Content(item.purpose, bytes(item.digest), item.size, item.blob, item.key) for item in value.contents
        )
        return cls(scope, tuple(map(Reader.parse, value.readers)), contents)


class _ContentEntry(strict_json.JsonObject, frozen=True):
    purpose: Purpose
    digest: strict_json.Digest
    size: strict_json.Whole
    blob: str
    key: str

    def check(self) -> None:
        if not _BLOB.fullmatch(self.blob):
            raise InvalidInput("expected 32 hexadecimal digits", field="/blob")
        try:
            pyrage.x25519.Identity.from_str(self.key)
        except pyrage.IdentityError as error:
            raise InvalidInput("expected AGE-SECRET-KEY-1…", field="/key") from error


class _ManifestFile(strict_json.JsonObject, frozen=True):
    schema: Literal["chromatrace.vault/3"]
    organisation: strict_json.Positive
    department: strict_json.Digest
    record: strict_json.Hex | None
    digest: strict_json.Digest
    readers: tuple[str, ...]
    contents: tuple[_ContentEntry, ...]


def manifest_name(scope: Scope) -> str:
    """Return the blob name of a record's manifest."""
    assert scope.record is not None
    return f"{FOLDER}{_folder(scope.identity)}/{scope.record.hex()}-{scope.digest.hex()}.age"


def scope_of(name: str) -> Scope | None:
    """Return the scope of the manifest with this blob name, or None if it is not the name of a manifest."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    organisation, department, record, digest = match.groups()
    identity = ReaderIdentity(OrganisationId(int(organisation)), DepartmentId(bytes.fromhex(department)))
    return Scope(identity, RecordId(bytes.fromhex(record)), bytes.fromhex(digest))


def upload_name(digest: bytes, key: ReaderKey) -> str:
    """Return the blob name of the manifest of a file that the holder of `key` uploaded."""
    return f"uploads/{_folder(key.identity)}/{key.secret(b'upload' + digest).hex()}.age"


def _folder(identity: ReaderIdentity) -> str:
    return f"{identity.organisation}-{identity.department.hex()}"


def _corrupt(name: str, reason: object) -> ContentCorruptError:
    return ContentCorruptError(
        f"the vault's file {name} has changed: {reason}", field="digest", hint="restore this file from a copy"
    )
