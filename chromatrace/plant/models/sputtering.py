"""Model of reactive DC magnetron sputtering: one or more chambers that repeat their recipe.

Phases of a run: pump down to base pressure, admit the gases, presputter, deposit up to the film thickness, vent.
Physics of each chamber:

- pressure: V dP/dt = gas flow + outgassing + leak - S·P, solved exactly over a step;
- oxygen and target: reduced form of Berg's model (S. Berg, T. Nyberg, Thin Solid Films 476 (2005) 215). Target and
  collector take up oxygen, and sputtering removes the oxide. If the collector takes up more oxygen than the pump,
  voltage and rate show hysteresis in the oxygen flow;
- rate = power · yield of the partly oxidised target · 1 / (1 + P / P_scattering) · (1 - erosion), which increases as
  total pressure and oxygen pressure decrease;
- substrate temperature: first-order lag towards heater and plasma heating.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chromatrace.plant.errors import FaultError
from chromatrace.plant.faults import Fault
from chromatrace.plant.models.chamber_parameters import Chamber, read_chamber
from chromatrace.plant.names import Names
from chromatrace.plant.records import Plant
from chromatrace.storage.toml import TomlTable

QUANTITIES = (
    "base_pressure",
    "working_pressure",
    "argon_flow",
    "oxygen_flow",
    "oxygen_share",
    "target_power",
    "target_voltage",
    "target_current",
    "substrate_temperature",
    "cooling_water_temperature",
    "rotation",
    "deposition_rate",
    "film_thickness",
)
"""Quantities that a chamber measures. The tag is `<station>.<quantity>`."""

PA_L_S_PER_SCCM = 1.6887
"""101,325 Pa · 1 cm³/min."""

ATMOSPHERE_PA = 101_325.0
OXYGEN_IN_AIR = 0.21
ARC_VOLTAGE_V = 45.0

_SUBSTEP_S = 1.0
_FLOW_LAG_S = 2.0
_ROUGHING_ABOVE_PA = 10.0
_DRIFT_TIME_S = 1800.0
_FLOW_DRIFT = 0.004
_LEAK_PA_L_S = 20.0
_COOLING_LOSS_C = 55.0
_COOLING_LOSS_TIME_S = 120.0
_FOULING_C_PER_H = 3.0
_ARC_SHARE = 0.3
_ROOM_C = 22.0


def check(names: Names, top: TomlTable) -> None:
    """Check that each chamber has a station and each tag, except batch tags, is a quantity of a chamber."""
    table = top.table("model")
    table.text("kind")
    chambers = _read_chambers(table)
    stations = names["stations"]
    batch_tags = {machine.value("batch_tag") for machine in top.tables("machines")}
    for station in chambers:
        if station not in stations:
            table.mistake(f"chambers.{station}", f"unknown station {station!r}")
    for tag in top.tables("tags"):
        name, at = tag.text("name"), tag.text("station")
        station, _, quantity = name.rpartition(".")
        if (
            tag.valid
            and name not in batch_tags
            and (station != at or station not in chambers or quantity not in QUANTITIES)
        ):
            tag.mistake(
                "name",
                f"{name!r} is not a quantity of a chamber at station {at}",
                f"write <station>.<quantity> with one of the quantities {', '.join(QUANTITIES)}",
            )


def _read_chambers(table: TomlTable) -> dict[str, Chamber | None]:
    """Return the chambers by station; None after a mistake."""
    chambers = {station: read_chamber(station, part) for station, part in table.table("chambers").named_tables()}
    table.finish()
    if not chambers:
        table.mistake("chambers", "expected at least one chamber")
    return chambers


class SputteringModel:
    """The chambers of a plant. Each has its own random generator, so a fault in one does not change the others."""

    def __init__(self, plant: Plant, seed: int, faults: Sequence[Fault] = ()) -> None:
        parameters = TomlTable({} if plant.model is None else plant.model.parameters, "model")
        chambers = {name: chamber for name, chamber in _read_chambers(parameters).items() if chamber is not None}
        for fault in faults:
            if fault.station not in chambers:
                raise FaultError(
                    f"{fault.station} is not a sputtering chamber",
                    field="station",
                    hint=f"chambers: {', '.join(chambers)}",
                )
        self._runs = [
            ChamberRun(chamber, np.random.default_rng([seed, position]), [f for f in faults if f.station == station])
            for position, (station, chamber) in enumerate(chambers.items())
        ]

    @property
    def runs_completed(self) -> int:
        return min(run.runs_completed for run in self._runs)

    def advance(self, step_s: float) -> Mapping[str, float]:
        values: dict[str, float] = {}
        for run in self._runs:
            remaining_s = step_s
            while remaining_s > 0:
                run.advance(min(_SUBSTEP_S, remaining_s))
                remaining_s -= _SUBSTEP_S
            values.update(run.values())
        return values


@dataclass
class ChamberRun:
    """The state of one chamber."""

    chamber: Chamber
    random: np.random.Generator
    faults: Sequence[Fault] = ()
    phase: str = "pump down"
    phase_s: float = 0.0
    elapsed_s: float = 0.0
    runs_completed: int = 0
    pressure_pa: float = ATMOSPHERE_PA
    base_pressure_pa: float = ATMOSPHERE_PA
    argon_sccm: float = 0.0
    oxygen_sccm: float = 0.0
    target_oxide: float = 0.5
    collector_oxide: float = 0.9
    temperature_c: float = _ROOM_C
    water_c: float = _ROOM_C
    thickness_nm: float = 0.0
    rate_nm_min: float = 0.0
    power_w: float = 0.0
    voltage_v: float = 0.0
    energy_kwh: float = 0.0
    drift: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def __post_init__(self) -> None:
        self.water_c = self.chamber.thermal.cooling_water_c

    def advance(self, step_s: float) -> None:
        """Advance by at most one second."""
        self.elapsed_s += step_s
        self.phase_s += step_s
        active = {fault.kind: fault.severity for fault in self.faults if fault.active(self.elapsed_s)}
        self._flows(step_s, stuck="flow_stuck" in active)
        leak_pa_l_s = _LEAK_PA_L_S * active.get("leak", 0.0)
        self._pressure(step_s, leak_pa_l_s)
        self._electrics(arc_severity=active.get("arc", 0.0))
        self._oxidation(step_s, leak_pa_l_s)
        self._temperatures(step_s, active.get("cooling_loss", 0.0), self._fouling_c())
        self._film(step_s)
        self._next_phase()

    def values(self) -> dict[str, float]:
        """Return the current true values, by tag name."""
        total_sccm = self.argon_sccm + self.oxygen_sccm
        values = (
            self.base_pressure_pa,
            self.pressure_pa,
            self.argon_sccm,
            self.oxygen_sccm,
            100 * self.oxygen_sccm / total_sccm if total_sccm > 0.1 else 0.0,
            self.power_w,
            self.voltage_v,
            self.power_w / self.voltage_v if self.voltage_v > 0 else 0.0,
            self.temperature_c,
            self.water_c,
            0.0 if self.phase == "vent" else self.chamber.recipe.rotation_rpm,
            self.rate_nm_min,
            self.thickness_nm,
        )
        return {f"{self.chamber.station}.{name}": value for name, value in zip(QUANTITIES, values, strict=True)}

    def _flows(self, step_s: float, *, stuck: bool) -> None:
        recipe = self.chamber.recipe
        kept = math.exp(-step_s / _DRIFT_TIME_S)
        noise = math.sqrt(1 - kept * kept) * _FLOW_DRIFT
        self.drift = [kept * drift + noise * float(self.random.standard_normal()) for drift in self.drift]
        gas = self.phase in ("gas", "presputter", "deposit")
        follow = 1 - math.exp(-step_s / _FLOW_LAG_S)
        self.argon_sccm += follow * (gas * recipe.argon_sccm * (1 + self.drift[0]) - self.argon_sccm)
        # A stuck controller ignores its set point.
        if not stuck:
            self.oxygen_sccm += follow * (gas * recipe.oxygen_sccm * (1 + self.drift[1]) - self.oxygen_sccm)

    def _pressure(self, step_s: float, leak_pa_l_s: float) -> None:
        vacuum = self.chamber.vacuum
        if self.phase == "vent":
            self.pressure_pa += (1 - math.exp(-step_s / 30)) * (ATMOSPHERE_PA - self.pressure_pa)
            return
        if self.phase == "pump down":
            speed = vacuum.speed_l_s if self.pressure_pa < _ROUGHING_ABOVE_PA else vacuum.roughing_l_s
        else:
            speed = vacuum.throttled_l_s
        walls = vacuum.outgassing_pa_l_s / (1 + self._since_pumping_s() / vacuum.outgassing_time_s)
        gettered = self._getter_l_s() * self._oxygen_pa(leak_pa_l_s)
        inflow = PA_L_S_PER_SCCM * (self.argon_sccm + self.oxygen_sccm) + walls + leak_pa_l_s - gettered
        final_pa = max(inflow, 0.0) / speed
        self.pressure_pa = final_pa + (self.pressure_pa - final_pa) * math.exp(-step_s * speed / vacuum.volume_l)

    def _since_pumping_s(self) -> float:
        """Return the time that determines outgassing. After the pump-down, 10 minutes are added."""
        return self.phase_s if self.phase == "pump down" else self.phase_s + 600.0

    def _electrics(self, *, arc_severity: float) -> None:
        plasma = self.phase in ("presputter", "deposit")
        self.power_w = self.chamber.recipe.power_w if plasma else 0.0
        if not plasma:
            self.voltage_v = 0.0
            return
        target = self.chamber.target
        voltage = target.metal_voltage_v + (target.oxide_voltage_v - target.metal_voltage_v) * self.target_oxide
        # The voltage falls with plasma density and with target erosion (the surface gets closer to the magnets).
        voltage *= max(self.pressure_pa, 0.05) ** -0.12 * (1 - 0.05 * self._erosion())
        if arc_severity and self.random.random() < min(1.0, _ARC_SHARE * arc_severity):
            voltage = ARC_VOLTAGE_V
            self.power_w *= 0.25
        self.voltage_v = voltage

    def _erosion(self) -> float:
        return min(0.9, self.chamber.target.erosion_per_kwh * self.energy_kwh)

    def _getter_l_s(self) -> float:
        if self.power_w <= 0:
            return 0.0
        oxidation = self.chamber.oxidation
        return oxidation.target_getter_l_s * (1 - self.target_oxide) + oxidation.collector_getter_l_s * (
            1 - self.collector_oxide
        )

    def _oxygen_pa(self, leak_pa_l_s: float) -> float:
        """Return the partial pressure of oxygen: inflow divided by the uptake of pump, target and collector."""
        inflow = PA_L_S_PER_SCCM * self.oxygen_sccm + OXYGEN_IN_AIR * leak_pa_l_s
        return inflow / (self.chamber.vacuum.throttled_l_s + self._getter_l_s())

    def _oxidation(self, step_s: float, leak_pa_l_s: float) -> None:
        if self.power_w <= 0:
            return
        constants = self.chamber.oxidation
        oxygen_pa = self._oxygen_pa(leak_pa_l_s)
        removal = constants.target_removal_per_w_s * self.power_w
        uptake = constants.target_uptake_per_pa_s * oxygen_pa
        self.target_oxide = _relax(self.target_oxide, uptake, removal, step_s)
        exchange = constants.collector_exchange_per_w_s * self.power_w
        share = self.chamber.target.oxide_rate_share
        gain = constants.collector_uptake_per_pa_s * oxygen_pa + exchange * share * self.target_oxide
        self.collector_oxide = _relax(self.collector_oxide, gain, exchange * (1 - self.target_oxide), step_s)

    def _fouling_c(self) -> float:
        """Return by how much the fouled cooler warms the water: in proportion to the time since the fault started."""
        hours = sum(
            fault.severity * (self.elapsed_s - fault.start_s) / 3600
            for fault in self.faults
            if fault.kind == "fouling" and fault.active(self.elapsed_s)
        )
        return _FOULING_C_PER_H * hours

    def _temperatures(self, step_s: float, cooling_loss: float, fouling_c: float) -> None:
        thermal, recipe = self.chamber.thermal, self.chamber.recipe
        hot_water_c = thermal.cooling_water_c + _COOLING_LOSS_C * cooling_loss + fouling_c
        self.water_c += (1 - math.exp(-step_s / _COOLING_LOSS_TIME_S)) * (hot_water_c - self.water_c)
        heater_c = _ROOM_C if self.phase == "vent" else recipe.temperature_c
        aim_c = heater_c + thermal.plasma_c_per_w * self.power_w + 1.5 * (self.water_c - thermal.cooling_water_c)
        self.temperature_c += (1 - math.exp(-step_s / thermal.time_constant_s)) * (aim_c - self.temperature_c)

    def _film(self, step_s: float) -> None:
        self.energy_kwh += self.power_w * step_s / 3.6e6
        if self.phase != "deposit":
            self.rate_nm_min = 0.0
            return
        self.rate_nm_min = deposition_rate(
            self.chamber, self.power_w, self.pressure_pa, self.target_oxide, self._erosion()
        )
        self.thickness_nm += self.rate_nm_min * step_s / 60

    def _next_phase(self) -> None:
        recipe = self.chamber.recipe
        if self.phase == "pump down":
            self.base_pressure_pa = self.pressure_pa
            # A leaking chamber never reaches the base pressure. The run continues after the maximum pumping time.
            done = self.pressure_pa <= recipe.base_pressure_pa or self.phase_s >= recipe.maximum_pumping_s
        elif self.phase == "gas":
            done = self.phase_s >= recipe.settling_s
        elif self.phase == "presputter":
            done = self.phase_s >= recipe.presputter_s
        elif self.phase == "deposit":
            done = self.thickness_nm >= recipe.thickness_nm
        else:
            done = self.phase_s >= recipe.venting_s
        if not done:
            return
        following = {
            "pump down": "gas",
            "gas": "presputter",
            "presputter": "deposit",
            "deposit": "vent",
            "vent": "pump down",
        }
        self.phase, self.phase_s = following[self.phase], 0.0
        if self.phase == "pump down":
            self.runs_completed += 1
            self.thickness_nm = 0.0


def deposition_rate(chamber: Chamber, power_w: float, pressure_pa: float, target_oxide: float, erosion: float) -> float:
    """Return the rate in nm/min. `target_oxide` and `erosion` are shares from 0 to 1."""
    target = chamber.target
    relative_yield = (1 - target_oxide) + target.oxide_rate_share * target_oxide
    return target.rate_nm_min_w * power_w * relative_yield / (1 + pressure_pa / target.scattering_pa) * (1 - erosion)


def _relax(share: float, gain: float, loss: float, step_s: float) -> float:
    """Solve d share/dt = gain · (1 - share) - loss · share exactly, for constant gain and loss."""
    speed = gain + loss
    if speed <= 0:
        return share
    final = gain / speed
    return final + (share - final) * math.exp(-speed * step_s)
