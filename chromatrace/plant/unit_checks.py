"""Check the units of a plant file, and that sources, tags and instruments agree about them."""

from __future__ import annotations

from collections.abc import Iterator

from chromatrace.domain.units import UnitError, check_unit, compatible, conversion
from chromatrace.plant.plant_sources import ModbusSource, MqttSource, PlantSource
from chromatrace.plant.records import Plant, Tag
from chromatrace.storage.toml import TomlTable


def check_units(plant: Plant | None, top: TomlTable) -> None:
    """Add unknown and incompatible units to the mistakes. `plant` is None if the file has other mistakes."""
    for tag in top.tables("tags"):
        _check_tag(tag)
    for layout in top.tables("layouts"):
        by_tag = layout.table("units", {})
        for name in by_tag.fields():
            _known(by_tag, name, by_tag.text(name))
    for source in top.tables("sources"):
        for item in _register_tables(source):
            _known(item, "unit", item.text("unit", ""))
    measured: dict[str, set[str]] = {}
    for instrument in top.tables("instruments"):
        quantities = instrument.table("quantities", {})
        for quantity in quantities.fields():
            unit, units = quantities.value(quantity), measured.setdefault(quantity, set())
            if isinstance(unit, str) and _known(quantities, quantity, unit):
                units.add(unit)
    for sheet in top.tables("check_sheets"):
        for check in sheet.tables("checks"):
            _check_line(check, measured)
    if plant is not None:
        _check_sources(plant, top)


def _check_tag(table: TomlTable) -> None:
    unit, device = table.text("unit", ""), table.text("convert_from", "")
    known = _known(table, "unit", unit)
    if device and _known(table, "convert_from", device) and known and not compatible(device, unit):
        table.mistake("convert_from", f"{device} cannot be converted to {unit or 'a number without a unit'}")


def _check_line(table: TomlTable, units: dict[str, set[str]]) -> None:
    """Check a line of a check sheet. A plant without instruments does not say who measures."""
    quantity, unit = table.text("quantity"), table.text("unit", "")
    if not _known(table, "unit", unit) or not units or not quantity:
        return
    if quantity not in units:
        table.unknown("quantity", f"no instrument measures {quantity!r}", units)
    elif units[quantity] and not any(compatible(unit, measured) for measured in units[quantity]):
        measured = ", ".join(sorted(units[quantity]))
        table.mistake("unit", f"{unit or 'a number'} cannot be compared with {measured}, the unit of the instrument")


def _check_sources(plant: Plant, top: TomlTable) -> None:
    """Check that a source with listed tags has the tags that name it, in their units."""
    listed = {source.id: _listed(source) for source in plant.sources}
    for tag, table in zip(plant.tags, top.tables("tags"), strict=True):
        tags = listed.get(tag.source or "")
        if not tags or "*" in tags:
            continue
        if tag.name not in tags:
            table.unknown("source", f"source {tag.source!r} has no tag {tag.name!r}", tags)
        else:
            _check_device_unit(table, tag, tags[tag.name])


def _listed(source: PlantSource) -> dict[str, str]:
    """Return the unit of each tag that the plant file lists for a source."""
    if isinstance(source, ModbusSource):
        return {tag.tag: tag.unit for tag in source.settings.map.tags}
    if isinstance(source, MqttSource):
        return {tag.key.tag: tag.key.unit for tag in source.settings.json_tags}
    return {}


def _check_device_unit(table: TomlTable, tag: Tag, device: str) -> None:
    expected = tag.unit if tag.convert_from is None else tag.convert_from
    if not device or device == expected:
        return
    if not compatible(device, expected):
        name = "unit" if tag.convert_from is None else "convert_from"
        table.mistake(name, f"the readings of source {tag.source!r} are in {device}")
    elif conversion(device, expected).factor != 1 or conversion(device, expected).offset != 0:
        table.mistake(
            "convert_from", f"the readings of source {tag.source!r} are in {device}", f'write convert_from = "{device}"'
        )


def _register_tables(source: TomlTable) -> Iterator[TomlTable]:
    for device in source.tables("devices"):
        yield from device.tables("tags")
    yield from source.tables("topics")


def _known(table: TomlTable, name: str, unit: str) -> bool:
    """Return whether a unit is known. An unknown one is a mistake."""
    try:
        check_unit(unit)
    except UnitError as error:
        table.mistake(name, error.message, error.hint)
        return False
    return True
