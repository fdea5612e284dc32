"""The encrypted content store: documents and files by the SHA-256 of their bytes, each under a key of its own.

For each time that a document was put there are, on disk or in a bucket (see `blobs`):

    sealed/<seal>                          the sealed bytes (see `sealing`), under a random name
    <digest>/<seal>.<reader>.key           the document's key wrapped for one reader (see `reader_key`)
    <digest>/<seal>.json                   what it is; written last, so a name never stands for half a document

Each reader has a file of its own, so granting and revoking need no lock, wherever the bytes lie. Putting the same bytes
again leaves one seal, with the readers of both.

A reader who was given a document can keep it: `revoke` takes it from whoever has not read it yet, and nothing more.
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
    """What is stored under a digest: one seal of it. `size` in bytes; `readers` by name, each with its wrapped key."""

    digest: bytes
    size: int
    seal: str
    sealed_digest: bytes
    readers: tuple[Reader, ...]
    wrapped: tuple[bytes, ...]


class Vault:
    """Encrypted documents in a folder, or at an `s3://` URL; any number of processes may share it.

    Every method raises `VaultUnavailableError` where the place does not answer.
    """

    def __init__(self, place: Path | str) -> None:
        self._blobs: Blobs = open_blobs(place)

    def put(self, source: ByteSource, readers: Iterable[Reader]) -> SealedContent:
        """Stores what `source` has to the end, for these readers (and those who could read the same bytes before).

        Reads it once, a chunk at a time. Where it raises, nothing is stored.
        """
        wanted = {reader.name: reader for reader in readers}
        if not wanted:
            raise InvalidInput("at least one reader is needed", field="reader", hint="nobody could read it again")
        key, name = secrets.token_bytes(KEY_SIZE), secrets.token_hex(16)
        plain, sealed = _HashingSource(source), hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            for piece in seal(plain, key):
                sealed.update(piece)
                yield piece

        for reader in wanted.values():
            reader.wrap(key, bytes(32))  # refuses a key that is none before anything is stored
        self._blobs.write(_sealed(name), pieces())
        digest = plain.digest.digest()
        before = self._seals(digest)
        for old in before:
            for reader in old.readers:
                wanted.setdefault(reader.name, reader)
        entitled = tuple(sorted(wanted.values(), key=lambda reader: reader.name))
        wrapped = tuple(reader.wrap(key, digest) for reader in entitled)
        content = SealedContent(digest, plain.size, name, sealed.digest(), entitled, wrapped)
        for reader, box in zip(entitled, wrapped, strict=True):
            self._write_key(content, reader, box)
        value = {
            "schema": SCHEMA,
            "digest": "0x" + digest.hex(),
            "size": content.size,
            "seal": name,
            "sealed_digest": "0x" + content.sealed_digest.hex(),
        }
        self._blobs.write(_manifest(digest, name), [json.dumps(value, indent=1).encode()])
        for old in before:
            # Whoever is granted the old seal until its manifest is gone is given the new one; later ones try again.
            self._blobs.delete([_manifest(digest, old.seal)])
            keys = self._keys(digest, old.seal)
            for reader, _ in (_read_reader(one) for one in map(self._blobs.read, keys) if one is not None):
                if reader.name not in wanted:
                    self._write_key(content, reader, reader.wrap(key, digest))
            self._blobs.delete([*keys, _sealed(old.seal)])
        return content

    def content(self, digest: bytes) -> SealedContent:
        """What is stored. Raises `ContentNotFoundError`, `ContentCorruptError`."""
        found = self._seals(digest)
        if not found:
            raise ContentNotFoundError(f"no document 0x{digest.hex()} is stored here", field="digest")
        return found[-1]

    def read(self, digest: bytes, reader: ReaderKey) -> Iterator[bytes]:
        """The document in pieces. Raises `KeyMissingError`, `ContentNotFoundError`, `ContentCorruptError`.

        The last piece comes only when the whole is what the digest says; use nothing before then.
        """
        for _ in range(_TRIES):
            content, key = self._opened(digest, reader)
            with self._blobs.open(_sealed(content.seal)) as sealed:
                if sealed is not None:
                    yield from _checked(digest, unseal(sealed, key))
                    return
            if self._blobs.read(_manifest(digest, content.seal)) is not None:
                break
            # Somebody put the same bytes again meanwhile: their seal stands now.
        raise _gone(digest)

    def read_by_any(self, digest: bytes, readers: Sequence[ReaderKey]) -> Iterator[bytes]:
        """As `read`, by the first of these that may. Raises `KeyMissingError` where none may."""
        for reader in readers:
            try:
                self._opened(digest, reader)
            except KeyMissingError:
                continue
            return self.read(digest, reader)
        raise KeyMissingError(
            "no reading key here opens the document", field="as", hint="somebody who may can grant it"
        )

    def read_whole(self, digest: bytes, reader: ReaderKey, most: int) -> bytes:
        """A document of at most `most` bytes."""
        if self.content(digest).size > most:
            raise InvalidInput(f"the document has more than {most:,} bytes", field="digest", hint="write it to a file")
        return b"".join(self.read(digest, reader))

    def extract(self, digest: bytes, reader: ReaderKey, target: Path) -> int:
        """Writes the document to `target`, which appears only when it is whole and true; returns its bytes."""
        pieces = self.read(digest, reader)
        with disk_errors():
            return deliver(target, pieces, private=True)

    def verify(self, digest: bytes) -> None:
        """Holds the sealed bytes against what was written; needs no key. Raises `ContentCorruptError`."""
        content = self.content(digest)
        found = hashlib.sha256()
        with self._blobs.open(_sealed(content.seal)) as sealed:
            if sealed is None:
                raise _gone(digest)
            while piece := sealed.read(1 << 20):
                found.update(piece)
        if found.digest() != content.sealed_digest:
            raise ContentCorruptError(f"the sealed bytes of 0x{digest.hex()} were changed", field="digest")

    def grant(self, digest: bytes, by: ReaderKey, to: Reader) -> None:
        """Lets another reader read, by one who can. Raises as `read`."""
        for _ in range(_TRIES):
            content, key = self._opened(digest, by)
            self._write_key(content, to, to.wrap(key, digest))
            if self._blobs.read(_manifest(digest, content.seal)) is not None:
                return
            # Somebody put the same bytes again meanwhile: their seal stands now, without what we have just granted.
            self._blobs.delete([_key_name(content, to.name)])
        raise VaultUnavailableError("the document is being replaced all the time", field="digest", hint="try again")

    def revoke(self, digest: bytes, name: str) -> None:
        """Takes a document from a reader who has not read it yet; one who has may keep it.

        Raises `InvalidInput` for one who could not read it, or the last who can.
        """
        content = self.content(digest)
        names = [reader.name for reader in content.readers]
        if name not in names:
            raise InvalidInput(f"{name!r} may not read this document", field="reader")
        if len(names) == 1:
            raise InvalidInput(f"{name!r} is the last who may read this document", field="reader")
        self._blobs.delete([_key_name(one, name) for one in self._seals(digest)])

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, bytes) and len(digest) == 32 and bool(self._manifests(digest))

    def _manifests(self, digest: bytes) -> list[str]:
        return [name for name in self._blobs.names(_folder(digest)) if name.endswith(".json")]

    def _opened(self, digest: bytes, reader: ReaderKey) -> tuple[SealedContent, bytes]:
        """A seal that this reader opens, and its key."""
        self.content(digest)
        refusal = KeyMissingError(
            f"{reader.name!r} may not read this document", field="reader", hint="somebody who may can grant it"
        )
        for content in reversed(self._seals(digest)):
            for entitled, wrapped in zip(content.readers, content.wrapped, strict=True):
                if entitled.name == reader.name:
                    try:
                        return content, reader.unwrap(wrapped, digest)
                    except KeyMissingError as missing:
                        refusal = missing
        raise refusal

    def _seals(self, digest: bytes) -> list[SealedContent]:
        """Every seal of a document: one, but while two put it at the same moment."""
        for _ in range(_TRIES):
            names = self._blobs.names(_folder(digest))
            noted = {name: self._blobs.read(name) for name in names if name.endswith((".json", ".key"))}
            if None not in noted.values():
                break
            # Somebody put the same bytes again, or took a reader away, between the list and the reading: a new list.
        there = {name: value for name, value in noted.items() if value is not None}
        return [
            _parse(digest, name, there[name], [there[key] for key in there if _is_key_of(name, key)])
            for name in there
            if name.endswith(".json")
        ]

    def _keys(self, digest: bytes, seal: str) -> list[str]:
        return [name for name in self._blobs.names(_folder(digest)) if _is_key_of(_manifest(digest, seal), name)]

    def _write_key(self, content: SealedContent, reader: Reader, wrapped: bytes) -> None:
        value = {"reader": str(reader), "wrapped": wrapped.hex()}
        self._blobs.write(_key_name(content, reader.name), [json.dumps(value).encode()])


def _folder(digest: bytes) -> str:
    if len(digest) != 32:
        raise InvalidInput(f"a digest has 32 bytes, got {len(digest)}", field="digest")
    return f"{digest.hex()[:2]}/{digest.hex()[2:]}/"


def _manifest(digest: bytes, seal: str) -> str:
    return f"{_folder(digest)}{seal}.json"


def _is_key_of(manifest: str, name: str) -> bool:
    return name.startswith(manifest.removesuffix("json")) and name.endswith(".key")


def _key_name(content: SealedContent, reader: str) -> str:
    return f"{_folder(content.digest)}{content.seal}.{hashlib.sha256(reader.encode()).hexdigest()[:32]}.key"


def _sealed(seal: str) -> str:
    return f"sealed/{seal[:2]}/{seal[2:]}"


def _checked(digest: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces; the last one only where all of them together are what the digest says."""
    found, held = hashlib.sha256(), b""
    for piece in pieces:
        found.update(piece)
        if held:
            yield held
        held = piece
    if found.digest() != digest:
        raise ContentCorruptError(f"the stored document has digest 0x{found.hexdigest()}", field="digest")
    yield held


