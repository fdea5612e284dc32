"""Charge, cycling and switching series of electrochromic samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.results import Array, Content, Curve, Figure

SWITCHED = 0.9
"""Share of the full change of transmittance at which a sample counts as switched."""

_RULE = "to 90 % of the full change"
_REVERSE_CHARGE = 0.05
"""Share of charge in the other direction that noise may have."""


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """Options of tables.

    area_cm2  area of the sample
    cycles    number of cycles of the retention; None: the last one
    decimal   decimal mark, `.` or `,`; None: found from the file
    """

    area_cm2: float | None = None
    cycles: int | None = None
    decimal: str | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of a series, in s, A, C, V and fractions. `per_area`: columns that are per cm²."""

    columns: dict[str, Array]
    per_area: frozenset[str]
    notes: tuple[str, ...] = ()

    COLUMNS: ClassVar = (
        *("time", "cycle", "transmittance", "bleached", "coloured", "modulation"),
        *("current", "charge", "voltage"),
    )

    def content(self, options: SeriesOptions) -> Content:
        """Return the figures that the columns give. Raises `ResultFileError` if they give none."""
        columns = self.columns
        figures: list[Figure] = []
        curves: list[Curve] = []
        notes = list(self.notes)
        if "cycle" in columns and ("modulation" in columns or {"bleached", "coloured"} <= columns.keys()):
            modulation = columns["modulation"] if "modulation" in columns else columns["bleached"] - columns["coloured"]
            figures += _retention(columns["cycle"], modulation, options.cycles)
            curves.append(Curve("", "cycle", "optical modulation [%]", columns["cycle"], modulation * 100))
        elif "cycle" in columns and "charge" in columns and "time" not in columns:
            figures += _retention(columns["cycle"], np.abs(columns["charge"]), options.cycles, "charge retention")
            curves.append(Curve("", "cycle", "charge [C]", columns["cycle"], columns["charge"]))
        elif "time" in columns or {"charge", "transmittance"} <= columns.keys():
            figures += self._steps(options.area_cm2, notes)
            curves += self._step_curves()
        if not figures:
            known = ", ".join(columns) or "none"
            raise ResultFileError(
                f"the columns give no figure; known columns are: {known}",
                field="columns",
                hint="expected wavelength and T, time and T, time and current or charge, or cycle and ΔT, with units",
            )
        facts = {"points": len(next(iter(columns.values()))), "columns": sorted(columns), "notes": notes}
        return Content("series", "table", tuple(figures), facts, tuple(curves))

    def _steps(self, area_cm2: float | None, notes: list[str]) -> Iterator[Figure]:
        """Yield the figures of each step: switching time, charge density and coloration efficiency."""
        columns = self.columns
        time = _ascending(columns["time"]) if "time" in columns else None
        transmittance = columns.get("transmittance")
        charged = next((name for name in ("charge", "current") if name in columns), None)
        steps = [(0, len(next(iter(columns.values()))))]
        if transmittance is not None:
            steps = _transitions(transmittance, columns.get("voltage"))
            if charged is not None and charged not in self.per_area and area_cm2 is None:
                notes.append(f"the {charged} is not per area; use --area with the area in cm² for the charge density")
                charged = None
        for start, end in steps:
            direction = ""
            if transmittance is not None:
                values = transmittance[start:end]
                direction = "bleaching" if values[-1] > values[0] else "colouring"
                if time is not None:
                    yield Figure(
                        "switching time", _switching_time(time[start:end], values), "s", f"{direction}, {_RULE}"
                    )
            if charged is None:
                continue
            step_time = None if time is None else time[start:end]
            charge = self._charge_density(charged, columns[charged][start:end], step_time, area_cm2, direction)
            yield charge
            if transmittance is not None:
                yield coloration_efficiency(_density_change(transmittance[start:end], direction), charge)

    def _step_curves(self) -> Iterator[Curve]:
        abscissa, label = (
            ("time", "time [s]") if "time" in self.columns else ("charge", f"charge [{self._unit('charge')}]")
        )
        x = self.columns[abscissa]
        if "transmittance" in self.columns:
            yield Curve("", label, "transmittance [%]", x, self.columns["transmittance"] * 100)
        for name in ("charge", "current"):
            if name in self.columns and name != abscissa:
                yield Curve("", label, f"{name} [{self._unit(name)}]", x, self.columns[name])

    def _unit(self, name: str) -> str:
        return {"charge": "C", "current": "A"}[name] + ("/cm²" if name in self.per_area else "")

    def _charge_density(
        self, name: str, values: Array, time: Array | None, area_cm2: float | None, direction: str
    ) -> Figure:
        """Return the charge of one step per area in C/cm²."""
        if name == "charge":
            steps = np.diff(values)
        else:
            assert time is not None
            steps = np.diff(time) * (values[:-1] + values[1:]) / 2
        charge, total = abs(float(steps.sum())), float(np.abs(steps).sum())
        if total == 0:
            raise ResultFileError("the charge is 0", field=name)
        if (total - charge) / 2 > _REVERSE_CHARGE * total:
            raise ResultFileError(
                f"{(total - charge) / 2 / total:.0%} of the charge flows back; the series must have one step, "
                "colouring or bleaching",
                field=name,
                hint="split the series, or add the columns of transmittance and voltage",
            )
        prefix = f"{direction}, " if direction else ""
        if name in self.per_area:
            return Figure("charge density", charge, "C/cm2", f"{prefix}from the {name} density")
        if area_cm2 is None:
            raise ResultFileError(f"the {name} is not per area", field="area", hint="use --area with the area in cm²")
        return Figure("charge density", charge / area_cm2, "C/cm2", f"{prefix}from the {name}, area {area_cm2:g} cm²")


