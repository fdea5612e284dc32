"""A plant's configuration as frozen records. No code depends on a particular product."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from chromatrace.documents.evidence import LimitComparison, Measurement
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.domain.units import convert
from chromatrace.ingest.layout import Layout
from chromatrace.plant.equipment import Instrument, Machine
from chromatrace.plant.floor import ShopFloor
from chromatrace.plant.gateway_options import Channel, GatewayOptions
from chromatrace.plant.names import Section
from chromatrace.plant.plant_sources import PlantSource
from chromatrace.quality.check_sheet import ToleranceSheet

_Content = TypeVar("_Content")

DEFAULT_NAMESPACE = "urn:chromatrace:plant"


@dataclass(frozen=True, slots=True)
class Station:
    """A station of the plant. `after` names the stations that must be done before it; `department` may be empty."""

    id: str
    name: str
    description: str = ""
    department: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tag:
    """One measured quantity. `name` is the tag of its readings, or SOURCE/TAG if several sources have this tag.

    low, high              range of the instrument (OPC UA EURange)
    limit_low, limit_high  limits of the process; None: no limit on that side
    nominal                value of a quantity without a process model
    noise                  standard deviation of the instrument
    source                 id of the source of the readings; None: any source
    machine                id of the machine; None: no machine
    convert_from           unit of the readings; None: it is `unit`

    All numbers are in `unit`. The log has the readings as the device sent them, in `convert_from`.
    """

    name: str
    station: str
    unit: str
    low: float = -math.inf
    high: float = math.inf
    description: str = ""
    limit_low: float | None = None
    limit_high: float | None = None
    nominal: float | None = None
    noise: float = 0.0
    source: str | None = None
    machine: str | None = None
    convert_from: str | None = None

    def is_of(self, source_id: str, source: str, tag: str) -> bool:
        """Return whether this is the tag of a reading.

        source_id  id of the plant file's source that received it
        source     source in the reading, such as an OPC UA object
        """
        return (self.source is None or self.source == source_id) and self.name in (tag, f"{source}/{tag}")

    def in_unit(self, value: float) -> float:
        """Return the value of a reading in `unit`, to compare it with the limits and to show it."""
        return value if self.convert_from is None else convert(value, self.convert_from, self.unit)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the plant. `route` is the order of its stations."""

    gtin: Gtin
    name: str
    description: str
    route: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """An input of a station."""

    name: str
    station: str
    grade: str
    supplier: str


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a check sheet: `quantity comparison limit`. A range is two lines.

    `criterion` states what the value depends on, if it has no single definition.
    """

    quantity: str
    unit: str
    comparison: LimitComparison
    limit: float
    definition: str = ""
    criterion: str | None = None

    @property
    def text(self) -> str:
        """The line as text, such as `optical modulation >= 40 %`."""
        return f"{self.quantity} {self.comparison} {self.limit:g} {self.unit}".strip()

    def measured(self, value: float) -> Measurement:
        """Return the measurement of a value."""
        passed = self.comparison.holds(value, self.limit)
        return Measurement(self.quantity, value, self.unit, self.limit, self.comparison, passed, self.criterion)


@dataclass(frozen=True, slots=True)
class CheckSheet:
    """How a station inspects.

    sample_one_per  sample one unit of this many
    states          possible results of the sheet
    ordered         each check must pass before the next is measured
    """

    id: str
    station: str
    stage: str
    sample_one_per: int
    ordered: bool
    states: tuple[str, ...]
    checks: tuple[Check, ...]

    def sample_size(self, quantity: int) -> int:
        """Return the number of units to sample of a batch of `quantity`, at least one."""
        return max(1, -(-quantity // self.sample_one_per))

    def check_measurements(self, measurements: Sequence[Measurement]) -> tuple[Check, ...]:
        """Check measurements against the lines of the sheet and return the lines that are not measured.

        Each measurement must have the quantity, unit, comparison and limit of a line. The lines of a range must have
        the same value. On an ordered sheet, the measurements must be the first lines, in the order of the sheet.
        Raises `InvalidInput` with a JSON pointer.
        """
        values: dict[str, float] = {}
        missing = list(self.checks)
        for index, measurement in enumerate(measurements):
            pointer = f"/measurements/{index}"
            check = self._line(measurement, pointer)
            if check not in missing:
                raise InvalidInput(f"{check.text} is measured twice", field=f"{pointer}/quantity")
            if self.ordered and check != missing[0]:
                raise InvalidInput(
                    f"{check.quantity!r} is measured before {missing[0].quantity!r}; check sheet {self.id} is ordered",
                    field=f"{pointer}/quantity",
                    hint=f"order: {', '.join(dict.fromkeys(line.quantity for line in self.checks))}",
                )
            if values.setdefault(check.quantity, measurement.value) != measurement.value:
                raise InvalidInput(
                    f"{check.quantity!r} is {measurement.value:g} here and {values[check.quantity]:g} before",
                    field=f"{pointer}/value",
                    hint="the lines of a range have the same value",
                )
            missing.remove(check)
        return tuple(missing)

    def _line(self, measurement: Measurement, pointer: str) -> Check:
        """Return the line that a measurement is about. Raises `InvalidInput` below `pointer`."""
        lines = [check for check in self.checks if check.quantity == measurement.quantity]
        if not lines:
            raise InvalidInput(
                f"check sheet {self.id} has no quantity {measurement.quantity!r}",
                field=f"{pointer}/quantity",
                hint=f"quantities: {', '.join(dict.fromkeys(check.quantity for check in self.checks))}",
            )
        expected = " and ".join(check.text for check in lines)
        for name in ("unit", "comparison", "limit"):
            value = getattr(measurement, name)
            lines = [check for check in lines if getattr(check, name) == value]
            if not lines:
                raise InvalidInput(f"{name} is {value}; check sheet {self.id}: {expected}", field=f"{pointer}/{name}")
        return lines[0]

    def tolerances(self) -> ToleranceSheet:
        """Return the sheet for a consensus round, which gives one state for all quantities.

        Raises `CheckSheetError` unless the states are pass and fail, or small, fit and large.
        """
        lines = ((check.quantity, check.unit, check.comparison, check.limit) for check in self.checks)
        return ToleranceSheet.from_limits(lines, self.states)


@dataclass(frozen=True, slots=True)
class ProcessModel:
    """The process model that computes the values (`kind`), and its parameters, which that model checks."""

    kind: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plant:
    """A whole plant.

    model       process model; None: the plant is not simulated
    device      model of the products' properties, for simulated inspections
    shop_floor  workcells and belts, if the plant describes them for simulation
    sections    sections of modules of their own; `section` returns them
    """

    name: str
    title: str
    namespace: str
    sample_period_s: float
    model: ProcessModel | None
    device: ProcessModel | None
    stations: tuple[Station, ...]
    tags: tuple[Tag, ...]
    products: tuple[Product, ...]
    materials: tuple[Material, ...]
    check_sheets: tuple[CheckSheet, ...]
    record_kinds: tuple[RecordKind, ...]
    shop_floor: ShopFloor | None = None
    channels: tuple[Channel, ...] = ()
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    sources: tuple[PlantSource, ...] = ()
    machines: tuple[Machine, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    gateway: GatewayOptions = field(default_factory=GatewayOptions)
    sections: Mapping[str, Any] = field(default_factory=dict)

    def section(self, section: Section[_Content]) -> _Content:
        """Return the content of a section that has a module of its own."""
        return cast(_Content, self.sections[section.name])

    def layout(self, name: str) -> Layout:
        """Return a layout by name. Raises `NotFound`."""
        if name not in self.layouts:
            known = ", ".join(self.layouts) or "none"
            raise NotFound(f"{self.name} has no layout {name!r}", field="layout", hint=f"known layouts: {known}")
        return self.layouts[name]

    def station(self, station_id: str) -> Station:
        """Return a station by id. Raises `NotFound`."""
        for station in self.stations:
            if station.id == station_id:
                return station
        raise NotFound(f"{self.name} has no station {station_id!r}", field="station")

    def tag(self, name: str) -> Tag:
        """Return a tag by name. Raises `NotFound`."""
        for tag in self.tags:
            if tag.name == name:
                return tag
        raise NotFound(f"{self.name} has no tag {name!r}", field="tag")

    def check_sheet_of(self, gtin: Gtin, stage: str) -> CheckSheet | None:
        """Return the check sheet of a product's stage; None if the plant does not make it or has no such sheet."""
        if all(product.gtin != gtin for product in self.products):
            return None
        return next((sheet for sheet in self.check_sheets if sheet.stage == stage), None)

    def check_sheet(self, stage: str) -> CheckSheet:
        """Return the check sheet of a stage. Raises `NotFound`."""
        for sheet in self.check_sheets:
            if sheet.stage == stage:
                return sheet
        known = ", ".join(sheet.stage for sheet in self.check_sheets) or "none"
        raise NotFound(f"{self.name} has no check sheet for {stage!r}", field="stage", hint=f"known stages: {known}")
