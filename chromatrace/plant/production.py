"""Stations, tags, products and materials of a plant file."""

from __future__ import annotations

import math
from collections.abc import Collection

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.plant.names import Names
from chromatrace.plant.records import Material, Product, Station, Tag
from chromatrace.storage.toml import TomlDocument, TomlTable


def read_station(table: TomlTable, names: Names) -> Station | None:
    """Read one of [[stations]]."""
    return table.build(
        Station,
        id=table.text("id", maximum=60),
        name=table.text("name", maximum=120),
        description=table.text("description", ""),
        department=table.text("department", ""),
        after=table.references("after", "station", names["stations"], ()),
    )


def check_preconditions(stations: Collection[Station], document: TomlDocument) -> None:
    """Check that the preconditions have no cycle."""
    known = {station.id for station in stations}
    done: set[str] = set()
    while True:
        open_ = [station for station in stations if station.id not in done]
        ready = [station.id for station in open_ if done.issuperset(known.intersection(station.after))]
        if not ready:
            break
        done.update(ready)
    if open_:
        position = list(document.values("stations", "id")).index(open_[0].id)
        document.add(f"stations[{position}].after", "the preconditions form a cycle")


def read_tag(table: TomlTable, names: Names) -> Tag | None:
    """Read one of [[tags]]."""
    low = table.optional_number("low")
    high = table.optional_number("high", above=low)
    values = {name: table.optional_number(name) for name in ("limit_low", "limit_high", "nominal")}
    for name, value in values.items():
        if value is not None and not ((low is None or low <= value) and (high is None or value <= high)):
            table.mistake(name, f"{value:g} is outside the instrument's range {_text(low)} to {_text(high)}")
    limit_low, limit_high = values["limit_low"], values["limit_high"]
    if limit_low is not None and limit_high is not None and limit_low >= limit_high:
        table.mistake("limit_low", f"{limit_low:g} is not below limit_high, {limit_high:g}")
    return table.build(
        Tag,
        name=table.text("name", maximum=120),
        station=table.reference("station", "station", names["stations"]),
        unit=table.text("unit", "", maximum=40),
        description=table.text("description", ""),
        noise=table.number("noise", 0.0, at_least=0),
        source=table.reference("source", "source", names["sources"], "") or None,
        machine=table.reference("machine", "machine", names["machines"], "") or None,
        convert_from=table.optional_text("convert_from", maximum=40),
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
        limit_low=limit_low,
        limit_high=limit_high,
        nominal=values["nominal"],
    )


def read_product(table: TomlTable, names: Names) -> Product | None:
    """Read one of [[products]]."""
    return table.build(
        Product,
        gtin=_gtin(table),
        name=table.text("name"),
        description=table.text("description", ""),
        route=table.references("route", "station", names["stations"]),
    )


def read_material(table: TomlTable, names: Names) -> Material | None:
    """Read one of [[materials]]."""
    return table.build(
        Material,
        name=table.text("name"),
        station=table.reference("station", "station", names["stations"]),
        grade=table.text("grade"),
        supplier=table.text("supplier"),
    )


def _gtin(table: TomlTable) -> Gtin:
    text = table.text("gtin")
    gtin = None
    if text:
        try:
            gtin = Gtin(text)
        except InvalidInput as error:
            table.mistake("gtin", error.message, error.hint)
    return table.part(gtin)


def _text(number: float | None) -> str:
    return "any" if number is None else f"{number:g}"
