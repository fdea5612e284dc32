"""The vault: encrypted documents and files by the SHA-256 of their plaintext, each with its own key.

Each `put` creates a seal, which consists of these blobs (see `blobs`):

    sealed/<seal>                          encrypted bytes (see `sealing`), under a random name
    <digest>/<seal>.<reader>.key           the document's key, wrapped for one reader (see `reader_key`)
    <digest>/<seal>.json                   manifest; written last: a document is complete or absent

Each reader has a separate blob, so granting and revoking need no lock. Putting the same bytes again replaces the seal
and keeps the readers of both.

`revoke` only affects readers who have not read the document yet; others may have kept a copy.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.blobs import Blobs, disk_errors, open_blobs
from chromatrace.records.errors import ContentCorruptError, ContentNotFoundError, KeyMissingError, VaultUnavailableError
from chromatrace.records.reader_key import Reader, ReaderKey
from chromatrace.records.sealing import KEY_SIZE, ByteSource, seal, unseal
from chromatrace.storage import strict_json
from chromatrace.storage.files import deliver

SCHEMA = "chromatrace.vault/2"
_SEAL = re.compile(r"[0-9a-f]{32}")
_TRIES = 20


@dataclass(frozen=True, slots=True)
class SealedContent:
    """One seal of a document. `size` is in bytes; `readers` are sorted by name, each with its wrapped key."""

    digest: bytes
    size: int
    seal: str
    sealed_digest: bytes
    readers: tuple[Reader, ...]
    wrapped: tuple[bytes, ...]


class Vault:
    """Encrypted documents in a folder or at an `s3://` URL, which any number of processes may share.

    All methods raise `VaultUnavailableError` if the store does not respond.
    """

    def __init__(self, location: Path | str) -> None:
        self._blobs: Blobs = open_blobs(location)

    def put(self, source: ByteSource, readers: Iterable[Reader]) -> SealedContent:
        """Store `source` for these readers and the existing readers of the same bytes.

        Reads the source once in chunks. If an error is raised, nothing is stored.
        """
        by_name = {reader.name: reader for reader in readers}
        if not by_name:
            raise InvalidInput("expected at least one reader", field="reader")
        key, name = secrets.token_bytes(KEY_SIZE), secrets.token_hex(16)
        plain, sealed = _HashingSource(source), hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            for chunk in seal(plain, key):
                sealed.update(chunk)
                yield chunk

        for reader in by_name.values():
            reader.wrap(key, bytes(32))  # rejects an invalid public key before anything is stored
        self._blobs.write(_sealed(name), chunks())
        digest = plain.digest.digest()
        old_seals = self._seals(digest)
        for old in old_seals:
            for reader in old.readers:
                by_name.setdefault(reader.name, reader)
        all_readers = tuple(sorted(by_name.values(), key=lambda reader: reader.name))
        wrapped = tuple(reader.wrap(key, digest) for reader in all_readers)
        content = SealedContent(digest, plain.size, name, sealed.digest(), all_readers, wrapped)
        for reader, wrapped_key in zip(all_readers, wrapped, strict=True):
            self._write_key(content, reader, wrapped_key)
        value = {
            "schema": SCHEMA,
            "digest": "0x" + digest.hex(),
            "size": content.size,
            "seal": name,
            "sealed_digest": "0x" + content.sealed_digest.hex(),
        }
        self._blobs.write(_manifest(digest, name), [json.dumps(value, indent=1).encode()])
        for old in old_seals:
            # A reader granted access to the old seal before its manifest is deleted gets the new one; `grant` retries
            # after that.
            self._blobs.delete([_manifest(digest, old.seal)])
            keys = self._keys(digest, old.seal)
            for reader, _ in (_read_reader(blob) for blob in map(self._blobs.read, keys) if blob is not None):
                if reader.name not in by_name:
                    self._write_key(content, reader, reader.wrap(key, digest))
            self._blobs.delete([*keys, _sealed(old.seal)])
        return content

    def content(self, digest: bytes) -> SealedContent:
        """Return the metadata of a document. Raises `ContentNotFoundError`, `ContentCorruptError`."""
        seals = self._seals(digest)
        if not seals:
            raise ContentNotFoundError(f"document 0x{digest.hex()} is not in the vault", field="digest")
        return seals[-1]

    def read(self, digest: bytes, reader: ReaderKey) -> Iterator[bytes]:
        """Yield the document in chunks. Raises `KeyMissingError`, `ContentNotFoundError`, `ContentCorruptError`.

        The last chunk is yielded only if the whole document matches its digest; do not use the data before.
        """
        for _ in range(_TRIES):
            content, key = self._opened(digest, reader)
            with self._blobs.open(_sealed(content.seal)) as sealed:
                if sealed is not None:
                    yield from _checked(digest, unseal(sealed, key))
                    return
            if self._blobs.read(_manifest(digest, content.seal)) is not None:
                break
            # The seal was replaced by another `put`.
        raise _missing(digest)

    def read_by_any(self, digest: bytes, readers: Sequence[ReaderKey]) -> Iterator[bytes]:
        """Like `read`, with the first of these keys that decrypts the document. Raises `KeyMissingError`."""
        for reader in readers:
            try:
                self._opened(digest, reader)
            except KeyMissingError:
                continue
            return self.read(digest, reader)
        raise KeyMissingError(
            "no available key decrypts the document", field="as", hint="ask a reader of the document for access"
        )

    def read_whole(self, digest: bytes, reader: ReaderKey, max_size: int) -> bytes:
        """Return a document of at most `max_size` bytes."""
        if self.content(digest).size > max_size:
            raise InvalidInput(
                f"the document has more than {max_size:,} bytes", field="digest", hint="write it to a file"
            )
        return b"".join(self.read(digest, reader))

    def extract(self, digest: bytes, reader: ReaderKey, target: Path) -> int:
        """Write the document to `target` atomically after checking its digest, and return its size in bytes."""
        chunks = self.read(digest, reader)
        with disk_errors():
            return deliver(target, chunks, private=True)

    def verify(self, digest: bytes) -> None:
        """Check the encrypted bytes against their digest, without a key. Raises `ContentCorruptError`."""
        content = self.content(digest)
        hasher = hashlib.sha256()
        with self._blobs.open(_sealed(content.seal)) as sealed:
            if sealed is None:
                raise _missing(digest)
            while chunk := sealed.read(1 << 20):
                hasher.update(chunk)
        if hasher.digest() != content.sealed_digest:
            raise ContentCorruptError(f"the encrypted bytes of 0x{digest.hex()} have changed", field="digest")

    def grant(self, digest: bytes, by: ReaderKey, to: Reader) -> None:
        """Give another reader access, using the key of a reader who has it. Raises as `read`."""
        for _ in range(_TRIES):
            content, key = self._opened(digest, by)
            self._write_key(content, to, to.wrap(key, digest))
            if self._blobs.read(_manifest(digest, content.seal)) is not None:
                return
            # The seal was replaced by another `put`; grant access to the new one.
            self._blobs.delete([_key_name(content, to.name)])
        raise VaultUnavailableError("the document keeps being replaced", field="digest", hint="try again")

    def revoke(self, digest: bytes, name: str) -> None:
        """Remove a reader's access; a reader who has read the document may have kept it.

        Raises `InvalidInput` if the reader has no access, or is the last one with access.
        """
        content = self.content(digest)
        names = [reader.name for reader in content.readers]
        if name not in names:
            raise InvalidInput(f"{name!r} has no access to this document", field="reader")
        if len(names) == 1:
            raise InvalidInput(f"{name!r} is the last reader of this document", field="reader")
        self._blobs.delete([_key_name(seal, name) for seal in self._seals(digest)])

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, bytes) and len(digest) == 32 and bool(self._manifests(digest))

    def _manifests(self, digest: bytes) -> list[str]:
        return [name for name in self._blobs.names(_folder(digest)) if name.endswith(".json")]

    def _opened(self, digest: bytes, reader: ReaderKey) -> tuple[SealedContent, bytes]:
        """Return a seal that this reader can decrypt, and its key."""
        self.content(digest)
        error = KeyMissingError(
            f"{reader.name!r} has no access to this document",
            field="reader",
            hint="ask a reader of the document for access",
        )
        for content in reversed(self._seals(digest)):
            for known, wrapped in zip(content.readers, content.wrapped, strict=True):
                if known.name == reader.name:
                    try:
                        return content, reader.unwrap(wrapped, digest)
                    except KeyMissingError as wrong_key:
                        error = wrong_key
        raise error

    def _seals(self, digest: bytes) -> list[SealedContent]:
        """Return the seals of a document: usually one, several during concurrent `put` calls."""
        for _ in range(_TRIES):
            names = self._blobs.names(_folder(digest))
            blobs = {name: self._blobs.read(name) for name in names if name.endswith((".json", ".key"))}
            if None not in blobs.values():
                break
            # A blob was deleted after it was listed; list again.
        existing = {name: value for name, value in blobs.items() if value is not None}
        return [
            _parse(digest, name, existing[name], [existing[key] for key in existing if _is_key_of(name, key)])
            for name in existing
            if name.endswith(".json")
        ]

    def _keys(self, digest: bytes, seal: str) -> list[str]:
        return [name for name in self._blobs.names(_folder(digest)) if _is_key_of(_manifest(digest, seal), name)]

    def _write_key(self, content: SealedContent, reader: Reader, wrapped: bytes) -> None:
        value = {"reader": str(reader), "wrapped": wrapped.hex()}
        self._blobs.write(_key_name(content, reader.name), [json.dumps(value).encode()])


def _folder(digest: bytes) -> str:
    if len(digest) != 32:
        raise InvalidInput(f"expected a digest of 32 bytes, got {len(digest)}", field="digest")
    return f"{digest.hex()[:2]}/{digest.hex()[2:]}/"


def _manifest(digest: bytes, seal: str) -> str:
    return f"{_folder(digest)}{seal}.json"


def _is_key_of(manifest: str, name: str) -> bool:
    return name.startswith(manifest.removesuffix("json")) and name.endswith(".key")


def _key_name(content: SealedContent, reader: str) -> str:
    return f"{_folder(content.digest)}{content.seal}.{hashlib.sha256(reader.encode()).hexdigest()[:32]}.key"


def _sealed(seal: str) -> str:
    return f"sealed/{seal[:2]}/{seal[2:]}"


def _checked(digest: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks, the last one only after checking the digest."""
    hasher, previous = hashlib.sha256(), b""
    for chunk in chunks:
        hasher.update(chunk)
        if previous:
            yield previous
        previous = chunk
    if hasher.digest() != digest:
        raise ContentCorruptError(f"the stored document has digest 0x{hasher.hexdigest()}", field="digest")
    yield previous


