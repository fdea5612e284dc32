"""The chain as the follower reads it: headers, and the logs of our contracts over a range of blocks.

A range of logs is not of one moment: a node may reorganise between two answers. What comes out of here is: the logs'
blocks must be those of a chain of headers that was canonical before and still is after, and a block whose bloom
filter announces logs of ours that are not there is asked again by its hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from eth_hash.auto import keccak

from chromatrace.ethereum.bulk_decoding import Arguments
from chromatrace.ethereum.errors import ChainUnavailableError, RpcError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index.decoding import EventRow, Log, decoded
from chromatrace.index.models import position

WINDOW = 128
"""Blocks at the end whose headers are all read, and kept by the index whether they have events or not."""

_BATCH = 100
_START_SPAN, _MAX_SPAN = 16, 10_000
_WANTED_LOGS = 10_000


class Reorganised(Exception):
    """The chain changed while it was read; read again."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header. `time` in Unix seconds; `bloom` as a number, -1 (all bits) where the node gives none."""

    number: int
    hash: bytes
    parent: bytes
    time: int
    bloom: int = -1


@dataclass(slots=True)
class LogRange:
    """All logs of ours in the blocks `start` to `end.number`, in the order of the chain.

    `rows` and `arguments`: see `decoding.decoded`; `blocks`: number -> (hash, time); `transactions`: position -> hash;
    `headers`: every header of the range, where they were asked for.
    """

    start: int
    end: Header
    rows: Sequence[EventRow] = ()
    arguments: Sequence[Arguments | None] = ()
    blocks: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    transactions: dict[int, bytes] = field(default_factory=dict)
    headers: Sequence[Header] = ()

    def block_by_block(self) -> Iterator[LogRange]:
        """The same, each block by itself; of a range whose headers were asked for."""
        at = 0
        for header in self.headers:
            rows_end = at
            while rows_end < len(self.rows) and self.rows[rows_end][1] == header.number:
                rows_end += 1
            here = slice(at, rows_end)
            places = {row[2] for row in self.rows[here]}
            yield LogRange(
                header.number,
                header,
                self.rows[here],
                self.arguments[here],
                {header.number: self.blocks[header.number]} if header.number in self.blocks else {},
                {place: self.transactions[place] for place in sorted(places)},
                (header,),
            )
            at = rows_end


