"""Test the gateway with servers as plants have them: limits, wrong clocks, equal names, and values of every type."""

from __future__ import annotations

import asyncio
import enum
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import Server, ua
from test_opcua_gateway import of_tag, running, settings, until

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import BAD
from chromatrace.ingest.opcua.units import unit_of, unit_of_code
from chromatrace.ingest.spool import Spool

NAMESPACE = "urn:example:machine"


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


@pytest.fixture
def serve():
    """Return a function that runs `scenario(server, device, index, url)` with a server that `build` fills."""

    def run(scenario, *, limit=None):
        async def main():
            server = Server()
            await server.init()
            server.set_endpoint("opc.tcp://127.0.0.1:0/machine")
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            index = await server.register_namespace(NAMESPACE)
            device = await server.nodes.objects.add_object(index, "press")
            if limit is not None:
                await limit_operations(server, limit)
            await server.start()
            try:
                url = f"opc.tcp://127.0.0.1:{server.bserver._server.sockets[0].getsockname()[1]}/machine"
                await scenario(server, device, index, url)
            finally:
                await server.stop()

        asyncio.run(main())

    return run


async def limit_operations(server, limit):
    """Reject requests with more than `limit` nodes, as a small controller does."""
    for name in ("MaxNodesPerRead", "MaxNodesPerBrowse", "MaxMonitoredItemsPerCall"):
        identifier = getattr(ua.ObjectIds, f"Server_ServerCapabilities_OperationLimits_{name}")
        await server.get_node(ua.NodeId(int(identifier))).write_value(ua.Variant(limit, ua.VariantType.UInt32))
    session = type(server.iserver.isession)

    def limited(method, size_of):
        original = getattr(session, method)

        async def call(self, parameters, *others, **named):
            if self.external and size_of(parameters) > limit:
                raise ua.uaerrors.BadTooManyOperations
            return await original(self, parameters, *others, **named)

        return call

    changed = {
        "read": lambda parameters: len(parameters.NodesToRead),
        "browse": lambda parameters: len(parameters.NodesToBrowse),
        "create_monitored_items": lambda parameters: len(parameters.ItemsToCreate),
    }
    for method, size_of in changed.items():
        LIMITED.setattr(session, method, limited(method, size_of))


@pytest.fixture(autouse=True)
def _limited(monkeypatch):
    global LIMITED
    LIMITED = monkeypatch


def stamped(value, time, kind=ua.VariantType.Double, status=0):
    return ua.DataValue(ua.Variant(value, kind), StatusCode=ua.StatusCode(status), SourceTimestamp=time)


def test_a_server_with_operation_limits(serve, spool):
    async def scenario(server, device, index, url):
        for number in range(120):
            await device.add_variable(index, f"v{number}", float(number))
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 120)
            assert gateway.statistics.rejected == 0

    serve(scenario, limit=50)
    assert {reading.tag: reading.value for reading in spool.entries("press")} == {f"v{n}": float(n) for n in range(120)}


def test_equal_names_below_different_objects_are_different_tags(serve, spool):
    async def scenario(server, device, index, url):
        for name, value in (("PumpA", 1.0), ("PumpB", 2.0)):
            pump = await device.add_object(index, name)
            await pump.add_variable(index, "Temperature", value)
            inner = await pump.add_variable(index, "Setpoint", value + 10)
            await inner.add_variable(index, "Deviation", value + 20)
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 6)

    serve(scenario)
    assert {reading.tag: reading.value for reading in spool.entries("press")} == {
        "PumpA/Temperature": 1.0, "PumpB/Temperature": 2.0, "PumpA/Setpoint": 11.0, "PumpB/Setpoint": 12.0,
        "PumpA/Setpoint/Deviation": 21.0, "PumpB/Setpoint/Deviation": 22.0,
    }  # fmt: skip


def test_equal_paths_are_an_error_before_anything_is_read(serve, spool):
    async def scenario(server, device, index, url):
        for _ in range(2):
            await device.add_variable(ua.NodeId(f"x{_}", index), ua.QualifiedName("Temperature", index), 1.0)
        with pytest.raises(InvalidInput, match="two variables have the path press/Temperature"):
            async with running(settings(url), spool):
                await asyncio.sleep(30)

    serve(scenario)
    assert spool.names() == []


def test_a_cycle_of_references_and_variables_directly_below_objects(serve, spool):
    async def scenario(server, device, index, url):
        await server.nodes.objects.add_variable(index, "ambient", 20.5)
        part = await device.add_object(index, "part")
        await part.add_variable(index, "force", 1.5)
        await part.add_reference(device, ua.ObjectIds.Organizes)
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 2)

    serve(scenario)
    assert sorted((r.source, r.tag, r.value) for r in spool.entries("press")) == [
        ("ambient", "ambient", 20.5), ("press", "part/force", 1.5),
    ]  # fmt: skip


class Mode(enum.IntEnum):
    STOPPED = 0
    RUNNING = 1


