"""A consortium with stations on Anvil, and the command line on its chain."""

import json
import os
from dataclasses import replace

import pytest
from click.testing import CliRunner
from dev_chain import reverted_afterwards
from route_rig import Rig, consortium_on

from chromatrace.crypto.step import Verifier
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings


@pytest.fixture(scope="module")
def rig(anvil, deployment, tmp_path_factory):
    with reverted_afterwards(anvil.rpc()), consortium_on(anvil, deployment, tmp_path_factory.mktemp("route")) as chain:
        yield Rig(chain, Verifier(deployment.chain_id, deployment.address("RouteVerifier")))


@pytest.fixture
def workspace_settings(rig, tmp_path):
    """Return settings of the command line for the chain of `rig` and the test's own folder."""
    deployed = rig.chain.manifest
    contracts = {
        name: {"address": entry.address, "block": entry.block, "code_hash": "0x" + entry.code_hash.hex()}
        for name, entry in deployed.contracts.items()
    }
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"chain_id": deployed.chain_id, "block": deployed.block, "contracts": contracts}))
    return Settings(rpc_url=rig.chain.rpc.url, data=tmp_path / "data", manifest=manifest, dev_account=0)


@pytest.fixture
def run(workspace_settings, tmp_path, monkeypatch):
    """Return a function that runs a command and returns its JSON, or raises the command's error."""
    monkeypatch.setenv("CHROMATRACE_STATION_PASSWORD", "a station's password")
    monkeypatch.chdir(tmp_path)

    def command(group, *arguments, status=0):
        settings = replace(workspace_settings, station_password=os.environ["CHROMATRACE_STATION_PASSWORD"])
        with Workspace(settings) as workspace:
            result = CliRunner().invoke(group, [*arguments, "--json"], obj=workspace)
        if isinstance(result.exception, ChromaTraceError):
            raise result.exception
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    return command
