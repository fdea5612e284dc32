"""Load and validate plant configurations (TOML). Errors name the field."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from chromatrace.documents.evidence import LimitComparison
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.plant.devices import check_device
from chromatrace.plant.erp import read_erp
from chromatrace.plant.errors import PlantError
from chromatrace.plant.models import check_model
from chromatrace.plant.record_kinds import check_record_kinds, read_record_kind
from chromatrace.plant.records import (
    DEFAULT_NAMESPACE,
    Check,
    CheckSheet,
    Material,
    Plant,
    ProcessModel,
    Product,
    Station,
    Tag,
)
from chromatrace.plant.shop_floor import read_shop_floor
from chromatrace.plant.table import TomlTable

SCHEMA = "chromatrace.plant/1"
_FOLDER = Path(__file__).parent / "plants"


def example_plants() -> tuple[str, ...]:
    """Return the names of the plants that ship with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def example_plant(name: str) -> Plant:
    """Return a plant that ships with the package. Raises `PlantError` for an unknown name."""
    if name not in example_plants():
        raise PlantError(
            f"unknown example plant {name!r}", field="plant", hint=f"available: {', '.join(example_plants())}"
        )
    return load_plant(_FOLDER / f"{name}.toml")


def load_plant(path: Path) -> Plant:
    """Read a configuration file. Raises `PlantError`, which names the field or the line of a syntax error."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlantError(f"{path} cannot be read: {error.strerror}", field="plant") from error
    except UnicodeDecodeError as error:
        raise PlantError(f"{path} is not UTF-8 text", field="plant") from error
    return parse_plant(text, path.parent)


def parse_plant(text: str, folder: Path = Path()) -> Plant:
    """Parse and validate the text of a configuration file. Its paths are relative to `folder`. Raises `PlantError`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlantError(f"not valid TOML: {error}", field="plant") from error
    top = TomlTable(content)
    top.choice("schema", (SCHEMA,))
    stations = tuple(_station(table) for table in top.tables("stations", required=True))
    known = _unique("stations", "id", (station.id for station in stations))
    _check_preconditions(stations, known)
    departments = {station.id: station.department or station.name for station in stations}
    tags = tuple(_tag(table, known) for table in top.tables("tags"))
    _unique("tags", "name", (tag.name for tag in tags))
    products = tuple(_product(table, known) for table in top.tables("products", required=True))
    plant = Plant(
        name=top.text("name", maximum=100),
        title=top.text("title"),
        namespace=top.text("namespace", DEFAULT_NAMESPACE),
        sample_period_s=top.number("sample_period_s", 1.0, above=0),
        model=_model(top.table("model")),
        device=_model(top.table("device")) if "device" in content else None,
        stations=stations,
        tags=tags,
        products=products,
        materials=tuple(_material(table, known) for table in top.tables("materials")),
        check_sheets=tuple(_check_sheet(table, known) for table in top.tables("check_sheets")),
        record_kinds=tuple(read_record_kind(table, departments) for table in top.tables("record_kinds")),
        shop_floor=read_shop_floor(top.table("shop_floor"), stations) if "shop_floor" in content else None,
        erp=read_erp(top.table("erp", {}), [product.gtin for product in products], folder),
    )
    _unique("check_sheets", "id", (sheet.id for sheet in plant.check_sheets))
    _unique("products", "gtin", (str(product.gtin) for product in plant.products))
    check_record_kinds(plant.record_kinds)
    top.finish()
    check_model(plant)
    check_device(plant)
    return plant


def _model(table: TomlTable) -> ProcessModel:
    """Return the model's kind and its unread parameters, which the model validates."""
    return ProcessModel(table.text("kind"), table.rest())


def _station(table: TomlTable) -> Station:
    station = Station(
        id=table.text("id", maximum=60),
        name=table.text("name", maximum=120),
        description=table.text("description", ""),
        department=table.text("department", ""),
        after=table.texts("after", ()),
    )
    table.finish()
    return station


