"""Test that each recorded reading arrives exactly once from a real OPC UA server, across interruptions."""

from __future__ import annotations

import time

import numpy as np
import pytest
from opcua_proxy import CuttingProxy

from chromatrace.ingest.files import ingest_file
from chromatrace.ingest.layout import layout_for
from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool
from chromatrace.ingest.times import rfc3339
from chromatrace.plant.process import PlantProcess

COLUMNS = "XMEAS(1..41),XMV(1..11)"
TAGS = [f"XMEAS({number})" for number in range(1, 42)] + [f"XMV({number})" for number in range(1, 12)]
START = "2020-01-01T00:00:00Z"
START_NS = 1_577_836_800 * 10**9
STEP_NS = 180 * 10**9
READINGS = 49_920
FEW_ROWS = 100


@pytest.fixture(scope="module")
def recording(data_dir):
    return data_dir / "tep" / "d01_te.dat"


@pytest.fixture(scope="module")
def beginning(recording, tmp_path_factory):
    """Return a shorter recording with the same name."""
    path = tmp_path_factory.mktemp("beginning") / recording.name
    path.write_text("".join(recording.read_text().splitlines(keepends=True)[:FEW_ROWS]))
    return path


def served(recording, time_factor, *options):
    return PlantProcess(
        *("--recording", str(recording), "--columns", COLUMNS, "--step", "180", "--start", START),
        *("--time-factor", time_factor, *options),
    )


def expected(recording):
    """Read the recording with numpy, independently of the code under test."""
    table = np.loadtxt(recording)
    return {
        ("d01_te", tag, START_NS + row * STEP_NS): float(table[row, column])
        for row in range(table.shape[0])
        for column, tag in enumerate(TAGS)
    }


def stored(spool, channel):
    """Return readings by identity. Fails on duplicates."""
    readings = list(spool.entries(channel))
    values = {(reading.source, reading.tag, reading.source_time_ns): reading.value for reading in readings}
    assert len(values) == len(readings)
    return values


def wait_until(condition, event, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{event} did not happen in {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cut(recording, tmp_path_factory):
    """Store the whole recording across a cut. Yield the spool, the statistics and the number of readings at the cut."""
    with (
        served(recording, "20000", "--wait-for-client") as plant,  # nine seconds: many messages arrive before the cut
        CuttingProxy(plant.url) as proxy,
        Spool(tmp_path_factory.mktemp("cut") / "spool.db") as spool,
    ):
        with BackgroundGateway(OpcUaSettings(proxy.url, "tep", once=True), spool) as gateway:
            wait_until(lambda: spool.size("tep") > 0, "a first reading")
            proxy.cut_after(300_000)
            assert proxy.has_cut.wait(120)
            wait_until(lambda: gateway.statistics.failed_attempts > 0, "a rejected connection")
            at_cut = spool.size("tep")
            proxy.rejecting = False
            assert gateway.wait(600)
            statistics = gateway.statistics
        yield spool, statistics, at_cut


def test_each_reading_is_stored_once_across_a_cut(recording, cut):
    spool, statistics, at_cut = cut
    values = expected(recording)
    assert len(values) == READINGS
    assert stored(spool, "tep") == values
    readings = list(spool.entries("tep"))
    assert 0 < at_cut < READINGS
    assert statistics.reconnects == 1
    assert statistics.stored == READINGS
    assert statistics.conflicting == statistics.rejected == statistics.gaps_unfilled == 0
    # Readings from the history are marked as replayed; those before the cut are not.
    assert sum(reading.replayed for reading in readings) == statistics.replayed > 0
    assert not any(reading.replayed for reading in readings[:at_cut])
    assert [reading.sequence for reading in readings] == list(range(READINGS))
    assert all(reading.quality == 0 for reading in readings)


def test_file_reader_returns_the_same_readings(recording, cut):
    spool, *_ = cut
    table = layout_for(columns=COLUMNS, start=rfc3339(START_NS), step=f"{STEP_NS}ns")
    ingest_file(spool, "file", recording, table)
    assert len(stored(spool, "file")) == READINGS
    assert stored(spool, "tep") == stored(spool, "file")
    # The spool recognises the readings of the file as duplicates.
    second = ingest_file(spool, "tep", recording, table)
    assert (second.stored, second.duplicates, second.conflicting) == (0, READINGS, 0)


def test_values_before_the_start_are_read_from_history(beginning, tmp_path):
    with served(beginning, "max") as plant, Spool(tmp_path / "spool.db") as spool:
        with BackgroundGateway(OpcUaSettings(plant.url, "opcua", since_ns=0, once=True), spool) as gateway:
            assert gateway.wait(600)
        assert stored(spool, "opcua") == expected(beginning)
        table = layout_for(columns=COLUMNS, start=rfc3339(START_NS), step=f"{STEP_NS}ns")
        second = ingest_file(spool, "opcua", beginning, table)
        assert (second.stored, second.duplicates, second.conflicting) == (0, FEW_ROWS * len(TAGS), 0)


def test_gateway_resumes_after_an_earlier_one(beginning, tmp_path):
    """The first gateway stops early in the 20 s run; the second reads the rest from the history."""
    values = expected(beginning)
    with (
        served(beginning, "900", "--wait-for-client") as plant,
        CuttingProxy(plant.url) as proxy,
        Spool(tmp_path / "spool.db") as spool,
    ):
        with BackgroundGateway(OpcUaSettings(proxy.url, "tep"), spool) as first:
            wait_until(lambda: spool.size("tep") >= len(TAGS), "a first reading of each tag")
            proxy.cut_after(10_000)
            assert proxy.has_cut.wait(120)
            wait_until(lambda: first.statistics.failed_attempts > 0, "a rejected connection")
        stored_by_first = spool.size("tep")
        assert 0 < stored_by_first < len(values)
    with served(beginning, "max") as plant, Spool(tmp_path / "spool.db") as spool:
        with BackgroundGateway(OpcUaSettings(plant.url, "tep", once=True), spool) as second:
            assert second.wait(600)
        assert stored(spool, "tep") == values
        assert second.statistics.stored == len(values) - stored_by_first
        assert [reading.sequence for reading in spool.entries("tep")] == list(range(len(values)))


def test_queue_overflow_on_the_server_is_filled_from_history(beginning, tmp_path):
    """With a queue of one value published once a second, nearly all values come from the history."""
    settings = {"since_ns": 0, "once": True, "queue_size": 1, "publishing_interval_ms": 1000.0}
    with served(beginning, "6000", "--wait-for-client") as plant, Spool(tmp_path / "spool.db") as spool:
        with BackgroundGateway(OpcUaSettings(plant.url, "tep", **settings), spool) as gateway:
            assert gateway.wait(600)
        assert stored(spool, "tep") == expected(beginning)
        assert gateway.statistics.overflows > 0
        assert gateway.statistics.gaps_unfilled == gateway.statistics.conflicting == 0
        assert all(reading.quality == 0 for reading in spool.entries("tep"))
