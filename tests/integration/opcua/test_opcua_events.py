"""Test that events and alarms of a real server become text readings, across interruptions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from asyncua import ua
from test_opcua_gateway import running, settings, until
from test_opcua_servers import serve, spool  # noqa: F401 - fixtures

from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.events import EVENT_TAG
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool
from chromatrace.plant import example_plant
from chromatrace.plant.process import PlantProcess
from chromatrace.plant.simulation import Simulation

BEGIN = datetime(2024, 5, 1, tzinfo=UTC)
BEGIN_NS = 1_714_521_600 * 10**9


def events(spool):  # noqa: F811
    return [
        (r.source, r.tag, (r.source_time_ns - BEGIN_NS) // 10**9, json.loads(r.value))
        for r in spool.entries("press")
        if r.tag.startswith(EVENT_TAG)
    ]


def test_an_event_of_the_base_type_has_severity_and_message(serve, spool):  # noqa: F811
    async def scenario(server, device, index, url):
        await device.add_variable(index, "force", 0.0)
        generator = await server.get_event_generator()
        generator.event.Severity = 700
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.connected)
            await generator.trigger(BEGIN + timedelta(seconds=1), "door opened")
            await generator.trigger(BEGIN + timedelta(seconds=2), "x" * 600)
            await until(lambda: gateway.statistics.events == 2)
            await until(lambda: len(events(spool)) == 2)
            assert (gateway.statistics.rejected, gateway.statistics.gaps_unfilled) == (0, 0)

    serve(scenario)
    short, long = events(spool)
    tag = "event/Server/BaseEventType"
    assert short == ("press", tag, 1, {"type": "BaseEventType", "severity": 700, "message": "door opened"})
    assert long[3]["message"].startswith("xxx")
    assert long[3]["message"].endswith("x…")


def test_an_alarm_has_its_states_and_belongs_to_the_source_of_its_node(serve, spool):  # noqa: F811
    async def scenario(server, device, index, url):
        oven = await server.nodes.objects.add_object(index, "oven")
        await device.add_variable(index, "force", 0.0)
        heat = await oven.add_variable(index, "heat", 0.0)
        generator = await server.get_event_generator(ua.ObjectIds.ExclusiveLevelAlarmType)
        alarm = generator.event
        alarm.SourceNode, alarm.SourceName, alarm.ConditionName = heat.nodeid, "heat", "HighAlarm"
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.connected)
            for second, (active, acked) in enumerate([(True, False), (True, True), (False, True)]):
                setattr(alarm, "ActiveState/Id", active)
                setattr(alarm, "AckedState/Id", acked)
                await generator.trigger(BEGIN + timedelta(seconds=second), "heat is high")
            await until(lambda: len(events(spool)) == 3)

    serve(scenario)
    assert [(source, tag, at, value["active"], value["acked"]) for source, tag, at, value in events(spool)] == [
        ("oven", "event/heat/HighAlarm", 0, True, False),
        ("oven", "event/heat/HighAlarm", 1, True, True),
        ("oven", "event/heat/HighAlarm", 2, False, True),
    ]


def test_events_that_the_server_does_not_keep_are_a_gap(serve, spool):  # noqa: F811
    async def scenario(server, device, index, url):
        await device.add_variable(index, "force", 0.0)
        generator = await server.get_event_generator()
        for second in (1, 2):
            async with running(settings(url), spool) as gateway:
                await until(lambda: gateway.statistics.connected)
                await generator.trigger(BEGIN + timedelta(seconds=second), "door opened")
                await until(lambda count=second: len(events(spool)) == count)
                gaps = [(gap.source, gap.tag, gap.start_ns) for gap in gateway.statistics.gaps]
                assert gaps == ([] if second == 1 else [("press", "event/", BEGIN_NS + 10**9)])

    serve(scenario)
    assert [r.sequence for r in spool.entries("press")] == [0, 1, 2]


def test_a_server_without_events_is_read_as_before(serve, spool):  # noqa: F811
    async def scenario(server, device, index, url):
        await device.add_variable(index, "force", 0.0)
        await server.nodes.server.write_attribute(
            ua.AttributeIds.EventNotifier, ua.DataValue(ua.Variant(0, ua.VariantType.Byte))
        )
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 1)
            assert (gateway.statistics.events, gateway.statistics.rejected) == (0, 0)

    serve(scenario)


def expected_alarms(plant, seed):
    """Return the changes of the alarms of a simulation: tag, time and state."""
    found, active = [], {}
    simulation = Simulation(plant, seed=seed, start_ns=BEGIN_NS, runs=1)
    for step in simulation.steps():
        for tag, value in zip(simulation.tags, step.values, strict=True):
            low = tag.limit_low is not None and value < tag.limit_low
            high = tag.limit_high is not None and value > tag.limit_high
            if active.get(tag.name, False) != (low or high):
                active[tag.name] = low or high
                found.append((f"event/{tag.name}/Level", step.source_time_ns, low or high))
    return sorted(found)


def test_the_plant_raises_the_alarms_of_its_limits_and_keeps_them(tmp_path):
    """The first gateway stops in the middle; the second reads the missed alarms from the history of the server."""
    arguments = ("--seed", "3", "--runs", "1", "--start", "2024-05-01T00:00:00Z", "--wait-for-client")
    alarms = expected_alarms(example_plant("electrochromic"), 3)
    assert len(alarms) > 20
    with PlantProcess(*arguments, "--time-factor", "900") as plant, Spool(tmp_path / "spool.db") as opened:

        def stored():
            return sorted(
                (r.tag, r.source_time_ns, json.loads(r.value)["active"])
                for r in opened.entries("press")
                if r.tag.startswith(EVENT_TAG)
            )

        with BackgroundGateway(OpcUaSettings(plant.url, "press"), opened) as first:
            while first.statistics.events < 5:
                assert not first.wait(0.02)
        assert 5 <= len(stored()) < len(alarms)
        with BackgroundGateway(OpcUaSettings(plant.url, "press", once=True), opened) as second:
            assert second.wait(300)
        assert stored() == alarms
        assert (second.statistics.gaps_unfilled, second.statistics.conflicting) == (0, 0)
        messages = [json.loads(r.value)["message"] for r in opened.entries("press") if r.tag.startswith(EVENT_TAG)]
        assert "201.base_pressure is " in " ".join(messages)