def _gone(digest: bytes) -> ContentCorruptError:
    return ContentCorruptError(
        f"the sealed bytes of 0x{digest.hex()} are gone", field="digest", hint="restore the file"
    )


def _parse(digest: bytes, name: str, manifest: bytes, keys: Iterable[bytes]) -> SealedContent:
    try:
        value = strict_json.parse_object(manifest, SCHEMA)
        value = strict_json.members(value, "", ("digest", "size", "seal", "sealed_digest"))
        seal_name = value["seal"]
        if not isinstance(seal_name, str) or not _SEAL.fullmatch(seal_name):
            raise InvalidInput("32 hexadecimal digits are needed", field="/seal")
        if strict_json.digest(value["digest"], "/digest") != digest or name != _manifest(digest, seal_name):
            raise InvalidInput("names another document", field="/digest")
        pairs = sorted((_read_reader(key) for key in keys), key=lambda pair: pair[0].name)
        return SealedContent(
            *(digest, strict_json.whole(value["size"], "/size"), seal_name),
            strict_json.digest(value["sealed_digest"], "/sealed_digest"),
            *(tuple(reader for reader, _ in pairs), tuple(wrapped for _, wrapped in pairs)),
        )
    except (InvalidInput, TypeError, ValueError) as error:
        raise ContentCorruptError(
            f"what is noted beside 0x{digest.hex()} was changed: {error}", field="digest", hint="restore the file"
        ) from error


def _read_reader(key: bytes) -> tuple[Reader, bytes]:
    value = strict_json.members(strict_json.parse_any_object(key), "", ("reader", "wrapped"))
    return Reader.parse(value["reader"]), bytes.fromhex(value["wrapped"])


class _HashingSource:
    """A source that counts and hashes what is read from it."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self.digest.update(piece)
        self.size += len(piece)
        return piece
