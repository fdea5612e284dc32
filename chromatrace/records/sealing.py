"""Authenticated encryption of a stream in chunks, for files of any size in constant memory.

    header   "CTV1" ‖ 7 random bytes
    chunk    AES-256-GCM of up to 256 KiB under nonce = 7 random bytes ‖ counter (4 bytes) ‖ last (1 byte: 0 or 1)

Each chunk authenticates the header. Counter and `last` are part of the nonce (the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár 2015), so changed, swapped, repeated or missing chunks and truncated streams are
rejected. Each stream needs a new key.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.errors import ContentCorruptError

KEY_SIZE = 32
CHUNK = 256 * 1024
_MAGIC = b"CTV1"
_PREFIX = 7
_TAG = 16
_MAX_CHUNKS = 1 << 32


class ByteSource(Protocol):
    """A readable stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; empty at the end."""


def seal(source: ByteSource, key: bytes) -> Iterator[bytes]:
    """Yield the encrypted stream in chunks."""
    cipher = AESGCM(key)
    prefix = secrets.token_bytes(_PREFIX)
    header = _MAGIC + prefix
    yield header
    chunk = _fill(source, CHUNK)
    for counter in range(_MAX_CHUNKS):
        following = _fill(source, CHUNK)
        yield cipher.encrypt(_nonce(prefix, counter, last=not following), chunk, header)
        if not following:
            return
        chunk = following
    raise InvalidInput(f"the document exceeds the maximum of {_MAX_CHUNKS * CHUNK:,} bytes", field="document")


def unseal(sealed: BinaryIO, key: bytes) -> Iterator[bytes]:
    """Yield the plaintext in authenticated chunks. After a `ContentCorruptError`, only a prefix was yielded."""
    cipher = AESGCM(key)
    header = _fill(sealed, len(_MAGIC) + _PREFIX)
    if len(header) != len(_MAGIC) + _PREFIX or not header.startswith(_MAGIC):
        raise ContentCorruptError("the stored bytes do not have the header of a sealed document", field="digest")
    prefix = header[len(_MAGIC) :]
    chunk = _fill(sealed, CHUNK + _TAG)
    counter = 0
    while True:
        following = _fill(sealed, CHUNK + _TAG)
        try:
            yield cipher.decrypt(_nonce(prefix, counter, last=not following), chunk, header)
        except InvalidTag as error:
            raise ContentCorruptError(
                f"the stored bytes have changed or are truncated, at or after byte {counter * CHUNK:,}",
                field="digest",
                hint="restore the file from a copy",
            ) from error
        if not following:
            return
        chunk, counter = following, counter + 1


def _nonce(prefix: bytes, counter: int, *, last: bool) -> bytes:
    return prefix + counter.to_bytes(4, "big") + bytes([last])


def _fill(source: ByteSource, size: int) -> bytes:
    """Read `size` bytes, or fewer at the end."""
    data = source.read(size)
    if len(data) in (0, size):
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (data := source.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
