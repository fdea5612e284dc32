"""Optical consistency: coloration efficiency · charge density must equal the change of optical density.

A record that violates this has a measurement error; the product may be good.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

TOLERANCE = 0.05
"""Maximum relative deviation that instrument errors explain."""

_MINIMUM_DENSITY_CHANGE = 0.1
_CHARGE_UNITS = {"C/cm2": 1.0, "mC/cm2": 1e-3}
_TRANSMITTANCE_UNITS = {"%": 0.01, "1": 1.0}


def deviation(efficiency_cm2_c: float, charge_c_cm2: float, density_change: float) -> float:
    """Return |efficiency · charge density - density change| relative to the larger of the two, but at least 0.1.

    The minimum avoids false inconsistencies for films that hardly colour. Example: a contrast of 9:1 (density change
    0.954) at 40 cm²/C corresponds to 23.9 mC/cm².
    """
    if not math.isfinite(density_change):
        return 1.0
    expected = efficiency_cm2_c * charge_c_cm2
    return abs(expected - density_change) / max(abs(expected), abs(density_change), _MINIMUM_DENSITY_CHANGE)


@dataclass(frozen=True, slots=True)
class OpticalCheck:
    """The values that were compared, in cm²/C and C/cm²."""

    efficiency: float
    charge: float
    density_change: float

    @property
    def deviation(self) -> float:
        """The relative deviation."""
        return deviation(self.efficiency, self.charge, self.density_change)

    @property
    def consistent(self) -> bool:
        """Whether instrument errors explain the deviation."""
        return self.deviation <= TOLERANCE

    @property
    def text(self) -> str:
        """The comparison as a sentence part."""
        return (
            f"{self.efficiency:.4g} cm2/C x {self.charge * 1000:.4g} mC/cm2 = {self.efficiency * self.charge:.3f}, "
            f"and the optical density change is {self.density_change:.3f}"
        )


Value = tuple[str, float, str]
"""Quantity, value and unit."""


def optical_check(values: Iterable[Value]) -> OpticalCheck | None:
    """Compare the values of a record. None if it does not have all of them.

    The quantities are coloration efficiency, charge density, and optical density change, or bleached and coloured
    transmittance instead of the latter. If a quantity has several values, such as the charge of colouring and of
    bleaching, the combination with the smallest deviation counts.
    """
    by_name: dict[str, list[float]] = {}
    for quantity, value, unit in values:
        scale = {
            "coloration efficiency": {"cm2/C": 1.0},
            "charge density": _CHARGE_UNITS,
            "optical density change": {"1": 1.0, "": 1.0},
            "bleached transmittance": _TRANSMITTANCE_UNITS,
            "coloured transmittance": _TRANSMITTANCE_UNITS,
        }.get(quantity, {}).get(unit)
        if scale is not None:
            by_name.setdefault(quantity, []).append(value * scale)
    changes = list(by_name.get("optical density change", ()))
    pairs = product(by_name.get("bleached transmittance", ()), by_name.get("coloured transmittance", ()))
    # A transmittance of 0 or below has no density: any efficiency contradicts it.
    changes += [math.log10(bright / dark) if bright > 0 and dark > 0 else math.inf for bright, dark in pairs]
    combinations = product(by_name.get("coloration efficiency", ()), by_name.get("charge density", ()), changes)
    checks = [OpticalCheck(*combination) for combination in combinations]
    return min(checks, key=lambda check: check.deviation, default=None)
