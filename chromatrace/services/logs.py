"""The logs of readings: how much is stored and how much is anchored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chromatrace.anchor import Anchorer
from chromatrace.chain import calls, reads
from chromatrace.chain.anchored import channel_named, current_channel, succession
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.services.organisations import signer_organisation
from chromatrace.services.workspace import Workspace


def channel_sizes(workspace: Workspace) -> dict[str, dict[str, int]]:
    """Return the number of spooled and of anchored readings by channel.

    Anchored readings are those under a root on the chain that equals the root of the spooled readings, in a channel of
    any organisation.
    """
    spooled = {name: workspace.spool.size(name) for name in workspace.spool.names()}
    return {
        name: {"spooled": size, "anchored": _anchored_size(workspace, name, size)} for name, size in spooled.items()
    }


def _anchored_size(workspace: Workspace, name: str, spooled: int) -> int:
    chain, anchorer = workspace.reader, workspace.proofs
    owners = [OrganisationId(number) for number in range(1, chain.read(reads.organisation_count()) + 1)]
    ids = chain.read_many([reads.channel_id(owner, name) for owner in owners])
    anchored = 0
    current = [succession(chain, identifier)[-1] for identifier in ids]
    for state in chain.read_many([reads.channel(identifier) for identifier in current]):
        if anchored < state.size <= spooled:
            anchorer.extend(name)
            if anchorer.log(name).root(state.size) == state.root:
                anchored = state.size
    return anchored


def succeed_channel(workspace: Workspace, name: str, successor: str) -> dict[str, Any]:
    """Close a channel of the signer's organisation in favour of a new one, and return its id and the transaction."""
    organisation = signer_organisation(workspace)
    channel = channel_named(workspace.chain, name, organisation)
    receipt = workspace.chain.submit(calls.succeed_channel(channel.id, successor))
    return {"channel": successor, "id": receipt.event("ChannelOpened").args["channel"], "tx": receipt.tx}


def anchor_channels(workspace: Workspace, anchorer: Anchorer, channels: Sequence[str]) -> list[dict[str, Any]]:
    """Anchor the spooled readings of `channels` and return the new heads."""
    organisation = workspace.chain.read(reads.operator(workspace.chain.sender)).organisation
    heads = []
    for channel in channels:
        anchorer.extend(channel)
        head = anchorer.anchor(channel)
        if head is not None:
            identifier = current_channel(workspace.chain, organisation, head.channel)
            heads.append({"channel": head.channel, "id": identifier, "size": head.size, "root": head.root})
    return heads
