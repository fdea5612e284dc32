"""Reads the shop floor of a plant configuration: belts and times from `[shop_floor]`, steps from the stations."""

from __future__ import annotations

from collections.abc import Sequence

from chromatrace.plant.errors import PlantError, ShopFloorError
from chromatrace.plant.floor import Belt, FloorStep, ShopFloor, Times
from chromatrace.plant.records import Station
from chromatrace.plant.table import TomlTable


def read_shop_floor(table: TomlTable, stations: Sequence[Station]) -> ShopFloor:
    """Return the shop floor. Raises `PlantError` naming the field."""
    numbers = {station.id: number for number, station in enumerate(stations)}
    checkpoints = table.texts("checkpoints", ())
    for position, name in enumerate(checkpoints):
        if name not in numbers:
            raise PlantError(f"station {name!r} does not exist", field=f"{table.path('checkpoints')}[{position}]")
    times = Times(
        conveyor_m_per_s=table.number("conveyor_m_per_s", above=0),
        diverter_s=table.number("diverter_s", at_least=0),
        assembly_s=table.span("assembly_s"),
        inspection_s=table.span("inspection_s"),
    )
    belts = tuple(_belt(belt) for belt in table.tables("belts", required=True))
    table.finish()
    steps = tuple(FloorStep(station.id, station.name, station.after) for station in stations)
    try:
        return ShopFloor(steps, belts, times, frozenset(numbers[name] for name in checkpoints))
    except ShopFloorError as error:
        raise PlantError(error.message, field=f"shop_floor.{error.field}", hint=error.hint) from error


def _belt(table: TomlTable) -> Belt:
    belt = Belt(
        start=table.text("from", maximum=60),
        end=table.text("to", maximum=60),
        length_m=table.number("length_m", above=0),
        diverter=table.boolean("diverter", False),
    )
    table.finish()
    return belt
