"""The development chain: its state, its port and the end of its process."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys

import pytest

from chromatrace.chain.dev_node import DevNode
from chromatrace.domain.errors import Conflict, IntegrityError
from chromatrace.ethereum.errors import ChainUnavailableError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.storage.ports import held_port

STARTER = """
import sys, time
from chromatrace.chain.dev_node import DevNode
with DevNode(port=int(sys.argv[2]), state_path=sys.argv[1]) as node:
    node.rpc().call("anvil_mine", "0x2")
    print(node.url, flush=True)
    time.sleep(600)
"""


def block(rpc, number):
    return rpc.call("eth_getBlockByNumber", number, False)


def hashes(rpc):
    """Return the hash of every block."""
    blocks = [block(rpc, hex(number)) for number in range(int(rpc.call("eth_blockNumber"), 16) + 1)]
    assert all(block["parentHash"] == parent["hash"] for parent, block in itertools.pairwise(blocks))
    return [block["hash"] for block in blocks]


def test_genesis_block_is_stable_across_restarts(tmp_path):
    """Anvil writes another genesis block at each start."""
    known = []
    for start in range(5):
        with DevNode(state_path=tmp_path / "chain.json", options=["--timestamp", str(1_700_000_000 + start)]) as node:
            rpc = node.rpc()
            assert hashes(rpc)[: len(known)] == known, f"start {start}"
            rpc.call("anvil_mine", "0x2")
            known = hashes(rpc)
    assert len(known) == 11


def test_port_in_use_is_rejected(anvil):
    before = anvil.rpc().call("eth_blockNumber")
    stranger = DevNode(port=anvil.port)
    with pytest.raises(Conflict, match=f"cannot listen on 127.0.0.1 port {anvil.port}") as raised:
        stranger.start()
    assert raised.value.field == "chain_port"
    assert not stranger.running
    assert anvil.rpc().call("eth_blockNumber") == before


def test_state_is_locked_by_one_node(tmp_path, monkeypatch):
    monkeypatch.setattr("chromatrace.chain.dev_state._WAIT_S", 0.2)
    with DevNode(state_path=tmp_path / "chain.json") as node:
        with pytest.raises(Conflict, match=f"process {node._process.pid} is already running") as raised:
            DevNode(state_path=tmp_path / "chain.json").start()
        assert f"kill {node._process.pid}" in raised.value.hint


def test_node_ends_with_its_starter_and_writes_its_state(tmp_path, monkeypatch):
    monkeypatch.setattr("chromatrace.chain.dev_state._WAIT_S", 180.0)
    with held_port("127.0.0.1", 0) as port:
        command = [sys.executable, "-c", STARTER, str(tmp_path / "chain.json"), str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
            orphan = RpcClient(starter.stdout.readline().strip())
            starter.send_signal(signal.SIGKILL)
        with DevNode(state_path=tmp_path / "chain.json") as again:
            with pytest.raises(ChainUnavailableError):
                orphan.call("eth_chainId")
            assert again.rpc().call("eth_blockNumber") == "0x2"


def test_truncated_state_is_rejected(tmp_path):
    state = tmp_path / "chain.json"
    state.write_text('{"block": {')
    with pytest.raises(IntegrityError, match=r"chain\.json is not a complete Anvil state") as raised:
        DevNode(state_path=state).start()
    assert raised.value.field == "data"
    assert state.read_text() == '{"block": {'
