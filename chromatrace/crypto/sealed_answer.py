"""An inspector's answer under seal: what `QualityConsensus` takes at commit (EIP-712, signed) and checks at reveal.

    round   from the event `RoundOpened`, which says what is inspected: a hash over that too
    answer  keccak(round ‖ account ‖ state ‖ defects ‖ evidence ‖ salt)
    signed  keccak(0x1901 ‖ domain ‖ keccak(type ‖ round ‖ seat ‖ answer))

Every field takes 32 bytes. The account stands in the answer, so that whoever copies a commitment cannot open it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cache

from chromatrace.crypto.eip712 import DigestSigner
from chromatrace.domain.addresses import is_address
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import LaneId, OrganisationId

DOMAIN_NAME = "ChromaTrace QualityConsensus"
DOMAIN_VERSION = "1"
_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_COMMITMENT_TYPE = keccak(b"Commitment(bytes32 round,uint8 seat,bytes32 answer)")


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """What an inspector found. The salt is secret until it is revealed; lose it and the answer is lost.

    state     number of the state in the rule
    defects   units out of limits
    evidence  SHA-256 of the evidence document
    salt      32 random bytes
    """

    state: int
    defects: int
    evidence: bytes
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def __post_init__(self) -> None:
        for name, most in (("state", 255), ("defects", (1 << 32) - 1)):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= most:
                raise InvalidInput(f"a whole number from 0 to {most} is needed, got {value!r}", field=name)
        for name in ("evidence", "salt"):
            value = getattr(self, name)
            if not isinstance(value, bytes) or len(value) != 32:
                raise InvalidInput("32 bytes are needed", field=name)

    def digest(self, round_id: bytes, account: str) -> bytes:
        """The commitment to this answer by this account in this round."""
        return keccak(
            round_id + _address(account) + _word(self.state) + _word(self.defects) + self.evidence + self.salt
        )


def lane_id(panel: OrganisationId, number: int) -> LaneId:
    """The contract's `LaneId`: a lane of a panel, in which rounds follow one another."""
    return LaneId(panel << 16 | number)


def commitment_digest(round_: bytes, seat: int, answer: bytes, chain_id: int, contract: str) -> bytes:
    """The 32 bytes that the drawn inspector signs."""
    return keccak(b"\x19\x01" + _domain(chain_id, contract) + keccak(_COMMITMENT_TYPE + round_ + _word(seat) + answer))


def compact_signature(signature: bytes) -> tuple[bytes, bytes]:
    """r and vs (EIP-2098) of a signature of 65 bytes r, s, v."""
    if len(signature) != 65 or signature[64] not in (27, 28) or signature[32] >= 0x80:
        raise InvalidInput("a signature has 65 bytes r, s, v with low s and v 27 or 28", field="signature")
    return signature[:32], bytes([signature[32] | (signature[64] - 27) << 7]) + signature[33:64]


def sign_commitment(
    signer: DigestSigner, round_: bytes, seat: int, answer: bytes, chain_id: int, contract: str
) -> tuple[bytes, bytes]:
    """The inspector's compact signature (r, vs) on a sealed answer."""
    return compact_signature(signer.sign_digest(commitment_digest(round_, seat, answer, chain_id, contract)))


@cache
def _domain(chain_id: int, contract: str) -> bytes:
    name, version = keccak(DOMAIN_NAME.encode()), keccak(DOMAIN_VERSION.encode())
    return keccak(_DOMAIN_TYPE + name + version + _word(chain_id) + _address(contract))


def _word(number: int) -> bytes:
    return int(number).to_bytes(32, "big")


def _address(text: str) -> bytes:
    if not is_address(text):
        raise InvalidInput(f"an address is needed, got {text!r}", field="address")
    return bytes(12) + bytes.fromhex(text[2:])
