"""Events of one kind, read from the node's logs instead of the index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chromatrace.chain.client import Chain
from chromatrace.ethereum.abi import Event, contract, decode_log
from chromatrace.ethereum.errors import RpcError


def events(chain: Chain, source: str, name: str, *topics: bytes) -> Iterator[Event]:
    """Yield the events `name` of the contract `source` whose first indexed arguments are `topics`, oldest first."""
    words = [contract(source).events[name].topic, *topics]
    query = {"address": chain.manifest.address(source), "topics": ["0x" + word.hex() for word in words]}
    newest = int(chain.rpc.call("eth_blockNumber"), 16)
    for log in _logs(chain, query, chain.manifest.block, newest):
        event = decode_log(source, log)
        assert event is not None
        yield event


def _logs(chain: Chain, query: dict[str, Any], first: int, last: int) -> Iterator[dict[str, Any]]:
    """Yield the logs of a range; if the node rejects its width, those of each half."""
    try:
        yield from chain.rpc.call("eth_getLogs", query | {"fromBlock": hex(first), "toBlock": hex(last)})
    except RpcError:
        if first >= last:
            raise
        middle = (first + last) // 2
        yield from _logs(chain, query, first, middle)
        yield from _logs(chain, query, middle + 1, last)
