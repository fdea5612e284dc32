"""Addresses as EIP-55 text."""

from __future__ import annotations

import re
from functools import lru_cache

from chromatrace.domain.hashing import keccak

_HEX_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")


@lru_cache(maxsize=65_536)
def checksummed(address: bytes) -> str:
    """Return an address of 20 bytes as EIP-55 text."""
    digits = address.hex()
    digest = keccak(digits.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(digits, digest, strict=False))


def is_address(text: object) -> bool:
    """Return whether `text` is 0x and 40 hexadecimal digits. Does not check the checksum."""
    return isinstance(text, str) and _HEX_ADDRESS.fullmatch(text) is not None
