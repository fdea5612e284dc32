"""How further inspectors are drawn on the shop floor.

`Near` is the study's draw: at random within a radius along the belts, then within wider ones. `Budget` draws at random
among all inspectors within a maximum trip; a group of poor neighbours then does not decide alone. `Anywhere` draws
from the whole floor, as the study does while capabilities are learned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from chromatrace.plant.floor import ShopFloor
from chromatrace.studies.errors import SimulationError

Rings = tuple[tuple[tuple[int, ...], ...], ...]
"""By workcell: groups of the other workcells, the nearest group first."""
_WIDER_M = 2.0


@dataclass(frozen=True, slots=True)
class Near:
    """Draw within `radius_m` along the belts, then within twice that, and so on."""

    radius_m: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.radius_m < math.inf:
            raise SimulationError(f"radius_m is {self.radius_m!r}; it must be above 0", field="draw.radius_m")

    def ring(self, length_m: float) -> int:
        """Return the ring of a distance; a ring is as wide as the radius."""
        return math.ceil(length_m / self.radius_m)


@dataclass(frozen=True, slots=True)
class Budget:
    """Draw at random within `budget_m`; if no inspector there is free, by rings of `_WIDER_M` beyond."""

    budget_m: float

    def __post_init__(self) -> None:
        if not 0 < self.budget_m < math.inf:
            raise SimulationError(f"budget_m is {self.budget_m!r}; it must be above 0", field="draw.budget_m")

    def ring(self, length_m: float) -> int:
        """Return the ring of a distance; the whole budget is one ring."""
        return max(0, math.ceil((length_m - self.budget_m) / _WIDER_M))


@dataclass(frozen=True, slots=True)
class Anywhere:
    """Draw at random on the whole floor."""

    def ring(self, length_m: float) -> int:
        """Return 0: there is only one ring."""
        return 0


Draw = Near | Budget | Anywhere


@lru_cache(maxsize=64)
def rings(floor: ShopFloor, draw: Draw) -> Rings:
    """Return the groups to draw from, for every workcell at which a workpiece may be."""
    by_cell = []
    for start, row in enumerate(floor.trips):
        by_ring: dict[int, list[int]] = {}
        for cell, trip in enumerate(row):
            if cell != start:
                by_ring.setdefault(draw.ring(trip.length_m), []).append(cell)
        by_cell.append(tuple(tuple(by_ring[ring]) for ring in sorted(by_ring)))
    return tuple(by_cell)
