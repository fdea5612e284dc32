"""Encryption of streams with age (age-encryption.org/v1), for files of any size in constant memory.

Each stream is encrypted to a new X25519 identity, which the vault's manifest stores for its readers. age authenticates
the header and each chunk of 64 KiB, so changed, swapped, repeated or missing bytes are detected.

pyrage pushes its output into a writer. A thread turns this into an iterator, because an HTTP response and an S3 upload
pull their bytes. ADR 0010 has the measurements.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pyrage

from chromatrace.records.errors import ContentCorruptError

CHUNK = 256 * 1024
"""Bytes per item of an output stream."""
_QUEUED = 4


class ByteSource(Protocol):
    """A readable stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; empty at the end."""


def new_identity() -> str:
    """Return a new age identity, `AGE-SECRET-KEY-1…`."""
    return str(pyrage.x25519.Identity.generate())


def seal(source: ByteSource, identity: str) -> Iterator[bytes]:
    """Yield the age file that `identity` decrypts, in chunks. Raises the errors of `source`."""
    recipient = pyrage.x25519.Identity.from_str(identity).to_public()
    return _stream(source, lambda reader, writer: pyrage.encrypt_io(reader, writer, [recipient]))


def unseal(sealed: ByteSource, identity: str) -> Iterator[bytes]:
    """Yield the plaintext in authenticated chunks. After a `ContentCorruptError`, only a prefix was yielded."""
    key = pyrage.x25519.Identity.from_str(identity)
    try:
        yield from _stream(sealed, lambda reader, writer: pyrage.decrypt_io(reader, writer, [key]))
    except _AgeError as error:
        raise ContentCorruptError(
            f"the stored bytes have changed or are truncated ({error})",
            field="digest",
            hint="restore the file from a copy",
        ) from error


class _AgeError(Exception):
    """age rejected its input."""


class _Stopped(Exception):
    """The consumer of a stream has stopped reading it."""


def _stream(source: ByteSource, run: Callable[[Any, Any], None]) -> Iterator[bytes]:
    """Yield what `run(reader, writer)` writes while it runs in a thread. Raises `_AgeError` and errors of `source`."""
    reader, writer = _Reader(source), _Writer()

    def work() -> None:
        try:
            run(reader, writer)
            writer.flush_last()
            writer.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the consuming thread
            # pyrage raises `DecryptError` for the header and `OSError` for a chunk.
            with contextlib.suppress(_Stopped):
                writer.put(reader.error or _AgeError(str(error)))

    thread = threading.Thread(target=work, name="age", daemon=True)
    thread.start()
    try:
        while (item := writer.items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        writer.stop()
        thread.join()


class _Reader:
    """Passes on a source. Keeps its error, because pyrage raises another one instead."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.error = error
            raise


class _Writer:
    """Collects small writes into items of `CHUNK` bytes in a bounded queue."""

    def __init__(self) -> None:
        self.items: queue.Queue[bytes | BaseException | None] = queue.Queue(_QUEUED)
        self._buffer = bytearray()
        self._stopped = False

    def write(self, data: bytes) -> int:
        self._buffer += data
        if len(self._buffer) >= CHUNK:
            self.flush_last()
        return len(data)

    def flush(self) -> None:
        """Do nothing: `flush_last` writes the rest."""

    def flush_last(self) -> None:
        if self._buffer:
            self.put(bytes(self._buffer))
            self._buffer.clear()

    def put(self, item: bytes | BaseException | None) -> None:
        if not self._stopped:
            self.items.put(item)
        if self._stopped:
            raise _Stopped

    def stop(self) -> None:
        """Make the next `put` raise `_Stopped`, also one that waits for space."""
        self._stopped = True
        while True:
            try:
                self.items.get_nowait()
            except queue.Empty:
                return