def _missing(digest: bytes) -> ContentCorruptError:
    return ContentCorruptError(
        f"the encrypted bytes of 0x{digest.hex()} are missing", field="digest", hint="restore the file"
    )


def _parse(digest: bytes, name: str, manifest: bytes, keys: Iterable[bytes]) -> SealedContent:
    try:
        value = strict_json.parse_object(manifest, SCHEMA)
        value = strict_json.members(value, "", ("digest", "size", "seal", "sealed_digest"))
        seal_name = value["seal"]
        if not isinstance(seal_name, str) or not _SEAL.fullmatch(seal_name):
            raise InvalidInput("expected 32 hexadecimal digits", field="/seal")
        if strict_json.digest(value["digest"], "/digest") != digest or name != _manifest(digest, seal_name):
            raise InvalidInput("refers to another document", field="/digest")
        pairs = sorted((_read_reader(key) for key in keys), key=lambda pair: pair[0].name)
        return SealedContent(
            *(digest, strict_json.whole(value["size"], "/size"), seal_name),
            strict_json.digest(value["sealed_digest"], "/sealed_digest"),
            *(tuple(reader for reader, _ in pairs), tuple(wrapped for _, wrapped in pairs)),
        )
    except (InvalidInput, TypeError, ValueError) as error:
        raise ContentCorruptError(
            f"the metadata of 0x{digest.hex()} is corrupt: {error}", field="digest", hint="restore the file"
        ) from error


def _read_reader(key: bytes) -> tuple[Reader, bytes]:
    value = strict_json.members(strict_json.parse_any_object(key), "", ("reader", "wrapped"))
    return Reader.parse(value["reader"]), bytes.fromhex(value["wrapped"])


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
