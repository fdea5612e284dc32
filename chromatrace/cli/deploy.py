"""`chromatrace deploy`: deploy the contracts."""

from __future__ import annotations

import click

from chromatrace.cli.output import emit, err, json_option
from chromatrace.services.workspace import Workspace


@click.command()
@json_option
@click.pass_obj
def deploy(workspace: Workspace, as_json: bool) -> None:
    """Deploy the contracts to the chain at --rpc-url and write the manifest.

    The manifest is the file given by --manifest, or the one that commands use by default. A second run changes
    nothing. On a dev chain the node's first account deploys; on any other chain --keystore is required. Requires a
    checkout of the project with Brownie's environment (`make setup`).
    """
    from chromatrace.services.local_chain import deploy as deploy_to

    with err.status("Compiling and deploying the contracts …"):
        report = deploy_to(workspace)
    emit(as_json, report)
