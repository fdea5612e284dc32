"""`plant init` with live OPC UA servers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from asyncua import Server, ua
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.plant import load_plant


def init(folder, *arguments):
    output = folder / "plant.toml"
    return CliRunner().invoke(
        main, ["--data", str(folder), "plant", "init", "-o", str(output), *map(str, arguments)]
    ), output


@pytest.fixture
def serve():
    """Return a function that runs `scenario(url)` in a thread while a server that `build(server)` fills runs."""

    def run(build, scenario):
        async def serving():
            server = Server()
            await server.init()
            server.set_endpoint("opc.tcp://127.0.0.1:0/machine")
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            await build(server)
            await server.start()
            try:
                port = server.bserver._server.sockets[0].getsockname()[1]
                await asyncio.to_thread(scenario, f"opc.tcp://127.0.0.1:{port}/machine")
            finally:
                await server.stop()

        asyncio.run(serving())

    return run


async def add(parent, index, name, unit=None, span=None):
    variable = await parent.add_variable(index, name, 1.0)
    if unit is not None:
        information = ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", -1, ua.LocalizedText(unit))
        await variable.add_property(index, "EngineeringUnits", information)
    if span is not None:
        await variable.add_property(index, "EURange", ua.Range(*span))


async def build_plant(server):
    press = await server.register_namespace("urn:example:press")
    for name in ("Press 1", "Press 2"):
        device = await server.nodes.objects.add_object(press, name)
        await add(device, press, "force", "kN", (0.0, 100.0))
        await device.add_variable(press, "curve", [1.0, 2.0])
    oven = await server.register_namespace("urn:example:oven")
    device = await server.nodes.objects.add_object(oven, "Oven")
    zone = await device.add_object(oven, "Zone")
    await add(zone, oven, "temperature", "°C", (5.0, 5.0))
    await add(zone, oven, "glow", "furlongs of light")


def test_every_namespace_becomes_a_source_and_equal_tags_have_their_object(serve, tmp_path):
    def scenario(url):
        result, output = init(tmp_path, "--opcua", url, "--name", "Hall 1")
        assert result.exit_code == 0, result.stderr
        assert "Press 1/curve: array" in result.stderr
        plant = load_plant(output, complete=True)
        assert (plant.name, plant.title) == ("hall-1", "Hall 1")
        namespaces = {source.settings.namespace: source.id for source in plant.sources}
        assert namespaces == {"urn:example:press": "press-1", "urn:example:oven": "oven"}
        tags = {tag.name: tag for tag in plant.tags}
        assert set(tags) == {"Press 1/force", "Press 2/force", "Zone/temperature", "Zone/glow"}
        force, temperature, glow = tags["Press 2/force"], tags["Zone/temperature"], tags["Zone/glow"]
        assert (force.station, force.source, force.unit, force.low, force.high) == ("press-2", "press-1", "kN", 0, 100)
        assert (temperature.unit, temperature.high, glow.unit) == ("°C", float("inf"), "")
        assert force.is_of("press-1", "Press 2", "force")
        assert not force.is_of("press-1", "Press 1", "force")
        assert not force.is_of("oven", "Press 2", "force")
        assert "# Unit: the device states 'furlongs of light', which is not known" in output.read_text()
        again, _ = init(tmp_path, "--opcua", url)
        assert again.exit_code == 1
        assert "exists" in again.stderr
        assert load_plant(output).title == "Hall 1"
        forced, _ = init(tmp_path, "--opcua", url, "--force")
        assert forced.exit_code == 0
        assert load_plant(output).title == "plant"

    serve(build_plant, scenario)


def test_a_server_without_variables_is_an_error(serve, tmp_path):
    async def build(server):
        await server.register_namespace("urn:example:empty")

    def scenario(url):
        result, output = init(tmp_path, "--opcua", url)
        assert result.exit_code == 1
        assert "has no variables" in result.stderr
        assert not output.exists()

    serve(build, scenario)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one of --opcua, --mqtt and --csv"),
        (("--opcua", "opc.tcp://127.0.0.1:1", "--mqtt", "mqtt://127.0.0.1:1"), "give one of"),
        (("--opcua", "http://127.0.0.1:1"), "expected opc.tcp://host:port/path"),
        (("--opcua", "opc.tcp://127.0.0.1:1/x"), "does not respond"),
        (("--opcua", "opc.tcp://192.0.2.1:4840"), "not encrypted"),
        (("--mqtt", "mqtt://127.0.0.1:1"), "does not respond"),
        (("--mqtt", "mqtt://broker.example"), "not encrypted"),
    ],
)
def test_invalid_and_unreachable_sources_are_named(tmp_path, arguments, message):
    result, output = init(tmp_path, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not output.exists()
    assert list(Path(tmp_path).glob("*.toml")) == []