def _tag(table: TomlTable, stations: frozenset[str]) -> Tag:
    low = table.number("low")
    tag = Tag(
        name=table.text("name", maximum=120),
        station=_known(table, "station", stations),
        unit=table.text("unit", "", maximum=40),
        low=low,
        high=table.number("high", above=low),
        description=table.text("description", ""),
        limit_low=table.optional_number("limit_low"),
        limit_high=table.optional_number("limit_high"),
        nominal=table.optional_number("nominal"),
        noise=table.number("noise", 0.0, at_least=0),
    )
    for name in ("limit_low", "limit_high", "nominal"):
        value = getattr(tag, name)
        if value is not None and not tag.low <= value <= tag.high:
            raise PlantError(
                f"{value:g} is outside the instrument's range {tag.low:g} to {tag.high:g}", field=table.path(name)
            )
    if tag.limit_low is not None and tag.limit_high is not None and tag.limit_low >= tag.limit_high:
        raise PlantError("must be below limit_high", field=table.path("limit_low"))
    table.finish()
    return tag


def _product(table: TomlTable, stations: frozenset[str]) -> Product:
    try:
        gtin = Gtin(table.text("gtin"))
    except InvalidInput as error:
        raise PlantError(error.message, field=table.path("gtin"), hint=error.hint) from error
    product = Product(
        gtin=gtin,
        name=table.text("name"),
        description=table.text("description", ""),
        route=_all_known(table, "route", stations),
    )
    table.finish()
    return product


def _material(table: TomlTable, stations: frozenset[str]) -> Material:
    material = Material(
        name=table.text("name"),
        station=_known(table, "station", stations),
        grade=table.text("grade"),
        supplier=table.text("supplier"),
    )
    table.finish()
    return material


def _check_sheet(table: TomlTable, stations: frozenset[str]) -> CheckSheet:
    sheet = CheckSheet(
        id=table.text("id"),
        station=_known(table, "station", stations),
        stage=table.text("stage"),
        sample_one_per=table.integer("sample_one_per", 1, at_least=1),
        ordered=table.boolean("ordered", False),
        states=table.texts("states", ("pass", "fail")),
        checks=tuple(_check(item) for item in table.tables("checks", required=True)),
    )
    if len(sheet.states) < 2:
        raise PlantError("expected at least two states", field=table.path("states"))
    table.finish()
    return sheet


def _check(table: TomlTable) -> Check:
    check = Check(
        quantity=table.text("quantity"),
        unit=table.text("unit", ""),
        comparison=LimitComparison(table.choice("comparison", tuple(LimitComparison))),
        limit=table.number("limit"),
        definition=table.text("definition", ""),
        criterion=table.text("criterion", "") or None,
    )
    table.finish()
    return check


def _known(table: TomlTable, name: str, stations: frozenset[str]) -> str:
    value = table.text(name)
    if value not in stations:
        raise PlantError(f"unknown station {value!r}", field=table.path(name))
    return value


def _all_known(table: TomlTable, name: str, stations: frozenset[str]) -> tuple[str, ...]:
    values = table.texts(name)
    for position, value in enumerate(values):
        if value not in stations:
            raise PlantError(f"unknown station {value!r}", field=f"{table.path(name)}[{position}]")
    return values


def _unique(array: str, field: str, values: Iterable[str]) -> frozenset[str]:
    seen: set[str] = set()
    for position, value in enumerate(values):
        if value in seen:
            raise PlantError(f"duplicate {field} {value!r}", field=f"{array}[{position}].{field}")
        seen.add(value)
    return frozenset(seen)


def _check_preconditions(stations: tuple[Station, ...], known: frozenset[str]) -> None:
    """Check that every precondition exists and that the preconditions have no cycle."""
    done: set[str] = set()
    for position, station in enumerate(stations):
        for index, before in enumerate(station.after):
            if before not in known:
                raise PlantError(f"unknown station {before!r}", field=f"stations[{position}].after[{index}]")
    while len(done) < len(stations):
        ready = [station.id for station in stations if station.id not in done and done.issuperset(station.after)]
        if not ready:
            position = next(index for index, station in enumerate(stations) if station.id not in done)
            raise PlantError("the preconditions form a cycle", field=f"stations[{position}].after")
        done.update(ready)
