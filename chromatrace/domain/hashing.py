"""Keccak-256."""

from __future__ import annotations


def keccak(data: bytes) -> bytes:
    """Return the 32 bytes of Ethereum's Keccak-256, which is not SHA3-256."""
    from Crypto.Hash import keccak as hashing  # deferred: commands that print help need no hashes

    # 5 µs for 32 bytes, 8 µs for 1,000 (safe-pysha3: 1 and 4). A backfill hashes nothing per event, and a transaction
    # needs two of these, 10 of about 300 µs.
    return hashing.new(digest_bits=256, data=data).digest()
