"""Test the parts of the OPC UA gateway without a network: values, buffer, writer, settings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from asyncua import ua

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.opcua.buffer import Buffer
from chromatrace.ingest.opcua.settings import OpcUaSecurity, OpcUaSettings
from chromatrace.ingest.opcua.values import decode_value
from chromatrace.ingest.spool import Spool

KEY = TagKey("line", "pressure", "Pa", None)
OTHER = TagKey("line", "power", "W", None)
TIME = datetime(2020, 1, 1, tzinfo=UTC)
TIME_NS = 1_577_836_800 * 10**9
UNCERTAIN = int(ua.StatusCodes.UncertainLastUsableValue)


def data_value(value=1.5, time=TIME, status=0, **others):
    variant = value if isinstance(value, ua.Variant) else ua.Variant(value)
    return ua.DataValue(variant, StatusCode=ua.StatusCode(status), SourceTimestamp=time, **others)


def decode(data):
    return decode_value(KEY, data, 5, replayed=False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (data_value(time=None), "no source time"),
        (data_value(time=datetime(1601, 1, 1, tzinfo=UTC)), "no source time"),
        (data_value([1.5]), "neither a number nor a text"),
        (data_value(b"bytes"), "neither a number nor a text"),
        (data_value("x" * 501), "a text of 501 characters"),
        (data_value(2**63, status=0), "64-bit"),
        (data_value(float("nan")), "not a finite number"),
        (data_value(float("inf")), "not a finite number"),
        (data_value(ua.Variant(None, ua.VariantType.Null), status=UNCERTAIN), "UncertainLastUsableValue"),
    ],
)
def test_invalid_values_are_rejected_with_a_reason(data, reason):
    result = decode(data)
    assert isinstance(result, str)
    assert reason in result


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        (True, "true"),
        ("Idle", "Idle"),
        (2**53 + 1, 2**53 + 1),
        (7, 7.0),
        (ua.LocalizedText("Zu"), "Zu"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
    ],
)
def test_values_of_other_types_are_converted(value, converted):
    assert decode(data_value(value)).value == converted


def test_bad_status_without_a_value_is_a_reading():
    dead = data_value(ua.Variant(None, ua.VariantType.Null), time=None, status=int(ua.StatusCodes.BadSensorFailure))
    value = decode(dead)
    assert (value.value, value.quality, value.source_time_ns) == (None, int(ua.StatusCodes.BadSensorFailure), 5)


def test_missing_initial_value_is_ignored():
    waiting = ua.Variant(None, ua.VariantType.Null)
    assert decode(data_value(waiting, time=None, status=int(ua.StatusCodes.BadWaitingForInitialData))) is None


def test_time_value_and_status_come_from_the_source():
    assert decode(data_value(7, status=UNCERTAIN)) == ReceivedValue(KEY, TIME_NS, 5, 7.0, UNCERTAIN, False)
    assert decode(data_value(SourcePicoseconds=9_999)).source_time_ns == TIME_NS + 99


def test_overflow_bit_is_removed_from_the_quality():
    value = decode(data_value(status=UNCERTAIN | 0x0480))
    assert value.overflow
    assert value.quality == UNCERTAIN


def received(seconds, value=1.0, key=KEY, quality=0, replayed=False):
    return ReceivedValue(key, TIME_NS + seconds * 10**9, TIME_NS, float(value), quality, replayed)


def test_full_buffer_blocks_put():
    async def scenario():
        buffer = Buffer(2)
        await buffer.put([received(1), received(2), received(3)], False)
        putting = asyncio.create_task(buffer.put([received(4)], True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not putting.done()
        assert len(buffer) == 3
        assert await buffer.get(10, 1) == ([received(1), received(2), received(3)], False)
        await putting
        assert await buffer.get(10, 1) == ([received(4)], True)
        assert await buffer.get(10, 0.01) == ([], False)

    asyncio.run(scenario())


def test_closed_buffer_accepts_no_more_values():
    async def scenario():
        buffer = Buffer(10)
        await buffer.put([received(1)], False)
        buffer.close()
        putting = asyncio.create_task(buffer.put([received(2)], False))
        assert await buffer.get(10, 1) == ([received(1)], False)
        assert await buffer.get(10, 0.01) == ([], False)
        assert not putting.done()
        putting.cancel()

    asyncio.run(scenario())


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


def create_writer(spool):
    statistics = GatewayStatistics()
    return SpoolWriter(spool, "channel", statistics), statistics


def test_duplicate_gets_no_sequence_number(spool):
    writer, statistics = create_writer(spool)
    writer.write([received(1), received(2), received(2)])
    writer.write([received(2, replayed=True), received(1), received(3, key=OTHER), received(3)])
    readings = list(spool.entries("channel"))
    assert [(r.tag, r.source_time_ns - TIME_NS, r.sequence, r.unit) for r in readings] == [
        ("pressure", 10**9, 0, "Pa"),
        ("pressure", 2 * 10**9, 1, "Pa"),
        ("power", 3 * 10**9, 2, "W"),
        ("pressure", 3 * 10**9, 3, "Pa"),
    ]
    assert (statistics.stored, statistics.duplicates, statistics.conflicting) == (4, 3, 0)


def test_equal_value_at_a_new_time_is_stored(spool):
    writer, _ = create_writer(spool)
    writer.write([received(1, 7), received(2, 7)])
    assert spool.size("channel") == 2


def test_late_reading_is_stored(spool):
    writer, statistics = create_writer(spool)
    writer.write([received(1), received(5)])
    writer.write([received(3), received(5)])
    assert [r.source_time_ns - TIME_NS for r in spool.entries("channel")] == [10**9, 5 * 10**9, 3 * 10**9]
    assert statistics.duplicates == 1
    assert writer.newest_ns(KEY) == TIME_NS + 5 * 10**9


def test_conflict_is_recorded_by_the_spool(spool):
    writer, statistics = create_writer(spool)
    writer.write([received(1, 7), received(1, 8)])
    writer.write([received(1, 9), received(2, 7)])
    assert [r.value for r in spool.entries("channel")] == [7, 7]
    assert [r.sequence for r in spool.entries("channel")] == [0, 1]
    assert statistics.conflicting == 2
    assert [rejected.value for rejected, _ in spool.conflicts("channel")] == [8, 9]


def test_new_writer_resumes_at_the_end_of_the_spool(spool):
    first, _ = create_writer(spool)
    first.write([received(1), received(2), received(1, key=OTHER)])
    spool.append("channel", [Reading("another", "pressure", TIME_NS, TIME_NS, 1.0, sequence=99)])
    second, _ = create_writer(spool)
    unseen = TagKey("line", "unseen", "", None)
    second.resume([KEY, OTHER, unseen])
    assert second.newest_ns(KEY) == TIME_NS + 2 * 10**9
    assert second.newest_ns(OTHER) == TIME_NS + 10**9
    assert second.newest_ns(unseen) is None
    assert second.oldest_of_newest_ns("line") == TIME_NS + 10**9
    second.write([received(3)])
    assert spool.find("channel", "line", "pressure", TIME_NS + 3 * 10**9).reading.sequence == 3


def test_failed_batch_can_be_written_again(tmp_path):
    with Spool(tmp_path / "spool.db", busy_timeout_s=0.05) as spool:
        writer, statistics = create_writer(spool)
        writer.write([received(1)])
        with Spool(tmp_path / "spool.db") as holder:
            with holder._transaction(), pytest.raises(SpoolUnavailable):
                writer.write([received(2)])
            assert writer.newest_ns(KEY) == TIME_NS + 10**9
            writer.write([received(2)])
        assert [r.sequence for r in spool.entries("channel")] == [0, 1]
        assert statistics.stored == 2


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
def test_invalid_settings_are_named(changed, field):
    with pytest.raises(InvalidInput) as caught:
        OpcUaSettings(**({"url": "opc.tcp://127.0.0.1:4840", "channel": "c"} | changed))
    assert caught.value.field == field
    with pytest.raises(InvalidInput):
        OpcUaSecurity(certificate="c.der")
