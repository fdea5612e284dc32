"""The development chain that keeps its state: the same chain at every start, nobody else's, gone with its starter."""

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
from chromatrace.services.ports import held_port

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
    """Hash and parent of every block."""
    blocks = [block(rpc, hex(number)) for number in range(int(rpc.call("eth_blockNumber"), 16) + 1)]
    assert all(one["parentHash"] == before["hash"] for before, one in itertools.pairwise(blocks))
    return [one["hash"] for one in blocks]


def test_it_is_the_same_chain_at_every_start(tmp_path):
    """Anvil writes a block 0 of its own at each start, as different as the second in which it is made."""
    known = []
    for start in range(5):
        with DevNode(state_path=tmp_path / "chain.json", options=["--timestamp", str(1_700_000_000 + start)]) as node:
            rpc = node.rpc()
            assert hashes(rpc)[: len(known)] == known, f"start {start}"
            rpc.call("anvil_mine", "0x2")
            known = hashes(rpc)
    assert len(known) == 11


def test_a_taken_port_is_refused_and_nobody_elses_chain_touched(anvil):
    before = anvil.rpc().call("eth_blockNumber")
    stranger = DevNode(port=anvil.port)
    with pytest.raises(Conflict, match=f"port {anvil.port} of 127.0.0.1 is taken") as refused:
        stranger.start()
    assert refused.value.field == "chain_port"
    assert not stranger.running
    assert anvil.rpc().call("eth_blockNumber") == before


def test_two_nodes_never_run_one_state(tmp_path, monkeypatch):
    monkeypatch.setattr("chromatrace.chain.dev_state._WAIT_S", 0.2)
    with DevNode(state_path=tmp_path / "chain.json") as node:
        with pytest.raises(Conflict, match=f"process {node._process.pid} is already running") as refused:
            DevNode(state_path=tmp_path / "chain.json").start()
        assert f"kill {node._process.pid}" in refused.value.hint


def test_a_killed_starter_takes_its_node_along_and_nothing_is_lost(tmp_path, monkeypatch):
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


def test_a_state_that_was_cut_off_is_refused_by_name(tmp_path):
    state = tmp_path / "chain.json"
    state.write_text('{"block": {')
    with pytest.raises(IntegrityError, match=r"chain\.json is not a complete Anvil state") as refused:
        DevNode(state_path=state).start()
    assert refused.value.field == "data"
    assert state.read_text() == '{"block": {'
