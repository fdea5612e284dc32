"""The bounded buffer of the OPC UA gateway waits, or drops whole messages after their loss is recorded."""

import asyncio

import pytest

from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.opcua.buffer import Buffer


def message(*numbers):
    key = TagKey("press", "force", "kN")
    return [ReceivedValue(key, number, number, float(number), 0, replayed=False) for number in numbers]


def times(values):
    return [value.source_time_ns for value in values]


def test_a_full_buffer_waits_without_a_policy():
    async def scenario():
        buffer = Buffer(2)
        await buffer.put(message(1, 2), missed=False)
        putting = asyncio.create_task(buffer.put(message(3), missed=False))
        await asyncio.sleep(0)
        assert (len(buffer), putting.done()) == (2, False)
        taken, _ = await buffer.get(2, 1.0)
        await putting
        assert (times(taken), len(buffer)) == ([1, 2], 1)

    asyncio.run(scenario())


def test_the_oldest_messages_are_dropped_after_they_are_recorded():
    recorded = []

    async def drop(values):
        recorded.append(times(values))
        return True

    async def scenario():
        buffer = Buffer(3, drop)
        for number in range(1, 6):
            await buffer.put(message(number), missed=False)
        taken, _ = await buffer.get(10, 1.0)
        assert times(taken) == [3, 4, 5]

    asyncio.run(scenario())
    assert recorded == [[1], [2]]


def test_a_loss_that_cannot_be_recorded_does_not_happen():
    async def keep(_values):
        return False

    async def scenario():
        buffer = Buffer(1, keep)
        await buffer.put(message(1), missed=False)
        putting = asyncio.create_task(buffer.put(message(2), missed=False))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(putting), 0.01)
        taken, _ = await buffer.get(1, 1.0)
        await putting
        rest, _ = await buffer.get(1, 1.0)
        assert (times(taken), times(rest)) == ([1], [2])

    asyncio.run(scenario())
