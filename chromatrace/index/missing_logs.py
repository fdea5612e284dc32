"""Detect logs that a node does not return: it pruned or lost them, or a proxy answers for it.

An empty response to `eth_getLogs` looks like a block without events. But the bloom filter in a header contains the
addresses of the block's logs, and a receipt contains all logs of its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.errors import MissingLogsError, RpcError
from chromatrace.ethereum.rpc import RpcClient

if TYPE_CHECKING:
    from chromatrace.index.chain_reader import HeaderSummary

_BATCH_SIZE = 100
_DENSE_BITS = 300
"""Bits of a filter up to which earlier blocks are checked. A filter with 300 of 2,048 bits falsely announces one of ten
contracts in 3 % of blocks, a filter with 1,000 bits in 70 %."""

RawLog = Mapping[str, Any]


class MissingLogs:
    """The check of one node for the logs of `addresses` (lower case)."""

    def __init__(self, rpc: RpcClient, addresses: Sequence[str]) -> None:
        self._rpc = rpc
        self._addresses = list(addresses)
        self._bits = [_bloom_bits(bytes.fromhex(address[2:])) for address in addresses]

    def of_newest_blocks(self, headers: Sequence[HeaderSummary], logs: Iterable[RawLog]) -> list[RawLog]:
        """Return the logs of these blocks that are not in `logs`. Raises `MissingLogsError` if it does not return them.

        Blocks with returned logs are compared with the receipt of their last transaction: it contains the number of
        logs of the block.
        """
        by_block = _by_block(logs)
        found = self._announced(headers, by_block)
        present = [header for header in headers if header.number in by_block and header.last_transaction]
        unsure = []
        for chunk in _chunks(present):
            requests = [("eth_getTransactionReceipt", [header.last_transaction]) for header in chunk]
            for header, receipt in zip(chunk, self._rpc.batch(requests), strict=True):
                last_logs = receipt["logs"] if receipt else []
                if not last_logs or int(last_logs[-1]["logIndex"], 16) + 1 != len(by_block[header.number]):
                    unsure.append(header)
        self._compare_with_receipts(unsure, by_block)
        return found

    def of_earlier_blocks(self, headers: Sequence[HeaderSummary], logs: Iterable[RawLog]) -> list[RawLog]:
        """Return the logs that these blocks announce and that are not in `logs`. Raises `MissingLogsError`."""
        return self._announced(
            [header for header in headers if header.bloom >= 0 and header.bloom.bit_count() <= _DENSE_BITS],
            _by_block(logs),
        )

    def _announced(self, headers: Sequence[HeaderSummary], by_block: dict[int, list[RawLog]]) -> list[RawLog]:
        """Return the logs of contracts that a filter announces and of which there are none; add them to `by_block`."""
        suspects = [header for header in headers if self._is_suspect(header, by_block.get(header.number, ()))]
        found: list[RawLog] = []
        unsure = []
        for chunk in _chunks(suspects):
            requests = [
                ("eth_getLogs", [{"address": self._addresses, "blockHash": "0x" + header.hash.hex()}])
                for header in chunk
            ]
            for header, again in zip(chunk, self._rpc.batch(requests), strict=True):
                known = by_block.get(header.number, [])
                if len(again) > len(known):
                    found += _without(again, known)
                    by_block[header.number] = again
                if self._is_suspect(header, by_block.get(header.number, ())):
                    unsure.append(header)
        self._compare_with_receipts(unsure, by_block)
        return found

    def _is_suspect(self, header: HeaderSummary, logs: Iterable[RawLog]) -> bool:
        returned = {log["address"].lower() for log in logs}
        return any(
            header.bloom & bits == bits and address not in returned
            for address, bits in zip(self._addresses, self._bits, strict=True)
        )

    def _compare_with_receipts(self, headers: Sequence[HeaderSummary], by_block: Mapping[int, list[RawLog]]) -> None:
        """Raise `MissingLogsError` if receipts of these blocks are missing, or contain more logs than were returned."""
        missing = []
        for header in headers:
            receipts = self._receipts(header) if header.transactions else []
            expected = [
                log for receipt in receipts for log in receipt["logs"] if log["address"].lower() in self._addresses
            ]
            if len(receipts) < header.transactions or len(expected) > len(by_block.get(header.number, ())):
                missing.append(header.number)
        if missing:
            raise MissingLogsError.of_blocks(self._rpc.url, min(missing), max(missing))

    def _receipts(self, header: HeaderSummary) -> list[Mapping[str, Any]]:
        """Return the receipts that the node has of a block; fewer than its transactions if it lost them."""
        block_hash = "0x" + header.hash.hex()
        try:
            receipts = self._rpc.call("eth_getBlockReceipts", block_hash) or []
        except RpcError:  # not every node supports the method
            block = self._rpc.call("eth_getBlockByHash", block_hash, False) or {"transactions": []}
            receipts = []
            for chunk in _chunks(block["transactions"]):
                receipts += self._rpc.batch([("eth_getTransactionReceipt", [transaction]) for transaction in chunk])
        return [receipt for receipt in receipts if receipt]


def _by_block(logs: Iterable[RawLog]) -> dict[int, list[RawLog]]:
    by_block: dict[int, list[RawLog]] = {}
    for log in logs:
        by_block.setdefault(int(log["blockNumber"], 16), []).append(log)
    return by_block


def _without(logs: Iterable[RawLog], known: Iterable[RawLog]) -> list[RawLog]:
    indexes = {log["logIndex"] for log in known}
    return [log for log in logs if log["logIndex"] not in indexes]


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _BATCH_SIZE] for start in range(0, len(items), _BATCH_SIZE))


def _bloom_bits(address: bytes) -> int:
    """Return the three bits of an address in a 2,048-bit bloom filter (Yellow Paper, 4.4.1)."""
    digest = keccak(address)
    bits = 0
    for pair in range(0, 6, 2):
        bits |= 1 << (int.from_bytes(digest[pair : pair + 2], "big") & 2047)
    return bits
