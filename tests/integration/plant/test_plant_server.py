"""Test the plant's server with an OPC UA client: address space, history, status and security."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from asyncua import Client, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from click.testing import CliRunner
from cryptography.x509.oid import ExtendedKeyUsageOID

from chromatrace.cli import main
from chromatrace.domain.errors import NotAuthorised, Unavailable
from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.events import EVENT_TAG
from chromatrace.ingest.opcua.settings import OpcUaSecurity, OpcUaSettings
from chromatrace.ingest.opcua.trust import fingerprint, read_certificate
from chromatrace.ingest.spool import Spool
from chromatrace.plant import example_plant
from chromatrace.plant.endpoints import LOCAL_ENDPOINT
from chromatrace.plant.errors import InsecureEndpointError, PlantSecurityError
from chromatrace.plant.inspection import inspect
from chromatrace.plant.process import PlantProcess
from chromatrace.plant.security import Security
from chromatrace.plant.server import serve
from chromatrace.plant.simulation import Simulation, simulate

START = "2025-03-01T06:00:00Z"
START_NS = 1_740_808_800 * 10**9
BEGIN = datetime(2025, 3, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def finished():
    """Serve one run of the electrochromic line as fast as possible, with its whole history."""
    with PlantProcess("--seed", "3", "--runs", "1", "--start", START, "--time-factor", "max") as plant:
        yield plant


def ask(plant, question):
    async def scenario():
        async with Client(plant.url, timeout=60) as client:
            index = await client.get_namespace_index("urn:chromatrace:plant")
            return await question(client, index)

    return asyncio.run(scenario())


async def until_finished(client):
    index = await client.get_namespace_index("urn:chromatrace:plant:status")
    node = client.get_node(ua.NodeId("electrochromic status/Finished", index))
    async with asyncio.timeout(300):
        while not await node.read_value():
            await asyncio.sleep(0.1)


def test_objects_stations_and_variables(finished):
    async def question(client, index):
        plant = client.get_node(ua.NodeId("electrochromic", index))
        stations = [(await node.read_browse_name()).Name for node in await plant.get_children()]
        pressure = client.get_node(ua.NodeId("electrochromic/201/201.working_pressure", index))
        properties = {(await n.read_browse_name()).Name: await n.read_value() for n in await pressure.get_properties()}
        level = (await pressure.read_attribute(ua.AttributeIds.UserAccessLevel)).Value.Value
        with pytest.raises(ua.UaStatusCodeError):
            await pressure.write_value(1.0)
        return stations, properties, level, (await pressure.read_attribute(ua.AttributeIds.Historizing)).Value.Value

    stations, properties, level, historizing = ask(finished, question)
    assert stations[:3] == ["101 Materials", "201 Sputtering", "202 First inspection"]
    assert (properties["EURange"].Low, properties["EURange"].High) == (0, 10)
    assert properties["EngineeringUnits"].DisplayName.Text == "Pa"
    assert properties["EngineeringUnits"].UnitId == int.from_bytes(b"PAL", "big")
    assert level == 0b101  # CurrentRead and HistoryRead only
    assert historizing


def test_history_by_start_end_and_number(finished):
    async def question(client, index):
        await until_finished(client)
        node = client.get_node(ua.NodeId("electrochromic/201/201.film_thickness", index))

        async def seconds(start, end, number=0):
            begin = None if start is None else BEGIN + timedelta(seconds=start)
            until = None if end is None else BEGIN + timedelta(seconds=end)
            values = await node.read_raw_history(begin, until, number)
            return [(value.SourceTimestamp - BEGIN).total_seconds() for value in values]

        return [
            await seconds(100, 130),
            await seconds(101, 109),
            await seconds(100, None, 2),
            await seconds(130, 100),
            await seconds(None, 30),
            await seconds(30, 20, 1),
            len(await seconds(0, 1_000_000)),
        ]

    *short, everything = ask(finished, question)
    assert short == [[100, 110, 120, 130], [], [100, 110], [130, 120, 110, 100], [30, 20, 10], [30]]
    assert everything == len(list(simulate(example_plant("electrochromic"), seed=3, start_ns=START_NS))) / 26


def test_served_readings_equal_the_simulation(finished, tmp_path):
    plant = example_plant("electrochromic")
    with Spool(tmp_path / "spool.db") as spool:
        with BackgroundGateway(OpcUaSettings(finished.url, "line", since_ns=0, once=True), spool) as gateway:
            assert gateway.wait(300)
        readings = [reading for reading in spool.entries("line") if not reading.tag.startswith(EVENT_TAG)]
    expected = list(simulate(plant, seed=3, start_ns=START_NS))

    def key(reading):
        return reading.source, reading.tag, reading.source_time_ns, reading.value, reading.unit, reading.quality

    assert sorted(map(key, readings)) == sorted(map(key, expected))
    assert inspect(plant, "final", readings, ["000001"]) == inspect(plant, "final", expected, ["000001"])
    assert inspect(plant, "first", readings, ["000001"]).verdict == "pass"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plant", "bakery"), "unknown example plant 'bakery'"),
        (("--fault", "flood@201:0+1"), "kind: 'flood' is not one of"),
        (("--time-factor", "fast"), "time_factor: expected a number or max"),
        (("--time-factor", "-1"), "time_factor: -1.0 is not a finite number above 0"),
        (("--start", "2025-03-01"), "start: '2025-03-01' has no time zone"),
        (("--recording", "absent"), "columns: a recording requires"),
        (("--recording", "absent", "--columns", "a", "--step", "1"), "path: absent cannot be read"),
        (("--endpoint", "opc.tcp://0.0.0.0:0/plant"), "can be read and spoofed by anyone"),
        (("--endpoint", "http://127.0.0.1/"), "endpoint: expected a URL such as"),
    ],
)
def test_invalid_option_ends_the_command_with_the_reason(arguments, message):
    result = CliRunner().invoke(main, ["plant", "serve", *arguments])
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_process_that_does_not_start_reports_the_reason():
    with pytest.raises(Unavailable, match="unknown example plant 'bakery'"), PlantProcess("--plant", "bakery"):
        pass


def test_port_in_use_is_named(finished):
    source = Simulation(example_plant("engineer-to-order"), seed=1, start_ns=START_NS)
    with pytest.raises(Unavailable, match="another program may use the port"):
        asyncio.run(serve(source, finished.url))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "plant.example"])
def test_unencrypted_server_outside_loopback_is_rejected(host):
    with pytest.raises(InsecureEndpointError) as error:
        Security().check(f"opc.tcp://{host}:4840/plant")
    assert error.value.field == "endpoint"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_unencrypted_server_on_loopback_warns(host, caplog):
    Security().check(f"opc.tcp://{host}:4840/plant")
    assert "for development only" in caplog.text


@pytest.fixture(scope="module")
def credentials(tmp_path_factory):
    """Create a server folder with one trusted client certificate, an untrusted one and one user."""
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "server" / "trusted").mkdir(parents=True)

    async def make(name, certificate):
        key = folder / f"{name}.pem"
        uri = "urn:example.org:FreeOpcUa:opcua-asyncio"
        await setup_self_signed_certificate(key, certificate, uri, "localhost", [ExtendedKeyUsageOID.CLIENT_AUTH], {})
        return certificate, key

    client = asyncio.run(make("client", folder / "server" / "trusted" / "client.der"))
    stranger = asyncio.run(make("stranger", folder / "stranger.der"))
    users = folder / "users.json"
    users.write_text(json.dumps({"gateway": PasswordHasher(time_cost=1, memory_cost=64).hash("right horse")}))
    return folder, client, stranger, users


@pytest.fixture(scope="module")
def guarded(credentials):
    folder, _, _, users = credentials
    arguments = ("--plant", "engineer-to-order", "--runs", "1", "--time-factor", "max")
    with PlantProcess(*arguments, "--certificates", str(folder / "server"), "--users", str(users)) as plant:
        yield plant


def take(plant, tmp_path, security):
    settings = OpcUaSettings(plant.url, "shop", since_ns=0, once=True, security=security)
    with Spool(tmp_path / "spool.db") as spool:
        with BackgroundGateway(settings, spool) as gateway:
            assert gateway.wait(300)
        return spool.size("shop")


@pytest.fixture
def trusted(guarded, credentials):
    """Return the server's certificate as a trust list."""
    return frozenset({read_certificate(credentials[0] / "server" / "server.der")})


