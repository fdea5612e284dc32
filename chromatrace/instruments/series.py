"""Charge, cycling and switching series of electrochromic samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.results import Array, Content, Curve, Figure

SWITCHED = 0.9
"""Share of the full change of transmittance at which a sample counts as switched."""

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
        if "cycle" in columns and ("modulation" in columns or {"bleached", "coloured"} <= columns.keys()):
            modulation = columns["modulation"] if "modulation" in columns else columns["bleached"] - columns["coloured"]
            figures += _retention(columns["cycle"], modulation, options.cycles)
            curves.append(Curve("", "cycle", "optical modulation [%]", columns["cycle"], modulation * 100))
        elif "cycle" in columns and "charge" in columns and "time" not in columns:
            figures += _retention(columns["cycle"], np.abs(columns["charge"]), options.cycles, "charge retention")
            curves.append(Curve("", "cycle", "charge [C]", columns["cycle"], columns["charge"]))
        elif "time" in columns:
            time = _ascending(columns["time"])
            if "transmittance" in columns:
                figures += _switching(time, columns["transmittance"], columns.get("voltage"))
                curves.append(Curve("", "time [s]", "transmittance [%]", time, columns["transmittance"] * 100))
            if "current" in columns or "charge" in columns:
                name = "charge" if "charge" in columns else "current"
                figures.append(self._charge_density(name, time, options.area_cm2))
                unit = {"charge": "C", "current": "A"}[name] + ("/cm²" if name in self.per_area else "")
                curves.append(Curve("", "time [s]", f"{name} [{unit}]", time, columns[name]))
        if not figures:
            known = ", ".join(columns) or "none"
            raise ResultFileError(
                f"the columns give no figure; known columns are: {known}",
                field="columns",
                hint="expected wavelength and T, time and T, time and current or charge, or cycle and ΔT, with units",
            )
        facts = {"points": len(next(iter(columns.values()))), "columns": sorted(columns), "notes": list(self.notes)}
        return Content("series", "table", tuple(figures), facts, tuple(curves))

    def _charge_density(self, name: str, time: Array, area_cm2: float | None) -> Figure:
        """Return the charge of one step per area in C/cm²."""
        values = self.columns[name]
        if name == "charge":
            charge, steps = abs(float(values[-1] - values[0])), np.diff(values)
        else:
            steps = np.diff(time) * (values[:-1] + values[1:]) / 2
            charge = abs(float(steps.sum()))
        total = float(np.abs(steps).sum())
        if total == 0:
            raise ResultFileError("the charge is 0", field=name)
        if (total - charge) / 2 > _REVERSE_CHARGE * total:
            raise ResultFileError(
                f"{(total - charge) / 2 / total:.0%} of the charge flows back; the series must have one step, "
                "colouring or bleaching",
                field=name,
                hint="split the series",
            )
        if name in self.per_area:
            return Figure("charge density", charge, "C/cm2", f"from the {name} density")
        if area_cm2 is None:
            raise ResultFileError(f"the {name} is not per area", field="area", hint="use --area with the area in cm²")
        return Figure("charge density", charge / area_cm2, "C/cm2", f"from the {name}, area {area_cm2:g} cm²")


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


def _switching(time: Array, transmittance: Array, voltage: Array | None) -> Iterator[Figure]:
    """Yield the time of each transition to 90 % of its full change, from its first to its last value."""
    for start, end in _transitions(transmittance, voltage):
        values = transmittance[start:end]
        full = float(values[-1] - values[0])
        change = (values - values[0]) / full
        index = int(np.argmax(change >= SWITCHED))
        x0, x1 = time[start + index - 1], time[start + index]
        y0, y1 = change[index - 1], change[index]
        reached = float(x0 + (SWITCHED - y0) / (y1 - y0) * (x1 - x0))
        direction = "bleaching" if full > 0 else "colouring"
        yield Figure("switching time", reached - float(time[start]), "s", f"{direction}, to 90 % of the full change")


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
