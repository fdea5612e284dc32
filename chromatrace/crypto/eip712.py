"""The inspection verdict as EIP-712 typed data, signed by an inspector and checked by `InspectionLedger`.

Domain: name "ChromaTrace InspectionLedger", version "1", chain id, the ledger's address. A test compares the digest
with the contract's `digestOf`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.domain.rights import Stage, Verdict

if TYPE_CHECKING:
    from eth_account.messages import SignableMessage

DOMAIN_NAME = "ChromaTrace InspectionLedger"
DOMAIN_VERSION = "1"

_TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Inspection": [
        {"name": "batch", "type": "bytes32"},
        {"name": "stage", "type": "uint8"},
        {"name": "verdict", "type": "uint8"},
        {"name": "revision", "type": "uint8"},
        {"name": "sampleSize", "type": "uint32"},
        {"name": "defects", "type": "uint32"},
        {"name": "instrument", "type": "bytes32"},
        {"name": "evidence", "type": "bytes32"},
        {"name": "inspectedAt", "type": "uint64"},
        {"name": "inspector", "type": "address"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint64"},
    ],
}
_SECP256K1_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class DigestSigner(Protocol):
    """Signs 32 bytes for one address, as `chromatrace.ethereum.signer.Signer` does."""

    @property
    def address(self) -> str:
        """The address as EIP-55 text."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Return 65 bytes r, s, v."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """`IInspectionLedger.Inspection`, with its fields in order. Raises `InvalidInput` naming the field.

    batch         32 bytes
    revision      number of this verdict within its stage, from 1
    sample_size   units measured
    defects       units out of limits
    instrument    32 bytes: identifies the instrument and its calibration
    evidence      SHA-256 of the evidence document
    inspected_at  Unix seconds
    inspector     address of the signer, EIP-55 text
    nonce         upper 192 bits: the lane; lower 64 bits: the next number in that lane
    deadline      last Unix second at which the signature may be submitted
    """

    batch: bytes
    stage: Stage
    verdict: Verdict
    revision: int
    sample_size: int
    defects: int
    instrument: bytes
    evidence: bytes
    inspected_at: int
    inspector: str
    nonce: int
    deadline: int

    def __post_init__(self) -> None:
        for name in ("batch", "instrument", "evidence"):
            value = getattr(self, name)
            if not isinstance(value, bytes) or len(value) != 32:
                raise InvalidInput(f"expected 32 bytes, got {value!r}", field=name)
        limits = {"revision": 8, "sample_size": 32, "defects": 32, "inspected_at": 64, "nonce": 256, "deadline": 64}
        for name, bits in limits.items():
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value < 1 << bits:
                raise InvalidInput(f"expected a whole number below 2^{bits}, got {value!r}", field=name)
        if self.verdict not in (Verdict.PASS, Verdict.FAIL):
            raise InvalidInput(f"expected PASS or FAIL, got {self.verdict!r}", field="verdict")
        object.__setattr__(self, "inspector", parse_address(self.inspector, "inspector"))
        if self.defects > self.sample_size:
            raise InvalidInput(
                f"defects is {self.defects}; it must not exceed the sample of {self.sample_size}", field="defects"
            )

    def as_struct(self) -> tuple[Any, ...]:
        """Return `IInspectionLedger.Inspection`."""
        return tuple(getattr(self, name) for name in self.__slots__)


def inspection_message(inspection: Inspection, chain_id: int, ledger: str) -> SignableMessage:
    """Return the signable message of an inspection for one ledger on one chain."""
    from eth_account.messages import encode_typed_data  # slow to import

    fields = [entry["name"] for entry in _TYPES["Inspection"]]
    values = dict(zip(fields, asdict(inspection).values(), strict=True))
    values["stage"], values["verdict"] = int(inspection.stage), int(inspection.verdict)
    return encode_typed_data(
        full_message={
            "types": _TYPES,
            "primaryType": "Inspection",
            "domain": {
                "name": DOMAIN_NAME,
                "version": DOMAIN_VERSION,
                "chainId": chain_id,
                "verifyingContract": ledger,
            },
            "message": values,
        }
    )


def inspection_digest(inspection: Inspection, chain_id: int, ledger: str) -> bytes:
    """Return the 32 bytes to sign: keccak(0x1901 ‖ domain separator ‖ struct hash)."""
    return message_digest(inspection_message(inspection, chain_id, ledger))


def message_digest(message: SignableMessage) -> bytes:
    """Return the 32 bytes to sign."""
    return keccak(b"\x19" + message.version + message.header + message.body)


def sign_inspection(inspection: Inspection, signer: DigestSigner, chain_id: int, ledger: str) -> bytes:
    """Sign an inspection as its inspector; return 65 bytes r, s, v. Raises `InvalidInput` for another signer."""
    if signer.address.lower() != inspection.inspector.lower():
        raise InvalidInput(
            f"the inspection names {inspection.inspector}; the key belongs to {signer.address}",
            field="inspector",
            hint="sign with the inspector's own key",
        )
    return signer.sign_digest(inspection_digest(inspection, chain_id, ledger))


def recover_inspector(inspection: Inspection, signature: bytes, chain_id: int, ledger: str) -> str:
    """Return the address that signed, as EIP-55 text. Raises `InvalidInput` for a malformed signature."""
    return recover_signer(inspection_message(inspection, chain_id, ledger), signature)


def recover_signer(message: SignableMessage, signature: bytes) -> str:
    """Return the address that signed a message, as EIP-55 text. Raises `InvalidInput` for a malformed signature."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise InvalidInput("expected 65 bytes r, s, v with v 27 or 28", field="signature")
    if int.from_bytes(signature[32:64], "big") > _SECP256K1_HALF_ORDER:
        raise InvalidInput("s is in the upper half of the group order", field="signature")
    from eth_account import Account
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    try:
        return str(Account.recover_message(message, signature=signature))
    except (BadSignature, ValidationError, ValueError) as error:
        raise InvalidInput("the signature is not a point on the curve", field="signature") from error
