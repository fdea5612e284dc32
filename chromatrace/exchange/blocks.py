"""Encode and decode block headers and receipts in the form that Ethereum hashes.

Sources: yellow paper, section 4; EIP-1559, EIP-2718, EIP-4895, EIP-4844, EIP-4788, EIP-7685 for later header fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rlp

from chromatrace.domain.hashing import keccak
from chromatrace.exchange import trie
from chromatrace.merkle.errors import ProofError

HEADER_FIELDS = [
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
]
"""Fields in the order of the RLP list; a block of an older fork lacks the last ones."""

_NUMBERS = {
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas",
}  # fmt: skip
_SIZES = dict.fromkeys(
    (
        "parentHash", "sha3Uncles", "stateRoot", "transactionsRoot", "receiptsRoot", "mixHash", "withdrawalsRoot",
        "parentBeaconBlockRoot", "requestsHash",
    ), 32,
) | {"miner": 20, "logsBloom": 256, "nonce": 8}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """Block header fields that proofs need. `hash` is the keccak-256 of its RLP; `timestamp` is in Unix seconds."""

    hash: bytes
    parent: bytes
    number: int
    timestamp: int
    state_root: bytes
    receipts_root: bytes


@dataclass(frozen=True, slots=True)
class ReceiptLog:
    """One log; each topic has 32 bytes."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


def encode_header(block: Mapping[str, Any]) -> bytes:
    """Encode the header of a block from `eth_getBlockByNumber` as RLP.

    Raises `ProofError` if the result does not have the block's hash.
    """
    fields = []
    for name in HEADER_FIELDS:
        if block.get(name) is None:
            break
        raw = block[name]
        fields.append(_minimal(int(raw, 16)) if name in _NUMBERS else bytes.fromhex(raw[2:]))
    encoded: bytes = rlp.encode(fields)
    if keccak(encoded) != bytes.fromhex(block["hash"][2:]):
        raise ProofError(
            f"the header of block {int(block['number'], 16)} does not hash to its block hash",
            field="header",
            hint="the chain may use header fields that are not supported",
        )
    return encoded


def decode_header(encoded: bytes) -> BlockHeader:
    """Decode a block header. Raises `ProofError`."""
    fields = _decode(encoded, "header")
    if not isinstance(fields, list) or not 15 <= len(fields) <= len(HEADER_FIELDS):
        raise ProofError("the block header has the wrong number of fields", field="header")
    for name, value in zip(HEADER_FIELDS, fields, strict=False):
        size = _SIZES.get(name)
        if not isinstance(value, bytes) or (size is not None and len(value) != size):
            raise ProofError(f"{name} of the block header has the wrong size", field="header")
        if name in _NUMBERS:
            _number(value, 32, f"{name} of the block header")
    return BlockHeader(
        hash=keccak(encoded),
        parent=fields[0],
        state_root=fields[3],
        receipts_root=fields[5],
        number=_number(fields[8], 6, "the block number"),
        timestamp=_number(fields[11], 5, "the block time"),
    )


def encode_receipt(receipt: Mapping[str, Any]) -> bytes:
    """Encode a receipt from `eth_getBlockReceipts` as in the receipts trie (EIP-2718)."""
    logs = [
        [
            bytes.fromhex(log["address"][2:]),
            [bytes.fromhex(topic[2:]) for topic in log["topics"]],
            bytes.fromhex(log["data"][2:]),
        ]
        for log in receipt["logs"]
    ]
    status = _minimal(int(receipt["status"], 16))
    gas = _minimal(int(receipt["cumulativeGasUsed"], 16))
    body: bytes = rlp.encode([status, gas, bytes.fromhex(receipt["logsBloom"][2:]), logs])
    kind = int(receipt.get("type") or "0x0", 16)
    return bytes([kind]) + body if kind else body


def decode_receipt(encoded: bytes) -> tuple[bool, tuple[ReceiptLog, ...]]:
    """Return whether the transaction succeeded, and its logs in order. Raises `ProofError`."""
    fields = _decode(encoded[1:] if encoded[:1] < b"\x80" else encoded, "receipt")
    match fields:
        case [bytes(status), bytes(_), bytes(bloom), list(logs)] if status in (b"", b"\x01") and len(bloom) == 256:
            return status == b"\x01", tuple(map(_log, logs))
    raise ProofError("not a receipt with a status", field="receipt")


def _log(item: Any) -> ReceiptLog:
    match item:
        case [bytes(address), list(topics), bytes(data)] if len(address) == 20 and len(topics) <= 4:
            if all(isinstance(topic, bytes) and len(topic) == 32 for topic in topics):
                return ReceiptLog(address, tuple(topics), data)
    raise ProofError("a log of the receipt is malformed", field="receipt")


def prove_receipt(receipts: Sequence[Mapping[str, Any]], index: int, root: bytes) -> list[bytes]:
    """Return the trie proof of receipt `index`. Raises `ProofError` if `receipts` do not have this root."""
    entries = {rlp.encode(_minimal(number)): encode_receipt(receipt) for number, receipt in enumerate(receipts)}
    actual_root, nodes = trie.prove(entries, rlp.encode(_minimal(index)))
    if actual_root != root:
        raise ProofError("the receipts from the node do not match the block's receipts root", field="receipts")
    return nodes


def verify_receipt(root: bytes, index: int, nodes: Sequence[bytes]) -> bytes:
    """Return the encoded receipt `index` under `root`. Raises `ProofError`."""
    value = trie.verify(root, rlp.encode(_minimal(index)), nodes)
    if value is None:
        raise ProofError(f"the block has no receipt {index}", field="receipt")
    return value


def verify_storage(
    state_root: bytes, address: bytes, slot: bytes, account: Sequence[bytes], storage: Sequence[bytes]
) -> int:
    """Return the value of a 32-byte storage slot under a state root, from an EIP-1186 proof. Raises `ProofError`."""
    encoded = trie.verify(state_root, keccak(address), account)
    if encoded is None:
        raise ProofError(f"the state has no account 0x{address.hex()}", field="state")
    match _decode(encoded, "state"):
        case [bytes(_), bytes(_), bytes(storage_root), bytes(code_hash)] if len(storage_root) == len(code_hash) == 32:
            value = trie.verify(storage_root, keccak(slot), storage)
        case _:
            raise ProofError(f"the account 0x{address.hex()} is malformed", field="state")
    return _number(_decode(value, "state"), 32, "the storage slot") if value else 0


def _decode(encoded: bytes, field: str) -> Any:
    try:
        return rlp.decode(encoded)
    except (rlp.DecodingError, RecursionError) as error:
        raise ProofError(f"the {field} is not RLP", field=field) from error


def _number(value: Any, max_bytes: int, name: str) -> int:
    if not isinstance(value, bytes) or len(value) > max_bytes or value[:1] == b"\0":
        raise ProofError(f"{name} is not a number of at most {max_bytes} bytes", field="header")
    return int.from_bytes(value, "big")


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
