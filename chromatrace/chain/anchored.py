"""Anchored tree heads of a channel's log, read from the chain instead of the index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chromatrace.chain import reads
from chromatrace.chain.client import Chain
from chromatrace.chain.event_logs import events
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import ChannelId, OrganisationId
from chromatrace.ethereum.errors import MissingLogsError


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """One `LogAnchored` event."""

    size: int
    root: bytes
    block_number: int
    tx_hash: bytes


@dataclass(frozen=True, slots=True)
class NamedChannel:
    """A channel and the organisation that opened it. `closed` are the channels that it succeeds, oldest first."""

    id: ChannelId
    organisation: OrganisationId
    closed: tuple[ChannelId, ...] = ()


def succession(chain: Chain, channel: ChannelId) -> tuple[ChannelId, ...]:
    """Return a channel and its successors, oldest first. The last one takes anchors."""
    channels = [channel]
    while chain.read(reads.channel(channels[-1])).closed:
        channels.append(chain.read(reads.successor_of(channels[-1])))
    return tuple(channels)


def current_channel(chain: Chain, organisation: OrganisationId, name: str) -> ChannelId:
    """Return the channel of this name, or its last successor, which takes the anchors of the log."""
    return succession(chain, chain.read(reads.channel_id(organisation, name)))[-1]


def channel_named(chain: Chain, name: str, organisation: OrganisationId | None = None) -> NamedChannel:
    """Return the channel of this name, of `organisation` if given, or its last successor.

    Raises `NotFound`, or `InvalidInput` if several organisations have a channel of this name.
    """
    if organisation is None:
        owners = [OrganisationId(number) for number in range(1, chain.read(reads.organisation_count()) + 1)]
    else:
        owners = [organisation]
    ids = chain.read_many([reads.channel_id(owner, name) for owner in owners])
    states = chain.read_many([reads.channel(channel) for channel in ids])
    channels = [(channel, state.organisation) for channel, state in zip(ids, states, strict=True) if state.organisation]
    if not channels:
        raise NotFound(f"channel {name!r} does not exist on this chain", field="channel", hint="anchor it first")
    if len(channels) > 1:
        numbers = ", ".join(str(owner) for _, owner in channels)
        raise InvalidInput(
            f"organisations {numbers} each have a channel {name!r}",
            field="organisation",
            hint="specify the organisation",
        )
    channel, owner = channels[0]
    *closed, current = succession(chain, channel)
    return NamedChannel(current, owner, tuple(closed))


def anchors_of(chain: Chain, channel: NamedChannel) -> list[AnchoredHead]:
    """Return every anchored head of a channel, oldest first. Raises `MissingLogsError`."""
    anchored = chain.read(reads.channel(channel.id)).size
    heads = list(_anchors(chain, channel.id))
    if anchored > max((head.size for head in heads), default=0):
        raise MissingLogsError.of_blocks(chain.rpc.url, chain.manifest.block, "latest")
    return heads


def find_anchor(chain: Chain, channel: NamedChannel, size: int) -> AnchoredHead | None:
    """Return the head at exactly `size` entries of a channel, or of the newest channel that it succeeds."""
    anchors = (anchor_at(chain, identifier, size) for identifier in (channel.id, *reversed(channel.closed)))
    return next((anchor for anchor in anchors if anchor is not None), None)


def anchor_at(chain: Chain, channel: ChannelId, size: int) -> AnchoredHead | None:
    """Return the anchored head of a channel at exactly `size` entries, if there is one. Raises `MissingLogsError`."""
    head = next(_anchors(chain, channel, size), None)
    if head is None and chain.read(reads.channel(channel)).size == size > 0:
        raise MissingLogsError.of_blocks(chain.rpc.url, chain.manifest.block, "latest")
    return head


def _anchors(chain: Chain, channel: ChannelId, size: int | None = None) -> Iterator[AnchoredHead]:
    topics = [channel] if size is None else [channel, size.to_bytes(32, "big")]
    for event in events(chain, "ProcessLedger", "LogAnchored", *topics):
        yield AnchoredHead(event.args["size"], event.args["root"], event.block_number, event.tx_hash)
