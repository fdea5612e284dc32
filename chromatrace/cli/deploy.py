"""`chromatrace deploy`: the contracts onto the chain, by Brownie in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import orjson

from chromatrace.cli.output import emit, err, json_option
from chromatrace.cli.workspace import Workspace
from chromatrace.domain.errors import NotFound, Unavailable

SCRIPT = Path("scripts") / "deploy.py"


@click.command()
@json_option
@click.pass_obj
def deploy(workspace: Workspace, as_json: bool) -> None:
    """Deploy the contracts to the chain at --rpc-url and write the manifest.

    Run twice it changes nothing. On a dev chain the node's first account deploys; elsewhere --keystore does. Needs a
    checkout of the project, since Brownie compiles the contracts there.
    """
    emit(as_json, deploy_contracts(workspace))


def deploy_contracts(workspace: Workspace, manifest_folder: Path | None = None) -> dict[str, Any]:
    """Deploys and returns what `scripts/deploy.py --json` says. Raises `Unavailable` with its last words."""
    root = Path(__file__).resolve().parents[2]
    if not (root / SCRIPT).exists():
        raise NotFound(f"{root / SCRIPT} is missing", field="deploy", hint="run this in a checkout of the project")
    command = [sys.executable, str(SCRIPT), "--rpc", workspace.settings.rpc_url, "--json"]
    if manifest_folder is not None:
        command += ["--manifest-dir", str(manifest_folder.resolve())]
    elif workspace.settings.manifest is not None:
        command += ["--manifest-dir", str(workspace.settings.manifest.resolve().parent)]
    if workspace.settings.keystore is not None:
        command += ["--keystore", str(workspace.settings.keystore.resolve())]
    with err.status("Compiling and deploying the contracts …"):
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(
            words[-1] if words else f"deployment ended with status {done.returncode}",
            field="deploy",
            hint=f"run `{' '.join(command)}` to see all that it says",
        )
    answer: dict[str, Any] = orjson.loads(done.stdout[done.stdout.index("{") :])
    return answer
