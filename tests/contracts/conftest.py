"""One Anvil on a free port, one deployment for the whole run, and a snapshot for every test."""

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

# While this port is bound here, the system does not assign it to another process. SO_REUSEADDR lets Anvil listen on it.
_port = socket.socket()
_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
_port.bind(("127.0.0.1", 0))

# Brownie starts its development network after collection, from these settings. With the default port 8545, it would run
# the tests on any chain that listens there. Anvil's default hardfork changes with its releases. One call registers 100
# batches, which exceeds Brownie's default block gas limit.
# (`brownie._config` is not imported: Brownie parses the modules that a conftest imports from below the project folder,
# and this module is compiled.)
brownie._config.CONFIG.networks["development"]["cmd_settings"] = {
    "port": _port.getsockname()[1],
    "evm_version": "prague",
    "gas_limit": 2**24,
    "accounts": 10,
    "base_fee": 0,
}

# Brownie inspects the call stack at every snapshot to warn about manual snapshots, which takes 0.2 s each.
for _method in ("snapshot", "revert"):
    _unguarded = getattr(type(brownie.rpc), _method).__closure__[0].cell_contents
    setattr(type(brownie.rpc), _method, _unguarded)


def _receipt_first(await_confirmation):
    """Wait for the receipt first. Anvil counts the nonce before the receipt exists, which Brownie takes for a drop."""

    def patient(self, *args, **kwargs):
        while brownie.web3.provider.make_request("eth_getTransactionReceipt", [self.txid])["result"] is None:
            time.sleep(0.005)
        return await_confirmation(self, *args, **kwargs)

    return patient


_Receipt = brownie.network.transaction.TransactionReceipt
_Receipt._await_confirmation = _receipt_first(_Receipt._await_confirmation)


def pytest_collection():
    """Make hypothesis generate the same examples in every run. CHROMATRACE_EXPLORE=1 generates new ones.

    Brownie has loaded its own profile before; tests read the profile when they are imported.
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
def env():
    """Deploy the contracts and register organisations and operators.

    The time of the chain advances through `advance_to` only, so a slow machine does not end a round.
    """
    from environment import ContractEnvironment

    brownie.web3.provider.make_request("anvil_setBlockTimestampInterval", [0])
    return ContractEnvironment.build()


@pytest.fixture(autouse=True)
def _isolation(env):
    from dev_chain import revert

    snapshot = env.rpc.call("evm_snapshot")
    (project,) = brownie.project.get_loaded_projects()
    counts = [(container, len(container)) for container in project]
    yield
    revert(env.rpc, snapshot)
    # Brownie remembers transactions and contracts of the reverted chain. It would wait for their nonce, and confuse a
    # contract that another test deploys at the same address.
    brownie.history.clear()
    for container, count in counts:
        for contract in container[count:]:
            container.remove(contract)
