"""Read a recorded plant over Modbus and over OPC UA: both have the same values."""

from __future__ import annotations

import threading
import time

from chromatrace.ingest.modbus.gateway import ModbusGateway
from chromatrace.ingest.modbus.register_map import load_map
from chromatrace.ingest.modbus.settings import ModbusSettings
from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool
from chromatrace.plant.process import PlantProcess


def test_both_protocols_have_the_same_values(tmp_path):
    table, map_ = tmp_path / "press line.dat", tmp_path / "map.toml"
    rows = [[0.1 * row + column / 3 for column in range(40)] for row in range(3)]
    table.write_text("".join(" ".join(map(repr, row)) + "\n" for row in rows))
    arguments = ("--recording", str(table), "--columns", "c(1..40)", "--step", "1", "--time-factor", "max")
    with (
        Spool(tmp_path / "spool.db") as spool,
        PlantProcess(*arguments, "--modbus", "0", "--modbus-map", str(map_)) as plant,
    ):
        with BackgroundGateway(OpcUaSettings(plant.url, "opcua", since_ns=0, once=True), spool) as gateway:
            limit = time.monotonic() + 300
            while not gateway.wait(1):
                assert time.monotonic() < limit
        host, port = plant.modbus.split(":")
        settings = ModbusSettings(host, int(port), "modbus", load_map(map_), once=True, timeout_s=60)
        statistics = ModbusGateway(settings, spool).run(threading.Event())
        expected = {(plant.source, f"c({column + 1})"): rows[-1][column] for column in range(40)}
        assert {(r.source, r.tag): r.value for r in spool.entries("modbus")} == expected
        assert {(r.source, r.tag): r.value for r in spool.entries("opcua")} == expected
    assert (statistics.bad, statistics.requests) == ({}, 2)
