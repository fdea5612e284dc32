"""A panel of three inspectors on the deployed contracts, and inspector processes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import fork_server
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from inspector_runs import ACCOUNTS, COMMIT_S, dev_address

from chromatrace.chain import calls
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.quality.rules import Rule


@pytest.fixture
def panel(chain):
    """Create a panel of Example Glass with three inspectors, and return the organisation's number.

    The chain's signer is producer and administrator. The chain's clock is ten minutes slow, as on a development chain
    that was reverted.
    """
    chain.rpc.call("evm_setTime", int(time.time()) - 600)
    all_roles = Role((1 << 7) - 1)
    registered = chain.submit(
        calls.register_organisation(OrganisationKind.MANUFACTURER, Gln("9521234000013"), all_roles, "Example Glass")
    )
    number = registered.event("OrganisationRegistered").args["organisation"]
    chain.submit(calls.appoint_operator(chain.sender, number, all_roles))
    rule = Rule.majority(2, maximum=3)
    chain.submit(calls.set_rule(rule, first_wave=3, commit_s=COMMIT_S))
    for account in ACCOUNTS:
        address = dev_address(account, chain)
        chain.submit(calls.appoint_operator(address, number, Role.INSPECTOR))
        chain.submit(calls.enrol_inspector(address, 1_000, bytes(32)))
    return number


@pytest.fixture
def manifest(chain, tmp_path):
    """Write the deployment's manifest to a file and return its path."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(_manifest_of(chain)), encoding="utf-8")
    return path


@pytest.fixture
def start(isolated, manifest, tmp_path):
    """Return a function that starts `chromatrace inspection run` for a development account.

    Processes that still run after the test are killed.
    """
    running = []

    def begin(account, panel, *answers, terminal=None, rpc_url=None):
        run = ("run", "--panel", str(panel), "--every", "0.1", *answers)
        return command(account, *run, terminal=terminal, rpc_url=rpc_url)

    def command(account, *arguments, terminal=None, rpc_url=None):
        folder = tmp_path / f"inspector-{account}"
        folder.mkdir(exist_ok=True)
        base = (
            "--data",
            folder,
            "--rpc-url",
            rpc_url or isolated.url,
            "--manifest",
            manifest,
            "--dev-account",
            account,
        )
        with (tmp_path / f"log-{account}.txt").open("ab") as log:
            out = log if terminal is None else terminal
            command_line = (*base, "inspection", *arguments)
            running.append(fork_server.command_line().start(*command_line, stdin=terminal, stdout=out, stderr=out))
        return running[-1]

    begin.command = command
    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(60)


def _manifest_of(chain):
    contracts = {
        name: {
            "address": entry.address,
            "tx": entry.tx,
            "block": entry.block,
            "code_hash": "0x" + entry.code_hash.hex(),
        }
        for name, entry in chain.manifest.contracts.items()
    }
    return {
        "chain_id": chain.manifest.chain_id,
        "block": chain.manifest.block,
        "admin": chain.sender,
        "contracts": contracts,
        "compiler": {"solc": "0.8.37", "evm_version": "cancun", "optimizer_runs": 800},
    }
