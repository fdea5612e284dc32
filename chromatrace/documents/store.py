"""`DocumentStore`: a folder of documents, each under the SHA-256 of its bytes, as the chain names it.

A name never stands for half a document, whenever the process is killed. Any number of processes may share the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chromatrace.domain.errors import InvalidInput
from chromatrace.exchange.errors import DocumentCorruptError, DocumentNotFoundError, DocumentStoreUnavailableError
from chromatrace.storage.files import UNFINISHED, flush_folder, write_whole

DIGEST_SIZE = 32


class DocumentStore:
    """Content-addressed documents below `folder`, which is made when the first one comes."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @staticmethod
    def digest(document: bytes) -> bytes:
        """What `put` will answer."""
        return hashlib.sha256(document).digest()

    def put(self, document: bytes) -> bytes:
        """Stores `document` durably and returns its SHA-256, 32 bytes. What is there already stays as it is.

        Raises `DocumentStoreUnavailableError`; then nothing is stored under the digest.
        """
        digest = self.digest(document)
        path = self._path(digest)
        with self._clear_errors():
            if path.exists() and path.read_bytes() == document:
                return digest
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, [document])
            # Each folder down from the one that was there before has a new entry to be kept through a power cut.
            for folder in (self.folder, self.folder.parent):
                flush_folder(folder)
        return digest

    def get(self, digest: bytes) -> bytes:
        """The document; raises `DocumentNotFoundError`, `DocumentCorruptError` or `DocumentStoreUnavailableError`."""
        path = self._path(digest)
        with self._clear_errors():
            try:
                document = path.read_bytes()
            except FileNotFoundError:
                raise DocumentNotFoundError(f"no document {digest.hex()} is stored here", field="digest") from None
        found = self.digest(document)
        if found != digest:
            raise DocumentCorruptError(
                f"the stored bytes have digest {found.hex()}, not {digest.hex()}",
                field="digest",
                hint=f"{path} was changed after it was written: restore it from a copy, or put the document again",
            )
        return document

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, bytes) and len(digest) == DIGEST_SIZE and self._path(digest).exists()

    def digests(self) -> Iterator[bytes]:
        """The digests of all stored documents, in their order."""
        for path in sorted(self.folder.glob("??/*")):
            if not path.name.startswith(UNFINISHED):
                yield bytes.fromhex(path.parent.name + path.name)

    def _path(self, digest: bytes) -> Path:
        if len(digest) != DIGEST_SIZE:
            raise InvalidInput(f"a digest has {DIGEST_SIZE} bytes, got {len(digest)}", field="digest")
        name = digest.hex()
        return self.folder / name[:2] / name[2:]

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DocumentStoreUnavailableError(
                f"{error.strerror or error}", field=str(self.folder), hint="is the disk full, or are rights missing?"
            ) from error
