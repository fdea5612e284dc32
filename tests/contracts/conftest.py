"""One Anvil of its own on a free port, one deployment for the whole run, and a clean slate for every test."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import brownie
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

# Nobody else is given this port while it is bound here; Anvil, which binds as servers do, may listen on it.
_port = socket.socket()
_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
_port.bind(("127.0.0.1", 0))

# Brownie starts its development network after collection, from these settings. Port 8545 may be somebody else's, and
# Brownie would run the tests on that chain; the default rules move with Anvil's releases; one call registers 100
# batches, which is more than Brownie's default block holds.
# (`brownie._config` by attribute: Brownie parses what a conftest imports from below the project folder as Python, and
# this module is compiled.)
brownie._config.CONFIG.networks["development"]["cmd_settings"] = {
    "port": _port.getsockname()[1],
    "evm_version": "prague",
    "gas_limit": 2**24,
    "accounts": 10,
    "base_fee": 0,
}

# Brownie walks the call stack at every snapshot, to warn whoever takes one by hand: 0.2 s each, thousands in a run.
for _method in ("snapshot", "revert"):
    _unguarded = getattr(type(brownie.rpc), _method).__closure__[0].cell_contents
    setattr(type(brownie.rpc), _method, _unguarded)


def _receipt_first(await_confirmation):
    """Anvil counts a nonce a moment before it has the receipt; Brownie takes that for a dropped transaction."""

    def patient(self, *args, **kwargs):
        while brownie.web3.provider.make_request("eth_getTransactionReceipt", [self.txid])["result"] is None:
            time.sleep(0.005)
        return await_confirmation(self, *args, **kwargs)

    return patient


_Receipt = brownie.network.transaction.TransactionReceipt
_Receipt._await_confirmation = _receipt_first(_Receipt._await_confirmation)


def pytest_collection():
    """The same made-up examples in every run, however busy the machine; CHROMATRACE_EXPLORE=1 makes up new ones.

    Brownie has loaded its own profile by now; tests take theirs when they are imported.
    """
    settings.register_profile(
        "contracts",
        parent=settings.default,
        suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.too_slow],
        database=None,
        derandomize="CHROMATRACE_EXPLORE" not in os.environ,
    )
    settings.load_profile("contracts")


@pytest.fixture(scope="session")
def world():
    """The contracts, wired, with organisations and operators (see `world.World`).

    Time passes on their chain by `advance_to` alone: no round ends because the machine is busy.
    """
    from world import World

    brownie.web3.provider.make_request("anvil_setBlockTimestampInterval", [0])
    return World.build()


@pytest.fixture(autouse=True)
def _isolation(world):
    from dev_chain import revert

    snapshot = world.rpc.call("evm_snapshot")
    (project,) = brownie.project.get_loaded_projects()
    known = [(container, len(container)) for container in project]
    yield
    revert(world.rpc, snapshot)
    # Brownie waits for the nonce to pass that of the last transaction it knows of, and takes what another test deploys
    # at the same nonce for what it knows at that address.
    brownie.history.clear()
    for container, many in known:
        for contract in container[many:]:
            container.remove(contract)
