"""Read block headers and the logs of the deployment from a node, consistently.

A node may reorganise between two requests. Therefore the blocks of the logs must belong to a chain of headers that was
canonical before and after reading them.

A node may also return fewer logs than a block has, because it pruned or lost them. `missing_logs` detects this by the
bloom filters and receipts of all of the last `WINDOW` blocks, and of a sample of earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from chromatrace.ethereum.bulk_decoding import Arguments
from chromatrace.ethereum.errors import ChainUnavailableError, RpcError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index.decoding import EventValues, Log, decode_logs
from chromatrace.index.missing_logs import MissingLogs
from chromatrace.index.models import first_position

WINDOW = 128
"""Number of newest blocks of which all headers are read and stored, with or without events."""

_BATCH_SIZE = 100
_START_SPAN, _MAX_SPAN = 16, 10_000
"""Blocks per request; adapted to return about `_LOGS_PER_REQUEST` logs."""
_LOGS_PER_REQUEST = 10_000
_SAMPLED_HEADERS = 1_000
"""Maximum number of headers per request of logs that are checked in blocks before the last `WINDOW`."""


class ReorganisedError(Exception):
    """The chain was reorganised while it was read; read again."""


@dataclass(frozen=True, slots=True)
class HeaderSummary:
    """The header fields that the follower needs. `time` is in Unix seconds; a missing `bloom` is -1 (all bits set).

    transactions      number of transactions in the block
    last_transaction  hash of the last one, as 0x-prefixed text
    """

    number: int
    hash: bytes
    parent: bytes
    time: int
    bloom: int = -1
    transactions: int = 0
    last_transaction: str = ""


@dataclass(slots=True)
class LogRange:
    """The logs of the contracts in the blocks `start` to `end.number`, in chain order.

    rows, arguments  see `decoding.decode_logs`
    blocks           blocks with logs: number -> (hash, time)
    transactions     transactions with logs: position -> hash
    headers          all headers of the range if it is within the last `WINDOW` blocks, otherwise empty
    """

    start: int
    end: HeaderSummary
    rows: Sequence[EventValues] = ()
    arguments: Sequence[Arguments | None] = ()
    blocks: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    transactions: dict[int, bytes] = field(default_factory=dict)
    headers: Sequence[HeaderSummary] = ()

    def block_by_block(self) -> Iterator[LogRange]:
        """Yield the blocks of a range with headers, one range each."""
        start = 0
        for header in self.headers:
            end = start
            while end < len(self.rows) and self.rows[end][1] == header.number:
                end += 1
            positions = sorted({row[2] for row in self.rows[start:end]})
            yield LogRange(
                header.number,
                header,
                self.rows[start:end],
                self.arguments[start:end],
                {header.number: self.blocks[header.number]} if header.number in self.blocks else {},
                {position: self.transactions[position] for position in positions},
                (header,),
            )
            start = end


class ChainReader:
    """Read one chain. `contracts`: names by lower-case address; `max_span`: maximum blocks per request."""

    def __init__(self, rpc: RpcClient, contracts: Mapping[str, str], max_span: int = _MAX_SPAN) -> None:
        self._rpc = rpc
        self._names = dict(contracts)
        self._addresses = sorted(contracts)
        self._missing = MissingLogs(rpc, self._addresses)
        self._span, self._max_span = min(_START_SPAN, max_span), max_span

    def header(self, block: int | Literal["latest", "finalized"]) -> HeaderSummary | None:
        """Return a header, or None if the chain does not have the block."""
        return _header(self._rpc.call("eth_getBlockByNumber", block if isinstance(block, str) else hex(block), False))

    def headers(self, numbers: Iterable[int]) -> list[HeaderSummary | None]:
        """Return many headers, each as `header`."""
        requests = [("eth_getBlockByNumber", [hex(number), False]) for number in numbers]
        headers: list[HeaderSummary | None] = []
        for start in range(0, len(requests), _BATCH_SIZE):
            headers += map(_header, self._rpc.batch(requests[start : start + _BATCH_SIZE]))
        return headers

    def read(self, after: HeaderSummary, target: int, max_blocks: int | None = None) -> LogRange:
        """Return the logs after the block `after`, at most up to block `target`, as many as fit into one response.

        For the last `WINDOW` blocks, all headers are read and must form a chain on `after`. Raises `ReorganisedError`,
        `MissingLogsError`, `RpcError`, `ChainUnavailableError`.
        """
        deep = target - WINDOW
        linked = after.number >= deep
        last = target if linked else deep
        timeouts = 0
        while True:
            span = min(self._span, last - after.number, max_blocks or self._span)
            try:
                logs = self._read(after, after.number + span, linked=linked)
            except RpcError:
                # Too many results: each node implementation uses its own error code and message.
                if span == 1:
                    raise
                self._span = span // 2
            except ChainUnavailableError:
                timeouts += 1
                if span == 1 or timeouts > 1:
                    raise
                self._span = max(1, span // 4)
            else:
                self._adapt(span, len(logs.rows))
                return logs

    def _adapt(self, span: int, count: int) -> None:
        if count > 2 * _LOGS_PER_REQUEST:
            self._span = max(1, span * _LOGS_PER_REQUEST // count)
        elif count < _LOGS_PER_REQUEST // 2 and span == self._span:
            self._span = min(2 * span, self._max_span)

    def _read(self, after: HeaderSummary, end: int, *, linked: bool) -> LogRange:
        start = after.number + 1
        headers = self.headers(range(start, end + 1) if linked else (end,))
        chain = [header for header in headers if header is not None]
        if len(chain) != len(headers) or (linked and not _is_chain(after, chain)):
            raise ReorganisedError
        logs = LogRange(start, chain[-1], headers=chain if linked else ())
        query = {"address": self._addresses, "fromBlock": hex(start), "toBlock": hex(end)}
        raw = self._rpc.call("eth_getLogs", query)
        if linked:
            raw += self._missing.of_newest_blocks(chain, raw)
        else:
            step = -(-(end - start + 1) // _SAMPLED_HEADERS)
            sample = [header for header in self.headers(range(start, end + 1, step)) if header is not None]
            raw += self._missing.of_earlier_blocks(sample, raw)
        untimed = self._collect(logs, raw, {header.number: header for header in chain})
        if untimed:
            for header in self.headers(untimed):
                if header is None or header.hash != logs.blocks[header.number][0]:
                    raise ReorganisedError
                logs.blocks[header.number] = header.hash, header.time
        now_after, now_end = self.headers((after.number, end))
        if now_after is None or now_after.hash != after.hash or now_end is None or now_end.hash != logs.end.hash:
            raise ReorganisedError
        return logs

    def _collect(
        self, logs: LogRange, raw_logs: Iterable[Mapping[str, Any]], headers: Mapping[int, HeaderSummary]
    ) -> list[int]:
        """Decode the node's logs into `logs`, and return the blocks for which the node returned no time."""
        untimed: list[int] = []
        encoded: list[Log] = []
        names, blocks, transactions = self._names, logs.blocks, logs.transactions
        block_text, tx_text = "", ""
        block_position = tx_position = 0
        for raw in raw_logs:
            # Logs of a block, and of a transaction, mostly follow one another.
            if raw["blockHash"] != block_text:
                block_text, tx_text = raw["blockHash"], ""
                number = int(raw["blockNumber"], 16)
                block_position = first_position(number)
                block_hash = bytes.fromhex(block_text[2:])
                header = headers.get(number)
                if header is not None and header.hash != block_hash:
                    raise ReorganisedError
                if blocks.get(number, (block_hash, 0))[0] != block_hash:
                    raise ReorganisedError
                timestamp = raw.get("blockTimestamp")
                if header is None and timestamp is None and number not in blocks:
                    untimed.append(number)
                blocks[number] = block_hash, header.time if header else int(timestamp or "0x0", 16)
            if raw["transactionHash"] != tx_text:
                tx_text = raw["transactionHash"]
                tx_position = block_position + int(raw["transactionIndex"], 16)
                transactions[tx_position] = bytes.fromhex(tx_text[2:])
            topics = "".join(raw["topics"]).replace("0x", "")
            contract = names.get(raw["address"]) or names[raw["address"].lower()]
            position = block_position + int(raw["logIndex"], 16)
            encoded.append((position, tx_position, contract, bytes.fromhex(topics), bytes.fromhex(raw["data"][2:])))
        encoded.sort()
        logs.rows, logs.arguments = decode_logs(encoded)
        return untimed


def _header(block: Mapping[str, Any] | None) -> HeaderSummary | None:
    if block is None:
        return None
    return HeaderSummary(
        number=int(block["number"], 16),
        hash=bytes.fromhex(block["hash"][2:]),
        parent=bytes.fromhex(block["parentHash"][2:]),
        time=int(block["timestamp"], 16),
        bloom=int(block.get("logsBloom") or "-0x1", 16),
        transactions=len(block["transactions"]),
        last_transaction=block["transactions"][-1] if block["transactions"] else "",
    )


def _is_chain(after: HeaderSummary, headers: Sequence[HeaderSummary]) -> bool:
    parents = (after, *headers)
    return all(header.parent == parent.hash for parent, header in zip(parents, headers, strict=False))
