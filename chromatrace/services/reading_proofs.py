"""Readings checked against the roots anchored on the chain. The anchors come from the node, not from the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chromatrace.anchor import ReadingProof
from chromatrace.chain.anchored import anchors_of, channel_named, find_anchor
from chromatrace.domain.errors import IntegrityError, NotFound
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.merkle.proofs import leaf_hash, roots
from chromatrace.services.workspace import Workspace


def check_reading(workspace: Workspace, proof: ReadingProof, organisation: OrganisationId | None) -> dict[str, Any]:
    """Check a proof against the anchors of its channel and return a report.

    organisation  owner of the channel; None if only one organisation has a channel of that name
    Raises `NotFound` if no anchor has the proof's size, `IntegrityError` if the roots differ.
    """
    reading = proof.verify()
    channel = channel_named(workspace.reader, proof.channel, organisation)
    anchor = find_anchor(workspace.reader, channel, proof.size)
    if anchor is None:
        raise NotFound(f"the chain has no anchor of {proof.size} entries of {proof.channel!r}", field="size")
    if anchor.root != proof.root:
        raise IntegrityError(
            f"the root of {proof.size} entries of {proof.channel!r} differs from the root on the chain", field="root"
        )
    return {
        "verified": True,
        "reading": reading,
        "channel": proof.channel,
        "organisation": channel.organisation,
        "leaf": proof.index,
        "root": proof.root,
        "anchored_in_block": anchor.block_number,
        "transaction": anchor.tx_hash,
    }


def check_channel(
    workspace: Workspace,
    channel: str,
    organisation: OrganisationId | None,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Compute every anchored root of a channel from the spool and return a report.

    progress  takes the number of readings hashed so far
    Raises `IntegrityError` if a root differs from the chain's.
    """
    owner = channel_named(workspace.reader, channel, organisation)
    total = workspace.spool.size(channel)
    anchors = [anchor for anchor in anchors_of(workspace.reader, owner) if anchor.size <= total]
    covered = max((anchor.size for anchor in anchors), default=0)
    hashes = map(leaf_hash, workspace.spool.log_entries(channel, 0, covered))
    computed = roots(_counted(hashes, progress), (anchor.size for anchor in anchors))
    for anchor, root in zip(anchors, computed, strict=True):
        if root != anchor.root:
            raise IntegrityError(
                f"the first {anchor.size} readings of {channel!r} in the spool differ from those anchored in block "
                f"{anchor.block_number}",
                field="channel",
            )
    return {
        "verified": covered == total and bool(total),
        "channel": channel,
        "organisation": owner.organisation,
        "readings": total,
        "under_a_root_on_the_chain": covered,
        "anchors_checked": len(anchors),
    }


def _counted(hashes: Iterable[bytes], progress: Callable[[float], None]) -> Iterator[bytes]:
    for number, value in enumerate(hashes, start=1):
        yield value
        if number % 5000 == 0:
            progress(number)
