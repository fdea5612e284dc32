"""Model of an electrochromic stack: working film, counter electrode and electrolyte.

The relations are plausible but not a published model. The plant configuration sets the main constants.

- oxygen deficiency 1 / (1 + (p_O2 / p_half)²): low oxygen pressure leaves metal of lower valence, which absorbs light
  and stores less charge;
- contamination 1 - exp(-(P_base / 1 mPa - 1) / 20): residual gas above the specified base pressure;
- crystalline share: logistic in the substrate temperature; grain size increases with temperature and pressure;
- charge density Q = the smaller capacity of the two films; optical density change = efficiency · Q;
  T coloured = T bleached · 10^-(efficiency · Q).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from chromatrace.plant.films import Film
from chromatrace.plant.names import Names
from chromatrace.quality import optical_consistency
from chromatrace.storage.toml import TomlTable

FIRST = ("crystalline share", "W5+ share", "film thickness", "grain size")
FINAL = ("optical modulation", "coloration efficiency", "cycling stability", "switching time", "optical memory")
AUXILIARY = {"bleached transmittance": "%", "coloured transmittance": "%", "charge density": "C/cm2"}
"""Units of the values that are measured with the final quantities."""

_SPECIFIED_BASE_PA = 1e-3
_UNIT_SPREAD = 0.01
_INSTRUMENT = 0.004


@dataclass(frozen=True, slots=True)
class _Layer:
    capacity_mc_cm2_nm: float
    oxygen_half_pa: float
    crystallisation_c: float


@dataclass(frozen=True, slots=True)
class _Stack:
    efficiency_cm2_c: float
    bleached_transmittance: float
    switching_s: float
    stability: float
    memory_per_day: float
    charge_share: float


_Part = TypeVar("_Part", _Layer, _Stack)


class ElectrochromicStack:
    """The `Device` of an electrochromic window. `table` has its parameters."""

    def __init__(self, table: TomlTable) -> None:
        self._working_station = table.text("working_station")
        self._counter_station = table.text("counter_station")
        self._working = _numbers(table, "working", _Layer)
        self._counter = _numbers(table, "counter", _Layer)
        self._stack = _numbers(table, "stack", _Stack)
        table.finish()

    @classmethod
    def check(cls, names: Names, top: TomlTable) -> None:
        """Check the parameters, and that the quantities of the check sheets can be measured."""
        table = top.table("device")
        table.text("kind")
        cls(table)
        for name in ("working_station", "counter_station"):
            table.reference(name, "station", names["stations"])
        for sheet in top.tables("check_sheets"):
            measurable = {"first": FIRST, "final": FINAL}.get(sheet.text("stage"), ())
            for check in sheet.tables("checks"):
                quantity = check.text("quantity")
                if quantity and quantity not in measurable:
                    check.mistake(
                        "quantity",
                        f"{quantity!r} cannot be measured at stage {sheet.text('stage')!r}",
                        f"measurable: {', '.join(measurable) or 'nothing'}",
                    )

    def stations(self, stage: str) -> tuple[str, ...]:
        """Return the station of the working film for the first inspection, and both stations for the final one."""
        return (self._working_station,) if stage == "first" else (self._working_station, self._counter_station)

    def measure(self, stage: str, films: Mapping[str, Film], random: np.random.Generator) -> Mapping[str, float]:
        """Return the instrument values of one unit. Unit spread is about 1 %, instrument error about 0.4 %."""
        true_values = self._film_properties(films, random) if stage == "first" else self._device(films, random)
        return {
            name: value * (1 + _INSTRUMENT * float(random.standard_normal())) for name, value in true_values.items()
        }

    def deviation(self, values: Mapping[str, float]) -> float | None:
        """Compare efficiency · charge density with the optical density change log10(T bleached / T coloured)."""
        if not {"coloration efficiency", *AUXILIARY} <= values.keys():
            return None
        bleached, coloured = values["bleached transmittance"], values["coloured transmittance"]
        if not (bleached > 0 and coloured > 0):
            return 1.0
        return optical_consistency.deviation(
            values["coloration efficiency"], values["charge density"], math.log10(bleached / coloured)
        )

    def _film_properties(self, films: Mapping[str, Film], random: np.random.Generator) -> dict[str, float]:
        film = films[self._working_station]
        unit = _spread(random)
        return {
            "crystalline share": 100 * _crystalline(film, self._working),
            "W5+ share": 90 * _deficiency(film, self._working) * unit,
            "film thickness": film.thickness_nm * unit,
            "grain size": (10 + 0.06 * film.temperature_c + 4 * film.pressure_pa) * unit,
        }

    def _device(self, films: Mapping[str, Film], random: np.random.Generator) -> dict[str, float]:
        working, counter = films[self._working_station], films[self._counter_station]
        stack = self._stack
        deficiency = _deficiency(working, self._working)
        contamination = max(_contamination(working), _contamination(counter))
        crystalline = _crystalline(working, self._working)
        capacities = (_capacity_c_cm2(working, self._working), _capacity_c_cm2(counter, self._counter))
        charge = stack.charge_share * min(capacities) * (1 - 0.6 * crystalline) * _spread(random)
        efficiency = stack.efficiency_cm2_c * (1 - deficiency) * (1 - 0.5 * contamination) * _spread(random)
        bleached = stack.bleached_transmittance * (1 - 0.7 * deficiency) * (1 - 0.2 * contamination)
        coloured = bleached * 10 ** -(efficiency * charge)
        imbalance = abs(capacities[0] - capacities[1]) / max(*capacities, 1e-9)
        arcs = min(1.0, working.arc_share + counter.arc_share)
        stability = stack.stability - 40 * contamination - 30 * deficiency - 15 * imbalance - 60 * arcs
        slowdown = (working.thickness_nm / 380) ** 2 * (1 + 3 * crystalline) * (1 + contamination)
        return {
            "optical modulation": bleached - coloured,
            "coloration efficiency": efficiency,
            "cycling stability": max(0.0, stability) * _spread(random),
            "switching time": stack.switching_s * slowdown * _spread(random),
            "optical memory": stack.memory_per_day * (1 + 5 * deficiency + 3 * contamination) * _spread(random),
            "bleached transmittance": bleached,
            "coloured transmittance": coloured,
            "charge density": charge,
        }


def _deficiency(film: Film, layer: _Layer) -> float:
    return 1 / (1 + (film.oxygen_pa / layer.oxygen_half_pa) ** 2)


def _contamination(film: Film) -> float:
    return 1 - math.exp(-max(0.0, film.base_pressure_pa / _SPECIFIED_BASE_PA - 1) / 20)


def _crystalline(film: Film, layer: _Layer) -> float:
    return 1 / (1 + math.exp((layer.crystallisation_c - film.temperature_c) / 20))


def _capacity_c_cm2(film: Film, layer: _Layer) -> float:
    return layer.capacity_mc_cm2_nm * film.thickness_nm * (1 - _deficiency(film, layer)) / 1000


def _spread(random: np.random.Generator) -> float:
    return 1 + _UNIT_SPREAD * float(random.standard_normal())


def _numbers(table: TomlTable, name: str, record: type[_Part]) -> _Part:
    part = table.table(name)
    values = {item.name: part.number(item.name, above=0) for item in fields(record)}
    return table.part(part.build(record, **values))
