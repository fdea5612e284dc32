"""Collects what a proof bundle holds from a node: headers, receipts with their proofs, the batch's slot, signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

from eth_abi.abi import decode
from eth_hash.auto import keccak

from chromatrace.crypto.eip712 import Inspection, recover_inspector
from chromatrace.crypto.route.state import RouteTrace
from chromatrace.domain.errors import ChromaTraceError, NotFound
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.exchange.blocks import decode_header, encode_header, prove_receipt
from chromatrace.exchange.bundle import (
    Address,
    Bundle,
    CitedReading,
    CitedReceipt,
    CitedSignature,
    CitedState,
    InspectorSignature,
    Subject,
)
from chromatrace.exchange.signed_route import signed_route
from chromatrace.exchange.slot import BATCHES_SLOT
from chromatrace.exchange.units import UnitProof
from chromatrace.storage.strict_json import Digits, Hex

LONGEST_CHAIN = 2_000
"""Headers between the first and the last cited block up to which the bundle holds all of them, so that one trusted
block hash is enough. Beyond it only the cited ones: each then needs its own trusted hash."""

_INSPECTION = "(bytes32,uint8,uint8,uint8,uint32,uint32,bytes32,bytes32,uint64,address,uint256,uint64)"
_RECORD = keccak(f"record({_INSPECTION},bytes)".encode())[:4]
_RECORD_MANY = keccak(f"recordMany({_INSPECTION}[],bytes[])".encode())[:4]


class Node(Protocol):
    """A JSON-RPC node."""

    def call(self, method: str, *params: Any) -> Any:
        """The result of one request."""

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of many."""


def collect(
    node: Node,
    *,
    chain_id: int,
    contracts: Mapping[str, bytes],
    key: BatchKey,
    serial: Serial | None = None,
    transactions: Iterable[bytes],
    documents: Iterable[bytes] = (),
    readings: Iterable[CitedReading] = (),
    unit: UnitProof | None = None,
    route: bytes | None = None,
    trace: RouteTrace | None = None,
) -> Bundle:
    """The bundle of a batch or unit.

    contracts     20-byte addresses by name
    transactions  hashes of those whose events are to be proven; `NotFound` where the node does not have one
    route         id of the designed route that it was registered with, if any
    trace         what its stations handed on, for the records that they signed; the chain has their hashes only

    The state is that of the node's newest block.
    """
    hashes = sorted(set(transactions))
    found = node.batch([("eth_getTransactionByHash", ["0x" + tx.hex()]) for tx in hashes])
    for tx, transaction in zip(hashes, found, strict=True):
        if transaction is None or transaction["blockNumber"] is None:
            raise NotFound(
                f"the node has no transaction 0x{tx.hex()} in a block", hint="does it follow the same chain?"
            )
    cited = sorted({(int(tx["blockNumber"], 16), int(tx["transactionIndex"], 16)) for tx in found})
    head = int(node.call("eth_blockNumber"), 16)
    numbers = sorted({block for block, _ in cited} | {head})
    if numbers[-1] - numbers[0] <= LONGEST_CHAIN:
        numbers = list(range(numbers[0], numbers[-1] + 1))
    headers = {number: encode_header(block) for number, block in zip(numbers, _blocks(node, numbers), strict=True)}
    return Bundle(
        chain_id=chain_id,
        contracts={name: Address(address) for name, address in contracts.items()},
        subject=Subject.of(key, serial),
        headers=tuple(Hex(headers[number]) for number in numbers),
        receipts=tuple(_receipts(node, headers, cited)),
        state=_state(node, contracts["BatchRegistry"], key, head),
        documents=tuple(document.decode("utf-8") for document in documents),
        inspections=tuple(_signatures(found, chain_id, contracts["InspectionLedger"], key)),
        readings=tuple(readings),
        route=None
        if route is None
        else signed_route(found, contracts["RouteVerifier"], route, bytes(key.batch_id), trace),
        unit=unit,
    )


def gaps(bundle: Bundle) -> list[int]:
    """Block numbers after which the bundle's headers do not go on: each needs a trusted hash of its own."""
    numbers = [decode_header(header).number for header in bundle.headers]
    return [one for one, next_ in pairwise(numbers) if next_ != one + 1] + numbers[-1:]


def _blocks(node: Node, numbers: list[int]) -> list[Any]:
    return node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])


def _receipts(node: Node, headers: Mapping[int, bytes], cited: Sequence[tuple[int, int]]) -> Iterable[CitedReceipt]:
    numbers = sorted({block for block, _ in cited})
    answers = node.batch([("eth_getBlockReceipts", [hex(number)]) for number in numbers])
    receipts = dict(zip(numbers, answers, strict=True))
    for block, index in cited:
        root = decode_header(headers[block]).receipts_root
        yield CitedReceipt(block, index, tuple(map(Hex, prove_receipt(receipts[block], index, root))))


def _state(node: Node, registry: bytes, key: BatchKey, block: int) -> CitedState:
    slot = keccak(bytes(key.batch_id) + BATCHES_SLOT.to_bytes(32, "big"))
    proof = node.call("eth_getProof", "0x" + registry.hex(), ["0x" + slot.hex()], hex(block))
    account = tuple(map(Hex.from_json, proof["accountProof"]))
    return CitedState(block, account, tuple(map(Hex.from_json, proof["storageProof"][0]["proof"])))


def _signatures(
    transactions: Iterable[Mapping[str, Any]], chain_id: int, ledger: bytes, key: BatchKey
) -> Iterable[CitedSignature]:
    for transaction in transactions:
        data = bytes.fromhex(transaction["input"][2:])
        if transaction["to"] is None or bytes.fromhex(transaction["to"][2:]) != ledger:
            continue
        if data[:4] == _RECORD:
            inspection, signature = decode([_INSPECTION, "bytes"], data[4:])
            pairs = [(inspection, signature)]
        elif data[:4] == _RECORD_MANY:
            pairs = list(zip(*decode([f"{_INSPECTION}[]", "bytes[]"], data[4:]), strict=True))
        else:
            continue
        for inspection, signature in pairs:
            batch, stage, _, revision, *_, nonce, deadline = inspection
            if batch == key.batch_id and _signed_by_key(inspection, signature, chain_id, ledger):
                yield CitedSignature(stage, revision, Digits(nonce), Digits(deadline), InspectorSignature(signature))


def _signed_by_key(inspection: tuple[Any, ...], signature: bytes, chain_id: int, ledger: bytes) -> bool:
    """Whether the inspector is an account. What a contract accepts (ERC-1271) can be checked on the chain only."""
    batch, stage, verdict, *rest = inspection
    signed = Inspection(batch, Stage(stage), Verdict(verdict), *rest)
    try:
        return recover_inspector(signed, signature, chain_id, "0x" + ledger.hex()).lower() == signed.inspector
    except ChromaTraceError:
        return False
