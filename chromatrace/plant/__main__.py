"""`python -m chromatrace.plant`: a simulated or recorded plant as an OPC UA server.

The first line on standard output is a JSON object with the endpoint, written once clients can connect.
"""

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

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.plant.configuration import example_plant, example_plants, load_plant
from chromatrace.plant.endpoints import DEFAULT_ENDPOINT
from chromatrace.plant.faults import parse_fault
from chromatrace.plant.records import Plant
from chromatrace.plant.sources import Source


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--plant",
    default="electrochromic",
    show_default=True,
    help=f"One of {', '.join(example_plants())}, or a TOML file.",
)
@click.option("--recording", type=click.Path(path_type=Path), help="Replay this table of numbers instead of a plant.")
@click.option("--columns", help="Tags of the recording's columns: XMEAS(1..41),XMV(1..11).")
@click.option("--step", type=float, help="Seconds between the recording's rows.")
@click.option("--name", help="Source name of the recording; the file's stem where not given.")
@click.option("--start", help="Simulated time of the start, RFC 3339; now where not given.")
@click.option("--time-factor", default="1", show_default=True, help="Simulated seconds in a real one, or max.")
@click.option("--wait-for-client", is_flag=True, help="Begin when a client has subscribed.")
@click.option("--runs", type=click.IntRange(min=1), help="End when every machine has finished so many runs.")
@click.option("--sample-period", type=float, help="Simulated seconds between samples; the plant's where not given.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the simulated chance.")
@click.option("--fault", "faults", multiple=True, help="kind@station:start+duration[xseverity]: leak@201:900+300.")
@click.option("--endpoint", default=DEFAULT_ENDPOINT, show_default=True, help="Port 0 takes a free one.")
@click.option("--history", type=click.IntRange(min=1), default=100_000, show_default=True, help="Values kept per tag.")
@click.option("--certificates", type=click.Path(path_type=Path), help="Folder of certificates: encrypts.")
@click.option("--users", type=click.Path(path_type=Path), help="JSON file of user names and argon2id hashes.")
def main(
    plant: str,
    recording: Path | None,
    columns: str | None,
    step: float | None,
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
) -> None:
    """Serve a simulated plant, or a recorded table, as a real OPC UA server."""
    from chromatrace.plant.recording import Recording, expand_columns
    from chromatrace.plant.security import Security
    from chromatrace.plant.server import serve
    from chromatrace.plant.simulation import Simulation

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    start_ns = _time_ns(start)
    source: Source
    if recording is not None:
        if columns is None or step is None:
            raise InvalidInput("a recording needs its columns and its step", field="columns")
        source = Recording(recording, expand_columns(columns), step_s=step, start_ns=start_ns, name=name)
    else:
        source = Simulation(
            _plant(plant),
            seed=seed,
            start_ns=start_ns,
            runs=runs,
            faults=[parse_fault(fault) for fault in faults],
            sample_period_s=sample_period,
        )
    security = Security(certificates, users)
    serving = partial(
        serve,
        source,
        endpoint,
        time_factor=_factor(time_factor),
        wait_for_client=wait_for_client,
        history=history,
        security=security,
        ready=_announce(source),
    )
    asyncio.run(_until_told(serving))


async def _until_told(serving: Callable[..., Awaitable[None]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serving(stop=stop)


def _announce(source: Source) -> Callable[[str], None]:
    def ready(url: str) -> None:
        click.echo(json.dumps({"endpoint": url, "source": source.name, "tags": len(source.tags)}))

    return ready


def _plant(name: str) -> Plant:
    return load_plant(Path(name)) if name.endswith(".toml") else example_plant(name)


def _factor(text: str) -> float | None:
    try:
        return None if text == "max" else float(text)
    except ValueError as error:
        raise InvalidInput(f"a number or max is needed, got {text!r}", field="time_factor") from error


def _time_ns(text: str | None) -> int:
    if text is None:
        return time.time_ns() // 1_000_000_000 * 1_000_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"a time such as 2026-01-31T08:00:00Z is needed, got {text!r}", field="start") from error
    if moment.tzinfo is None:
        raise InvalidInput(f"{text!r} has no time zone", field="start", hint="add Z for UTC")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


if __name__ == "__main__":
    try:
        main()
    except ChromaTraceError as refusal:
        sys.exit(f"refused {refusal}")
