"""What the chain itself says of a channel's log: asked of the node, not of our index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chromatrace.chain.client import Call, Chain
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.ethereum.abi import contract, decode_log
from chromatrace.ethereum.errors import RpcError

_LEDGER = "ProcessLedger"


@dataclass(frozen=True, slots=True)
class Anchored:
    """One head of a log as `LogAnchored` tells it."""

    size: int
    root: bytes
    block_number: int
    tx_hash: bytes


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel and the number of the organisation that opened it."""

    id: bytes
    organisation: int


def channel_named(chain: Chain, name: str, organisation: int | None = None) -> Channel:
    """The channel of this name, of `organisation` where one is given; `NotFound`, or `InvalidInput` where several."""
    if organisation is None:
        owners = range(1, chain.read("Consortium", "organisationCount") + 1)
    else:
        owners = range(organisation, organisation + 1)
    ids = chain.read_many([Call(_LEDGER, "channelIdOf", (owner, name)) for owner in owners])
    opened = chain.read_many([Call(_LEDGER, "channel", (found,)) for found in ids])
    channels = [Channel(found, state["organisation"]) for found, state in zip(ids, opened, strict=True)]
    channels = [found for found in channels if found.organisation]
    if not channels:
        raise NotFound(f"no channel {name!r} stands on the chain", field="channel", hint="anchor it first")
    if len(channels) > 1:
        numbers = ", ".join(str(found.organisation) for found in channels)
        raise InvalidInput(
            f"the organisations {numbers} have a channel {name!r} each", field="organisation", hint="say which one"
        )
    return channels[0]


def anchors_of(chain: Chain, channel: Channel) -> list[Anchored]:
    """Every anchor of a channel, the oldest first."""
    return list(_anchors(chain, channel.id))


def anchor_at(chain: Chain, channel: bytes, size: int) -> Anchored | None:
    """The anchor of a channel, by its id, at exactly `size` entries, of which there is one at most; None: none."""
    return next(_anchors(chain, channel, size), None)


def _anchors(chain: Chain, channel: bytes, size: int | None = None) -> Iterator[Anchored]:
    topics = [contract(_LEDGER).events["LogAnchored"].topic, channel]
    if size is not None:
        topics.append(size.to_bytes(32, "big"))
    where = {"address": chain.manifest.address(_LEDGER), "topics": ["0x" + topic.hex() for topic in topics]}
    newest = int(chain.rpc.call("eth_blockNumber"), 16)
    for log in _logs(chain, where, chain.manifest.block, newest):
        event = decode_log(_LEDGER, log)
        assert event is not None
        yield Anchored(event.args["size"], event.args["root"], event.block_number, event.tx_hash)


def _logs(chain: Chain, where: dict[str, Any], first: int, last: int) -> Iterator[dict[str, Any]]:
    """The logs of a range; where the node takes no range as wide, those of its halves."""
    try:
        yield from chain.rpc.call("eth_getLogs", where | {"fromBlock": hex(first), "toBlock": hex(last)})
    except RpcError:
        if first >= last:
            raise
        middle = (first + last) // 2
        yield from _logs(chain, where, first, middle)
        yield from _logs(chain, where, middle + 1, last)
