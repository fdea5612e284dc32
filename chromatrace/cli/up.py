"""`chromatrace up`: a local stack that keeps its state: chain, contracts, index, portal."""

from __future__ import annotations

from contextlib import ExitStack

import click

from chromatrace.cli.interrupts import told_to_end
from chromatrace.cli.output import err
from chromatrace.services.workspace import Workspace


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen address of the portal.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port of the portal; 0: any free."
)
@click.option(
    "--chain-port",
    default=8545,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of the chain; 0: any free.",
)
@click.pass_obj
def up(workspace: Workspace, host: str, port: int, chain_port: int) -> None:
    """Start a local development stack: Anvil, the contracts, the index and the portal.

    The chain is stored in the data folder and continues at the next start. Other commands with the same --data find
    its contracts; with another --chain-port they also need --rpc-url. For development only: the keys of this chain
    are public.

    Anvil writes the chain when it ends: on Ctrl-C and, on Linux, also if this command is killed. If Anvil itself is
    killed, everything since the start is lost; the index follows the shorter chain.
    """
    from chromatrace.services import processes
    from chromatrace.services.local_chain import local_chain
    from chromatrace.services.ports import held_port, url_at

    with ExitStack() as stack:
        port = stack.enter_context(held_port(host, port))
        outer = workspace.with_settings(base_url=workspace.settings.base_url or url_at(host, port))
        with err.status("Starting Anvil and deploying the contracts …"):
            local = stack.enter_context(local_chain(outer, chain_port, workspace.data / "chain.json"))
        stack.enter_context(processes.portal(local, host, port))
        ended = told_to_end()
        err.print(f"chain  {local.settings.rpc_url}", highlight=False)
        err.print(f"portal {url_at(host, port)}   press Ctrl-C to stop both", highlight=False)
        ended.wait()
