"""The line: the stations of the plant file in their order, with the state of each machine, updated within a second."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import Response, copy_current_request_context, render_template
from flask.typing import ResponseReturnValue

from app.workshop.access import current_workshop
from app.workshop.predictions import newest_forecasts
from app.workshop.trend import series_name
from chromatrace.plant import Plant
from chromatrace.plant.records import Station
from chromatrace.twin.views import MachineView, PlantView, ValueView

MAX_VALUES = 4
"""Values on a machine's card: first those outside of their limits, then those with limits."""


@dataclass(frozen=True, slots=True)
class StationColumn:
    """Stations that need the same number of stations before them, with their machines."""

    stations: tuple[tuple[Station, tuple[MachineView, ...]], ...]


def page() -> ResponseReturnValue:
    """Show the line. Without script it is the state at the time of the request."""
    view = current_workshop().reader.plant()
    plant = current_workshop().plant
    placed = {station.id for station in plant.stations}
    return render_template(
        "workshop/line.html",
        plant=plant,
        view=view,
        columns=station_columns(plant, view),
        elsewhere=[machine for machine in view.machines if machine.station not in placed],
        **_card_helpers(),
    )


def events() -> Response:
    """Send the card of each machine as HTML whenever the stored state changes."""
    workshop = current_workshop()

    @copy_current_request_context
    def content() -> object:
        view = workshop.reader.plant()
        helpers = _card_helpers()
        cards = {
            machine.id: render_template("workshop/machine.html", machine=machine, **helpers)
            for machine in view.machines
        }
        return {"machines": cards, "summary": render_template("workshop/line_summary.html", view=view)}

    return workshop.streams.response(lambda: dict(workshop.reader.log_sizes()), content)


def station_columns(plant: Plant, view: PlantView) -> list[StationColumn]:
    """Return the stations by the length of the longest chain of stations before them."""
    after = {station.id: station.after for station in plant.stations}
    levels: dict[str, int] = {}

    def level(station: str) -> int:
        if station not in levels:
            levels[station] = max((level(before) + 1 for before in after[station]), default=0)
        return levels[station]

    columns: dict[int, list[tuple[Station, tuple[MachineView, ...]]]] = {}
    for station in plant.stations:
        machines = tuple(machine for machine in view.machines if machine.station == station.id)
        columns.setdefault(level(station.id), []).append((station, machines))
    return [StationColumn(tuple(columns[number])) for number in sorted(columns)]


def shown_values(machine: MachineView) -> list[ValueView]:
    """Return the values for a machine's card, without the tags of its status, batch and counters."""
    special = {tag for _, tag in current_workshop().plan.machine(machine.id).roles()}
    values = [value for value in machine.values if not {value.tag, value.tag.rpartition("/")[2]} & special]
    values.sort(key=lambda value: (not outside(value), value.limit_low is None and value.limit_high is None))
    return values[:MAX_VALUES]


def outside(value: ValueView) -> bool:
    """Return whether a number is beyond one of its limits."""
    number = value.value
    if not isinstance(number, float | int):
        return False
    below = value.limit_low is not None and number < value.limit_low
    return below or (value.limit_high is not None and number > value.limit_high)


def _card_helpers() -> dict[str, object]:
    return {
        "shown_values": shown_values,
        "outside": outside,
        "series_name": series_name,
        "now_ns": time.time_ns(),
        "newest_forecasts": newest_forecasts(),
    }
