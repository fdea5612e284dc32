"""The vault: encrypted documents and files of records, in a folder or an S3 bucket that several portals may share.

    contents/<xx>/<name>    a document or file as an age file (see `sealing`), under a random name
    records/…  uploads/…    manifests: readers, and the keys of the contents (see `manifest`)

A content is written before the manifest that names it, and a change of readers replaces one manifest atomically: it is
complete or has no effect. Two records that share a file share its encrypted bytes; each has its own readers.

Revoking only affects readers who have not read the record yet; others may have kept a copy or the keys of its contents.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.records.blobs import Blobs, disk_errors, open_blobs
from chromatrace.records.errors import (
    ContentCorruptError,
    ContentNotFoundError,
    KeyMissingError,
    ReaderExistsError,
    VaultUnavailableError,
)
from chromatrace.records.manifest import (
    FOLDER,
    Content,
    Manifest,
    Purpose,
    Scope,
    manifest_name,
    scope_of,
    upload_name,
)
from chromatrace.records.reader_key import WHOLE_ORGANISATION, Reader, ReaderIdentity, ReaderKey
from chromatrace.records.sealing import ByteSource, new_identity, seal, unseal
from chromatrace.storage.files import deliver

_TRIES = 20


@dataclass
class RewrapReport:
    """Progress of `Vault.rewrap`: numbers of manifests, and errors by blob name."""

    checked: int = 0
    changed: int = 0
    errors: list[tuple[str, ChromaTraceError]] = field(default_factory=list)


class Vault:
    """The encrypted contents of records. All methods raise `VaultUnavailableError` if the store does not respond."""

    def __init__(self, location: Path | str) -> None:
        self._blobs: Blobs = open_blobs(location)

    def upload(self, source: ByteSource, key: ReaderKey) -> Content:
        """Store a file for a later record of the department that holds `key`. Reads the source once in chunks."""
        content = self._store(source, Purpose.FILE)
        name = upload_name(content.digest, key)
        existing = self._upload(content.digest, key)
        if existing is not None and self._is_intact(existing):
            self._blobs.delete([_blob(content)])
            return existing
        manifest = Manifest(Scope(key.identity, None, content.digest), (key.reader,), (content,))
        self._blobs.write(name, [manifest.seal()])
        return content

    def uploaded(self, digest: bytes, keys: Iterable[ReaderKey]) -> Content:
        """Return a file that a holder of one of these keys uploaded. Raises `ContentNotFoundError`.

        The error is the same whether others have stored the file or not.
        """
        for key in keys:
            if (content := self._upload(digest, key)) is not None:
                return content
        raise ContentNotFoundError(
            f"the department has not uploaded a file with digest 0x{digest.hex()}", field="digest"
        )

    def put(
        self,
        scope: Scope,
        document: bytes,
        files: Sequence[Content],
        readers: Sequence[Reader],
        keys: Sequence[ReaderKey],
    ) -> Manifest:
        """Store the document of a record with its files, for these readers.

        If it is stored already, add the readers. Raises `KeyMissingError` if none of `keys` decrypts it in that case.
        """
        if not readers:
            raise InvalidInput("expected at least one reader", field="reader")
        if hashlib.sha256(document).digest() != scope.digest:
            raise InvalidInput("the document does not have the digest of the record", field="digest")
        new, name = _sorted_readers(readers), manifest_name(scope)
        require_one_key_each(new)
        old = self._blobs.read(name)
        if old is not None:
            with contextlib.suppress(ContentCorruptError):  # replace it
                existing, _ = Manifest.unseal(old, name, scope, keys)
                missing = [reader for reader in new if reader not in existing.readers]
                return self.change_readers(scope, keys, add=missing) if missing else existing
        content = self._store(io.BytesIO(document), Purpose.DOCUMENT)
        manifest = Manifest(scope, new, (content, *files))
        if not self._blobs.replace(name, old, manifest.seal()):
            raise VaultUnavailableError("another process stores the same document", field="record", hint="try again")
        return manifest

    def open(self, scope: Scope, keys: Iterable[ReaderKey]) -> tuple[Manifest, ReaderKey]:
        """Return the manifest of a record, and the first of these keys that decrypts it.

        Raises `ContentNotFoundError`, `KeyMissingError`, `ContentCorruptError`.
        """
        name = manifest_name(scope)
        data = self._blobs.read(name)
        if data is None:
            raise ContentNotFoundError("the vault does not have the document of this record", field="record")
        return Manifest.unseal(data, name, scope, keys)

    def read(self, content: Content) -> Iterator[bytes]:
        """Yield a content in chunks. Raises `ContentCorruptError`.

        age authenticates each chunk. The last one is yielded only if size and digest are correct; do not use a whole
        content before that.
        """
        with self._blobs.open(_blob(content)) as sealed:
            if sealed is None:
                raise ContentCorruptError(
                    f"the vault's file {_blob(content)} is missing", field="digest", hint="restore it from a copy"
                )
            yield from _checked(content, unseal(sealed, content.key))

    def extract(self, content: Content, target: Path) -> int:
        """Write a content to `target` atomically after checking its digest, and return its size in bytes."""
        chunks = self.read(content)
        with disk_errors():
            return deliver(target, chunks, private=True)

    def change_readers(
        self,
        scope: Scope,
        keys: Sequence[ReaderKey],
        add: Sequence[Reader] = (),
        revoke: Sequence[str] = (),
        *,
        rotate: bool = False,
    ) -> Manifest:
        """Add readers to a record and remove others by fingerprint, in one atomic step.

        keys    keys of the caller; a reader of the record's own department with one of them must remain
        rotate  allow a new key to replace another key of the same identity

        Raises `ReaderExistsError`, `InvalidInput`, and as `open`. An error has no effect.
        """

        def changed(manifest: Manifest) -> tuple[Reader, ...]:
            readers = set(manifest.readers)
            for fingerprint in revoke:
                removed = {reader for reader in readers if reader.fingerprint == fingerprint}
                readers -= removed
                if not removed:
                    known = ", ".join(f"{reader.fingerprint} ({reader.name})" for reader in manifest.readers)
                    raise InvalidInput(
                        f"{fingerprint!r:.80} is not the fingerprint of a reader of this record",
                        field="reader",
                        hint=f"readers: {known}",
                    )
            for reader in add:
                replaced = {other for other in readers if other.identity == reader.identity}
                for other in replaced:
                    if other.fingerprint != reader.fingerprint and not rotate:
                        raise ReaderExistsError(reader.name, other.fingerprint)
                readers = readers - replaced | {reader}
            own = {key.fingerprint for key in keys if key.identity == scope.identity}
            if not any(reader.identity == scope.identity and reader.fingerprint in own for reader in readers):
                raise InvalidInput(
                    "the record would have no reader of its own department whose key is available here",
                    field="reader",
                    hint="keep the department's key as a reader",
                )
            return _sorted_readers(readers)

        return self._replace_readers(scope, keys, changed)[0]

    def rewrap(
        self, keys: Sequence[ReaderKey], current: Mapping[ReaderIdentity, Reader], recovery: Iterable[Reader] = ()
    ) -> Iterator[RewrapReport]:
        """Replace older keys by the current ones in every manifest that `keys` decrypt; yield the progress after each.

        current   newest key of each identity: it replaces other keys of the same identity if `keys` has one of them,
                  or a recovery key of the organisation that reads the record. A new key proves its possession, not that
                  it belongs to the department that it names.
        recovery  recovery keys, which are added to the records that a key of their organisation reads

        Safe to repeat after an interruption: manifests that are up to date do not change.
        """
        report = RewrapReport()
        recovery_of = {reader.identity.organisation: reader for reader in recovery}
        held_keys = {key.fingerprint for key in keys}

        def changed(manifest: Manifest) -> tuple[Reader, ...]:
            held = {reader.identity for reader in manifest.readers if reader.fingerprint in held_keys}
            replaceable = {
                reader.identity
                for reader in manifest.readers
                if reader.identity in held or (reader.identity.organisation, WHOLE_ORGANISATION) in held
            }
            readers = {
                current.get(reader.identity, reader) if reader.identity in replaceable else reader
                for reader in manifest.readers
            }
            owner = manifest.scope.identity
            if owner.organisation in recovery_of and any(item.organisation == owner.organisation for item in held):
                added = recovery_of[owner.organisation]
                readers = {reader for reader in readers if reader.identity != added.identity} | {added}
            return _sorted_readers(readers)

        for name in self._blobs.walk(FOLDER):
            scope = scope_of(name)
            if scope is None:
                continue
            report.checked += 1
            try:
                report.changed += self._replace_readers(scope, keys, changed)[1]
            except (KeyMissingError, ContentNotFoundError):
                pass  # a record of others
            except ContentCorruptError as error:
                report.errors.append((name, error))
            yield report

    def _replace_readers(
        self, scope: Scope, keys: Sequence[ReaderKey], changed: Callable[[Manifest], tuple[Reader, ...]]
    ) -> tuple[Manifest, bool]:
        """Replace the manifest by one with other readers, and return it and whether it differs."""
        name = manifest_name(scope)
        for _ in range(_TRIES):
            data = self._blobs.read(name)
            if data is None:
                raise ContentNotFoundError("the vault does not have the document of this record", field="record")
            manifest, _key = Manifest.unseal(data, name, scope, keys)
            readers = changed(manifest)
            if readers == manifest.readers:
                return manifest, False
            new = Manifest(scope, readers, manifest.contents)
            if self._blobs.replace(name, data, new.seal()):
                return new, True
            # Another process changed the readers at the same time.
        raise VaultUnavailableError("the readers of this record keep changing", field="record", hint="try again")

    def _store(self, source: ByteSource, purpose: Purpose) -> Content:
        key, name, plain = new_identity(), secrets.token_hex(16), _HashingSource(source)
        content = Content(purpose, b"", 0, name, key)
        self._blobs.write(_blob(content), seal(plain, key))
        return Content(purpose, plain.digest.digest(), plain.size, name, key)

    def _upload(self, digest: bytes, key: ReaderKey) -> Content | None:
        name = upload_name(digest, key)
        data = self._blobs.read(name)
        if data is None:
            return None
        try:
            manifest, _ = Manifest.unseal(data, name, Scope(key.identity, None, digest), [key])
        except (ContentCorruptError, KeyMissingError):
            return None  # upload it again
        return manifest.content(Purpose.FILE, digest)

    def _is_intact(self, content: Content) -> bool:
        try:
            for _ in self.read(content):
                pass
        except ContentCorruptError:
            return False
        return True


def require_one_key_each(readers: Iterable[Reader]) -> None:
    """Raise `ReaderExistsError` if one identity has two keys."""
    seen: dict[ReaderIdentity, Reader] = {}
    for reader in readers:
        other = seen.setdefault(reader.identity, reader)
        if other.fingerprint != reader.fingerprint:
            raise ReaderExistsError(reader.name, other.fingerprint)


def _sorted_readers(readers: Iterable[Reader]) -> tuple[Reader, ...]:
    unique = {(reader.identity, reader.fingerprint): reader for reader in readers}
    return tuple(unique[item] for item in sorted(unique))


def _blob(content: Content) -> str:
    return f"contents/{content.blob[:2]}/{content.blob[2:]}"


def _checked(content: Content, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks, the last one only after checking size and digest."""
    hasher, size, previous = hashlib.sha256(), 0, b""
    for chunk in chunks:
        hasher.update(chunk)
        size += len(chunk)
        if size > content.size:
            break
        if previous:
            yield previous
        previous = chunk
    if (size, hasher.digest()) != (content.size, content.digest):
        raise ContentCorruptError(
            f"the vault's file {_blob(content)} does not have the size and digest that its record gives",
            field="digest",
            hint="restore this file from a copy",
        )
    yield previous


class _HashingSource:
    """A source that counts and hashes the bytes read from it."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self.size += len(data)
        return data
