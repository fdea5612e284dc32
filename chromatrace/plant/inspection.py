"""Simulated inspections: what the instruments show of the units that were really made, judged by the check sheet.

The films are read out of the readings, so that a verdict follows from the process: a leak or a stuck gas flow in the
readings is found by the inspection.
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

Verdict = Literal["pass", "fail", "measurement error"]

TOLERANCE = 0.05
"""The greatest contradiction between the values of one unit that its instruments explain."""


@dataclass(frozen=True, slots=True)
class UnitResult:
    """One unit of the sample: the measurements made, in their order, and the instruments' raw values.

    `deviation`: how far its values contradict each other (None: no check is possible). Where that is more than
    `TOLERANCE`, the verdict is a measurement error and says nothing about the unit: measure again.
    """

    serial: str
    measurements: tuple[Measurement, ...]
    values: Mapping[str, float]
    deviation: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """A whole inspection. `defects` counts the units that failed; `films` are what the readings showed.

    The verdict is "fail" where a unit failed, else "measurement error" where one has to be measured again.
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
    def measurements(self) -> tuple[Measurement, ...]:
        """For the evidence: those of the worst unit (the first that failed, else the first)."""
        return next((unit for unit in self.units if unit.verdict == "fail"), self.units[0]).measurements


def inspect(
    plant: Plant,
    stage: str,
    readings: Iterable[Reading],
    serials: Sequence[str],
    *,
    seed: int = 1,
    disturb: Mapping[str, float] | None = None,
) -> InspectionResult:
    """Inspects the units `serials` of the last films that the readings show. The same seed gives the same values.

    `disturb` multiplies what the instrument of a quantity shows (a wrong area, a dirty lens), to show that this is
    found to be a measurement error. Raises `NotFound` (stage), `NoProcessHistory`, `InvalidInput` (serials).
    """
    if not serials:
        raise InvalidInput("at least one unit is needed", field="serials")
    sheet = plant.check_sheet(stage)
    device = build_device(plant)
    taken = list(readings)
    films = {station: latest_film(station, taken) for station in device.stations(stage)}
    units = []
    for place, serial in enumerate(serials):
        shown = dict(device.measure(stage, films, np.random.default_rng([seed, place])))
        for quantity, factor in (disturb or {}).items():
            if quantity not in shown:
                raise InvalidInput(f"{quantity!r} is not measured at stage {stage!r}", field="disturb")
            shown[quantity] *= factor
        units.append(judge(sheet, device, serial, shown))
    return InspectionResult(stage, tuple(units), tuple(films.values()))


def judge(sheet: CheckSheet, device: Device, serial: str, values: Mapping[str, float]) -> UnitResult:
    """The result of one unit from what its instruments showed. On an ordered sheet the first failure ends it."""
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
