"""One plant file with sources of every protocol: every reading is stored once, also after `kill -9`."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from click.testing import CliRunner
from edge_node import MS, EdgeNode
from gateway_process import GatewayProcess, wait_for, write_plant
from modbus_server import ModbusServer

from chromatrace.cli import main
from chromatrace.ingest.spool import Spool
from chromatrace.plant.process import PlantProcess

ROWS = 240
START_NS = MS * 10**6
RECEIVED_BEFORE_KILL = (("press", "broker", "oven", "scale", "drops"), ("oven",))
VALUES, BATCHES, FILES = 150, 60, 12
SOURCES = """
id = "press"
protocol = "opcua"
channel = "line"
endpoint = "{opcua}"
history = true
---
id = "broker"
protocol = "mqtt"
channel = "line"
url = "{mqtt}"
primary_host = "gateway"
---
id = "oven"
protocol = "modbus"
channel = "line"
address = "127.0.0.1:{modbus}"
poll = "100ms"
[[sources.devices]]
unit_id = 1
source = "oven"
[[sources.devices.tags]]
tag = "temperature"
table = "input"
address = 0
type = "int16"
---
id = "scale"
protocol = "http"
channel = "line"
token_file = "scale.tokens"
---
id = "drops"
protocol = "folder"
channel = "line"
path = "drops"
pattern = "*.csv"
"""


def command(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output + result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "press.dat"
    path.write_text("".join(f"{row} {row / 8}\n" for row in range(ROWS)))
    options = ("--columns", "a,b", "--step", "1", "--start", "2026-03-01T08:00:00Z", "--time-factor", "60")
    with PlantProcess("--recording", str(path), "--name", "press", *options) as process:
        yield process


@pytest.fixture
def oven():
    with ModbusServer({1: {"input": {0: [215]}}}) as server:
        yield server


@pytest.fixture
def node(broker):
    started = EdgeNode(broker.port, "gateway")
    yield started
    started.close()


class Producers:
    """A node, a program that pushes readings, and one that writes files, each in a thread.

    Each produces the second half after the first kill.
    """

    def __init__(self, node, folder, token, gateway):
        self._node, self._folder, self._token, self._gateway = node, folder, token, gateway
        self.done, self.killed = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._publish, self._push, self._drop)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.killed.set()
        self.done.set()
        for thread in self._threads:
            thread.join()

    def _publish(self):
        for number in range(VALUES):
            self._wait_at(number, VALUES // 2)
            self._node.add(float(number))

    def _push(self):
        for number in range(BATCHES):
            self._wait_at(number, BATCHES // 2)
            elements = [{"tag": "mass", "time_ns": START_NS + number, "value": number, "unit": "kg"}]
            while not self._posted(number, json.dumps(elements).encode()):
                if self.done.wait(0.1):
                    return

    def _posted(self, number, body):
        try:
            gateway = self._gateway()
            if not gateway.report["http"]:
                return False
            status, _ = gateway.request(
                "/api/v1/readings", body, Authorization=f"Bearer {self._token}", Idempotency_Key=str(number)
            )
        except (OSError, AssertionError):
            return False
        return status == 200

    def _drop(self):
        for number in range(FILES):
            self._wait_at(number, FILES // 2)
            temporary = self._folder / f"run-{number}.csv.part"
            temporary.write_text(f"time,length[mm]\n2026-03-01T08:00:{number:02}Z,{number}\n")
            temporary.rename(self._folder / f"run-{number}.csv")

    def _wait_at(self, number, half):
        if number == half:
            self.killed.wait()


def expected():
    return Counter(
        {
            "press": 2 * ROWS,
            "hall/node": VALUES,
            "scale": BATCHES,
            "drops": FILES,
        }
    )


def test_every_reading_is_stored_once_although_the_gateway_is_killed(tmp_path, recording, broker, oven, node):
    (tmp_path / "drops").mkdir()
    text = SOURCES.format(opcua=recording.url, mqtt=broker.url, modbus=oven.port)
    plant = write_plant(tmp_path, *text.split("---"))
    token = command("gateway", "token", "create", plant, "scale", "--json")["token"]
    data = tmp_path / "data"
    current = [GatewayProcess(plant, data)]

    def counts(path=data / "spool.db"):
        with Spool(path) as spool:
            return Counter(r.source for r in spool.entries("line") if r.value is not None)

    def complete():
        found = counts()
        return all(found[source] == number for source, number in expected().items())

    with Producers(node, tmp_path / "drops", token, lambda: current[-1]) as producers:
        for names in RECEIVED_BEFORE_KILL:
            with current[-1] as gateway:
                gateway.until(lambda _, g=gateway, n=names: all(g.counter(name, "taken") for name in n))
                gateway.kill()
            producers.killed.set()
            current.append(GatewayProcess(plant, data))
        with current[-1] as gateway:
            wait_for(complete, lambda: gateway.process.poll() is None)
            gateway.until(lambda report: report["status"] == "ok")
        assert gateway.process.returncode == 0
    with Spool(data / "spool.db") as spool:
        stored = [r for r in spool.entries("line") if r.value is not None]
    assert len({(r.source, r.tag, r.source_time_ns) for r in stored}) == len(stored)
    of = {name: [r for r in stored if r.source == name] for name in {r.source for r in stored}}
    assert sorted(r.value for r in of["hall/node"]) == [float(number) for number in range(VALUES)]
    assert sorted(r.value for r in of["scale"]) == [float(number) for number in range(BATCHES)]
    assert sorted(r.value for r in of["drops"]) == [float(number) for number in range(FILES)]
    assert sorted(r.value for r in of["press"] if r.tag == "b") == [row / 8 for row in range(ROWS)]
    assert {r.value for r in of["oven"]} == {215.0}
    letters = command("--data", data, "gateway", "dead-letters", "list", "--json")["letters"]
    assert [letter for letter in letters if letter["origin"] != "broker"] == []
