"""Block headers and receipts as Ethereum hashes them: from the JSON of a node to the bytes and back.

Sources: yellow paper section 4; EIP-1559, EIP-2718, EIP-4895, EIP-4844, EIP-4788, EIP-7685 for later header fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rlp
from eth_hash.auto import keccak

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
"""In the order of the RLP list; those that a fork did not know yet are missing at the end."""

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
    """The parts of a block header that proofs need. `hash` is the keccak-256 of its RLP; `timestamp` Unix seconds."""

    hash: bytes
    parent: bytes
    number: int
    timestamp: int
    state_root: bytes
    receipts_root: bytes


@dataclass(frozen=True, slots=True)
class ReceiptLog:
    """One log: `topics` of 32 bytes each."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


def encode_header(block: Mapping[str, Any]) -> bytes:
    """RLP of the header of a block, from `eth_getBlockByNumber`; `ProofError` where it hashes otherwise."""
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
            hint="this chain has header fields that are not known here",
        )
    return encoded


def decode_header(encoded: bytes) -> BlockHeader:
    """Raises `ProofError` where the bytes are no header."""
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
    """A receipt as it stands in the trie (EIP-2718), from `eth_getBlockReceipts`."""
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
    """Whether the transaction succeeded, and its logs in order; `ProofError` where these are no receipt's bytes."""
    fields = _decode(encoded[1:] if encoded[:1] < b"\x80" else encoded, "receipt")
    match fields:
        case [bytes(status), bytes(_), bytes(bloom), list(logs)] if status in (b"", b"\x01") and len(bloom) == 256:
            return status == b"\x01", tuple(map(_log, logs))
    raise ProofError("these bytes are no receipt with a status", field="receipt")


def _log(item: Any) -> ReceiptLog:
    match item:
        case [bytes(address), list(topics), bytes(data)] if len(address) == 20 and len(topics) <= 4:
            if all(isinstance(topic, bytes) and len(topic) == 32 for topic in topics):
                return ReceiptLog(address, tuple(topics), data)
    raise ProofError("a log of the receipt is malformed", field="receipt")


def prove_receipt(receipts: Sequence[Mapping[str, Any]], index: int, root: bytes) -> list[bytes]:
    """The trie proof of receipt `index` among all `receipts` of a block. Raises where they do not make up `root`."""
    entries = {rlp.encode(_minimal(place)): encode_receipt(receipt) for place, receipt in enumerate(receipts)}
    found, nodes = trie.prove(entries, rlp.encode(_minimal(index)))
    if found != root:
        raise ProofError("the receipts that the node gave do not make up the block's receipts root", field="receipts")
    return nodes


def verify_receipt(root: bytes, index: int, nodes: Sequence[bytes]) -> bytes:
    """The encoded receipt `index` under `root`; raises `ProofError`."""
    value = trie.verify(root, rlp.encode(_minimal(index)), nodes)
    if value is None:
        raise ProofError(f"the block has no receipt {index}", field="receipt")
    return value


def verify_storage(
    state_root: bytes, address: bytes, slot: bytes, account: Sequence[bytes], storage: Sequence[bytes]
) -> int:
    """The value of a 32-byte storage slot under a state root, from an EIP-1186 proof; raises `ProofError`."""
    found = trie.verify(state_root, keccak(address), account)
    if found is None:
        raise ProofError(f"there is no account 0x{address.hex()} in this state", field="state")
    match _decode(found, "state"):
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


def _number(value: Any, most_bytes: int, what: str) -> int:
    if not isinstance(value, bytes) or len(value) > most_bytes or value[:1] == b"\0":
        raise ProofError(f"{what} is no number of at most {most_bytes} bytes", field="header")
    return int.from_bytes(value, "big")


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
