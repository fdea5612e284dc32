"""Each kind of bad input of a real server is counted, shown with its source, and kept as a dead letter."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from gateway_process import wait_for
from modbus_server import ModbusServer
from mosquitto import MOSQUITTO, Mosquitto
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.runners import OpcUaRunner
from chromatrace.gateway.store import GatewayStore
from chromatrace.gateway.supervisor import FAILED, SupervisedSource
from chromatrace.ingest.modbus.gateway import ModbusGateway
from chromatrace.ingest.modbus.register_map import load_map
from chromatrace.ingest.modbus.settings import ModbusSettings
from chromatrace.ingest.mqtt.gateway import MqttGateway
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.mqtt.topics import parse_mappings
from chromatrace.ingest.opcua.gateway import OpcUaGateway
from chromatrace.ingest.opcua.settings import OpcUaSecurity, OpcUaSettings
from chromatrace.ingest.spool import Spool
from chromatrace.plant.gateway_options import GatewayOptions
from chromatrace.plant.plant_sources import OpcUaSource
from chromatrace.sparkplug import Metric, Payload

MS = 1_772_352_000_000
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
NAMESPACE = "urn:example:machine"
CHANNEL = "line"


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


@pytest.fixture
def letters(tmp_path):
    with GatewayStore(tmp_path / "gateway.db") as opened:
        yield DeadLetters(opened)


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory):
    if MOSQUITTO is None:
        pytest.skip("the program mosquitto is not installed")
    started = Mosquitto(tmp_path_factory.mktemp("broker"), "allow_anonymous true")
    yield started
    started.stop()


@pytest.fixture
def client(module_broker):
    connected = Client(CallbackAPIVersion.VERSION2)
    connected.connect("127.0.0.1", module_broker.port)
    connected.loop_start()
    wait_for(connected.is_connected)
    yield connected
    connected.disconnect()
    connected.loop_stop()


@contextmanager
def in_thread(gateway):
    stop = threading.Event()
    thread = threading.Thread(target=gateway.run, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: gateway.statistics.connected, thread.is_alive)
        yield
    finally:
        stop.set()
        thread.join()


def value(number, at=0, **more):
    return json.dumps({"timestamp": MS + at, "value": number} | more).encode()


def future(seconds):
    return value(1.0, int(time.time() * 1000) - MS + seconds * 1000)


JSON_CASES = {
    "nan": ([("t", b'{"timestamp": 1, "value": NaN}')], "NaN is not a JSON number", "press"),
    "infinity": ([("t", b'{"timestamp": 1, "value": 1e999}')], "outside the range of a double", "press"),
    "no-time": ([("t", b'{"value": 1}')], "no source time", "press"),
    "not-json": ([("t", b"\xff\x00")], "Expecting value", "press"),
    "changed-type": ([("t", value(1.0)), ("t", value("off", 1))], "the type changed: a text", "press"),
    "no-such-member": ([("t", b'{"timestamp": 1, "force": 1}')], "no member /value", "press"),
    "conflict": ([("t", value(1.0)), ("t", value(2.0))], "contradicts the stored value", "press"),
    "oversize": ([("t", b"x" * 2_000)], "the maximum is 1,000", "t"),
}


@pytest.mark.parametrize("name", JSON_CASES)
def test_bad_json_is_a_dead_letter(module_broker, client, spool, letters, name):
    messages, reason, source = JSON_CASES[name]
    settings = MqttSettings(
        module_broker.url,
        CHANNEL,
        json_tags=parse_mappings([f"{name}/t=press/force"]),
        client_id=name,
        max_payload=1_000,
    )
    gateway = MqttGateway(settings, spool, letters.recorder("broker", CHANNEL))
    with in_thread(gateway):
        for topic, payload in messages:
            client.publish(f"{name}/{topic}", payload, qos=1).wait_for_publish(60)
        wait_for(lambda: letters.letters())
    (letter,) = letters.letters()
    assert reason in letter.reason
    assert (letter.origin, letter.state) == ("broker", "open")
    assert letter.source == (f"{name}/t" if source == "t" else source)
    statistics = gateway.statistics
    assert statistics.conflicting + sum(statistics.rejected_by_source.values()) == 1
    assert spool.size(CHANNEL) == len(messages) - 1


def test_duplicates_late_values_and_wrong_clocks_are_counted_and_stored(module_broker, client, spool, letters):
    settings = MqttSettings(
        module_broker.url, CHANNEL, json_tags=parse_mappings(["counted=press/force"]), client_id="counted"
    )
    gateway = MqttGateway(settings, spool, letters.recorder("broker", CHANNEL))
    messages = [value(1.0, 10), value(1.0, 10), value(2.0, 5), future(3_600), value(3.0, 20), value(4.0, -MS + 1)]
    with in_thread(gateway):
        for payload in messages:
            client.publish("counted", payload, qos=1).wait_for_publish(60)
        wait_for(lambda: gateway.statistics.stored == 5)
    statistics = gateway.statistics
    assert (statistics.duplicates, statistics.out_of_order, statistics.rejected) == (1, 2, 0)
    assert statistics.implausible_times == {"press": {"future": 1, "past": 1}}
    assert statistics.clock_offset_ms["press"] == pytest.approx(3_600_000, rel=0.1)
    assert letters.letters() == []


FORCE = {"name": "force", "alias": 7, "datatype": 10}


def metric(at=0, **fields):
    return Metric(timestamp=MS + at, **fields)


BIRTH = ("NBIRTH", 0, metric(name="bdSeq", datatype=4, long_value=0), metric(**FORCE, double_value=0.0))
SPARKPLUG_CASES = {
    "unknown-alias": ([BIRTH, ("NDATA", 1, metric(1, alias=8, double_value=1.0))], "unknown alias 8"),
    "before-birth": ([("NDATA", 1, metric(1, alias=7, double_value=1.0))], "before the birth of the node"),
    "restart": (
        [BIRTH, ("NBIRTH", 0, metric(name="bdSeq", datatype=4, long_value=1)), ("NDATA", 1, metric(1, alias=7))],
        "unknown alias 7",
    ),
    "nan": ([BIRTH, ("NDATA", 1, metric(1, alias=7, double_value=float("nan")))], "not a finite number: nan"),
    "infinity": ([BIRTH, ("NDATA", 1, metric(1, alias=7, double_value=float("-inf")))], "not a finite number: -inf"),
    "changed-type": ([BIRTH, ("NDATA", 1, metric(1, alias=7, datatype=12, string_value="x"))], "data type 12"),
    "type-of-birth": (
        [BIRTH, ("NBIRTH", 0, metric(name="force", datatype=12, string_value="high", at=2))],
        "the type changed: a text",
    ),
    "lost-message": ([BIRTH, ("NDATA", 5, metric(1, alias=7, double_value=1.0))], "messages are missing"),
}


@pytest.mark.parametrize("name", SPARKPLUG_CASES)
def test_bad_sparkplug_is_a_dead_letter(module_broker, client, spool, letters, name):
    messages, reason = SPARKPLUG_CASES[name]
    settings = MqttSettings(module_broker.url, CHANNEL, groups=(name,), client_id=f"spb-{name}")
    gateway = MqttGateway(settings, spool, letters.recorder("broker", CHANNEL))
    with in_thread(gateway):
        for kind, seq, *metrics in messages:
            payload = Payload(timestamp=MS, seq=seq, metrics=metrics).SerializeToString()
            client.publish(f"spBv1.0/{name}/{kind}/node", payload, qos=1).wait_for_publish(60)
        wait_for(lambda: letters.letters())
    (letter,) = letters.letters()
    assert reason in letter.reason
    assert (letter.source, letter.state) == (f"{name}/node", "open")
    assert gateway.statistics.rejected_by_source == {f"{name}/node": 1}


@pytest.fixture(scope="module")
def loop():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def certificate(loop, tmp_path_factory):
    """Return a certificate and its key, which no trust list contains."""
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "own.der", folder / "own.pem"
    use, names = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], {"commonName": "machine"}
    loop.run(setup_self_signed_certificate(paths[1], paths[0], "urn:example:machine", "localhost", use, names))
    return paths


@pytest.fixture(scope="module")
def machine(loop, certificate):
    server, node = loop.run(start_machine(*certificate))
    yield server, node
    loop.run(server.stop())


async def start_machine(certificate, private_key):
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/machine")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    await server.load_certificate(str(certificate))
    await server.load_private_key(str(private_key))
    index = await server.register_namespace(NAMESPACE)
    device = await server.nodes.objects.add_object(index, "press")
    node = await device.add_variable(index, "force", 0.0)
    await server.start()
    return server, node


def url_of(server):
    return f"opc.tcp://127.0.0.1:{server.bserver._server.sockets[0].getsockname()[1]}/machine"


OPC_UA_CASES = {
    "nan": (float("nan"), 1, ua.VariantType.Double, "not a finite number: nan"),
    "infinity": (float("inf"), 1, ua.VariantType.Double, "not a finite number: inf"),
    "no-time": (2.0, None, ua.VariantType.Double, "no source time"),
    "changed-type": ("off", 1, ua.VariantType.String, "the type changed: a text"),
    "uint64": (2**64 - 1, 1, ua.VariantType.UInt64, "outside the range"),
    "long-text": ("x" * 501, 1, ua.VariantType.String, "a text of 501 characters"),
}


@pytest.mark.parametrize("name", OPC_UA_CASES)
def test_a_bad_opc_ua_value_is_a_dead_letter(loop, machine, spool, letters, name):
    server, node = machine
    bad, seconds, kind, reason = OPC_UA_CASES[name]

    async def write(number, at, variant):
        time_ = None if at is None else BEGIN + timedelta(seconds=at)
        # asyncua rejects another type than that of the current value; other servers accept it.
        server.iserver.aspace[node.nodeid].attributes[ua.AttributeIds.Value].value = None
        await server.write_attribute_value(
            node.nodeid, ua.DataValue(ua.Variant(number, variant), SourceTimestamp=time_)
        )

    async def scenario():
        await write(1.0, 0, ua.VariantType.Double)
        settings = OpcUaSettings(
            url_of(server), CHANNEL, namespace=NAMESPACE, nodes=(node.nodeid.to_string(),), source="press"
        )
        gateway, stop = OpcUaGateway(settings, spool, letters.recorder("machine", CHANNEL)), asyncio.Event()
        running = asyncio.create_task(gateway.run(stop))
        async with asyncio.timeout(120):
            while gateway.statistics.stored < 1:
                await asyncio.sleep(0.01)
            await write(bad, seconds, kind)
            while not letters.letters():
                await asyncio.sleep(0.01)
        stop.set()
        return await running

    statistics = loop.run(scenario())
    (letter,) = letters.letters()
    assert reason in letter.reason
    assert (letter.origin, letter.source, letter.form) == ("machine", "press", "reading")
    assert letter.address == node.nodeid.to_string()
    assert statistics.rejected_by_source == {"press": 1}
    assert spool.size(CHANNEL) == 1


def test_an_untrusted_certificate_is_the_state_of_its_source(loop, machine, certificate, spool, letters):
    server, _ = machine
    security = OpcUaSecurity(certificate=certificate[0], private_key=certificate[1])
    settings = OpcUaSettings(url_of(server), CHANNEL, security=security)
    source = OpcUaSource("machine", settings)
    runner = OpcUaRunner(source, settings, spool, letters.recorder("machine", CHANNEL), GatewayOptions())
    stop = threading.Event()
    supervised = SupervisedSource(runner, stop)
    supervised.start()
    try:
        # The server runs in this loop.
        loop.run(asyncio.to_thread(wait_for, lambda: supervised.state == FAILED))
        assert "is not trusted; its SHA-256 is" in supervised.error
    finally:
        stop.set()
        supervised.join()
    assert spool.size(CHANNEL) == 0


def register_map(folder, kind):
    path = folder / "map.toml"
    path.write_text(
        'poll = "50ms"\n[[devices]]\nunit_id = 1\nsource = "oven"\n'
        f'[[devices.tags]]\ntag = "temperature"\ntable = "holding"\naddress = 0\ntype = "{kind}"\n'
    )
    return load_map(path)


@pytest.mark.parametrize(
    ("kind", "registers", "failing", "reason", "payload"),
    [
        ("int16", [1], [[1, 0]], "device failure", b""),
        ("float32", [0x7FC0, 0], [], "not a finite number: nan", b"[32704,0]"),
    ],
    ids=["exception", "nan"],
)
def test_a_bad_modbus_value_is_stored_without_a_value_and_kept(
    tmp_path, spool, letters, kind, registers, failing, reason, payload
):
    with ModbusServer({1: {"holding": {0: registers}}}, failing=failing) as server:
        settings = ModbusSettings("127.0.0.1", server.port, CHANNEL, register_map(tmp_path, kind))
        gateway = ModbusGateway(settings, spool, letters.recorder("oven", CHANNEL))
        with in_thread(gateway):
            wait_for(lambda: gateway.statistics.stored >= 2)
    (letter,) = letters.letters()
    assert (letter.source, letter.tag, letter.reason, letter.payload) == ("oven", "temperature", reason, payload)
    assert not letter.complete
    assert gateway.statistics.bad["oven/temperature"][reason] == spool.size(CHANNEL)
    assert all(reading.value is None for reading in spool.entries(CHANNEL))
