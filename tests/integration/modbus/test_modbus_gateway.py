"""Test the Modbus gateway with real pymodbus servers: all types, exceptions, silent devices, and killed servers."""

from __future__ import annotations

import json
import struct
import threading
import time
from contextlib import contextmanager
from itertools import pairwise

import pytest
from click.testing import CliRunner
from modbus_server import ModbusServer

from chromatrace.cli import main
from chromatrace.ingest.modbus.gateway import ModbusGateway
from chromatrace.ingest.modbus.register_map import load_map
from chromatrace.ingest.modbus.settings import ModbusSettings
from chromatrace.ingest.spool import Spool

BAD_CONFIGURATION_ERROR, BAD_DEVICE_FAILURE, BAD_TIMEOUT, BAD_OUT_OF_RANGE = (
    0x80890000,
    0x808B0000,
    0x800A0000,
    0x803C0000,
)


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


def written(folder, text):
    path = folder / "map.toml"
    path.write_text(text, encoding="utf-8")
    return path


def tag(name, table, address, **fields):
    lines = [f'tag = "{name}"', f'table = "{table}"', f"address = {address}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    return "[[devices.tags]]\n" + "\n".join(lines) + "\n"


def device(unit_id, source, *tags, **fields):
    lines = [f"unit_id = {unit_id}", f'source = "{source}"', *(f"{k} = {json.dumps(v)}" for k, v in fields.items())]
    return "[[devices]]\n" + "\n".join(lines) + "\n" + "".join(tags)


def settings(server, path, **others):
    arguments = {"timeout_s": 20.0, "backoff_s": (0.05, 0.2)} | others
    return ModbusSettings("127.0.0.1", server.port, "press", load_map(path), **arguments)


def read_once(server, path, spool, **others):
    return ModbusGateway(settings(server, path, once=True, **others), spool).run(threading.Event())


@contextmanager
def running(gateway):
    stop, errors = threading.Event(), []

    def run():
        try:
            gateway.run(stop)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


def wait_until(condition):
    limit = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def of_tag(spool, name):
    return [r for r in spool.entries("press") if r.tag == name]


NUMBERS = {
    "int16": ("h", -12_345),
    "uint16": ("H", 54_321),
    "int32": ("i", -123_456_789),
    "uint32": ("I", 4_000_000_001),
    "int64": ("q", -(2**62) - 12_345),
    "uint64": ("Q", 2**63 - 5),
    "float32": ("f", -7.25e-3),
    "float64": ("d", 1.0000000000000002),
}


def packed(format_, value, word_order, byte_order):
    """Return the registers of a value, packed with `struct`."""
    words = list(struct.unpack(f">{struct.calcsize(format_) // 2}H", struct.pack(">" + format_, value)))
    if word_order == "little":
        words.reverse()
    return [word if byte_order == "big" else (word & 0xFF) << 8 | word >> 8 for word in words]


def test_each_type_in_each_order(tmp_path, spool):
    registers, tags, expected, address = {}, [], {}, 10
    for word_order in ("big", "little"):
        for byte_order in ("big", "little"):
            for kind, (format_, value) in NUMBERS.items():
                name = f"{kind} {word_order} {byte_order}"
                words = packed(format_, value, word_order, byte_order)
                registers[address] = words
                tags.append(
                    tag(name, "holding", address, type=kind, word_order=word_order, byte_order=byte_order, unit="Cel")
                )
                expected[name] = struct.unpack("f", struct.pack("f", value))[0] if kind == "float32" else value
                address += len(words) + 1  # an address between them does not exist
    registers[500] = [0x4C6F, 0x7420, 0xC3A9, 0x2000, 0x7878]  # "Lot é ", NUL, rest
    registers[510] = [0x0100, 0x8000]
    tags += [
        tag("text", "holding", 500, type="string", length=5),
        tag("bit 8", "holding", 510, type="bool", bit=8),
        tag("bit 15", "holding", 511, type="bool", bit=15),
        tag("bit 0 swapped", "holding", 510, type="bool", bit=0, byte_order="little"),
        tag("bit 7", "holding", 511, type="bool", bit=7),
        tag("speed", "input", 0, type="int16", scale=0.1, offset=-40),
        tag("counter", "input", 1, type="uint16", scale=10),
        *(tag(f"coil {n}", "coil", 3 + n) for n in range(10)),
        tag("door", "discrete", 0),
    ]
    coils = [n % 3 == 0 for n in range(10)]
    tables = {"holding": registers, "input": {0: [7, 65_535]}, "coil": {3: coils}, "discrete": {0: [True]}}
    with ModbusServer({1: tables}) as server:
        before = time.time_ns()
        statistics = read_once(server, written(tmp_path, device(1, "press", *tags)), spool)
        after = time.time_ns()
    expected |= {"text": "Lot é", "bit 8": "true", "bit 15": "true", "bit 0 swapped": "true", "bit 7": "false"}
    expected |= {"speed": -39.3, "counter": 655_350, "door": "true"}
    expected |= {f"coil {n}": "true" if coils[n] else "false" for n in range(10)}
    stored = {r.tag: r for r in spool.entries("press")}
    assert {name: reading.value for name, reading in stored.items()} == expected
    assert all(before <= r.source_time_ns <= after and r.quality == 0 for r in stored.values())
    assert stored["int16 big big"].unit == "Cel"
    assert sorted(r.sequence for r in stored.values()) == list(range(len(tags)))
    assert (statistics.stored, statistics.bad, statistics.exceptions) == (len(tags), {}, {})


def test_exceptions_and_values_that_are_not_finite_are_bad_readings(tmp_path, spool):
    """Two devices behind one address. A wrong address in the middle of a block does not hide its neighbours."""
    registers = {
        0: packed("f", float("nan"), "big", "big"),
        2: packed("f", float("-inf"), "big", "big"),
        4: [5],
        6: [6],
    }
    map_ = device(
        1,
        "press",
        tag("nan", "holding", 0, type="float32"),
        tag("infinite", "holding", 2, type="float32"),
        tag("four", "holding", 4, type="int16"),
        tag("missing", "holding", 5, type="int16"),
        tag("six", "holding", 6, type="int16"),
    ) + device(7, "oven", tag("heat", "input", 0, type="int16"), tag("gas", "input", 10, type="uint64"))
    devices = {1: {"holding": registers}, 7: {"input": {0: [321], 10: [0xFFFF] * 4}}}
    with ModbusServer(devices, failing=[[7, 0]]) as server:
        statistics = read_once(server, written(tmp_path, map_), spool)
    assert {(r.source, r.tag): (r.value, r.quality) for r in spool.entries("press")} == {
        ("press", "nan"): (None, BAD_OUT_OF_RANGE),
        ("press", "infinite"): (None, BAD_OUT_OF_RANGE),
        ("press", "four"): (5, 0),
        ("press", "missing"): (None, BAD_CONFIGURATION_ERROR),
        ("press", "six"): (6, 0),
        ("oven", "heat"): (None, BAD_DEVICE_FAILURE),
        ("oven", "gas"): (None, BAD_OUT_OF_RANGE),
    }
    assert statistics.bad == {
        "press/nan": {"not a finite number: nan": 1},
        "press/infinite": {"not a finite number: -inf": 1},
        "press/missing": {"illegal address": 1},
        "oven/heat": {"device failure": 1},
        "oven/gas": {"18446744073709551615 is outside the range of a 64-bit integer": 1},
    }
    assert statistics.exceptions == {"illegal address": 2, "device failure": 1}


def test_a_silent_device_does_not_stop_the_others(tmp_path, spool):
    map_ = device(1, "dead", tag("a", "input", 0, type="int16"), tag("b", "holding", 0, type="int16"))
    map_ += device(2, "alive", tag("c", "input", 0, type="int16"))
    devices = {1: {"input": {0: [1]}, "holding": {0: [2]}}, 2: {"input": {0: [3]}}}
    with ModbusServer(devices, silent=[1]) as server:
        # The timeout is short because device 1 never responds. Device 2 may miss it as well on a loaded machine.
        gateway = ModbusGateway(settings(server, written(tmp_path, 'poll = "50ms"\n' + map_), timeout_s=1.0), spool)
        with running(gateway):
            wait_until(lambda: len(of_tag(spool, "a")) >= 2 and sum(r.value == 3 for r in of_tag(spool, "c")) >= 2)
    assert {(r.value, r.quality) for name in "ab" for r in of_tag(spool, name)} == {(None, BAD_TIMEOUT)}
    assert gateway.statistics.timeouts >= 2
    assert gateway.statistics.missed_polls > 0
    assert gateway.statistics.bad["dead/b"]["no response"] == len(of_tag(spool, "b"))


def test_gateway_reconnects_to_a_restarted_server(tmp_path, spool, caplog):
    """Kill the server, change its values and restart it. No value is invented for the time between."""
    path = written(tmp_path, 'poll = "20ms"\n' + device(1, "press", tag("force", "input", 0, type="int16")))
    with ModbusServer({1: {"input": {0: [1]}}}) as first:
        gateway = ModbusGateway(settings(first, path), spool)
        with running(gateway):
            wait_until(lambda: gateway.statistics.stored >= 3)
            first.kill()
            wait_until(lambda: gateway.statistics.failed_attempts >= 2)
            assert not gateway.statistics.connected
            stored = gateway.statistics.stored
            with ModbusServer({1: {"input": {0: [2]}}}, port=first.port):
                wait_until(lambda: gateway.statistics.stored > stored)
    readings = of_tag(spool, "force")
    assert [r.value for r in readings] == [1] * stored + [2] * (len(readings) - stored)
    assert [r.sequence for r in readings] == list(range(len(readings)))
    assert gateway.statistics.reconnects == 1
    assert gateway.statistics.missed_polls > 0
    messages = [record.getMessage() for record in caplog.records if record.name.endswith("modbus.gateway")]
    assert all(now != before for before, now in pairwise(messages)), messages


def test_a_changed_map_continues_the_channel(tmp_path, spool):
    """A second run with another map adds a tag, and moves one; sequence numbers continue."""
    with ModbusServer({1: {"holding": {0: [11, 12]}}}) as server:
        first = device(1, "press", tag("force", "holding", 0, type="int16"))
        second = device(1, "press", tag("force", "holding", 1, type="int16"), tag("speed", "holding", 0, type="int16"))
        read_once(server, written(tmp_path, first), spool)
        read_once(server, written(tmp_path, second), spool)
    assert [(r.tag, r.value) for r in spool.entries("press")] == [("force", 11), ("speed", 11), ("force", 12)]
    assert [r.sequence for r in spool.entries("press")] == [0, 1, 2]


def command(tmp_path, *arguments):
    return CliRunner().invoke(main, ["--data", str(tmp_path), "ingest", "modbus", *map(str, arguments)])


def test_command_reports_counters_as_json(tmp_path):
    path = written(tmp_path, device(1, "press", tag("a", "input", 0, type="int16"), tag("b", "input", 9, type="int16")))
    with ModbusServer({1: {"input": {0: [1]}}}) as server:
        address = f"127.0.0.1:{server.port}"
        result = command(tmp_path, address, "--channel", "c", "--map", path, "--once", "--timeout", 20, "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert (facts["taken"], facts["bad_readings"]) == (2, 1)
    assert facts["bad"] == {"press/b": {"illegal address": 1}}


def test_command_gives_up_on_an_unavailable_address(tmp_path):
    path = written(tmp_path, device(1, "press", tag("a", "input", 0, type="int16")))
    result = command(tmp_path, "127.0.0.1:1", "--channel", "c", "--map", path, "--give-up", "0.3")
    assert result.exit_code == 1
    assert "no device at 127.0.0.1:1 responded for 0.3 s; 0 readings stored" in result.stderr
