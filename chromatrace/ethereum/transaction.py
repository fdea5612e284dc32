"""EIP-1559 transactions, serialised and signed by hand: eth-account does the same at a tenth of the speed.

Sources: EIP-1559, EIP-2718; RLP from the yellow paper, appendix B. A test holds the bytes equal to eth-account's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from coincurve import PrivateKey

from chromatrace.domain.hashing import keccak

TX_GAS_CAP = 1 << 24
"""Gas that one transaction may ask for (EIP-7825)."""

_EMPTY_LIST = b"\xc0"


@dataclass(frozen=True, slots=True)
class Transaction:
    """A type-2 transaction without its signature. Amounts in wei, gas in gas units."""

    chain_id: int
    nonce: int
    max_priority_fee_wei: int
    max_fee_wei: int
    gas: int
    to: bytes
    value_wei: int
    data: bytes

    def _fields(self) -> bytes:
        fees = _common_number(self.max_priority_fee_wei) + _common_number(self.max_fee_wei)
        head = _common_number(self.chain_id) + _number(self.nonce) + fees + _common_number(self.gas)
        return head + _text(self.to) + _common_number(self.value_wei) + _text(self.data) + _EMPTY_LIST

    def signed(self, sign: Callable[[bytes], bytes]) -> bytes:
        """The bytes for eth_sendRawTransaction. `sign`: 32 bytes -> r, s, recovery id (0, 1 or 27, 28), 65 bytes."""
        fields = self._fields()
        signature = sign(keccak(b"\x02" + _list(fields)))
        r, s = signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0")
        return b"\x02" + _list(fields + _number(signature[64] % 27) + _text(r) + _text(s))


def sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    """65 bytes r, s, recovery id 0 or 1; deterministic (RFC 6979), s in the lower half."""
    return key.sign_recoverable(digest, hasher=None)


def _number(value: int) -> bytes:
    if value == 0:
        return b"\x80"
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


_common_number = lru_cache(maxsize=1024)(_number)


def _text(raw: bytes) -> bytes:
    if len(raw) == 1 and raw[0] < 0x80:
        return raw
    return _prefixed(raw, 0x80)


def _list(payload: bytes) -> bytes:
    return _prefixed(payload, 0xC0)


def _prefixed(payload: bytes, base: int) -> bytes:
    if len(payload) < 56:
        return bytes([base + len(payload)]) + payload
    size = len(payload).to_bytes((len(payload).bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(size)]) + size + payload
