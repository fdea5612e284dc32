"""Simulated inspections: instrument values of the produced units, judged by the check sheet.

The film properties are derived from the readings. A leak or a stuck gas flow in the readings therefore leads to a
failed inspection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chromatrace.documents.evidence import Measurement
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.plant.devices import Device, build_device
from chromatrace.plant.films import Film, latest_film
from chromatrace.plant.records import CheckSheet, Plant
from chromatrace.quality.optical_consistency import TOLERANCE

Verdict = Literal["pass", "fail", "measurement error"]


@dataclass(frozen=True, slots=True)
class UnitResult:
    """The measurements of one unit of the sample, in order, and the raw instrument values.

    `deviation` is the relative inconsistency of the values (None: cannot be checked). If it exceeds `TOLERANCE`, the
    verdict is a measurement error: the unit must be measured again.
    """

    serial: str
    measurements: tuple[Measurement, ...]
    values: Mapping[str, float]
    deviation: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """The result of an inspection and the films that it is based on. `defects` is the number of failed units.

    The verdict is "fail" if a unit failed, else "measurement error" if a unit must be measured again, else "pass".
    """

    stage: str
    units: tuple[UnitResult, ...]
    films: tuple[Film, ...]

    @property
    def defects(self) -> int:
        return sum(unit.verdict == "fail" for unit in self.units)

    @property
    def verdict(self) -> Verdict:
        verdicts = {unit.verdict for unit in self.units}
        if "fail" in verdicts:
            return "fail"
        return "measurement error" if "measurement error" in verdicts else "pass"

    @property
    def decisive(self) -> UnitResult:
        """Return the unit whose measurements the evidence document has: the first failed unit, else the first unit."""
        return next((unit for unit in self.units if unit.verdict == "fail"), self.units[0])

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Return the measurements for the evidence document."""
        return self.decisive.measurements


def inspect(
    plant: Plant,
    stage: str,
    readings: Iterable[Reading],
    serials: Sequence[str],
    *,
    seed: int = 1,
    disturb: Mapping[str, float] | None = None,
) -> InspectionResult:
    """Inspect the units `serials` of the last films in `readings`. The result is deterministic for a seed.

    `disturb` multiplies the instrument value of a quantity, to simulate a measurement error such as a dirty lens.
    Raises `NotFound` (stage), `MissingHistoryError`, `InvalidInput` (serials).
    """
    if not serials:
        raise InvalidInput("expected at least one unit", field="serials")
    sheet = plant.check_sheet(stage)
    device = build_device(plant)
    readings = list(readings)
    films = {station: latest_film(station, readings) for station in device.stations(stage)}
    units = []
    for position, serial in enumerate(serials):
        values = dict(device.measure(stage, films, np.random.default_rng([seed, position])))
        for quantity, factor in (disturb or {}).items():
            if quantity not in values:
                raise InvalidInput(f"{quantity!r} is not measured at stage {stage!r}", field="disturb")
            values[quantity] *= factor
        units.append(judge(sheet, device, serial, values))
    return InspectionResult(stage, tuple(units), tuple(films.values()))


def judge(sheet: CheckSheet, device: Device, serial: str, values: Mapping[str, float]) -> UnitResult:
    """Return the result of one unit. On an ordered sheet, the first failure ends the inspection."""
    measurements: list[Measurement] = []
    for check in sheet.checks:
        measurement = check.measured(float(f"{values[check.quantity]:.5g}"))
        measurements.append(measurement)
        if sheet.ordered and not measurement.passed:
            break
    deviation = device.deviation(values)
    verdict: Verdict
    if deviation is not None and deviation > TOLERANCE:
        verdict = "measurement error"
    else:
        verdict = "pass" if all(measurement.passed for measurement in measurements) else "fail"
    return UnitResult(serial, tuple(measurements), dict(values), deviation, verdict)