def coloration_efficiency(density_change: Figure, charge_density: Figure) -> Figure:
    """Return the coloration efficiency in cm²/C: change of optical density per charge density."""
    return Figure(
        "coloration efficiency",
        density_change.value / charge_density.value,
        "cm2/C",
        f"{density_change.condition}, {charge_density.value:.4g} C/cm²",
    )


def _ascending(time: Array) -> Array:
    if len(time) < 2:
        raise ResultFileError(f"the series has {len(time)} rows; it must have at least 2", field="time")
    if (late := np.flatnonzero(np.diff(time) < 0)).size:
        row = int(late[0])
        raise ResultFileError(f"{time[row + 1]:g} s follows {time[row]:g} s; times must ascend", field="time")
    return time


def _retention(cycle: Array, values: Array, wanted: int | None, quantity: str = "cycling stability") -> list[Figure]:
    """Return the value at a number of cycles relative to the first one, interpolated linearly between rows."""
    if len(cycle) < 2 or (np.diff(cycle) <= 0).any():
        raise ResultFileError("the numbers must ascend, with at least 2 rows", field="cycle")
    first, last = float(cycle[0]), float(cycle[-1])
    target = last if wanted is None else float(wanted)
    if not first < target <= last:
        raise ResultFileError(
            f"{target:g} cycles are outside the series, which has the cycles {first:g} to {last:g}", field="cycles"
        )
    if values[0] <= 0:
        raise ResultFileError(f"the value of the first cycle is {values[0]:g}; it must be above 0", field="cycle")
    value = float(np.interp(target, cycle, values)) / float(values[0]) * 100
    return [Figure(quantity, value, "%", f"after {target:,.0f} cycles, relative to cycle {first:g}")]


def _density_change(transmittance: Array, direction: str) -> Figure:
    first, last = float(transmittance[0]), float(transmittance[-1])
    if first <= 0 or last <= 0:
        raise ResultFileError(f"{min(first, last):g} has no optical density", field="transmittance")
    return Figure("optical density change", abs(math.log10(first / last)), "1", direction)


def _switching_time(time: Array, transmittance: Array) -> float:
    """Return the time of a transition to 90 % of its full change, from its first to its last value."""
    change = (transmittance - transmittance[0]) / (transmittance[-1] - transmittance[0])
    index = int(np.argmax(change >= SWITCHED))
    part = (SWITCHED - change[index - 1]) / (change[index] - change[index - 1])
    return float(time[index - 1] + part * (time[index] - time[index - 1]) - time[0])


def _transitions(transmittance: Array, voltage: Array | None) -> list[tuple[int, int]]:
    """Return start and end of the rows of each transition: the voltage is constant in it."""
    span = float(np.ptp(transmittance))
    if span <= 0:
        raise ResultFileError("the transmittance does not change", field="transmittance")
    bounds = [0, len(transmittance)]
    if voltage is not None and float(np.ptp(voltage)) > 0:
        steps = np.flatnonzero(np.abs(np.diff(voltage)) > float(np.ptp(voltage)) / 2) + 1
        bounds = [0, *(int(step) for step in steps), len(transmittance)]
    transitions = [
        (start, end)
        for start, end in pairwise(bounds)
        if end - start > 1 and abs(float(transmittance[end - 1] - transmittance[start])) > span / 2
    ]
    if not transitions:
        raise ResultFileError(
            "the series has several transitions, and no voltage shows where they start",
            field="transmittance",
            hint="add the voltage column, or give a file for each transition",
        )
    return transitions
