"""Kill gateway, broker, server and chain at random: every reading is stored once and is below an anchored root.

A recorded machine is served over OPC UA and Sparkplug. After each kill, the machine continues at the first row that the
log does not have, as a device that keeps its own records. CHROMATRACE_KILLS sets the number of kills.
"""

from __future__ import annotations

import gzip
import os
import random
import socket
import threading
import time
from collections import Counter

import pytest
from gateway_process import GatewayProcess, wait_for, write_plant

from chromatrace.anchor import Anchorer
from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.dev_node import DevNode
from chromatrace.chain.outbox import Outbox
from chromatrace.domain.identifiers import Gln, OrganisationId
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import dev_signer
from chromatrace.ingest.spool import Spool
from chromatrace.ingest.times import rfc3339
from chromatrace.merkle.proofs import leaf_hash, root
from chromatrace.plant.process import PlantProcess
from chromatrace.services.publisher import ChainPublisher

KILLS = int(os.environ.get("CHROMATRACE_KILLS", "3"))
ROWS = 100 * KILLS
COLUMNS = 4
ROWS_PER_S = 10
START_NS, STEP_NS = 1_772_352_000 * 10**9, 10**9
CHANNEL = "line"
SOURCES = ("press", "plant/press/recording")
PARTS = ("gateway", "broker", "chain", "server")
OPCUA = """
id = "opcua"
protocol = "opcua"
channel = "line"
endpoint = "{url}"
history = true
"""
SPARKPLUG = """
id = "sparkplug"
protocol = "mqtt"
channel = "line"
url = "{url}"
primary_host = "gateway"
"""


def value(row, column):
    return row + column / 8


