"""An inspector's sealed answer: `QualityConsensus` takes its signed hash at commit (EIP-712) and checks it at reveal.

    round   id from the event `RoundOpened`; a hash that includes what is inspected
    answer  keccak(round ‖ account ‖ state ‖ defects ‖ evidence ‖ salt)
    signed  keccak(0x1901 ‖ domain ‖ keccak(type ‖ round ‖ seat ‖ answer))

Every field takes 32 bytes. The hash includes the account, so a copied commitment cannot be opened by another account.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cache

from chromatrace.crypto.eip712 import DigestSigner
from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import LaneId, OrganisationId

DOMAIN_NAME = "ChromaTrace QualityConsensus"
DOMAIN_VERSION = "1"
_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_COMMITMENT_TYPE = keccak(b"Commitment(bytes32 round,uint8 seat,bytes32 answer)")


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """An inspector's answer. The salt is secret until the reveal; without it the answer cannot be revealed.

    state     index of the state in the rule
    defects   units out of limits
    evidence  SHA-256 of the evidence document
    salt      32 random bytes
    """

    state: int
    defects: int
    evidence: bytes
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def __post_init__(self) -> None:
        for name, maximum in (("state", 255), ("defects", (1 << 32) - 1)):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= maximum:
                raise InvalidInput(f"expected a whole number from 0 to {maximum}, got {value!r}", field=name)
        for name in ("evidence", "salt"):
            value = getattr(self, name)
            if not isinstance(value, bytes) or len(value) != 32:
                raise InvalidInput(f"expected 32 bytes, got {value!r}", field=name)

    def digest(self, round_id: bytes, account: str) -> bytes:
        """Return the commitment to this answer by an account in a round."""
        return keccak(
            round_id + _address(account) + _word(self.state) + _word(self.defects) + self.evidence + self.salt
        )


def lane_id(panel: OrganisationId, number: int) -> LaneId:
    """Return the contract's `LaneId`: a lane of a panel, in which rounds follow one another."""
    return LaneId(panel << 16 | number)


def commitment_digest(round_: bytes, seat: int, answer: bytes, chain_id: int, contract: str) -> bytes:
    """Return the 32 bytes that a drawn inspector signs."""
    return keccak(b"\x19\x01" + _domain(chain_id, contract) + keccak(_COMMITMENT_TYPE + round_ + _word(seat) + answer))


def compact_signature(signature: bytes) -> tuple[bytes, bytes]:
    """Convert a signature of 65 bytes r, s, v to r and vs (EIP-2098)."""
    if len(signature) != 65 or signature[64] not in (27, 28) or signature[32] >= 0x80:
        raise InvalidInput("expected 65 bytes r, s, v with low s and v 27 or 28", field="signature")
    return signature[:32], bytes([signature[32] | (signature[64] - 27) << 7]) + signature[33:64]


def sign_commitment(
    signer: DigestSigner, round_: bytes, seat: int, answer: bytes, chain_id: int, contract: str
) -> tuple[bytes, bytes]:
    """Sign a sealed answer as its inspector; return the compact signature (r, vs)."""
    return compact_signature(signer.sign_digest(commitment_digest(round_, seat, answer, chain_id, contract)))


@cache
def _domain(chain_id: int, contract: str) -> bytes:
    name, version = keccak(DOMAIN_NAME.encode()), keccak(DOMAIN_VERSION.encode())
    return keccak(_DOMAIN_TYPE + name + version + _word(chain_id) + _address(contract))


def _word(number: int) -> bytes:
    return int(number).to_bytes(32, "big")


def _address(text: str) -> bytes:
    return bytes(12) + bytes.fromhex(parse_address(text)[2:])
