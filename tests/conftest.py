"""Fixtures of every test: real chains, a real deployment, the published vectors.

Imports of the project stand inside the fixtures: `brownie test` loads this file too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _folder(variable, default):
    folder = Path(os.environ.get(variable, ROOT.parent / default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set {variable} to the folder")
    return folder


@pytest.fixture(scope="session")
def vectors_dir():
    """The published vectors (CHROMATRACE_VECTORS)."""
    return _folder("CHROMATRACE_VECTORS", "shared/vectors")


@pytest.fixture(scope="session")
def data_dir():
    """Recorded process data (CHROMATRACE_DATA_SETS)."""
    return _folder("CHROMATRACE_DATA_SETS", "shared/data")


@pytest.fixture(scope="session")
def anvil():
    """One Anvil for the whole session, with history, so that tests may revert and reorganise it."""
    from chromatrace.chain.devnode import DevNode

    with DevNode("anvil", history=True) as node:
        yield node


@pytest.fixture(scope="session")
def ganache():
    """One Ganache for the whole session."""
    from chromatrace.chain.devnode import DevNode

    with DevNode("ganache", chain_id=1337) as node:
        yield node


def deploy(node, folder):
    """Deploys with scripts/deploy.py onto `node`, through Brownie's own process; returns the manifest's path."""
    tools = f"{ROOT / 'node_modules' / '.bin'}{os.pathsep}{Path(sys.executable).parent}"
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "SOLCX_BINARY_PATH": str(ROOT / ".solcx"),
    }
    command = [sys.executable, "scripts/deploy.py", "--rpc", node.url, "--manifest-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return Path(folder) / f"{node.chain_id}.json"


@pytest.fixture(scope="session")
def deployment(anvil, tmp_path_factory):
    """The manifest of the contracts deployed on `anvil`."""
    from chromatrace.chain.manifest import Manifest

    return Manifest.load(deploy(anvil, tmp_path_factory.mktemp("deployments")))


@pytest.fixture(scope="session")
def ganache_deployment(ganache, tmp_path_factory):
    """The manifest of the contracts deployed on `ganache`."""
    from chromatrace.chain.manifest import Manifest

    return Manifest.load(deploy(ganache, tmp_path_factory.mktemp("deployments")))


@pytest.fixture
def isolated(anvil, deployment):
    """The deployed chain; whatever the test does to it is undone."""
    rpc = anvil.rpc()
    mark = rpc.call("evm_snapshot")
    yield anvil
    rpc.call("evm_revert", mark)


@pytest.fixture
def chain(isolated, deployment, tmp_path):
    """A `Chain` on the deployed contracts whose signer is the deployer (registrar), with an outbox of its own."""
    import warnings

    from chromatrace.chain.client import Chain
    from chromatrace.chain.delivery import DeliveryPolicy
    from chromatrace.chain.outbox import Outbox
    from chromatrace.chain.signer import DevKeyWarning, dev_signer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        signer = dev_signer(0, deployment.chain_id)
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield Chain(isolated.rpc(), deployment, outbox, signer, DeliveryPolicy(timeout_s=120))
