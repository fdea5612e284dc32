"""`chromatrace chain`: a development chain, the contracts and their status."""

from __future__ import annotations

from contextlib import ExitStack

import click

from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, err, json_option
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace


@click.group()
def chain() -> None:
    """Run a development chain; deploy and inspect the contracts.

    \b
    Example: deploy to your own chain and show the result
      chromatrace key create deployer.json
      chromatrace --rpc-url https://chain.example --keystore deployer.json chain deploy
      chromatrace --rpc-url https://chain.example chain status
    """


@chain.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen address of the portal.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=WholeRange(0, 65535),
    help="Port of the portal; 0: any free port.",
)
@click.option(
    "--chain-port",
    default=8545,
    show_default=True,
    type=WholeRange(0, 65535),
    help="Port of the chain; 0: any free port.",
)
@click.pass_obj
def start(workspace: Workspace, host: str, port: int, chain_port: int) -> None:
    """Start a local development stack: Anvil, the contracts, the index and the portal.

    The chain is stored in the data folder and continues at the next start. Other commands with the same --data find
    its contracts; with another --chain-port they also need --rpc-url. For development only: the keys of this chain
    are public.

    Anvil saves the chain when it exits: on Ctrl-C and, on Linux, also if this command is killed. If Anvil itself is
    killed, all blocks since the start are lost and the index rolls back to the shorter chain.
    """
    from chromatrace.services import processes
    from chromatrace.services.local_chain import local_chain
    from chromatrace.storage.ports import held_port, url_at

    with ExitStack() as stack:
        port = stack.enter_context(held_port(host, port))
        outer = workspace.with_settings(base_url=workspace.settings.base_url or url_at(host, port))
        with err().status("Starting Anvil and deploying the contracts …"):
            local = stack.enter_context(local_chain(outer, chain_port, workspace.data / "chain.json"))
        stack.enter_context(processes.portal(local, host, port))
        stop = stop_event()
        err().print(f"chain  {local.settings.rpc_url}", highlight=False)
        err().print(f"portal {url_at(host, port)}   press Ctrl-C to stop both", highlight=False)
        stop.wait()


@chain.command()
@json_option
@click.pass_obj
def deploy(workspace: Workspace, as_json: bool) -> None:
    """Deploy the contracts to the chain at --rpc-url and write the deployment manifest.

    The manifest is the file that --manifest names, or deployments/<chain-id>.json in the data folder. A second run
    changes nothing. On a development chain the node's first account deploys; on any other chain --keystore is
    required. Requires a checkout of the project after `make setup`.
    """
    from chromatrace.services.local_chain import deploy as deploy_contracts

    with err().status("Compiling and deploying the contracts …"):
        report = deploy_contracts(workspace)
    emit(as_json, report)


@chain.command()
@json_option
@click.pass_obj
def status(workspace: Workspace, as_json: bool) -> None:
    """Show the deployment, the lag of the index, and which readings are anchored."""
    from chromatrace.services.logs import channel_sizes

    manifest = workspace.manifest
    with workspace.index.snapshot() as snapshot:
        head, batches = snapshot.head(), snapshot.count_batches()
    facts = {
        "rpc_url": workspace.rpc.url,
        "chain_id": manifest.chain_id,
        "contracts": {name: entry.address for name, entry in manifest.contracts.items()},
        "indexed_block": head.indexed_block,
        "lag_blocks": head.lag_blocks,
        "batches": {state.name.lower(): count for state, count in batches.items()},
        "channels": channel_sizes(workspace),
    }
    emit(as_json, facts)
