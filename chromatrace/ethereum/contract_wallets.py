"""Signatures of contract wallets (ERC-1271)."""

from __future__ import annotations

from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.errors import RpcError
from chromatrace.ethereum.rpc import RpcClient

_IS_VALID_SIGNATURE = bytes.fromhex("1626ba7e")
"""Selector of `isValidSignature(bytes32,bytes)`, which the function also returns."""

_GAS = 5_000_000
"""Gas limit of a check: the contract may belong to a visitor who is not yet authenticated."""


def is_contract(rpc: RpcClient, address: str) -> bool:
    """Return whether a contract is at `address`. Raises `ChainUnavailableError`."""
    return bool(bytes_of(rpc.call("eth_getCode", address, "latest")))


def contract_accepts_signature(rpc: RpcClient, address: str, digest: bytes, signature: bytes) -> bool:
    """Return whether the contract at `address` accepts the signature of a digest; False without a contract.

    Raises `ChainUnavailableError`.
    """
    from chromatrace.ethereum.strict_abi import CODEC  # slow to import

    data = _IS_VALID_SIGNATURE + CODEC.encode(["bytes32", "bytes"], [digest, signature])
    fields = {"to": address, "data": f"0x{data.hex()}", "gas": hex(_GAS)}
    answer = rpc.batch_outcomes([("eth_call", [fields, "latest"])])[0]
    return not isinstance(answer, RpcError) and bytes_of(answer)[:32] == _IS_VALID_SIGNATURE.ljust(32, b"\0")
