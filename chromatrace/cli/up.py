"""`chromatrace up`: a local stack that keeps its state: chain, contracts, index, portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from chromatrace.cli.interrupts import told_to_end
from chromatrace.cli.output import err
from chromatrace.services.workspace import Workspace


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the portal listens.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Of the portal; 0: any.")
@click.option(
    "--chain-port", default=8545, show_default=True, type=click.IntRange(0, 65535), help="Of the chain; 0: any."
)
@click.pass_obj
def up(workspace: Workspace, host: str, port: int, chain_port: int) -> None:
    """Start a local development stack: Anvil, the contracts, the index and the portal.

    The chain is kept in the data folder; the next `up` goes on where this one ends. Other commands on the same --data
    find its contracts (with another --chain-port give them --rpc-url too). For development only: everybody knows the
    keys of this chain.

    Anvil writes its chain when it ends: at Ctrl-C, and on Linux also when `up` is killed. If Anvil itself is killed, or
    the machine stops, what came since the start is lost; the index follows the shorter chain.
    """
    from chromatrace.cli.portal import held_port, links_to, serving, url_at

    with (
        held_port(host, port) as port,
        links_to(workspace, host, port) as here,
        local_chain(here, chain_port, workspace.data / "chain.json") as local,
        serving(local, host, port),
    ):
        ended = told_to_end()
        err.print(f"chain  {local.settings.rpc_url}", highlight=False)
        err.print(f"portal {url_at(host, port)}   Ctrl-C ends both", highlight=False)
        ended.wait()


@contextmanager
def local_chain(workspace: Workspace, port: int, state: Path | None) -> Iterator[Workspace]:
    """A running Anvil with the contracts on it, and the workspace that uses it."""
    from chromatrace.chain.dev_node import DevNode
    from chromatrace.cli.deploy import deploy_to

    with ExitStack() as stack:
        with err.status("Starting Anvil …"):
            node = stack.enter_context(DevNode(port=port, state_path=state))
        manifest = workspace.data / "deployments" / f"{node.chain_id}.json"
        local = stack.enter_context(Workspace(replace(workspace.settings, rpc_url=node.url, manifest=manifest)))
        deploy_to(local)
        yield local
