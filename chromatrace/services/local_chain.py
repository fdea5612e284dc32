"""A local development chain with the contracts on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from chromatrace.services.workspace import Workspace


@contextmanager
def local_chain(workspace: Workspace, port: int, state: Path | None) -> Iterator[Workspace]:
    """Run Anvil with the contracts deployed while the block lasts, and yield a workspace that uses it.

    port   0: any free port
    state  file that keeps the chain across restarts; None: the chain is discarded
    """
    from chromatrace.chain.dev_node import DevNode

    with ExitStack() as stack:
        node = stack.enter_context(DevNode(port=port, state_path=state))
        manifest = workspace.data / "deployments" / f"{node.chain_id}.json"
        local = stack.enter_context(workspace.with_settings(rpc_url=node.url, manifest=manifest))
        deploy(local)
        yield local


def deploy(workspace: Workspace) -> dict[str, Any]:
    """Deploy the contracts to the workspace's chain and return the report of the script."""
    from chromatrace.chain.deployment import deploy_contracts

    settings = workspace.settings
    manifest = settings.manifest_path(workspace.chain_id)
    return deploy_contracts(settings.rpc_url, manifest, settings.keystore, settings.key_password)
