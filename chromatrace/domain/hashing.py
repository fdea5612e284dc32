"""Keccak-256."""

from __future__ import annotations

from Crypto.Hash import keccak as _keccak


def keccak(data: bytes) -> bytes:
    """Return the 32 bytes of Ethereum's Keccak-256, which is not SHA3-256."""
    return _keccak.new(digest_bits=256, data=data).digest()
