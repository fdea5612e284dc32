"""The rig of `route_rig` on Anvil, and the command line on its chain."""

import json

import pytest
from click.testing import CliRunner
from route_rig import Rig, consortium_on
from undoing import undone

from chromatrace.crypto.step import Verifier
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings


@pytest.fixture(scope="module")
def rig(anvil, deployment, tmp_path_factory):
    with undone(anvil.rpc()), consortium_on(anvil, deployment, tmp_path_factory.mktemp("route")) as chain:
        yield Rig(chain, Verifier(deployment.chain_id, deployment.address("RouteVerifier")))


@pytest.fixture
def workspace_settings(rig, tmp_path):
    """Of the command line, on the chain of `rig`, in a folder of the test's own."""
    known = rig.chain.manifest
    contracts = {
        name: {"address": one.address, "block": one.block, "code_hash": "0x" + one.code_hash.hex()}
        for name, one in known.contracts.items()
    }
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"chain_id": known.chain_id, "block": known.block, "contracts": contracts}))
    return Settings(rpc_url=rig.chain.rpc.url, data=tmp_path / "data", manifest=manifest, dev_account=0)


@pytest.fixture
def run(workspace_settings, tmp_path, monkeypatch):
    """Runs a command and returns its JSON; a refusal is raised."""
    monkeypatch.setenv("CHROMATRACE_STATION_PASSWORD", "a station's password")
    monkeypatch.chdir(tmp_path)

    def command(group, *words, status=0):
        with Workspace(workspace_settings) as workspace:
            answer = CliRunner().invoke(group, [*words, "--json"], obj=workspace)
        if isinstance(answer.exception, ChromaTraceError):
            raise answer.exception
        assert answer.exit_code == status, answer.output
        return json.loads(answer.stdout)

    return command
