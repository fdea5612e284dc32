"""Reads the shop floor of a plant file: belts and times from `[shop_floor]`, steps from the stations."""

from __future__ import annotations

from collections.abc import Sequence

from chromatrace.plant.floor import Belt, FloorStep, ShopFloor, Times
from chromatrace.plant.records import Station
from chromatrace.storage.toml import TomlTable


def read_shop_floor(table: TomlTable, stations: Sequence[Station]) -> ShopFloor | None:
    """Return the shop floor; None after a mistake."""
    numbers = {station.id: number for number, station in enumerate(stations)}
    checkpoints = table.references("checkpoints", "station", numbers, ())
    times = Times(
        conveyor_m_per_s=table.number("conveyor_m_per_s", above=0),
        diverter_s=table.number("diverter_s", at_least=0),
        assembly_s=table.span("assembly_s"),
        inspection_s=table.span("inspection_s"),
    )
    belts = table.parts(_belt(belt) for belt in table.tables("belts", required=True))
    steps = tuple(FloorStep(station.id, station.name, station.after) for station in stations)
    return table.build(ShopFloor, steps, belts, times, frozenset(numbers.get(name, -1) for name in checkpoints))


def _belt(table: TomlTable) -> Belt | None:
    return table.build(
        Belt,
        start=table.text("from", maximum=60),
        end=table.text("to", maximum=60),
        length_m=table.number("length_m", above=0),
        diverter=table.boolean("diverter", False),
    )
