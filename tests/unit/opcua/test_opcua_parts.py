"""The gateway's parts without a network: values, buffer, writer, settings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from asyncua import ua

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.opcua import OpcUaSecurity, OpcUaSettings, Statistics
from chromatrace.ingest.opcua.buffer import Buffer
from chromatrace.ingest.opcua.values import Arrival, TagKey, read_value
from chromatrace.ingest.opcua.writer import Writer
from chromatrace.ingest.spool import Spool

KEY = TagKey("line", "pressure", "Pa", None)
OTHER = TagKey("line", "power", "W", None)
TIME = datetime(2020, 1, 1, tzinfo=UTC)
TIME_NS = 1_577_836_800 * 10**9
UNCERTAIN = int(ua.StatusCodes.UncertainLastUsableValue)


def data_value(value=1.5, time=TIME, status=0, **others):
    variant = value if isinstance(value, ua.Variant) else ua.Variant(value)
    return ua.DataValue(variant, StatusCode=ua.StatusCode(status), SourceTimestamp=time, **others)


def read(data):
    return read_value(KEY, data, 5, replayed=False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (data_value(time=None), "no source time"),
        (data_value(time=datetime(1601, 1, 1, tzinfo=UTC)), "no source time"),
        (data_value("1.5"), "not a number"),
        (data_value(True), "not a number"),
        (data_value([1.5]), "not a number"),
        (data_value(float("nan")), "not a finite number"),
        (data_value(float("inf")), "not a finite number"),
        (
            data_value(ua.Variant(None, ua.VariantType.Null), status=int(ua.StatusCodes.BadSensorFailure)),
            "BadSensorFailure",
        ),
    ],
)
def test_what_is_no_reading_is_refused_with_its_reason(data, reason):
    answer = read(data)
    assert isinstance(answer, str)
    assert reason in answer


def test_no_value_yet_is_neither_reading_nor_refusal():
    waiting = ua.Variant(None, ua.VariantType.Null)
    assert read(data_value(waiting, time=None, status=int(ua.StatusCodes.BadWaitingForInitialData))) is None


def test_time_value_and_status_are_the_sources():
    assert read(data_value(7, status=UNCERTAIN)) == Arrival(KEY, TIME_NS, 5, 7.0, UNCERTAIN, False)
    assert read(data_value(SourcePicoseconds=9_999)).source_time_ns == TIME_NS + 99


def test_the_overflow_bit_is_noticed_and_no_part_of_the_quality():
    arrival = read(data_value(status=UNCERTAIN | 0x0480))
    assert arrival.overflow
    assert arrival.quality == UNCERTAIN


def arrival(seconds, value=1.0, key=KEY, quality=0, replayed=False):
    return Arrival(key, TIME_NS + seconds * 10**9, TIME_NS, float(value), quality, replayed)


def test_a_full_buffer_holds_back_whoever_puts():
    async def scenario():
        buffer = Buffer(2)
        await buffer.put([arrival(1), arrival(2), arrival(3)], False)
        putting = asyncio.create_task(buffer.put([arrival(4)], True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not putting.done()
        assert len(buffer) == 3
        assert await buffer.take(10, 1) == ([arrival(1), arrival(2), arrival(3)], False)
        await putting
        assert await buffer.take(10, 1) == ([arrival(4)], True)
        assert await buffer.take(10, 0.01) == ([], False)

    asyncio.run(scenario())


def test_a_closed_buffer_gives_what_it_has_and_takes_no_more():
    async def scenario():
        buffer = Buffer(10)
        await buffer.put([arrival(1)], False)
        buffer.close()
        putting = asyncio.create_task(buffer.put([arrival(2)], False))
        assert await buffer.take(10, 1) == ([arrival(1)], False)
        assert await buffer.take(10, 0.01) == ([], False)
        assert not putting.done()
        putting.cancel()

    asyncio.run(scenario())


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


def writer_on(spool):
    statistics = Statistics()
    return Writer(spool, "channel", statistics), statistics


def test_a_second_delivery_is_a_duplicate_and_takes_no_number(spool):
    writer, statistics = writer_on(spool)
    writer.write([arrival(1), arrival(2), arrival(2)])
    writer.write([arrival(2, replayed=True), arrival(1), arrival(3, key=OTHER), arrival(3)])
    readings = list(spool.entries("channel"))
    assert [(r.tag, r.source_time_ns - TIME_NS, r.sequence, r.unit) for r in readings] == [
        ("pressure", 10**9, 0, "Pa"),
        ("pressure", 2 * 10**9, 1, "Pa"),
        ("power", 3 * 10**9, 2, "W"),
        ("pressure", 3 * 10**9, 3, "Pa"),
    ]
    assert (statistics.taken, statistics.duplicates, statistics.conflicting) == (4, 3, 0)


def test_an_equal_value_at_a_new_time_is_a_reading(spool):
    writer, _ = writer_on(spool)
    writer.write([arrival(1, 7), arrival(2, 7)])
    assert spool.size("channel") == 2


def test_a_late_reading_is_taken_too(spool):
    writer, statistics = writer_on(spool)
    writer.write([arrival(1), arrival(5)])
    writer.write([arrival(3), arrival(5)])
    assert [r.source_time_ns - TIME_NS for r in spool.entries("channel")] == [10**9, 5 * 10**9, 3 * 10**9]
    assert statistics.duplicates == 1
    assert writer.newest_ns(KEY) == TIME_NS + 5 * 10**9


def test_a_contradicting_delivery_is_a_conflict_that_the_spool_records(spool):
    writer, statistics = writer_on(spool)
    writer.write([arrival(1, 7), arrival(1, 8)])
    writer.write([arrival(1, 9), arrival(2, 7)])
    assert [r.value for r in spool.entries("channel")] == [7, 7]
    assert [r.sequence for r in spool.entries("channel")] == [0, 1]
    assert statistics.conflicting == 2
    assert [offered.value for offered, _ in spool.conflicts("channel")] == [8, 9]


def test_a_new_writer_resumes_where_the_spool_ends(spool):
    first, _ = writer_on(spool)
    first.write([arrival(1), arrival(2), arrival(1, key=OTHER)])
    spool.append("channel", [Reading("another", "pressure", TIME_NS, TIME_NS, 1.0, sequence=99)])
    second, _ = writer_on(spool)
    unseen = TagKey("line", "unseen", "", None)
    second.resume([KEY, OTHER, unseen])
    assert second.newest_ns(KEY) == TIME_NS + 2 * 10**9
    assert second.newest_ns(OTHER) == TIME_NS + 10**9
    assert second.newest_ns(unseen) is None
    assert second.oldest_of_newest_ns("line") == TIME_NS + 10**9
    second.write([arrival(3)])
    assert spool.find("channel", "line", "pressure", TIME_NS + 3 * 10**9).reading.sequence == 3


def test_what_the_spool_refused_can_be_written_again(tmp_path):
    with Spool(tmp_path / "spool.db", busy_timeout_s=0.05) as spool:
        writer, statistics = writer_on(spool)
        writer.write([arrival(1)])
        with Spool(tmp_path / "spool.db") as holder:
            with holder._transaction(), pytest.raises(SpoolUnavailable):
                writer.write([arrival(2)])
            assert writer.newest_ns(KEY) == TIME_NS + 10**9
            writer.write([arrival(2)])
        assert [r.sequence for r in spool.entries("channel")] == [0, 1]
        assert statistics.taken == 2


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"url": "http://127.0.0.1:4840"}, "url"),
        ({"url": "opc.tcp://user:secret@127.0.0.1:4840"}, "url"),
        ({"channel": ""}, "channel"),
        ({"nodes": ("ns=2;i=1",)}, "source"),
        ({"since_ns": -1}, "since_ns"),
        ({"queue_size": 0}, "queue_size"),
        ({"buffer": 0}, "buffer"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"backoff_s": (2.0, 1.0)}, "backoff_s"),
    ],
)
def test_bad_settings_are_named(changed, field):
    with pytest.raises(InvalidInput) as caught:
        OpcUaSettings(**({"url": "opc.tcp://127.0.0.1:4840", "channel": "c"} | changed))
    assert caught.value.field == field
    with pytest.raises(InvalidInput):
        OpcUaSecurity(certificate="c.der")
