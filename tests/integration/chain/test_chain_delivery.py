"""Stored calls reach the chain once: crashes, two writers, fees, reorganisations, restarts."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dev_chain import revert, wait_until_mined
from faulty_node import faulty_node

from chromatrace.chain import calls, reads
from chromatrace.chain.dev_node import DevNode
from chromatrace.chain.outbox_entries import CallState
from chromatrace.chain.transaction_sender import DeliveryPolicy
from chromatrace.ethereum.abi import decode_log
from chromatrace.ethereum.errors import (
    ChainUnavailableError,
    InclusionTimeoutError,
    InsufficientFundsError,
    WrongDeploymentError,
)
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import LocalSigner
from chromatrace.storage.ports import held_port

FOLDER = Path(__file__).parent
GWEI = 10**9


@pytest.fixture
def manifest_file(deployment, tmp_path):
    """Write the deployment's manifest to a file for another process."""
    contracts = {
        name: {"address": entry.address, "block": entry.block, "code_hash": "0x" + entry.code_hash.hex()}
        for name, entry in deployment.contracts.items()
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"chain_id": deployment.chain_id, "block": deployment.block, "contracts": contracts}))
    return path


def start(script, rpc_url, manifest_file, outbox, *arguments):
    command = [sys.executable, str(FOLDER / script), rpc_url, str(manifest_file), str(outbox), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def nonce(chain, block="latest"):
    return int(chain.rpc.call("eth_getTransactionCount", chain.sender, block), 16)


def opened_channels(chain):
    """Return how often each channel was opened on the chain, by its name."""
    address = chain.manifest.address("ProcessLedger")
    logs = chain.rpc.call("eth_getLogs", {"address": address, "fromBlock": "0x0", "toBlock": "latest"})
    names = [decode_log("ProcessLedger", log).args["name"] for log in logs]
    return {name: names.count(name) for name in names}


@pytest.mark.parametrize(
    ("moment", "mining"),
    [
        ("queued", True),
        ("signed", True),
        ("broadcast", True),
        ("broadcast", False),
        ("sent", True),
        ("sent", False),
        ("included", True),
    ],
)
def test_killed_writer_sends_once(plant, manifest_file, moment, mining):
    plant.rpc.call("evm_setAutomine", mining)
    try:
        before = nonce(plant)
        outbox = plant.outbox.path
        writer = start("crashing_writer.py", plant.rpc.url, manifest_file, outbox, moment, "line-1")
        _, errors = writer.communicate(timeout=300)
        assert writer.returncode == -9, errors
        state = plant.outbox.by_key("line-1").state
        assert state == {"broadcast": CallState.SIGNED}.get(moment, CallState(moment.replace("broadcast", "sent")))
        plant.resume()
        if not mining:
            plant.rpc.call("evm_mine")
        receipt = plant.submit(calls.open_channel("line-1").with_key("line-1"))
        assert receipt.event("ChannelOpened").args["name"] == "line-1"
        assert nonce(plant) == nonce(plant, "pending") == before + 1
        assert opened_channels(plant) == {"line-1": 1}
    finally:
        plant.rpc.call("evm_setAutomine", True)


def test_two_writers_with_one_key_send_each_call_once(plant, manifest_file):
    before = nonce(plant)
    writers = [
        start("busy_writer.py", plant.rpc.url, manifest_file, plant.outbox.path, name, "100") for name in ("a", "b")
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=300)
        assert writer.returncode == 0, errors
    assert nonce(plant) == before + 200
    assert opened_channels(plant) == {f"{name}-{number}": 1 for name in ("a", "b") for number in range(100)}
    counts = plant.outbox.counts()
    assert counts[CallState.QUEUED] == counts[CallState.SIGNED] == counts[CallState.SENT] == 0
    assert counts[CallState.FAILED] == 0


def impatient(chain, **changes):
    """Return the same chain with a policy that raises fees after two blocks."""
    policy = DeliveryPolicy(**{"bump_after_s": 0.0, "bump_after_blocks": 2, **changes})
    return type(chain)(chain.rpc, chain.manifest, chain.outbox, chain.signer, policy)


def test_fee_below_the_base_fee_is_raised(plant, held):
    """The base fee rises above the call's; the replacement keeps the nonce and takes effect once."""
    chain = impatient(plant)
    first = chain.submit(calls.open_channel("line-1"), wait=False)
    before = nonce(chain)
    for _ in range(2):
        chain.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
        held()
    assert nonce(chain) == before
    chain.resume()
    attempts = chain.outbox.attempts(first.call)
    assert [attempt.nonce for attempt in attempts] == [before, before]
    assert attempts[1].max_fee_wei >= attempts[0].max_fee_wei * 1.125
    assert attempts[1].priority_fee_wei >= attempts[0].priority_fee_wei * 1.125
    held()
    chain.resume()
    receipt = chain.receipt(first.call)
    assert receipt.tx_hash == attempts[1].tx_hash != first.tx_hash
    assert nonce(chain) == before + 1
    assert opened_channels(chain) == {"line-1": 1}


def test_fee_ceiling_is_never_exceeded(plant, held):
    chain = impatient(plant, fee_ceiling_wei=5 * GWEI)
    first = chain.submit(calls.open_channel("line-1"), wait=False)
    for _ in range(2):
        chain.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
        held()
    for _ in range(3):
        chain.resume()
    assert max(attempt.max_fee_wei for attempt in chain.outbox.attempts(first.call)) <= 5 * GWEI
    with pytest.raises(InclusionTimeoutError, match="fee ceiling"):
        chain._transaction_sender.wait([first.call], 0.01)


def test_call_of_a_lost_block_is_sent_again(plant):
    receipt = plant.submit(calls.open_channel("line-1"))
    assert opened_channels(plant) == {"line-1": 1}
    plant.rpc.call("anvil_rollback", 1)
    assert opened_channels(plant) == {}
    plant.rpc.call("anvil_dropAllTransactions")
    plant.resume()
    again = plant.submit(calls.open_channel("line-2"))
    fresh = plant.receipt(receipt.call)
    assert fresh.tx_hash == receipt.tx_hash
    assert fresh.block_hash != receipt.block_hash
    assert again.block_number
    assert opened_channels(plant) == {"line-1": 1, "line-2": 1}


def test_calls_become_final_after_confirmations(plant):
    receipt = plant.submit(calls.open_channel("line-1"))
    for _ in range(plant.policy.confirmations - 1):
        plant.rpc.call("evm_mine")
    plant.resume()
    assert plant.receipt(receipt.call).state is CallState.INCLUDED
    plant.rpc.call("evm_mine")
    plant.resume()
    assert plant.receipt(receipt.call).state is CallState.FINAL


def test_final_calls_that_a_restored_chain_lost_are_sent_again(plant, chain_on, anvil, tmp_path):
    chain = chain_on(anvil, plant.manifest, tmp_path / "final.db", confirmations=0)
    snapshot = chain.rpc.call("evm_snapshot")
    lost = [chain.submit(calls.open_channel(name)) for name in ("line-1", "line-2")]
    chain.resume()
    assert chain.outbox.counts()[CallState.FINAL] == 2
    revert(chain.rpc, snapshot)
    chain.submit(calls.open_channel("line-3"))
    assert opened_channels(chain) == {"line-1": 1, "line-2": 1, "line-3": 1}
    chain.resume()
    assert [chain.receipt(receipt.call).tx_hash for receipt in lost] == [receipt.tx_hash for receipt in lost]


def test_watcher_without_a_key_sends_lost_final_calls_again(plant, chain_on, anvil, tmp_path):
    chain = chain_on(anvil, plant.manifest, tmp_path / "final.db", confirmations=0)
    chain.submit(calls.open_channel("line-1"))
    chain.resume()
    assert chain.outbox.counts()[CallState.FINAL] == 1
    watcher = type(chain)(chain.rpc, chain.manifest, chain.outbox, None, chain.policy)
    chain.rpc.call("anvil_reorg", 1, [])
    assert opened_channels(chain) == {}
    watcher.carry()
    wait_until_mined(chain.rpc)
    assert opened_channels(chain) == {"line-1": 1}


def failing_call(chain, name="line-1"):
    """Send two calls that open one channel, in one block; return the call that fails."""
    twice = [replace(calls.open_channel(name).with_key(key), gas=300_000) for key in (f"{name}/a", f"{name}/b")]
    receipts = chain.send_many(twice, wait=False, check=False)
    return receipts[1].call


@pytest.mark.parametrize("way", ["reorganised", "reverted"])
@pytest.mark.parametrize("depth", [1, 3])
def test_failed_call_of_a_lost_block_does_not_block_the_account(plant, held, way, depth):
    """The nonce of the failed transaction is free again; it is used by the same bytes."""
    before = nonce(plant)
    snapshot = plant.rpc.call("evm_snapshot")
    call = failing_call(plant)
    held(depth)
    plant.resume()
    failed = plant.outbox.get(call)
    assert failed.state is CallState.FAILED
    if way == "reorganised":
        plant.rpc.call("anvil_reorg", depth, [])
    else:
        assert plant.rpc.call("evm_revert", snapshot)
    plant.rpc.call("anvil_dropAllTransactions")
    assert nonce(plant) == before
    again = type(plant)(plant.rpc, plant.manifest, plant.outbox, plant.signer, plant.policy)  # a new process
    again.resume()
    later = again.submit(calls.open_channel("line-2"), wait=False)
    held()
    again.resume()
    assert again.receipt(later.call).block_number
    assert nonce(plant) == before + 3
    assert again.outbox.get(call).state is CallState.FAILED
    assert again.outbox.get(call).tx_hash == failed.tx_hash
    assert opened_channels(plant) == {"line-1": 1, "line-2": 1}


def test_failed_call_of_a_lost_block_that_was_repeated_takes_effect_once(plant, held):
    """Its key belongs to the repetition; its own nonce is filled with an empty transfer."""
    call = failing_call(plant)
    held()
    plant.resume()
    plant.submit(calls.open_channel("other"), wait=False)
    other = replace(calls.open_channel("line-1").with_key("line-1/b"), gas=300_000)
    repeated = plant.send_many([other], wait=False, check=False)[0]
    assert repeated.call != call
    held()
    plant.resume()
    plant.rpc.call("anvil_reorg", 2, [])
    plant.rpc.call("anvil_dropAllTransactions")
    again = type(plant)(plant.rpc, plant.manifest, plant.outbox, plant.signer, plant.policy)
    again.resume()
    held()
    again.resume()
    filler = again.outbox.get(call)
    assert (filler.label, filler.state) == ("gap filler", CallState.INCLUDED)
    assert again.outbox.get(repeated.call).state is CallState.FAILED
    assert opened_channels(plant) == {"line-1": 1, "other": 1}


def test_nonce_used_by_another_transaction_is_replaced(plant, held):
    """The same key signs elsewhere; the call is signed again with a later nonce."""
    patient, plant = plant, impatient(plant, receipt_lag_s=0.0)
    first = plant.submit(calls.open_channel("line-1"), wait=False)
    before = nonce(plant)
    plant.rpc.call("anvil_dropTransaction", first.tx)
    plant.rpc.call(
        "eth_sendTransaction",
        {"from": plant.sender, "to": plant.sender, "value": "0x1", "nonce": hex(before), "gas": "0x5208"},
    )
    held()
    patient.resume()
    assert nonce(plant) == before + 1, "the receipt may still come"
    plant.resume()
    held()
    plant.resume()
    assert plant.receipt(first.call).event("ChannelOpened").args["name"] == "line-1"
    assert nonce(plant) == before + 2
    assert opened_channels(plant) == {"line-1": 1}


def test_transaction_lost_by_the_node_is_sent_again(plant, held):
    chain = impatient(plant, resend_after_s=0.0, bump_after_blocks=1000)
    first = chain.submit(calls.open_channel("line-1"), wait=False)
    chain.rpc.call("anvil_dropTransaction", first.tx)
    time.sleep(0.01)
    chain.resume()
    held()
    chain.resume()
    assert chain.receipt(first.call).tx_hash == first.tx_hash


def test_transaction_dropped_by_the_pool_is_sent_again_after_one_block(plant, held):
    """The later ones wait for its nonce; no time has to pass."""
    before = nonce(plant)
    receipts = [plant.submit(replace(calls.open_channel(f"line-{n}"), gas=300_000), wait=False) for n in range(4)]
    plant.rpc.call("anvil_dropTransaction", receipts[1].tx)
    held()
    assert nonce(plant) == before + 1
    again = type(plant)(plant.rpc, plant.manifest, plant.outbox, plant.signer, plant.policy)
    again.resume()
    held()
    again.resume()
    assert nonce(plant) == before + 4
    assert [again.receipt(receipt.call).tx_hash for receipt in receipts] == [receipt.tx_hash for receipt in receipts]


def test_many_calls_arrive_in_the_order_of_their_nonces(plant):
    """The node is slow to take the first ones."""
    arrived = []
    with faulty_node(plant.rpc.url) as node:

        def note(requests):
            raw = [request["params"][0] for request in requests if request["method"] == "eth_sendRawTransaction"]
            if raw and not arrived:
                time.sleep(0.5)
            arrived.extend(raw)

        node.respond = note
        chain = type(plant)(RpcClient(node.url, 120), plant.manifest, plant.outbox, plant.signer, plant.policy)
        channels = [replace(calls.open_channel(f"line-{number}"), gas=300_000) for number in range(700)]
        outcomes = chain.send_many(channels, check=False)
    attempts = plant.outbox.attempts(*(outcome.call for outcome in outcomes))
    nonce_of = {"0x" + attempt.raw.hex(): attempt.nonce for attempt in attempts}
    first_arrivals = list(dict.fromkeys(nonce_of[raw] for raw in arrived))
    assert len(first_arrivals) == 700
    assert first_arrivals == sorted(first_arrivals)


@pytest.mark.parametrize("chain_id", [31337, 1337])
def test_calls_survive_a_moment_of_another_chain(plant, held, chain_id):
    """Neither the included nor the open call is sent there, fails, or is signed again."""
    receipts = [plant.submit(calls.open_channel("line-1"), wait=False)]
    held()
    receipts.append(plant.submit(calls.open_channel("line-2"), wait=False))
    policy = replace(plant.policy, resend_after_s=0.0)
    with DevNode(chain_id=chain_id) as other, faulty_node(plant.rpc.url) as balancer:
        chain = type(plant)(RpcClient(balancer.url), plant.manifest, plant.outbox, plant.signer, policy)
        chain.resume()
        before = plant.outbox.get_many([receipt.call for receipt in receipts])
        other.rpc().call("anvil_mine", hex(1000))
        balancer.target = other.url
        with pytest.raises(WrongDeploymentError, match="belongs to chain 31337"):
            chain._transaction_sender.settle(chain._transaction_sender.fee_context())
        if chain_id != plant.manifest.chain_id:
            # The node rejects the signature for another chain.
            with pytest.raises(WrongDeploymentError, match="belongs to chain 31337"):
                chain._transaction_sender.broadcast([receipts[1].call], 1000)
        assert plant.outbox.get_many([receipt.call for receipt in receipts]) == before
        balancer.target = plant.rpc.url
        chain.resume()
        held()
        chain.resume()
    assert [plant.receipt(receipt.call).tx_hash for receipt in receipts] == [receipt.tx_hash for receipt in receipts]
    assert opened_channels(plant) == {"line-1": 1, "line-2": 1}


def test_empty_account_is_reported(plant):
    poor = plant.with_signer(LocalSigner(b"\x09" * 32))
    plant.submit(calls.appoint_operator(poor.sender, 1, (1 << 7) - 1))
    stored = sum(plant.outbox.counts().values())
    with pytest.raises(InsufficientFundsError) as raised:
        poor.submit(calls.open_channel("line-1"))
    assert raised.value.field == "signer"
    assert raised.value.hint == f"run `chromatrace key fund {poor.sender}`"
    assert sum(plant.outbox.counts().values()) == stored


def test_unreachable_chain_stores_nothing(deployment, tmp_path, chain_on):
    with held_port("127.0.0.1", 0) as port:
        with DevNode(port) as node:
            chain = chain_on(node, deployment, tmp_path / "outbox.db")
        with pytest.raises(ChainUnavailableError) as raised:
            chain.submit(calls.open_channel("line-1"))
    assert raised.value.field == "rpc_url"
    assert sum(chain.outbox.counts().values()) == 0
    chain.queue([calls.open_channel("line-1")])
    assert chain.outbox.counts()[CallState.QUEUED] == 1


def test_chain_without_the_contracts_is_rejected(deployment, tmp_path, chain_on):
    with DevNode() as node:
        chain = chain_on(node, deployment, tmp_path / "outbox.db")
        with pytest.raises(WrongDeploymentError, match="no contract") as raised:
            chain.submit(calls.open_channel("line-1"))
        assert raised.value.field.startswith("manifest.contracts.")
        with pytest.raises(WrongDeploymentError, match="no contract BatchRegistry exists"):
            chain.read(reads.batch(bytes(32)))


def test_other_chain_id_is_rejected(deployment):
    with DevNode(chain_id=1337) as node, pytest.raises(WrongDeploymentError) as raised:
        deployment.verify(node.rpc())
    assert raised.value.field == "manifest.chain_id"


def test_other_code_at_the_address_is_rejected(deployment, isolated):
    rpc = isolated.rpc()
    address = deployment.address("CustodyLedger")
    rpc.call("anvil_setCode", address, rpc.call("eth_getCode", address, "latest") + "00")
    with pytest.raises(WrongDeploymentError) as raised:
        deployment.verify(rpc)
    assert raised.value.field == "manifest.contracts.CustodyLedger.code_hash"


def test_restarted_chain_with_the_same_contracts_is_rejected(plant, tmp_path, chain_on):
    """Only the genesis block distinguishes it from the chain of the outbox."""
    plant.submit(calls.open_channel("line-1"))
    with DevNode() as node:
        rpc = node.rpc()
        for entry in plant.manifest.contracts.values():
            rpc.call("anvil_setCode", entry.address, plant.rpc.call("eth_getCode", entry.address, "latest"))
        plant.manifest.verify(rpc)
        chain = chain_on(node, plant.manifest, plant.outbox.path)
        with pytest.raises(WrongDeploymentError, match="belongs to chain") as raised:
            chain.submit(calls.open_channel("line-2"))
        assert raised.value.field == "outbox"


def test_node_restarted_with_its_state_is_the_same_chain(tmp_path):
    state = tmp_path / "state.json"
    with DevNode(state_path=state) as node:
        genesis = node.rpc().call("eth_getBlockByNumber", "0x0", False)["hash"]
        node.rpc().call("evm_mine")
    with DevNode(state_path=state) as node:
        assert node.rpc().call("eth_getBlockByNumber", "0x0", False)["hash"] == genesis
        assert node.rpc().call("eth_blockNumber") == "0x1"


def test_manifest_is_loaded_from_a_file(manifest_file, deployment):
    assert Manifest.load(manifest_file).names_by_address == deployment.names_by_address


def test_fee_rejected_by_the_node_is_raised_at_once(plant, held):
    """No block has to pass, because the node has rejected this fee."""
    first = plant.submit(calls.open_channel("line-1"), wait=False)
    plant.rpc.call("anvil_dropTransaction", first.tx)
    plant.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
    chain = impatient(plant, resend_after_s=0.0, bump_after_s=1000.0)
    time.sleep(0.01)
    chain.resume()
    chain.resume()
    held()
    chain.resume()
    assert chain.receipt(first.call).event("ChannelOpened").args["name"] == "line-1"