def test_trusted_certificate_or_password_over_an_encrypted_channel_is_accepted(guarded, credentials, trusted, tmp_path):
    _, client, stranger, _ = credentials
    by_certificate = OpcUaSecurity(None, None, *client, trusted)
    by_password = OpcUaSecurity("gateway", "right horse", *stranger, trusted)
    whole = take(guarded, tmp_path, by_certificate)
    assert whole == 3 * 360
    (tmp_path / "again").mkdir()
    assert take(guarded, tmp_path / "again", by_password) == whole


@pytest.mark.parametrize(("user", "password"), [("gateway", "wrong"), ("nobody", "right horse"), (None, None)])
def test_other_credentials_are_rejected(guarded, credentials, trusted, tmp_path, user, password):
    _, _, stranger, _ = credentials
    with pytest.raises(NotAuthorised) as error:
        take(guarded, tmp_path, OpcUaSecurity(user, password, *stranger, trusted))
    assert error.value.field == "user"


def test_an_unknown_server_is_rejected_before_a_password_is_sent(guarded, credentials, tmp_path, monkeypatch):
    """The gateway trusts another certificate, as if a rogue server had taken the address."""
    _, client, stranger, _ = credentials
    sent = []
    monkeypatch.setattr(Client, "set_password", lambda self, password: sent.append(password))
    other = frozenset({read_certificate(client[0])})
    for trust in (frozenset(), other):
        with pytest.raises(NotAuthorised) as error:
            take(guarded, tmp_path, OpcUaSecurity("gateway", "right horse", *stranger, trust))
        assert error.value.field == "server_certificate"
        assert "chromatrace ingest trust" in error.value.hint
    assert sent == []


