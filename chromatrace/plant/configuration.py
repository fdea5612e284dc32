"""Load and check plant files (TOML). Every mistake is reported with file, line and key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chromatrace.domain.record_kinds import RecordKind
from chromatrace.plant.check_sheets import check_stages, read_check_sheet
from chromatrace.plant.devices import check_device
from chromatrace.plant.equipment import read_instrument, read_machine
from chromatrace.plant.errors import PlantError
from chromatrace.plant.gateway_options import GatewayOptions, read_channel, read_gateway, read_layout
from chromatrace.plant.models import check_model
from chromatrace.plant.names import DefinesRecordKinds, Names
from chromatrace.plant.plant_sources import read_source
from chromatrace.plant.production import check_preconditions, read_material, read_product, read_station, read_tag
from chromatrace.plant.record_kinds import check_record_kinds, read_record_kind
from chromatrace.plant.records import DEFAULT_NAMESPACE, Plant, ProcessModel
from chromatrace.plant.sections import SECTIONS
from chromatrace.plant.shop_floor import read_shop_floor
from chromatrace.plant.unit_checks import check_units
from chromatrace.storage.toml import TomlDocument, TomlTable

SCHEMA = "chromatrace.plant/1"
_FOLDER = Path(__file__).parent / "plants"


def example_plants() -> tuple[str, ...]:
    """Return the names of the plants that ship with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def plant_path(name: str) -> Path:
    """Return the file of a plant that ships with the package. Raises `PlantError` for an unknown name."""
    if name not in example_plants():
        raise PlantError(
            f"unknown example plant {name!r}", field="plant", hint=f"available: {', '.join(example_plants())}"
        )
    return _FOLDER / f"{name}.toml"


def example_plant(name: str) -> Plant:
    """Return a plant that ships with the package. Raises `PlantError` for an unknown name."""
    return load_plant(plant_path(name))


def load_plant(path: Path, *, complete: bool = False) -> Plant:
    """Read a plant file. Raises `PlantError`, which lists every mistake with file, line and key.

    complete  check the units, and that each certificate, password and token file exists, as `plant check` does
    """
    return _read(TomlDocument.read(path, PlantError, field="plant"), path.parent, complete)


def parse_plant(text: str, name: str = "plant.toml", *, complete: bool = False) -> Plant:
    """Return the plant in the text of a plant file, as `load_plant` does. Raises `PlantError`."""
    return _read(TomlDocument(text, name), Path(), complete)


def read_plant(document: TomlDocument, folder: Path) -> Plant | None:
    """Return the plant, or None if the document has mistakes. Paths in it are relative to `folder`."""
    top, names = TomlTable(document.content, "", document), Names(document, folder)
    top.choice("schema", (SCHEMA,))
    stations = top.parts(read_station(table, names) for table in top.tables("stations", required=True))
    check_preconditions(stations, document)
    departments = dict.fromkeys(names["stations"], "") | {s.id: s.department or s.name for s in stations}
    kinds = [(table.path(), read_record_kind(table, departments)) for table in top.tables("record_kinds")]
    check_record_kinds(((path, kind) for path, kind in kinds if kind is not None), document)
    sections = {section.name: section.read(top, names) for section in SECTIONS}
    plant = top.build(
        Plant,
        name=top.text("name", maximum=100),
        title=top.text("title"),
        namespace=top.text("namespace", DEFAULT_NAMESPACE),
        sample_period_s=top.number("sample_period_s", 1.0, above=0),
        model=_model(top, "model"),
        device=_model(top, "device"),
        stations=stations,
        tags=top.parts(read_tag(table, names) for table in top.tables("tags")),
        products=top.parts(read_product(table, names) for table in top.tables("products")),
        materials=top.parts(read_material(table, names) for table in top.tables("materials")),
        check_sheets=check_stages(
            top.parts(read_check_sheet(table, names) for table in top.tables("check_sheets")), document
        ),
        record_kinds=(*(kind for _, kind in kinds if kind is not None), *_section_kinds(sections.values())),
        shop_floor=read_shop_floor(top.table("shop_floor"), stations) if "shop_floor" in top else None,
        channels=top.parts(read_channel(table) for table in top.tables("channels")),
        layouts=dict(top.parts(read_layout(table) for table in top.tables("layouts"))),
        sources=top.parts(read_source(table, names, folder) for table in top.tables("sources")),
        machines=top.parts(read_machine(table, names) for table in top.tables("machines")),
        instruments=top.parts(read_instrument(table, names) for table in top.tables("instruments")),
        gateway=top.part(read_gateway(top.table("gateway", {}))) or GatewayOptions(),
        sections=sections,
    )
    if "model" in top:
        check_model(names, top)
    if "device" in top:
        check_device(names, top)
    return None if document.mistakes else plant


def _section_kinds(contents: Iterable[Any]) -> Iterator[RecordKind]:
    """Yield the kinds of record that sections define themselves."""
    for content in contents:
        if isinstance(content, DefinesRecordKinds):
            yield from content.record_kinds()


def _read(document: TomlDocument, folder: Path, complete: bool) -> Plant:
    plant = read_plant(document, folder)
    if complete:
        check_units(plant, TomlTable(document.content, "", document))
        for key, path in document.files:
            if not path.exists():
                document.add(key, f"{path} does not exist")
    if plant is None or document.mistakes:
        raise document.error(PlantError, "mistakes in the plant file", "plant")
    return plant


def _model(top: TomlTable, name: str) -> ProcessModel | None:
    """Return the kind of a model and its parameters, which the model checks."""
    if name not in top:
        top.value(name)
        return None
    table = top.table(name)
    return table.build(ProcessModel, table.text("kind"), table.rest())
