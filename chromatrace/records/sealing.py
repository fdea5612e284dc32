"""A stream of bytes sealed in chunks, so that a file of any size passes through without being in memory.

    header   "CTV1" ‖ 7 random bytes
    chunk    AES-256-GCM of up to 256 KiB under nonce = 7 random bytes ‖ counter (4 bytes) ‖ last (1 byte: 0 or 1)

The header is authenticated with each chunk. Counter and `last` stand in the nonce (the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár 2015), so chunks that were changed, swapped, repeated or left out do not open, nor does
a stream that ends early. The key must be fresh for each stream.
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
    """Where bytes come from: a file, or anything that reads like one."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


def seal(source: ByteSource, key: bytes) -> Iterator[bytes]:
    """The sealed stream, in pieces."""
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
    raise InvalidInput(f"a document has at most {_MAX_CHUNKS * CHUNK:,} bytes", field="document")


def unseal(sealed: BinaryIO, key: bytes) -> Iterator[bytes]:
    """Yield the plaintext in authenticated chunks. After a `ContentCorruptError`, only a prefix was yielded."""
    cipher = AESGCM(key)
    header = _fill(sealed, len(_MAGIC) + _PREFIX)
    if len(header) != len(_MAGIC) + _PREFIX or not header.startswith(_MAGIC):
        raise ContentCorruptError("the stored bytes do not begin as a sealed document does", field="digest")
    prefix = header[len(_MAGIC) :]
    chunk = _fill(sealed, CHUNK + _TAG)
    counter = 0
    while True:
        following = _fill(sealed, CHUNK + _TAG)
        try:
            yield cipher.decrypt(_nonce(prefix, counter, last=not following), chunk, header)
        except InvalidTag as error:
            raise ContentCorruptError(
                f"the stored bytes were changed or cut off, at or behind byte {counter * CHUNK:,}",
                field="digest",
                hint="restore the file from a copy",
            ) from error
        if not following:
            return
        chunk, counter = following, counter + 1


def _nonce(prefix: bytes, counter: int, *, last: bool) -> bytes:
    return prefix + counter.to_bytes(4, "big") + bytes([last])


def _fill(source: ByteSource, size: int) -> bytes:
    """`size` bytes, fewer only at the end."""
    piece = source.read(size)
    if len(piece) in (0, size):
        return piece
    pieces = [piece]
    missing = size - len(piece)
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
