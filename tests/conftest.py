"""Fixtures of all tests: real chains, a real deployment, the published vectors.

The project is imported inside the fixtures, because `brownie test` loads this file too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")

# These variables change the output of programs, which tests read.
for _name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"):
    os.environ.pop(_name, None)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Put temporary folders in memory if it has 4 GiB free and --basetemp is not set.

    Otherwise tens of thousands of durable commits wait for the disk. Killed processes leave the same files in memory.
    """
    if hasattr(config, "workerinput") or config.option.basetemp is not None:
        return
    if os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= 4 << 30:
        config.option.basetemp = tempfile.mkdtemp(prefix="chromatrace-tests-", dir=MEMORY)
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def _folder(variable, default):
    folder = Path(os.environ.get(variable, ROOT.parent / default))
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist; set {variable} to the folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords():
    """Make keystores cheap to open: portals open one for every action that they sign."""
    from chromatrace.crypto import keystore
    from chromatrace.ethereum import signer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(signer, "WORK_FACTOR", 1 << 10)
        patched.setitem(keystore._SCRYPT, "n", 1 << 10)
        yield


@pytest.fixture(scope="session")
def vectors_dir():
    """Return the folder of the published vectors (CHROMATRACE_VECTORS)."""
    return _folder("CHROMATRACE_VECTORS", "shared/vectors")


@pytest.fixture(scope="session")
def data_dir():
    """Return the folder of recorded process data (CHROMATRACE_DATA_SETS)."""
    return _folder("CHROMATRACE_DATA_SETS", "shared/data")


@pytest.fixture(scope="session")
def anvil():
    """Return one Anvil for the session, with history, which tests may revert and reorganise."""
    from chromatrace.chain.dev_node import DevNode

    with DevNode(history=True) as node:
        yield node


@pytest.fixture(scope="session")
def cancun():
    """Return one Anvil for the session, without the precompiles of EIP-2537."""
    from chromatrace.chain.dev_node import DevNode

    with DevNode(chain_id=1337, rules="cancun") as node:
        yield node


def run_deployment(node, folder):
    """Deploy the contracts on `node` and return the path of the manifest."""
    from chromatrace.chain.deployment import deploy_contracts

    manifest = Path(folder) / f"{node.chain_id}.json"
    deploy_contracts(node.url, manifest)
    return manifest


@pytest.fixture(scope="session")
def deploy(tmp_path_factory):
    """Return `deploy(node, folder)`, which deploys the contracts on a fresh Anvil and returns the manifest's path.

    The contracts are deployed once per test run. Workers load the state of that chain, with all its blocks, into their
    nodes. With `redeploy` (for other rules), or if the node has blocks, the contracts are deployed on `node` itself.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    state, manifest = shared / "deployed-chain", shared / "31337.json"

    def onto(node, folder, *, redeploy=False):
        if redeploy or node.rpc().call("eth_blockNumber") != "0x0":
            return run_deployment(node, folder)
        with (shared / "deployed-chain.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not state.exists():
                _deploy_once(state, shared)
        assert node.rpc().call("anvil_loadState", state.read_text())
        return Path(shutil.copy(manifest, folder))

    return onto


def _deploy_once(state, folder):
    from chromatrace.chain.dev_node import DevNode

    with DevNode(history=True) as node:
        run_deployment(node, folder)
        draft = state.with_suffix(".new")
        draft.write_text(node.rpc().call("anvil_dumpState", True))
        draft.rename(state)


@pytest.fixture(scope="session")
def deployment(anvil, deploy, tmp_path_factory):
    """Return the manifest of the contracts on `anvil`."""
    from chromatrace.ethereum.manifest import Manifest

    return Manifest.load(deploy(anvil, tmp_path_factory.mktemp("deployments")))


@pytest.fixture(scope="session")
def cancun_deployment(cancun, tmp_path_factory):
    """Return the manifest of the contracts on `cancun`."""
    from chromatrace.ethereum.manifest import Manifest

    return Manifest.load(run_deployment(cancun, tmp_path_factory.mktemp("deployments")))


@pytest.fixture
def isolated(anvil, deployment):
    """Return the deployed chain, which is reverted after the test."""
    from dev_chain import reverted_afterwards

    with reverted_afterwards(anvil.rpc()):
        yield anvil


@pytest.fixture
def chain(isolated, deployment, tmp_path):
    """Return a `Chain` on the deployed contracts, with its own outbox and the registrar as signer."""
    import warnings

    from chromatrace.chain.client import Chain
    from chromatrace.chain.outbox import Outbox
    from chromatrace.chain.transaction_sender import DeliveryPolicy
    from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        signer = dev_signer(0, deployment.chain_id)
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield Chain(isolated.rpc(), deployment, outbox, signer, DeliveryPolicy(timeout_s=120))
