"""`chromatrace plant`: simulated and recorded plants."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from chromatrace.cli.output import emit, json_option, print_line
from chromatrace.cli.plant_file import check, init
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.numbers import parse_decimal
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.plant.configuration import example_plant, example_plants, load_plant
from chromatrace.plant.endpoints import DEFAULT_ENDPOINT
from chromatrace.plant.faults import FAULT_KINDS, parse_fault
from chromatrace.plant.records import Plant
from chromatrace.plant.sources import Source
from chromatrace.storage.files import deliver


@click.group()
def plant() -> None:
    """Check plant files, and serve a simulated or recorded plant.

    \b
    Example: one run of the simulated sputtering line, 60 times faster than real time, with a leak
      chromatrace plant serve --runs 1 --time-factor 60 --fault leak@201:900+300
    """


plant.add_command(check)
plant.add_command(init)


@plant.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the shipped plants."""
    names = list(example_plants())

    def human() -> None:
        for name in names:
            print_line(name)

    emit(as_json, {"plants": names}, human)


@plant.command()
@click.option(
    "--plant",
    "plant_name",
    default="electrochromic",
    show_default=True,
    help=f"Plant to simulate: {', '.join(example_plants())}, or a TOML file.",
)
@click.option(
    "--recording", type=click.Path(path_type=Path), help="Replay this table of numbers instead of simulating a plant."
)
@click.option("--columns", help="Tags of the recording's columns, for example XMEAS(1..41),XMV(1..11).")
@click.option("--step", help="Interval between the rows of the recording, in seconds.")
@click.option("--name", help="Source name of the recording. Default: the file name without extension.")
@click.option("--start", help="Start of the simulated time (RFC 3339). Default: now.")
@click.option("--time-factor", default="1", show_default=True, help="Simulated seconds per second, or max.")
@click.option("--wait-for-client", is_flag=True, help="Start after a client has subscribed.")
@click.option("--runs", type=WholeRange(min=1), help="Exit after every machine has finished this number of runs.")
@click.option(
    "--sample-period",
    type=FiniteRange(0, min_open=True),
    help="Sample period in simulated seconds. Default: the plant's value.",
)
@click.option("--seed", type=WholeRange(0), default=1, show_default=True, help="Seed of the simulation.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND@STATION:START+DURATION[xSEVERITY]",
    help="Inject a fault, for example leak@201:900+300 (simulated seconds); may be repeated. "
    f"Kinds: {', '.join(FAULT_KINDS)}.",
)
@click.option("--endpoint", default=DEFAULT_ENDPOINT, show_default=True, help="OPC UA endpoint; port 0: any free port.")
@click.option(
    "--history", type=WholeRange(min=1), default=100_000, show_default=True, help="Number of values kept per tag."
)
@click.option("--certificates", type=click.Path(path_type=Path), help="Folder of certificates; enables encryption.")
@click.option(
    "--modbus", "modbus_port", type=WholeRange(0, 65_535), help="Serve Modbus TCP as well, on this loopback port."
)
@click.option("--modbus-map", type=click.Path(path_type=Path), help="Write the register map to this file.")
@click.option(
    "--sparkplug", "sparkplug_url", metavar="URL", help="Publish to this MQTT broker as a Sparkplug edge node as well."
)
@click.option("--sparkplug-group", default="plant", show_default=True, help="Sparkplug group of the edge node.")
@click.option("--primary-host", metavar="ID", help="Publish only while this Sparkplug host is online.")
@click.option("--users", type=click.Path(path_type=Path), help="JSON file that maps user names to argon2id hashes.")
def serve(
    plant_name: str,
    recording: Path | None,
    columns: str | None,
    step: str | None,
    name: str | None,
    start: str | None,
    time_factor: str,
    wait_for_client: bool,
    runs: int | None,
    sample_period: float | None,
    seed: int,
    faults: tuple[str, ...],
    endpoint: str,
    history: int,
    certificates: Path | None,
    users: Path | None,
    modbus_port: int | None,
    modbus_map: Path | None,
    sparkplug_url: str | None,
    sparkplug_group: str,
    primary_host: str | None,
) -> None:
    """Serve a simulated plant or a recorded table over OPC UA, until Ctrl-C.

    When clients can connect, the command prints one line: a JSON object with the endpoint. With --modbus, the same
    values are input registers of unit 1, as float64; port 0 selects any free port. With --sparkplug, the plant is an
    edge node with a device for each station. It keeps the values while the broker, or the primary host, is offline.
    """
    from chromatrace.plant.edge_node import EdgeNode
    from chromatrace.plant.modbus import PlantRegisters
    from chromatrace.plant.recording import Recording, expand_columns
    from chromatrace.plant.security import Security
    from chromatrace.plant.server import serve as serve_source
    from chromatrace.plant.simulation import Simulation

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    start_ns = _time_ns(start)
    source: Source
    if recording is not None:
        if columns is None or step is None:
            raise InvalidInput("a recording requires columns and step", field="columns")
        step_s = parse_decimal(step, "step_s")
        source = Recording(recording, expand_columns(columns), step_s=step_s, start_ns=start_ns, name=name)
    else:
        source = Simulation(
            _plant(plant_name),
            seed=seed,
            start_ns=start_ns,
            runs=runs,
            faults=[parse_fault(fault) for fault in faults],
            sample_period_s=sample_period,
        )
    registers = PlantRegisters(source)
    if modbus_map is not None:
        deliver(modbus_map, [registers.register_map().encode()])
    node = None
    if sparkplug_url is not None:
        node = EdgeNode(source, sparkplug_url, group=sparkplug_group, primary_host=primary_host, history=history)
    elif primary_host is not None:
        raise InvalidInput("a primary host requires --sparkplug", field="primary_host")
    security = Security(certificates, users)
    serving = partial(
        serve_source,
        source,
        endpoint,
        time_factor=_factor(time_factor),
        wait_for_client=wait_for_client,
        history=history,
        security=security,
        modbus=None if modbus_port is None else (registers, modbus_port),
        sparkplug=node,
        ready=_announce(source),
    )
    asyncio.run(_serve_until_signal(serving))


async def _serve_until_signal(serving: Callable[..., Awaitable[None]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serving(stop=stop)


def _announce(source: Source) -> Callable[[str, str | None], None]:
    def ready(url: str, modbus: str | None) -> None:
        facts = {"endpoint": url, "source": source.name, "tags": len(source.tags)}
        click.echo(json.dumps(facts | ({"modbus": modbus} if modbus is not None else {})))

    return ready


def _plant(name: str) -> Plant:
    return load_plant(Path(name)) if name.endswith(".toml") else example_plant(name)


def _factor(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return parse_decimal(text, "time_factor")
    except InvalidInput as error:
        raise InvalidInput(
            f"expected a number or max: {error.message}", field="time_factor", hint=error.hint
        ) from error


def _time_ns(text: str | None) -> int:
    if text is None:
        return time.time_ns() // 1_000_000_000 * 1_000_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"expected a time such as 2026-01-31T08:00:00Z, got {text!r}", field="start") from error
    if moment.tzinfo is None:
        raise InvalidInput(f"{text!r} has no time zone", field="start", hint="add Z for UTC")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
