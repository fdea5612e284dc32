"""The logs of readings: how much is stored and how much is anchored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chromatrace.anchor import Anchorer
from chromatrace.chain import reads
from chromatrace.exchange.proven import channel_id
from chromatrace.services.workspace import Workspace


def channel_sizes(workspace: Workspace) -> dict[str, dict[str, int]]:
    """Return the number of spooled and of anchored readings by channel."""
    heads = workspace.proofs.heads
    return {
        name: {
            "spooled": workspace.spool.size(name),
            "anchored": published.size if (published := heads.last_published(name)) else 0,
        }
        for name in workspace.spool.names()
    }


def anchor_channels(workspace: Workspace, anchorer: Anchorer, channels: Sequence[str]) -> list[dict[str, Any]]:
    """Anchor the spooled readings of `channels` and return the new heads."""
    organisation = workspace.chain.read(reads.operator(workspace.chain.sender)).organisation
    heads = []
    for channel in channels:
        anchorer.extend(channel)
        head = anchorer.anchor(channel)
        if head is not None:
            identifier = channel_id(organisation, head.channel)
            heads.append({"channel": head.channel, "id": identifier, "size": head.size, "root": head.root})
    return heads
