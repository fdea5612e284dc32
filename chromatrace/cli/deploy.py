"""`chromatrace deploy`: the contracts onto the chain, by Brownie in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from chromatrace.cli.output import emit, err, json_option
from chromatrace.domain.errors import ChromaTraceError, NotFound, Unavailable
from chromatrace.services.workspace import Workspace

SCRIPT = Path("scripts") / "deploy.py"


@click.command()
@json_option
@click.pass_obj
def deploy(workspace: Workspace, as_json: bool) -> None:
    """Deploy the contracts to the chain at --rpc-url and write the manifest.

    The manifest is the file that --manifest names, or the one that commands look for without it. Run twice it changes
    nothing. On a dev chain the node's first account deploys; elsewhere --keystore does. Needs a checkout of the
    project, since Brownie compiles the contracts there.
    """
    emit(as_json, deploy_contracts(workspace))


class DeploymentRefused(ChromaTraceError):
    """What `scripts/deploy.py` refused, in its own process; told under the name that the refusal has there."""

    def __init__(self, told: Mapping[str, str]) -> None:
        super().__init__(told["message"], field=told.get("field"), hint=told.get("hint"))
        self.name = told["error"]

    def as_dict(self) -> dict[str, str]:
        """The one error shape; `error` is the name of the refusal in the other process."""
        return super().as_dict() | {"error": self.name}


def deploy_contracts(workspace: Workspace) -> dict[str, Any]:
    """Deploys and returns what `scripts/deploy.py --json` says.

    Raises `ChainUnavailable`, `DeploymentRefused`, or `Unavailable` with the last words of a script that broke off.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / SCRIPT).exists():
        raise NotFound(f"{root / SCRIPT} is missing", field="deploy", hint="run this in a checkout of the project")
    settings = workspace.settings
    manifest = settings.manifest_path(workspace.chain_id).resolve()
    command = [sys.executable, str(SCRIPT), "--rpc", settings.rpc_url, "--manifest", str(manifest), "--json"]
    if settings.keystore is not None:
        command += ["--keystore", str(settings.keystore.resolve())]
    with err.status("Compiling and deploying the contracts …"):
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    start = done.stdout.find("{")
    try:
        answer: dict[str, Any] = orjson.loads(done.stdout[start:] if start >= 0 else "")
    except orjson.JSONDecodeError as error:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(
            words[-1] if words else f"deployment ended with status {done.returncode}",
            field="deploy",
            hint=f"run `{' '.join(command)}` in {root} to see all that it says",
        ) from error
    if done.returncode:
        raise DeploymentRefused(answer)
    return answer
