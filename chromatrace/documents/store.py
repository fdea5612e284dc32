"""`DocumentStore`: a folder of documents, each named by the SHA-256 of its bytes, as on the chain.

Writes are atomic, so a killed process never leaves a partial document. Any number of processes may share the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chromatrace.documents.errors import DocumentCorruptError, DocumentNotFoundError, DocumentStoreUnavailableError
from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.files import UNFINISHED, flush_folder, write_whole
from chromatrace.storage.private import private_folder

DIGEST_SIZE = 32


class DocumentStore:
    """Content-addressed documents below `folder`, which is created with the first document."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @staticmethod
    def digest(document: bytes) -> bytes:
        """Return the digest that `put` returns for `document`."""
        return hashlib.sha256(document).digest()

    def put(self, document: bytes) -> bytes:
        """Store `document` durably, unless it is stored already, and return its SHA-256 (32 bytes).

        Raises `DocumentStoreUnavailableError`, in which case nothing is stored.
        """
        digest = self.digest(document)
        path = self._path(digest)
        with self._typed_errors():
            if path.exists() and path.read_bytes() == document:
                return digest
            private_folder(self.folder)
            private_folder(path.parent)
            write_whole(path, [document])
            # New folder entries must survive a power failure as well.
            for folder in (self.folder, self.folder.parent):
                flush_folder(folder)
        return digest

    def get(self, digest: bytes) -> bytes:
        """Return a document.

        Raises `DocumentNotFoundError`, `DocumentCorruptError` or `DocumentStoreUnavailableError`.
        """
        path = self._path(digest)
        with self._typed_errors():
            try:
                document = path.read_bytes()
            except FileNotFoundError:
                raise DocumentNotFoundError(f"document {digest.hex()} is not in the store", field="digest") from None
        actual = self.digest(document)
        if actual != digest:
            raise DocumentCorruptError(
                f"the stored bytes have digest {actual.hex()}, expected {digest.hex()}",
                field="digest",
                hint=f"{path} has changed since it was written; restore it from a copy or store the document again",
            )
        return document

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, bytes) and len(digest) == DIGEST_SIZE and self._path(digest).exists()

    def digests(self) -> Iterator[bytes]:
        """Yield the digests of all stored documents in ascending order."""
        for path in sorted(self.folder.glob("??/*")):
            if not path.name.startswith(UNFINISHED):
                yield bytes.fromhex(path.parent.name + path.name)

    def _path(self, digest: bytes) -> Path:
        if len(digest) != DIGEST_SIZE:
            raise InvalidInput(f"expected a digest of {DIGEST_SIZE} bytes, got {len(digest)}", field="digest")
        name = digest.hex()
        return self.folder / name[:2] / name[2:]

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DocumentStoreUnavailableError(
                f"{error.strerror or error}",
                field=str(self.folder),
                hint="check the free disk space and the permissions",
            ) from error
