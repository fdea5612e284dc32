"""Signature of a disposition document as EIP-712 typed data.

Domain: name "ChromaTrace Disposition", version "1", chain id, the address of `BatchRegistry`. The contract does not
check it; a reader does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chromatrace.crypto.eip712 import DigestSigner, message_digest, recover_signer

if TYPE_CHECKING:
    from eth_account.messages import SignableMessage

_TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Disposition": [{"name": "batch", "type": "bytes32"}, {"name": "document", "type": "bytes32"}],
}


def sign_disposition(batch: bytes, document: bytes, signer: DigestSigner, chain_id: int, registry: str) -> bytes:
    """Sign the SHA-256 `document` of a disposition; return 65 bytes r, s, v."""
    return signer.sign_digest(message_digest(_message(batch, document, chain_id, registry)))


def recover_disposition(batch: bytes, document: bytes, signature: bytes, chain_id: int, registry: str) -> str:
    """Return the address that signed, as EIP-55 text. Raises `InvalidInput` for a malformed signature."""
    return recover_signer(_message(batch, document, chain_id, registry), signature)


def _message(batch: bytes, document: bytes, chain_id: int, registry: str) -> SignableMessage:
    from eth_account.messages import encode_typed_data  # slow to import

    return encode_typed_data(
        full_message={
            "types": _TYPES,
            "primaryType": "Disposition",
            "domain": {
                "name": "ChromaTrace Disposition",
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": registry,
            },
            "message": {"batch": batch, "document": document},
        }
    )
