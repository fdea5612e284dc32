"""The state of a running gateway: a table at a terminal, JSON lines, or a line of progress now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import orjson

from chromatrace.cli.output import err, out, print_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from chromatrace.gateway.gateway import PlantGateway

_INTERVAL_S = 1.0
_PLAIN_INTERVAL_S = 10.0
_STYLES = {"connected": "green", "connecting": "yellow", "failed": "bold red", "stopped": "dim"}
_MAX_ERROR = 60


def show_gateway(gateway: PlantGateway, stop: threading.Event, *, as_json: bool) -> None:
    """Show the state until `stop` is set, then a summary."""
    if as_json:
        _print_lines(gateway, stop)
    elif out().is_terminal:
        _draw(gateway, stop)
    else:
        _print_progress(gateway, stop)


def _print_lines(gateway: PlantGateway, stop: threading.Event) -> None:
    while True:
        stopped = stop.wait(_INTERVAL_S)
        click.echo(orjson.dumps(gateway.report()))
        if stopped:
            return


def _print_progress(gateway: PlantGateway, stop: threading.Event) -> None:
    print_line(f"gateway of {gateway.plant}: http://{gateway.http}")
    previous = ""
    while not stop.wait(_PLAIN_INTERVAL_S):
        report = gateway.report()
        states = ", ".join(f"{source['source']} {source['state']}" for source in report["sources"])
        line = f"{report['stored']:,} readings stored; {report['status']}; {states}"
        if line != previous:
            print_line(line)
        previous = line
    print_line(f"{gateway.stored:,} readings stored")


def _draw(gateway: PlantGateway, stop: threading.Event) -> None:
    from rich.live import Live

    rates: dict[str, tuple[float, int]] = {}
    with Live(_table(gateway.report(), rates), console=out(), refresh_per_second=2, transient=True) as live:
        while not stop.wait(_INTERVAL_S):
            live.update(_table(gateway.report(), rates))
    err().print(f"{gateway.stored:,} readings stored")


def _table(report: Mapping[str, Any], rates: dict[str, tuple[float, int]]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{report['plant']}  http://{report['http']}  {report['status']}", title_justify="left")
    for heading in ("source", "protocol", "state"):
        table.add_column(heading)
    for heading in ("stored", "per s", "rejected", "gaps", "clock ms"):
        table.add_column(heading, justify="right")
    table.add_column("error", overflow="ellipsis", no_wrap=True)
    for source in report["sources"]:
        counters = source["statistics"]
        offsets = counters.get("clock_offset_ms", {}).values()
        table.add_row(
            Text(source["source"]),
            source["protocol"],
            Text(source["state"], style=_STYLES[source["state"]]),
            f"{counters['taken']:,}",
            f"{_rate(source['source'], counters['taken'], rates):,.0f}",
            f"{counters.get('refused', counters.get('bad_readings', 0)):,}",
            f"{counters.get('gaps_unfilled', counters.get('missed_polls', 0)):,}",
            f"{max(offsets, key=abs):,.0f}" if offsets else "-",
            Text((source["error"] or "")[:_MAX_ERROR]),
        )
    lines = [
        Text(f"channel {channel['channel']}: {channel['size']:,} readings, {channel['waiting']:,} waiting")
        + Text(f"  {channel['error']}" if channel["error"] else "", style="bold red")
        for channel in report["channels"]
    ]
    number = sum(letter["count"] for letter in report["dead_letters"] if letter["state"] != "replayed")
    return Group(table, *lines, Text(f"dead letters: {number:,}"))


def _rate(source: str, stored: int, rates: dict[str, tuple[float, int]]) -> float:
    now_s = time.monotonic()
    before_s, before = rates.get(source, (now_s, stored))
    rates[source] = (now_s, stored)
    return (stored - before) / (now_s - before_s) if now_s > before_s else 0.0
