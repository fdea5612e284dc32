"""Read the recorded Tennessee Eastman process over every path: each cell arrives, with the same value on all paths.

The default is the beginning of one run. CHROMATRACE_WHOLE_RUNS=1 reads the three runs to their end.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time

import numpy as np
import pytest
from click.testing import CliRunner
from gateway_process import GatewayProcess, write_plant
from mqtt_clients import running

from chromatrace.cli import main
from chromatrace.ingest.files import ingest_file
from chromatrace.ingest.layout import layout_for
from chromatrace.ingest.modbus.gateway import ModbusGateway
from chromatrace.ingest.modbus.register_map import load_map
from chromatrace.ingest.modbus.settings import ModbusSettings
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool
from chromatrace.plant.modbus import PlantRegisters
from chromatrace.plant.process import PlantProcess
from chromatrace.plant.recording import Recording, expand_columns

WHOLE = os.environ.get("CHROMATRACE_WHOLE_RUNS") == "1"
RUNS = ["d00_te", "d01_te", "d02_te"] if WHOLE else ["d01_te"]
FEW_ROWS = 12
COLUMNS = "XMEAS(1..41),XMV(1..11)"
TAGS = [f"XMEAS({number})" for number in range(1, 42)] + [f"XMV({number})" for number in range(1, 12)]
START, START_NS, STEP_NS = "2020-01-01T00:00:00Z", 1_577_836_800 * 10**9, 180 * 10**9
ROWS_PER_REQUEST = 100
WAIT_S = 900


@pytest.fixture(params=RUNS)
def table(request, data_dir, tmp_path):
    """Return the file of a run, or its beginning, with the same name."""
    recorded = data_dir / "tep" / f"{request.param}.dat"
    if WHOLE:
        return recorded
    path = tmp_path / recorded.name
    path.write_text("".join(recorded.read_text().splitlines(keepends=True)[:FEW_ROWS]))
    return path


@pytest.fixture
def cells(table):
    """Return the value of each cell by tag and time, read with numpy, independently of the code under test."""
    rows = np.loadtxt(table)
    assert rows.shape == (960 if WHOLE else FEW_ROWS, len(TAGS))
    return {
        (tag, START_NS + row * STEP_NS): float(rows[row, column])
        for row in range(len(rows))
        for column, tag in enumerate(TAGS)
    }


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


def stored(spool, channel):
    """Return the readings by tag and time. Fails on duplicates and on bad readings."""
    entries = list(spool.entries(channel))
    assert {reading.quality for reading in entries} == {0}
    values = {(reading.tag, reading.source_time_ns): reading.value for reading in entries}
    assert len(values) == len(entries)
    return values


def test_opcua_and_sparkplug(broker, table, cells, spool):
    arguments = ("--recording", str(table), "--columns", COLUMNS, "--step", "180", "--start", START)
    options = ("--time-factor", "max", "--sparkplug", broker.url, "--primary-host", "trace")
    with PlantProcess(*arguments, *options) as plant:
        with BackgroundGateway(OpcUaSettings(plant.url, "opcua", since_ns=0, once=True), spool) as gateway:
            while not gateway.wait(1):
                assert gateway.running
        with running(MqttSettings(broker.url, "sparkplug", primary_host="trace"), spool) as mqtt:
            deadline = time.monotonic() + WAIT_S
            while mqtt.statistics.stored < len(cells):
                assert time.monotonic() < deadline, mqtt.statistics
                time.sleep(0.05)
        assert (mqtt.statistics.rejected, mqtt.statistics.gaps_unfilled, mqtt.statistics.conflicting) == (0, 0, 0)
    assert stored(spool, "opcua") == cells
    assert stored(spool, "sparkplug") == cells


def test_modbus(table, cells, spool, tmp_path):
    """Modbus has no history, so each row is polled once before the next one is written."""
    registers = PlantRegisters(recording := Recording(table, expand_columns(COLUMNS), step_s=180, start_ns=START_NS))
    path = tmp_path / "map.toml"
    path.write_text(registers.register_map())
    register_map = load_map(path)

    async def poll_each_row():
        async with registers.serving(0) as address:
            host, port = address.split(":")
            settings = ModbusSettings(host, int(port), "modbus", register_map, once=True, timeout_s=60)
            for step in recording.steps():
                registers.write(step)
                statistics = await asyncio.to_thread(lambda: ModbusGateway(settings, spool).run(threading.Event()))
                assert (statistics.stored, statistics.bad) == (len(TAGS), {})

    asyncio.run(poll_each_row())
    entries = list(spool.entries("modbus"))
    assert [(r.tag, r.value) for r in entries] == [(tag, value) for (tag, _), value in cells.items()]


def test_http(table, cells, spool, tmp_path):
    source = 'id = "process"\nprotocol = "http"\nchannel = "http"\ntoken_file = "process.tokens"'
    plant = write_plant(tmp_path, source).read_text().replace('name = "line"', 'name = "http"', 1)
    (tmp_path / "plant.toml").write_text(plant)
    arguments = ["gateway", "token", "create", str(tmp_path / "plant.toml"), "process", "--name", "test", "--json"]
    token = json.loads(CliRunner().invoke(main, arguments, catch_exceptions=False).stdout)["token"]
    elements = [{"tag": tag, "time_ns": time_ns, "value": value} for (tag, time_ns), value in cells.items()]
    (tmp_path / "data").mkdir()
    with GatewayProcess(tmp_path / "plant.toml", tmp_path / "data") as gateway:
        for start in range(0, len(elements), ROWS_PER_REQUEST * len(TAGS)):
            batch = elements[start : start + ROWS_PER_REQUEST * len(TAGS)]
            body = json.dumps(batch).encode()
            status, answer = gateway.request("/api/v1/readings", body, Authorization=f"Bearer {token}")
            assert (status, json.loads(answer)["stored"]) == (200, len(batch))
    with Spool(tmp_path / "data" / "spool.db") as pushed:
        assert stored(pushed, "http") == cells


def test_file(table, cells, spool):
    result = ingest_file(spool, "file", table, layout_for(columns=COLUMNS, start=START, step="180s"))
    assert (result.stored, result.rejected_count) == (len(cells), 0)
    assert stored(spool, "file") == cells
