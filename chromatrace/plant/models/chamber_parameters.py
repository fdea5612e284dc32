"""Parameters of a sputtering chamber in a plant configuration."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

from chromatrace.storage.toml import TomlTable


@dataclass(frozen=True, slots=True)
class Vacuum:
    """Vacuum system. `*_l_s` are effective pumping speeds; outgassing decays as 1 / (1 + t / outgassing_time)."""

    volume_l: float
    roughing_l_s: float
    speed_l_s: float
    throttled_l_s: float
    outgassing_pa_l_s: float
    outgassing_time_s: float


@dataclass(frozen=True, slots=True)
class Target:
    """Sputtering target.

    rate_nm_min_w     deposition rate of the metal per watt at zero pressure
    oxide_rate_share  rate of the oxide relative to the metal
    scattering_pa     pressure at which half of the atoms reach the substrate
    erosion_per_kwh   relative loss of the rate per kWh of use
    """

    metal_voltage_v: float
    oxide_voltage_v: float
    rate_nm_min_w: float
    oxide_rate_share: float
    scattering_pa: float
    erosion_per_kwh: float


@dataclass(frozen=True, slots=True)
class Oxidation:
    """Constants of Berg's model: oxygen uptake of target and collector, and oxide removal by sputtering."""

    target_getter_l_s: float
    collector_getter_l_s: float
    target_uptake_per_pa_s: float
    collector_uptake_per_pa_s: float
    target_removal_per_w_s: float
    collector_exchange_per_w_s: float


@dataclass(frozen=True, slots=True)
class Thermal:
    """Thermal model: the substrate follows heater and plasma with one time constant."""

    time_constant_s: float
    plasma_c_per_w: float
    cooling_water_c: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Set points of a run. The film is finished at `thickness_nm`."""

    base_pressure_pa: float
    maximum_pumping_s: float
    argon_sccm: float
    oxygen_sccm: float
    power_w: float
    temperature_c: float
    rotation_rpm: float
    thickness_nm: float
    settling_s: float
    presputter_s: float
    venting_s: float


_Part = TypeVar("_Part", Vacuum, Target, Oxidation, Thermal, Recipe)


@dataclass(frozen=True, slots=True)
class Chamber:
    """A chamber: its station, its film, its physical parameters and its recipe."""

    station: str
    film: str
    vacuum: Vacuum
    target: Target
    oxidation: Oxidation
    thermal: Thermal
    recipe: Recipe


def read_chamber(station: str, table: TomlTable) -> Chamber | None:
    """Read the parameters of a chamber; None after a mistake."""
    return table.build(
        Chamber,
        station=station,
        film=table.text("film", maximum=60),
        vacuum=_positive(table, "vacuum", Vacuum),
        target=_positive(table, "target", Target),
        oxidation=_positive(table, "oxidation", Oxidation),
        thermal=_positive(table, "thermal", Thermal),
        recipe=_positive(table, "recipe", Recipe),
    )


def _positive(table: TomlTable, name: str, record: type[_Part]) -> _Part:
    """Read a record of numbers of at least 0."""
    part = table.table(name)
    values = {field.name: part.number(field.name, at_least=0) for field in fields(record)}
    return table.part(part.build(record, **values))
