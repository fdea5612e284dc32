"""Addresses as EIP-55 text. `parse_address` is the only rule for addresses that enter the system."""

from __future__ import annotations

import re
from functools import lru_cache

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak

_HEX_ADDRESS = re.compile("0x([0-9a-fA-F]{40})")


@lru_cache(maxsize=65_536)
def checksummed(address: bytes) -> str:
    """Return an address of 20 bytes as EIP-55 text."""
    digits = address.hex()
    digest = keccak(digits.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(digits, digest, strict=False))


def parse_address(text: object, field: str = "address") -> str:
    """Return an address as EIP-55 text.

    Lower case and upper case have no checksum and are accepted. Mixed case is accepted with a valid EIP-55 checksum.
    Raises `InvalidInput` that names the address and `field`.
    """
    match = _HEX_ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidInput(f"{text!r:.100} is not a valid address; expected 0x and 40 hexadecimal digits", field=field)
    digits = match[1]
    address = checksummed(bytes.fromhex(digits))
    if text != address and digits not in (digits.lower(), digits.upper()):
        raise InvalidInput(
            f"{text} does not have a valid EIP-55 checksum",
            field=field,
            hint="copy the address again; an address in lower case has no checksum",
        )
    return address