class Source:
    """Reads one chain. `contracts`: names by lower-case address; `max_span`: blocks to ask for at once."""

    def __init__(self, rpc: RpcClient, contracts: Mapping[str, str], max_span: int = _MAX_SPAN) -> None:
        self._rpc = rpc
        self._names = dict(contracts)
        self._addresses = sorted(contracts)
        self._blooms = [_bloom_bits(bytes.fromhex(address[2:])) for address in self._addresses]
        self._span, self._max_span = min(_START_SPAN, max_span), max_span

    def header(self, block: int | Literal["latest", "finalized"]) -> Header | None:
        """One header; None where the chain does not have it."""
        return _header(self._rpc.call("eth_getBlockByNumber", block if isinstance(block, str) else hex(block), False))

    def headers(self, numbers: Iterable[int]) -> list[Header | None]:
        """Many headers."""
        requests = [("eth_getBlockByNumber", [hex(number), False]) for number in numbers]
        found: list[Header | None] = []
        for start in range(0, len(requests), _BATCH):
            found += map(_header, self._rpc.batch(requests[start : start + _BATCH]))
        return found

    def read(self, after: Header, target: int, most: int | None = None) -> LogRange:
        """The logs behind the block `after`, as far as one answer comfortably takes and no further than `target`.

        Of the last `WINDOW` blocks all headers are read, and must be a chain onto `after`. `most`: blocks, where fewer
        are wanted than would be comfortable. Raises `Reorganised`, `RpcError`, `ChainUnavailableError`.
        """
        deep = target - WINDOW
        linked = after.number >= deep
        last = target if linked else deep
        tried = 0
        while True:
            span = min(self._span, last - after.number, most or self._span)
            try:
                found = self._read(after, after.number + span, linked=linked)
            except RpcError:
                # "too many results", "response too large", "range too wide": every node says it differently.
                if span == 1:
                    raise
                self._span = span // 2
            except ChainUnavailableError:
                tried += 1
                if span == 1 or tried > 1:
                    raise
                self._span = max(1, span // 4)
            else:
                self._adapt(span, len(found.rows))
                return found

    def _adapt(self, span: int, count: int) -> None:
        if count > 2 * _WANTED_LOGS:
            self._span = max(1, span * _WANTED_LOGS // count)
        elif count < _WANTED_LOGS // 2 and span == self._span:
            self._span = min(2 * span, self._max_span)

    def _read(self, after: Header, end: int, *, linked: bool) -> LogRange:
        start = after.number + 1
        headers = self.headers(range(start, end + 1) if linked else (end,))
        chain = [header for header in headers if header is not None]
        if len(chain) != len(headers) or (linked and not _is_chain(after, chain)):
            raise Reorganised
        found = LogRange(start, chain[-1], headers=chain if linked else ())
        query = {"address": self._addresses, "fromBlock": hex(start), "toBlock": hex(end)}
        raw = self._rpc.call("eth_getLogs", query)
        if linked:
            raw += self._missed(chain, raw)
        times = self._collect(found, raw, {header.number: header for header in chain})
        if times:
            for header in self.headers(times):
                if header is None or header.hash != found.blocks[header.number][0]:
                    raise Reorganised
                found.blocks[header.number] = header.hash, header.time
        now_after, now_end = self.headers((after.number, end))
        if now_after is None or now_after.hash != after.hash or now_end is None or now_end.hash != found.end.hash:
            raise Reorganised
        return found

    def _collect(self, found: LogRange, raw: Iterable[Mapping[str, Any]], known: Mapping[int, Header]) -> list[int]:
        """Puts the node's logs into `found`; returns the blocks whose times the node did not give with them."""
        timeless: list[int] = []
        logs: list[Log] = []
        names, blocks, transactions = self._names, found.blocks, found.transactions
        in_block, in_transaction = "", ""
        first = tx_position = 0
        for log in raw:
            # A block's logs mostly follow one another, and a transaction's: told once.
            if log["blockHash"] != in_block:
                in_block, in_transaction = log["blockHash"], ""
                number = int(log["blockNumber"], 16)
                first = position(number, 0)
                block_hash = bytes.fromhex(in_block[2:])
                header = known.get(number)
                if header is not None and header.hash != block_hash:
                    raise Reorganised
                if blocks.get(number, (block_hash, 0))[0] != block_hash:
                    raise Reorganised
                stamp = log.get("blockTimestamp")
                if header is None and stamp is None and number not in blocks:
                    timeless.append(number)
                blocks[number] = block_hash, header.time if header else int(stamp or "0x0", 16)
            if log["transactionHash"] != in_transaction:
                in_transaction = log["transactionHash"]
                tx_position = first + int(log["transactionIndex"], 16)
                transactions[tx_position] = bytes.fromhex(in_transaction[2:])
            topics = "".join(log["topics"]).replace("0x", "")
            name = names.get(log["address"]) or names[log["address"].lower()]
            place = first + int(log["logIndex"], 16)
            logs.append((place, tx_position, name, bytes.fromhex(topics), bytes.fromhex(log["data"][2:])))
        logs.sort()
        found.rows, found.arguments = decoded(logs)
        return timeless

    def _missed(self, chain: Sequence[Header], raw: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The logs of blocks that announce some by their bloom filter, but of which none came."""
        there = {int(log["blockNumber"], 16) for log in raw}
        suspects = [
            header
            for header in chain
            if header.number not in there and any(header.bloom & bits == bits for bits in self._blooms)
        ]
        logs: list[Any] = []
        for start in range(0, len(suspects), _BATCH):
            requests = [
                ("eth_getLogs", [{"address": self._addresses, "blockHash": "0x" + header.hash.hex()}])
                for header in suspects[start : start + _BATCH]
            ]
            for answer in self._rpc.batch(requests):
                logs += answer
        return logs


def _header(block: Mapping[str, Any] | None) -> Header | None:
    if block is None:
        return None
    return Header(
        number=int(block["number"], 16),
        hash=bytes.fromhex(block["hash"][2:]),
        parent=bytes.fromhex(block["parentHash"][2:]),
        time=int(block["timestamp"], 16),
        bloom=int(block.get("logsBloom") or "-0x1", 16),
    )


def _is_chain(after: Header, headers: Sequence[Header]) -> bool:
    parents = (after, *headers)
    return all(header.parent == parent.hash for parent, header in zip(parents, headers, strict=False))


def _bloom_bits(address: bytes) -> int:
    """The three bits of a 2,048-bit bloom filter that stand for an address (Yellow Paper, 4.4.1)."""
    digest = keccak(address)
    bits = 0
    for pair in range(0, 6, 2):
        bits |= 1 << (int.from_bytes(digest[pair : pair + 2], "big") & 2047)
    return bits
