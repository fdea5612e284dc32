"""`chromatrace status`: what is deployed, indexed, spooled and anchored."""

from __future__ import annotations

import click

from chromatrace.cli.output import emit, json_option
from chromatrace.services.workspace import Workspace


@click.command()
@json_option
@click.pass_obj
def status(workspace: Workspace, as_json: bool) -> None:
    """Show the deployment, the index's lag, and what the spool holds against what is anchored."""
    manifest = workspace.manifest
    with workspace.index.snapshot() as snapshot:
        head, counts = snapshot.head(), snapshot.count_batches()
    heads = workspace.proofs.heads
    facts = {
        "rpc_url": workspace.rpc.url,
        "chain_id": manifest.chain_id,
        "contracts": {name: entry.address for name, entry in manifest.contracts.items()},
        "indexed_block": head.indexed_block,
        "lag_blocks": head.lag_blocks,
        "batches": {state.name.lower(): count for state, count in counts.items()},
        "channels": {
            name: {
                "spooled": workspace.spool.size(name),
                "anchored": published.size if (published := heads.last_published(name)) else 0,
            }
            for name in workspace.spool.names()
        },
    }
    emit(as_json, facts)
