"""Signed EIP-1559 transactions: RLP by `rlp`, signatures by libsecp256k1.

eth-account does the same at a sixth of the speed, which would limit the outbox (docs/adr/0007). A test compares the
bytes with eth-account's. Sources: EIP-1559, EIP-2718.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chromatrace.domain.hashing import keccak

TX_GAS_CAP = 1 << 24
"""Maximum gas of one transaction (EIP-7825)."""

_TYPE = b"\x02"


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

    def signed(self, sign: Callable[[bytes], bytes]) -> bytes:
        """Return the bytes for `eth_sendRawTransaction`. `sign`: 32 bytes -> r, s, v (65 bytes, v 27 or 28)."""
        import rlp  # takes 0.3 s

        fees = (self.max_priority_fee_wei, self.max_fee_wei)
        fields = [self.chain_id, self.nonce, *fees, self.gas, self.to, self.value_wei, self.data, []]
        signature = sign(keccak(_TYPE + rlp.encode(fields)))
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return _TYPE + bytes(rlp.encode([*fields, signature[64] - 27, r, s]))
