"""Deployment of the contracts by `scripts/deploy.py`, which runs Brownie in an environment of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from chromatrace.domain.errors import ChromaTraceError, NotFound, Unavailable

ROOT = Path(__file__).resolve().parents[2]
BROWNIE_PYTHON = ROOT / ".venv-brownie" / "bin" / "python"
_SCRIPT = Path("scripts") / "deploy.py"


class DeploymentError(ChromaTraceError):
    """An error that `scripts/deploy.py` reported; `as_dict` keeps the name it has there."""

    def __init__(self, report: Mapping[str, str]) -> None:
        super().__init__(report["message"], field=report.get("field"), hint=report.get("hint"))
        self.name = report["error"]

    def as_dict(self) -> dict[str, str]:
        """Return the error with the class name from the script."""
        return super().as_dict() | {"error": self.name}


def deploy_contracts(
    rpc_url: str, manifest: Path, keystore: Path | None = None, password: str | None = None
) -> dict[str, Any]:
    """Deploy the contracts, or verify those that `manifest` names, and return the script's report.

    Raises `NotFound` outside a checkout, `DeploymentError` with an error of the script, and `Unavailable` if the
    script ends without a report.
    """
    for path in (ROOT / _SCRIPT, BROWNIE_PYTHON):
        if not path.exists():
            raise NotFound(
                f"{path} does not exist", field="deploy", hint="run `make setup` in a checkout of the project"
            )
    command = [str(BROWNIE_PYTHON), str(_SCRIPT), "--rpc", rpc_url, "--manifest", str(manifest.resolve()), "--json"]
    if keystore is not None:
        command += ["--keystore", str(keystore.resolve())]
    environment = os.environ | ({} if password is None else {"CHROMATRACE_KEY_PASSWORD": password})
    done = subprocess.run(  # noqa: S603 - a script of this checkout
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    start = done.stdout.find("{")
    try:
        report: dict[str, Any] = orjson.loads(done.stdout[start:] if start >= 0 else "")
    except orjson.JSONDecodeError as error:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(
            lines[-1] if lines else f"{_SCRIPT} ended with status {done.returncode}",
            field="deploy",
            hint=f"run `{' '.join(command)}` in {ROOT} to see its full output",
        ) from error
    if done.returncode:
        raise DeploymentError(report)
    return report