def test_values_of_every_type_are_read_or_listed(serve, spool):
    time = datetime.now(UTC)

    async def scenario(server, device, index, url):
        mode = await server.nodes.enum_data_type.add_data_type(index, "Mode")
        await mode.add_property(0, "EnumStrings", [ua.LocalizedText("Stopped"), ua.LocalizedText("Running")])
        values = {
            "flag": (True, ua.VariantType.Boolean, None),
            "recipe": ("R-17", ua.VariantType.String, None),
            "changed": (datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC), ua.VariantType.DateTime, None),
            "mode": (1, ua.VariantType.Int32, mode.nodeid),
            "exact": (2**53 + 1, ua.VariantType.Int64, None),
            "huge": (2**64 - 1, ua.VariantType.UInt64, None),
            "number": (7, ua.VariantType.Int16, ua.NodeId(int(ua.ObjectIds.Number))),
            "any": (2.5, ua.VariantType.Double, ua.NodeId(int(ua.ObjectIds.BaseDataType))),
            "array": ([1.0, 2.0], ua.VariantType.Double, None),
            "structure": (ua.Range(0.0, 1.0), ua.VariantType.ExtensionObject, ua.NodeId(int(ua.ObjectIds.Range))),
            "dead": (None, ua.VariantType.Null, ua.NodeId(int(ua.ObjectIds.Double))),
        }
        for name, (value, kind, datatype) in values.items():
            variable = await device.add_variable(index, name, ua.Variant(value, kind), datatype=datatype)
            if name == "dead":
                bad = stamped(None, time, ua.VariantType.Null, int(ua.StatusCodes.BadSensorFailure))
                await server.write_attribute_value(variable.nodeid, bad)
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 8)
            assert sorted(gateway.statistics.left_out) == [
                "press/array: array",
                "press/structure: structure or other type",
            ]
            assert [rejection.tag for rejection in gateway.statistics.rejections] == ["huge"]
            assert "64-bit" in gateway.statistics.rejections[0].reason

    serve(scenario)
    stored = {reading.tag: reading for reading in spool.entries("press")}
    assert {tag: reading.value for tag, reading in stored.items()} == {
        "flag": "true", "recipe": "R-17", "changed": "2026-05-04T03:02:01Z", "mode": "Running", "exact": 2**53 + 1,
        "number": 7.0, "any": 2.5, "dead": None,
    }  # fmt: skip
    assert stored["dead"].quality & BAD


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("degC", "degC"),
        (None, ""),
        (5, ""),
        (ua.EUInformation(UnitId=4408652), "°C"),
        (ua.EUInformation(UnitId=4408652, DisplayName=ua.LocalizedText("Celsius")), "Celsius"),
        (ua.EUInformation(UnitId=-1), ""),
    ],
)
def test_engineering_units_of_any_type(value, unit):
    assert unit_of(value) == unit


def test_codes_of_recommendation_20():
    assert [unit_of_code(int.from_bytes(code, "big")) for code in (b"VLT", b"4K", b"C62", b"XYZ")] == [
        "V",
        "mA",
        "1",
        "XYZ",
    ]
    assert unit_of_code(2**31) == ""


def test_units_of_any_type_do_not_stop_the_gateway(serve, spool):
    async def scenario(server, device, index, url):
        for name, unit in (("text", "bar"), ("none", None), ("code", ua.EUInformation(UnitId=4408652))):
            variable = await device.add_variable(index, name, 1.0)
            variant = ua.Variant(unit, ua.VariantType.Null) if unit is None else unit
            await variable.add_property(0, "EngineeringUnits", variant)
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 3)

    serve(scenario)
    assert {reading.tag: reading.unit for reading in spool.entries("press")} == {
        "text": "bar",
        "none": "",
        "code": "°C",
    }


@pytest.mark.parametrize("future_values", [1, 40])
def test_a_wrong_clock_does_not_hide_the_next_gap(serve, spool, future_values):
    """Values stamped 2100, then an interruption: the values of the interruption come from the history."""
    begin = datetime.now(UTC) - timedelta(minutes=10)

    async def scenario(server, device, index, url):
        force = await device.add_variable(index, "force", 0.0)
        await server.historize_node_data_change(force, count=1_000)

        async def write(second, *, future=False):
            time = datetime(2100, 1, 1, tzinfo=UTC) if future else begin
            await server.write_attribute_value(force.nodeid, stamped(float(second), time + timedelta(seconds=second)))

        await write(0)
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 1)
            for second in range(1, 10):
                await write(second)
            for second in range(future_values):
                await write(second, future=True)
            await until(lambda: gateway.statistics.stored >= 10 + future_values)
        for second in range(10, 60):  # while the gateway is stopped
            await write(second)
        async with running(settings(url), spool) as gateway:
            await write(60)
            await until(lambda: spool.size("press") >= 61 + future_values)
            assert gateway.statistics.gaps_unfilled == 0

    serve(scenario)
    normal = [reading.value for reading in of_tag(spool, "force") if reading.source_time_ns < 4 * 10**18]
    assert sorted(normal) == [float(second) for second in range(61)]


def test_implausible_times_are_counted_by_source(serve, spool):
    async def scenario(server, device, index, url):
        force = await device.add_variable(index, "force", 0.0)
        async with running(settings(url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 1)
            for year in (2100, 1999, 2020):
                value = stamped(float(year), datetime(year, 1, 1, tzinfo=UTC))
                await server.write_attribute_value(force.nodeid, value)
            await until(lambda: gateway.statistics.stored == 4)
            assert gateway.statistics.implausible_times == {"press": {"future": 1, "past": 1}}

    serve(scenario)
