"""Test the gateway with real asyncua servers: foreign, failing and killed ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from asyncua import Server, ua
from click.testing import CliRunner
from opcua_proxy import CuttingProxy

from chromatrace.cli import main
from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.gateway import OpcUaGateway
from chromatrace.ingest.opcua.session import ServerUnavailable
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.ingest.spool import Spool
from chromatrace.plant.process import PlantProcess

NAMESPACE = "urn:example:machine"
BEGIN = datetime(2024, 5, 1, tzinfo=UTC)
BEGIN_NS = 1_714_521_600 * 10**9


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


class Machine:
    """A server with two numeric variables, an array and no history."""

    def __init__(self, server, nodes):
        self.server = server
        self.nodes = nodes
        self.url = f"opc.tcp://127.0.0.1:{server.bserver._server.sockets[0].getsockname()[1]}/machine"

    async def write(self, name, seconds, value, status=0, kind=ua.VariantType.Double):
        time_ = None if seconds is None else BEGIN + timedelta(seconds=seconds)
        data = ua.DataValue(ua.Variant(value, kind), StatusCode=ua.StatusCode(status), SourceTimestamp=time_)
        await self.server.write_attribute_value(self.nodes[name].nodeid, data)


@pytest.fixture(scope="module")
def loop():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def press(loop):
    """Start one server for all tests of this module."""
    machine = loop.run(start_machine())
    yield machine
    loop.run(machine.server.stop())


async def start_machine():
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/machine")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NAMESPACE)
    device = await server.nodes.objects.add_object(index, "press")
    folder = await device.add_object(index, "hydraulics")
    nodes = {
        "force": await folder.add_variable(index, "force", 0.0),
        "count": await device.add_variable(index, "count", 0, ua.VariantType.Int64),
        "profile": await device.add_variable(index, "profile", [1.0, 2.0]),
    }
    await server.start()
    return Machine(server, nodes)


@asynccontextmanager
async def running(settings, spool):
    gateway, stop = OpcUaGateway(settings, spool), asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    try:
        yield gateway
    finally:
        stop.set()
        await task


async def until(condition):
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


def settings(url, **others):
    return OpcUaSettings(url, "press", **({"namespace": NAMESPACE, "publishing_interval_ms": 50.0} | others))


def of_tag(spool, tag):
    return [r for r in spool.entries("press") if r.tag == tag]


def test_equal_values_status_and_integers_are_stored_unchanged(loop, press, spool):
    async def scenario():
        await press.write("force", 0, 1.0)
        await press.write("count", 0, 5, kind=ua.VariantType.Int64)
        async with running(settings(press.url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 2)
            for seconds in (1, 2, 3):
                await press.write("force", seconds, 1.0)
            await press.write("force", 4, 1.0, status=int(ua.StatusCodes.UncertainSensorNotAccurate))
            await until(lambda: gateway.statistics.stored == 6)
        return gateway.statistics

    statistics = loop.run(scenario())
    force = of_tag(spool, "hydraulics/force")
    assert [(r.source, r.source_time_ns - BEGIN_NS, r.value) for r in force] == [
        ("press", seconds * 10**9, 1.0) for seconds in range(5)
    ]
    assert [r.quality for r in force] == [0, 0, 0, 0, int(ua.StatusCodes.UncertainSensorNotAccurate)]
    assert [r.value for r in of_tag(spool, "count")] == [5]
    assert not any(r.replayed for r in force)
    assert (statistics.rejected, statistics.conflicting, statistics.connects) == (0, 0, 1)


def test_invalid_values_are_rejected_and_reported(loop, press, spool):
    async def scenario():
        await press.write("force", 0, 1.0)
        await press.write("count", 0, 5, kind=ua.VariantType.Int64)
        async with running(settings(press.url), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 2)
            await press.write("force", None, 2.0)
            await press.write("force", 2, float("nan"))
            await press.write("force", 3, 3.0, status=int(ua.StatusCodes.BadSensorFailure))
            await press.write("force", 4, 4.0)
            await until(lambda: gateway.statistics.stored == 4)
        return gateway.statistics

    statistics = loop.run(scenario())
    # asyncua sends no value with a bad status. The dead sensor is visible in the log.
    assert [r.value for r in of_tag(spool, "hydraulics/force")] == [1, None, 4]
    assert of_tag(spool, "hydraulics/force")[1].quality == int(ua.StatusCodes.BadSensorFailure)
    assert statistics.rejected == 2
    assert {(rejection.source, rejection.tag) for rejection in statistics.rejections} == {("press", "hydraulics/force")}
    assert [rejection.reason.split(":")[0] for rejection in statistics.rejections] == [
        "no source time",
        "not a finite number",
    ]


def test_selected_nodes_with_own_source_name(loop, press, spool):
    async def scenario():
        node = press.nodes["profile"].nodeid.to_string()
        count = press.nodes["count"].nodeid.to_string()
        await press.write("count", 1, 5, kind=ua.VariantType.Int64)
        async with running(settings(press.url, nodes=(count, node), source="press 7"), spool) as gateway:
            await until(lambda: gateway.statistics.stored == 1)
            return gateway.statistics

    statistics = loop.run(scenario())
    assert [(r.source, r.tag) for r in spool.entries("press")] == [("press 7", "count")]
    assert statistics.left_out == ["press 7/profile: array"]


@pytest.mark.parametrize(
    ("others", "field"),
    [
        ({"namespace": "urn:example:nothing"}, "namespace"),
        ({"nodes": ("ns=2;s=nothing",), "source": "press"}, "nodes"),
        ({"nodes": ("rubbish",), "source": "press"}, "nodes"),
        ({"once": True}, "once"),
    ],
)
def test_settings_that_do_not_match_the_server_are_rejected(loop, press, spool, others, field):
    async def scenario():
        async with asyncio.timeout(120):
            await OpcUaGateway(settings(press.url, **others), spool).run(asyncio.Event())

    with pytest.raises(InvalidInput) as raised:
        loop.run(scenario())
    assert raised.value.field == field


def test_gap_without_history_is_reported(loop, press, spool):
    async def scenario():
        with CuttingProxy(press.url) as proxy:
            await press.write("force", 0, 1.0)
            async with running(settings(proxy.url), spool) as gateway:
                await until(lambda: len(of_tag(spool, "hydraulics/force")) == 1)
                proxy.rejecting = True
                await asyncio.to_thread(proxy.cut)
                await until(lambda: gateway.statistics.failed_attempts > 0)
                await press.write("force", 1, 2.0)
                await press.write("force", 2, 3.0)
                proxy.rejecting = False
                await until(lambda: gateway.statistics.reconnects == 1)
                await press.write("force", 3, 4.0)
                await until(lambda: len(of_tag(spool, "hydraulics/force")) == 3)
            return gateway.statistics

    statistics = loop.run(scenario())
    assert [r.value for r in of_tag(spool, "hydraulics/force")] == [1, 3, 4]
    gaps = [gap for gap in statistics.gaps if gap.tag == "hydraulics/force"]
    assert [(gap.source, gap.start_ns) for gap in gaps] == [("press", BEGIN_NS)]
    assert gaps[0].reason == "the server's history does not contain the current value"


UNAVAILABLE_URL = "opc.tcp://127.0.0.1:1/unavailable"


def test_unavailable_server_ends_the_gateway_and_is_logged_once(spool, caplog):
    settings = OpcUaSettings(UNAVAILABLE_URL, "shop", once=True, give_up_s=2.0, backoff_s=(0.02, 0.1))
    with BackgroundGateway(settings, spool) as gateway:
        with pytest.raises(ServerUnavailable, match=f"{UNAVAILABLE_URL} was unavailable for 2 s; 0 readings") as error:
            gateway.wait(300)
        gateway._error = None
    assert error.value.field == "url"
    assert gateway.statistics.failed_attempts > 1
    messages = [record.getMessage() for record in caplog.records if record.name.endswith("opcua.gateway")]
    assert len(messages) == 1
    assert messages[0].startswith(f"{UNAVAILABLE_URL} does not respond")


def test_command_gives_up_on_an_unavailable_server(tmp_path):
    arguments = [
        "--data",
        str(tmp_path),
        "ingest",
        "opcua",
        UNAVAILABLE_URL,
        "--channel",
        "shop",
        "--once",
        "--give-up",
        "0.3",
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"url: {UNAVAILABLE_URL} was unavailable for 0.3 s" in result.stderr


def test_gateway_reconnects_to_a_restarted_server(spool, caplog):
    """Kill the server and restart it at the same port."""

    def messages():
        return [record.getMessage() for record in caplog.records if record.name.endswith("opcua.gateway")]

    arguments = ("--plant", "engineer-to-order", "--time-factor", "100", "--start", "2024-05-01T00:00:00Z")
    with PlantProcess(*arguments) as first:
        url = first.url
        with BackgroundGateway(OpcUaSettings(url, "shop", since_ns=0, backoff_s=(0.1, 0.5)), spool) as gateway:
            wait_until(lambda: gateway.statistics.stored >= 6)
            os.kill(first.pid, signal.SIGKILL)
            wait_until(lambda: gateway.statistics.failed_attempts >= 2)
            assert not gateway.statistics.connected
            assert gateway.statistics.last_error
            newest = max(r.source_time_ns for r in spool.entries("shop"))
            with PlantProcess(*arguments, "--endpoint", url):
                wait_until(lambda: max(r.source_time_ns for r in spool.entries("shop")) > newest)
                wait_until(
                    lambda: "tags subscribed" in messages()[-1]
                )  # the missed readings may arrive before this message
            assert gateway.statistics.reconnects == 1
    assert all(now != before for before, now in pairwise(messages())), "a message was repeated"
    identities = [(r.source, r.tag, r.source_time_ns) for r in spool.entries("shop")]
    assert len(set(identities)) == len(identities)


def test_killed_gateway_resumes_without_loss(tmp_path, data_dir):
    """Kill the gateway with SIGKILL and start another one on the same spool.

    The first plant runs for 20 s, longer than the gateway. The second plant has already finished its run.
    """
    rows = 100
    table = tmp_path / "table.dat"
    table.write_text("".join((data_dir / "tep" / "d00_te.dat").read_text().splitlines(keepends=True)[:rows]))
    program = (
        "import sys; from chromatrace.ingest.opcua.background import BackgroundGateway\n"
        "from chromatrace.ingest.opcua.settings import OpcUaSettings; from chromatrace.ingest.spool import Spool\n"
        "with BackgroundGateway(OpcUaSettings(sys.argv[1], 'c', since_ns=0), Spool(sys.argv[2])) as g: g.wait()"
    )
    arguments = ("--recording", str(table), "--columns", "c(1..52)", "--step", "180", "--start", "2024-05-01T00:00:00Z")
    path = tmp_path / "spool.db"
    with (
        PlantProcess(*arguments, "--wait-for-client", "--time-factor", "900") as plant,
        CuttingProxy(plant.url) as proxy,
        Spool(path) as spool,
    ):
        killed = subprocess.Popen([sys.executable, "-c", program, proxy.url, str(path)], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: spool.size("c") > 0)
            proxy.cut_after(10_000)
            assert proxy.has_cut.wait(120)
        finally:
            killed.kill()
            killed.wait()
        before = spool.size("c")
    with PlantProcess(*arguments, "--time-factor", "max") as plant, Spool(path) as spool:
        with BackgroundGateway(OpcUaSettings(plant.url, "c", since_ns=0, once=True), spool) as gateway:
            assert gateway.wait(600)
        readings = list(spool.entries("c"))
    assert 0 < before < 52 * rows
    assert len(readings) == 52 * rows
    assert len({(r.tag, r.source_time_ns) for r in readings}) == 52 * rows
    assert [r.sequence for r in readings] == list(range(52 * rows))


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)
