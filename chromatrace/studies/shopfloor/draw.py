"""Who inspects next: the drawing of further inspectors on the shop floor.

`Near` is the study's: at random among those within a radius along the belts, then wider. `Budget` draws at random
among all whom a trip of at most so many metres reaches: a group of poor neighbours then does not decide by itself.
`Anywhere` draws from the whole floor, as the study does while capabilities are learned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from chromatrace.plant.floor import ShopFloor
from chromatrace.studies.errors import SimulationError

Rings = tuple[tuple[tuple[int, ...], ...], ...]
"""By workcell: groups of the others, nearest group first."""
_WIDER_M = 2.0


@dataclass(frozen=True, slots=True)
class Near:
    """Within `radius_m` along the belts, then within twice that, and so on."""

    radius_m: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.radius_m < math.inf:
            raise SimulationError(f"a radius above 0 is needed, got {self.radius_m!r}", field="draw.radius_m")

    def ring(self, length_m: float) -> int:
        """Rings as wide as the radius."""
        return math.ceil(length_m / self.radius_m)


@dataclass(frozen=True, slots=True)
class Budget:
    """At random among those at most `budget_m` away; where none of them is free, by rings of `_WIDER_M` beyond."""

    budget_m: float

    def __post_init__(self) -> None:
        if not 0 < self.budget_m < math.inf:
            raise SimulationError(f"a budget above 0 is needed, got {self.budget_m!r}", field="draw.budget_m")

    def ring(self, length_m: float) -> int:
        """One ring for the whole budget."""
        return max(0, math.ceil((length_m - self.budget_m) / _WIDER_M))


@dataclass(frozen=True, slots=True)
class Anywhere:
    """At random on the whole floor."""

    def ring(self, length_m: float) -> int:
        """One ring for everybody."""
        return 0


Draw = Near | Budget | Anywhere


@lru_cache(maxsize=64)
def rings(floor: ShopFloor, draw: Draw) -> Rings:
    """Who is drawn from, for every place of a workpiece."""
    by_cell = []
    for start, row in enumerate(floor.trips):
        by_ring: dict[int, list[int]] = {}
        for cell, trip in enumerate(row):
            if cell != start:
                by_ring.setdefault(draw.ring(trip.length_m), []).append(cell)
        by_cell.append(tuple(tuple(by_ring[ring]) for ring in sorted(by_ring)))
    return tuple(by_cell)