def test_a_server_is_trusted_by_its_fingerprint(guarded, credentials, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(main, ["--data", str(tmp_path), "ingest", *map(str, arguments)])

    _, _, stranger, _ = credentials
    subscribe = (
        "opcua",
        guarded.url,
        "--channel",
        "shop",
        "--once",
        "--certificate",
        stranger[0],
        "--private-key",
        stranger[1],
    )
    assert "is not trusted" in run(*subscribe).stderr
    assert "was not confirmed" in run("trust", guarded.url).stderr
    wrong = run("trust", guarded.url, "--fingerprint", "00" * 32)
    assert (wrong.exit_code, "has the SHA-256" in wrong.stderr) == (1, True)
    certificate = read_certificate(credentials[0] / "server" / "server.der")
    trusted = run("trust", guarded.url, "--fingerprint", fingerprint(certificate), "--json")
    assert (trusted.exit_code, json.loads(trusted.stdout)["sha256"]) == (0, fingerprint(certificate))
    assert "is not trusted" not in run(*subscribe).stderr


def test_unencrypted_passwords_and_remote_servers_need_confirmation(tmp_path):
    for arguments in (("opc.tcp://127.0.0.1:9", "--user", "gateway"), ("opc.tcp://192.0.2.1:4840",)):
        result = CliRunner().invoke(main, ["--data", str(tmp_path), "ingest", "opcua", *arguments, "--channel", "a"])
        assert (result.exit_code, "--unencrypted" in result.stderr) == (1, True)


def test_unencrypted_connection_is_rejected(guarded):
    async def connect():
        async with Client(guarded.url, timeout=5):
            pass

    with pytest.raises((ua.UaError, OSError, TimeoutError)):
        asyncio.run(connect())


def test_certificate_folder_without_users_is_rejected(tmp_path):
    source = Simulation(example_plant("engineer-to-order"), seed=1, start_ns=START_NS)
    with pytest.raises(PlantSecurityError, match="no client can connect"):
        asyncio.run(serve(source, LOCAL_ENDPOINT, security=Security(certificates=tmp_path / "own")))
