"""The encrypted content store: documents and files by the SHA-256 of their bytes, each under a key of its own.

For a digest there are two files: the sealed bytes (see `sealing`), and beside them `<digest>.json` with the document's
key wrapped for each reader (see `reader_key`). The second names the first, and is moved into place last: a name never
stands for half a document, whenever the process is killed.

A reader who was given a document can keep it: `revoke` takes it from whoever has not read it yet, and nothing more.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chromatrace.domain import strict_json
from chromatrace.domain.errors import InvalidInput
from chromatrace.records.errors import ContentChanged, ContentNotFound, KeyMissing, VaultUnavailable
from chromatrace.records.reader_key import Reader, ReaderKey
from chromatrace.records.sealing import KEY_SIZE, Source, seal, unseal

SCHEMA = "chromatrace.vault/1"


@dataclass(frozen=True, slots=True)
class Content:
    """What is stored under a digest. `size` in bytes; `readers` by name."""

    digest: bytes
    size: int
    sealed: str
    sealed_digest: bytes
    readers: tuple[Reader, ...]
    wrapped: tuple[bytes, ...]


class Vault:
    """A folder of encrypted documents; any number of processes may share it."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def put(self, source: Source, readers: Iterable[Reader]) -> Content:
        """Stores what `source` has to the end, for these readers (and those who could read the same bytes before).

        Reads it once, a chunk at a time. Raises `VaultUnavailable`; then nothing is stored.
        """
        wanted = {reader.name: reader for reader in readers}
        if not wanted:
            raise InvalidInput("at least one reader is needed", field="reader", hint="nobody could read it again")
        key, plain, sealed_digest = secrets.token_bytes(KEY_SIZE), _Hashed(source), hashlib.sha256()
        with self._clear_errors():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(prefix=".part-", dir=self.folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    for piece in seal(plain, key):
                        sealed_digest.update(piece)
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
                digest = plain.digest.digest()
                with self._locked(digest):
                    before = self._find(digest)
                    for reader in before.readers if before else ():
                        wanted.setdefault(reader.name, reader)
                    name = f"{digest.hex()[2:]}.{secrets.token_hex(8)}.sealed"
                    content = Content(
                        *(digest, plain.size, name, sealed_digest.digest(), tuple(wanted.values())),
                        tuple(reader.wrap(key, digest) for reader in wanted.values()),
                    )
                    Path(temporary).replace(self._folder_of(digest) / name)
                    self._write(content)
                    if before is not None:
                        (self._folder_of(digest) / before.sealed).unlink(missing_ok=True)
            finally:
                Path(temporary).unlink(missing_ok=True)
        return content

    def content(self, digest: bytes) -> Content:
        """What is stored. Raises `ContentNotFound`, `ContentChanged`."""
        found = self._find(digest)
        if found is None:
            raise ContentNotFound(f"no document 0x{digest.hex()} is stored here", field="digest")
        return found

    def read(self, digest: bytes, reader: ReaderKey) -> Iterator[bytes]:
        """The document in pieces. Raises `KeyMissing`, `ContentNotFound`, `ContentChanged`.

        The last piece comes only when the whole is what the digest says; use nothing before then.
        """
        content = self.content(digest)
        key = self._key(content, reader)
        found = hashlib.sha256()
        held = b""
        with self._clear_errors(), self._open(content) as file:
            for piece in unseal(file, key):
                found.update(piece)
                if held:
                    yield held
                held = piece
        if found.digest() != digest:
            raise ContentChanged(f"the stored document has digest 0x{found.hexdigest()}", field="digest")
        yield held

    def read_whole(self, digest: bytes, reader: ReaderKey, most: int) -> bytes:
        """A document of at most `most` bytes."""
        if self.content(digest).size > most:
            raise InvalidInput(f"the document has more than {most:,} bytes", field="digest", hint="write it to a file")
        return b"".join(self.read(digest, reader))

    def extract(self, digest: bytes, reader: ReaderKey, target: Path) -> int:
        """Writes the document to `target`, which appears only when it is whole and true; returns its bytes."""
        pieces = self.read(digest, reader)
        with self._clear_errors():
            descriptor, temporary = tempfile.mkstemp(prefix=".part-", dir=target.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    size = sum(file.write(piece) for piece in pieces)
                Path(temporary).replace(target)
            finally:
                Path(temporary).unlink(missing_ok=True)
        return size

    def verify(self, digest: bytes) -> None:
        """Holds the sealed bytes against what was written; needs no key. Raises `ContentChanged`."""
        content = self.content(digest)
        with self._clear_errors(), self._open(content) as file:
            found = hashlib.file_digest(file, "sha256").digest()
        if found != content.sealed_digest:
            raise ContentChanged(f"the sealed bytes of 0x{digest.hex()} were changed", field="digest")

    def grant(self, digest: bytes, by: ReaderKey, to: Reader) -> None:
        """Lets another reader read, by one who can. Raises as `read`."""
        with self._clear_errors(), self._locked(digest):
            content = self.content(digest)
            wrapped = to.wrap(self._key(content, by), digest)
            kept = [pair for pair in zip(content.readers, content.wrapped, strict=True) if pair[0].name != to.name]
            self._write(_with_readers(content, [*kept, (to, wrapped)]))

    def revoke(self, digest: bytes, name: str) -> None:
        """Takes a document from a reader who has not read it yet; one who has may keep it.

        Raises `InvalidInput` for one who could not read it, or the last who can.
        """
        with self._clear_errors(), self._locked(digest):
            content = self.content(digest)
            kept = [pair for pair in zip(content.readers, content.wrapped, strict=True) if pair[0].name != name]
            if len(kept) == len(content.readers):
                raise InvalidInput(f"{name!r} may not read this document", field="reader")
            if not kept:
                raise InvalidInput(f"{name!r} is the last who may read this document", field="reader")
            self._write(_with_readers(content, kept))

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, bytes) and len(digest) == 32 and self._path(digest).exists()

    def _key(self, content: Content, reader: ReaderKey) -> bytes:
        for entitled, wrapped in zip(content.readers, content.wrapped, strict=True):
            if entitled.name == reader.name:
                return reader.unwrap(wrapped, content.digest)
        raise KeyMissing(
            f"{reader.name!r} may not read this document", field="reader", hint="somebody who may can grant it"
        )

    def _find(self, digest: bytes) -> Content | None:
        path = self._path(digest)
        with self._clear_errors():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            value = strict_json.members(
                strict_json.parse_object(data, SCHEMA), "", ("digest", "size", "sealed", "sealed_digest", "readers")
            )
            if strict_json.digest(value["digest"], "/digest") != digest or "/" in value["sealed"]:
                raise InvalidInput("names another document", field="/digest")
            pairs = [_read_reader(item, place) for place, item in enumerate(strict_json.array(value["readers"], ""))]
            return Content(
                *(digest, strict_json.whole(value["size"], "/size"), value["sealed"]),
                strict_json.digest(value["sealed_digest"], "/sealed_digest"),
                *(tuple(reader for reader, _ in pairs), tuple(wrapped for _, wrapped in pairs)),
            )
        except (InvalidInput, TypeError, ValueError) as error:
            raise ContentChanged(
                f"the list of readers of 0x{digest.hex()} was changed: {error}", field="digest", hint="restore the file"
            ) from error

    def _write(self, content: Content) -> None:
        pairs = zip(content.readers, content.wrapped, strict=True)
        value = {
            "schema": SCHEMA,
            "digest": "0x" + content.digest.hex(),
            "size": content.size,
            "sealed": content.sealed,
            "sealed_digest": "0x" + content.sealed_digest.hex(),
            "readers": [{"reader": str(reader), "wrapped": wrapped.hex()} for reader, wrapped in pairs],
        }
        folder = self._folder_of(content.digest)
        descriptor, temporary = tempfile.mkstemp(prefix=".part-", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(value, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(self._path(content.digest))
        entries = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(entries)
        finally:
            os.close(entries)

    def _open(self, content: Content) -> Any:
        try:
            return (self._folder_of(content.digest) / content.sealed).open("rb")
        except FileNotFoundError as error:
            raise ContentChanged(
                f"the sealed bytes of 0x{content.digest.hex()} are gone", field="digest", hint="restore the file"
            ) from error

    def _folder_of(self, digest: bytes) -> Path:
        if len(digest) != 32:
            raise InvalidInput(f"a digest has 32 bytes, got {len(digest)}", field="digest")
        return self.folder / digest.hex()[:2]

    def _path(self, digest: bytes) -> Path:
        return self._folder_of(digest) / f"{digest.hex()[2:]}.json"

    @contextmanager
    def _locked(self, digest: bytes) -> Iterator[None]:
        """One writer at a time for the documents of one folder."""
        folder = self._folder_of(digest)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise VaultUnavailable(
                f"{error.strerror or error}", field="vault", hint="is the disk full, or are rights missing?"
            ) from error


class _Hashed:
    """A source that counts and hashes what is read from it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self.digest.update(piece)
        self.size += len(piece)
        return piece


def _with_readers(content: Content, pairs: list[tuple[Reader, bytes]]) -> Content:
    readers, wrapped = tuple(reader for reader, _ in pairs), tuple(key for _, key in pairs)
    return Content(content.digest, content.size, content.sealed, content.sealed_digest, readers, wrapped)


def _read_reader(item: object, place: int) -> tuple[Reader, bytes]:
    value = strict_json.members(item, f"/readers/{place}", ("reader", "wrapped"))
    return Reader.parse(value["reader"]), bytes.fromhex(value["wrapped"])