class Machine:
    """The plant server, which continues at the first row that the log does not have."""

    def __init__(self, folder, broker, spool):
        self._table, self._broker, self._spool = folder / "press.dat", broker, spool
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"opc.tcp://127.0.0.1:{free.getsockname()[1]}/plant"
        self._process = None

    def first_missing(self):
        """Return the first row of which a reading is not stored."""
        if self._spool.size(CHANNEL) < COLUMNS:
            return 0
        stored = Counter((r.source_time_ns - START_NS) // STEP_NS for r in readings(self._spool))
        return next((row for row in range(ROWS) if stored[row] < COLUMNS * len(SOURCES)), ROWS)

    def start(self, time_factor=ROWS_PER_S):
        first = max(0, self.first_missing() - 1)
        rows = (" ".join(repr(value(row, column)) for column in range(COLUMNS)) for row in range(first, ROWS))
        self._table.write_text("".join(f"{row}\n" for row in rows))
        self._process = PlantProcess(
            *("--recording", str(self._table), "--columns", f"c(0..{COLUMNS - 1})", "--step", "1"),
            *("--start", rfc3339(START_NS + first * STEP_NS), "--time-factor", str(time_factor)),
            *("--endpoint", self.url, "--sparkplug", self._broker.url, "--primary-host", "gateway"),
        )
        self._process.__enter__()

    def kill(self):
        os.kill(self._process.pid, 9)
        self._process.__exit__(None, None, None)


class DevelopmentChain:
    """A chain that loses the blocks since its last backup if it is killed, as in a reorganisation."""

    def __init__(self, node, folder):
        self._node, self._state = node, folder / "chain.json"
        self.back_up()
        self.kill()
        self.start()  # from here on, the chain has the genesis block of its state

    def back_up(self):
        dumped = bytes.fromhex(self._node.rpc().call("anvil_dumpState")[2:])
        self._content = gzip.decompress(dumped) if dumped.startswith(b"\x1f\x8b") else dumped

    def kill(self):
        self._node._process.kill()
        self._node._process.wait()
        self._node.stop()

    def start(self):
        self._state.write_bytes(self._content)
        self._node._any_port, self._node._state_path = False, self._state
        self._node.start()


def readings(spool):
    """Return the stored readings with a value. Readings without one are the deaths of the edge node."""
    return [r for r in spool.entries(CHANNEL) if r.value is not None]


@pytest.fixture
def anchoring(deploy, tmp_path):
    """Return the chain, and an anchorer that records the log of the channel in a thread."""
    with DevNode() as node:
        deployment = Manifest.load(deploy(node, tmp_path))
        development_chain = DevelopmentChain(node, tmp_path)
        signer = dev_signer(0, deployment.chain_id)
        with Outbox(tmp_path / "outbox.db") as outbox, Spool(tmp_path / "data" / "spool.db") as spool:
            chain = Chain(RpcClient(node.url), deployment, outbox, signer)
            chain.submit(
                calls.register_organisation(OrganisationKind.MANUFACTURER, Gln("9521234500001"), Role.GATEWAY, "Hall")
            )
            number = OrganisationId(chain.read(reads.organisation_count()))
            chain.submit(calls.appoint_operator(signer.address, number, Role.GATEWAY))
            publisher = ChainPublisher(chain)
            stop = threading.Event()
            with Anchorer(spool, publisher, tmp_path / "log.db", every_count=200, every_s=1) as anchorer:
                thread = threading.Thread(target=anchorer.run, args=(stop,))
                thread.start()
                yield development_chain, chain, publisher, anchorer, spool
                stop.set()
                thread.join()


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_no_reading_is_lost_or_stored_twice(data, tmp_path, broker, anchoring):
    development_chain, chain, publisher, anchorer, spool = anchoring
    machine = Machine(tmp_path, broker, spool)
    plant = write_plant(tmp_path, OPCUA.format(url=machine.url), SPARKPLUG.format(url=broker.url))
    generator = random.Random(KILLS)
    victims = [*PARTS, *generator.choices(PARTS, k=max(0, KILLS - len(PARTS)))][:KILLS]
    machine.start()
    gateway = GatewayProcess(plant, data).__enter__()
    try:
        for victim in victims:
            progress = spool.size(CHANNEL)
            wait_for(
                lambda before=progress: spool.size(CHANNEL) > before or machine.first_missing() == ROWS,
                lambda running=gateway: running.process.poll() is None,
                lambda running=gateway, name=victim: f"before {name}: {running.report}",
            )
            print(f"{time.monotonic():.1f} {victim}", flush=True)
            time.sleep(generator.uniform(0, 0.5))  # the moment of the kill, not a synchronisation
            if victim == "gateway":
                gateway.kill()
                gateway = GatewayProcess(plant, data).__enter__()
            elif victim == "broker":
                broker.kill()
                time.sleep(generator.uniform(0, 0.5))
                assert broker.start()
            elif victim == "server":
                machine.kill()
                machine.start()
            else:
                development_chain.kill()
                development_chain.start()
            if generator.random() < 0.5:
                development_chain.back_up()
        machine.kill()
        machine.start("max")
        wait_for(lambda: spool.size(CHANNEL) >= ROWS * COLUMNS * len(SOURCES) and machine.first_missing() == ROWS)
    finally:
        gateway.__exit__(None, None, None)
        machine.kill()
    stored = Counter((r.source, r.tag, (r.source_time_ns - START_NS) // STEP_NS, r.value) for r in readings(spool))
    expected = {
        (source, f"c({column})", row, value(row, column))
        for source in SOURCES
        for row in range(ROWS)
        for column in range(COLUMNS)
    }
    assert set(stored) == expected
    assert set(stored.values()) == {1}
    anchorer.anchor(CHANNEL)
    leaves = list(map(leaf_hash, spool.log_entries(CHANNEL)))
    anchored = chain.read(reads.channel(publisher.channel_id(CHANNEL)))
    assert (anchored.size, anchored.root) == (len(leaves), root(leaves))
    heads = anchorer.heads.above(CHANNEL, 0)
    assert heads
    assert all(head.root == root(leaves[: head.size]) for head in heads)
    print(f"killed: {dict(Counter(victims))}; {len(stored)} readings, {len(leaves)} entries, {len(heads)} heads")
