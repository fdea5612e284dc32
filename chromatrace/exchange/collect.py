"""Collect a proof bundle from a node: headers, receipts and their proofs, the batch's storage slot, signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

from chromatrace.crypto.eip712 import Inspection, recover_inspector
from chromatrace.crypto.route.state import RouteTrace
from chromatrace.domain.errors import ChromaTraceError, NotFound
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.ethereum.abi import contract
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
from chromatrace.exchange.slot import storage_slot
from chromatrace.exchange.units import UnitProof
from chromatrace.storage.strict_json import Digits, Hex

LONGEST_CHAIN = 2_000
"""Maximum distance of the first and last cited block for which the bundle holds every header between them. One trusted
block hash then suffices; beyond this distance each run of headers needs its own."""


class Node(Protocol):
    """A JSON-RPC node."""

    def call(self, method: str, *params: Any) -> Any:
        """Return the result of one request."""

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Return the results of many requests."""


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
    """Return the bundle of a batch or unit, with the batch's state in the newest block.

    contracts     20-byte addresses by name
    transactions  hashes of the transactions whose events the bundle proves
    route         id of the designed route that the batch was registered with, if any
    trace         the stations' trace, for the records that they signed; the chain has only their hashes

    Raises `NotFound` if the node does not have a transaction.
    """
    hashes = sorted(set(transactions))
    cited_transactions = node.batch([("eth_getTransactionByHash", ["0x" + tx.hex()]) for tx in hashes])
    for tx, transaction in zip(hashes, cited_transactions, strict=True):
        if transaction is None or transaction["blockNumber"] is None:
            raise NotFound(
                f"the node has no block with transaction 0x{tx.hex()}", hint="check that it follows the same chain"
            )
    cited = sorted({(int(tx["blockNumber"], 16), int(tx["transactionIndex"], 16)) for tx in cited_transactions})
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
        inspections=tuple(_signatures(cited_transactions, chain_id, contracts["InspectionLedger"], key)),
        readings=tuple(readings),
        route=None
        if route is None
        else signed_route(cited_transactions, contracts["RouteVerifier"], route, bytes(key.batch_id), trace),
        unit=unit,
    )


def required_hashes(bundle: Bundle) -> dict[int, bytes]:
    """Return the blocks whose hashes a reader must trust: the last of each run of headers, with the bundle's hash."""
    headers = [decode_header(header) for header in bundle.headers]
    ends = [header for header, following in pairwise(headers) if following.number != header.number + 1]
    return {header.number: header.hash for header in (*ends, *headers[-1:])}


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
    slot = storage_slot(key)
    proof = node.call("eth_getProof", "0x" + registry.hex(), ["0x" + slot.hex()], hex(block))
    account = tuple(map(Hex.from_json, proof["accountProof"]))
    return CitedState(block, account, tuple(map(Hex.from_json, proof["storageProof"][0]["proof"])))


def _signatures(
    transactions: Iterable[Mapping[str, Any]], chain_id: int, ledger: bytes, key: BatchKey
) -> Iterable[CitedSignature]:
    for transaction in transactions:
        if transaction["to"] is None or bytes.fromhex(transaction["to"][2:]) != ledger:
            continue
        function, args = contract("InspectionLedger").decode_call(bytes.fromhex(transaction["input"][2:]))
        if function == "record":
            signed = [(args["inspection"], args["signature"])]
        elif function == "recordMany":
            signed = list(zip(args["inspections"], args["signatures"], strict=True))
        else:
            continue
        for struct, signature in signed:
            if struct["batch"] == key.batch_id and _signed_by_key(struct, signature, chain_id, ledger):
                yield CitedSignature(
                    struct["stage"],
                    struct["revision"],
                    Digits(struct["nonce"]),
                    Digits(struct["deadline"]),
                    InspectorSignature(signature),
                )


def _signed_by_key(struct: Mapping[str, Any], signature: bytes, chain_id: int, ledger: bytes) -> bool:
    """Return whether the inspector is an account. A contract's signature (ERC-1271) can only be checked on chain."""
    batch, stage, verdict, *rest = struct.values()
    inspection = Inspection(batch, Stage(stage), Verdict(verdict), *rest)
    try:
        return recover_inspector(inspection, signature, chain_id, "0x" + ledger.hex()) == inspection.inspector
    except ChromaTraceError:
        return False
