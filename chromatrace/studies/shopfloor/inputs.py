"""The twenty sets of inspector capability that the studies run on.

The published study prints the distributions of its sets (Fig. 8), not their values. These sets cover the same cases:
all good, all poor, mixed, ordered along the line, and three poor neighbours at its beginning, middle and end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Drawer = Callable[[Random, int, int], float]
"""Draws a capability from a random source, the number of the workcell and the number of workcells."""


@dataclass(frozen=True, slots=True)
class CapabilitySet:
    """One set: the true capability of each inspector, from 0 to 1, by workcell."""

    number: int
    name: str
    capabilities: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean capability."""
        return sum(self.capabilities) / len(self.capabilities)


def _uniform(low: float, high: float) -> Drawer:
    return lambda random, cell, cells: random.uniform(low, high)


def _normal(mean: float, deviation: float) -> Drawer:
    return lambda random, cell, cells: random.gauss(mean, deviation)


def _beta(alpha: float, beta: float) -> Drawer:
    return lambda random, cell, cells: random.betavariate(alpha, beta)


def _split(condition: Callable[[int, int], bool], if_true: Drawer, if_false: Drawer) -> Drawer:
    return lambda random, cell, cells: (if_true if condition(cell, cells) else if_false)(random, cell, cells)


def _ramp(falling: bool) -> Drawer:
    def draw(random: Random, cell: int, cells: int) -> float:
        risen = cell / (cells - 1) if cells > 1 else 0.5
        return (1 - risen if falling else risen) + random.uniform(-0.05, 0.05)

    return draw


_GOOD, _FAIR, _POOR, _MIXED = _uniform(0.8, 1.0), _uniform(0.4, 0.6), _uniform(0.0, 0.2), _uniform(0.0, 1.0)


def _cluster(start: Callable[[int], int]) -> Drawer:
    return _split(lambda cell, cells: 0 <= cell - start(cells) < 3, _POOR, _GOOD)


MIXED = "mixed"
CLUSTERS = ("poor cluster at the start", "poor cluster in the middle", "poor cluster at the end")
_SETS: dict[str, Drawer] = {
    "all good": _GOOD,
    "all fair": _FAIR,
    "all poor": _POOR,
    MIXED: _MIXED,
    "rising along the line": _ramp(falling=False),
    "falling along the line": _ramp(falling=True),
    "good and poor by turns": _split(lambda cell, cells: cell % 2 == 0, _GOOD, _POOR),
    "first half good": _split(lambda cell, cells: 2 * cell < cells, _GOOD, _POOR),
    "second half good": _split(lambda cell, cells: 2 * cell >= cells, _GOOD, _POOR),
    "one expert among fair": _split(lambda cell, cells: cell == cells // 2, _uniform(0.95, 1.0), _FAIR),
    "one poor among good": _split(lambda cell, cells: cell == cells // 2, _POOR, _GOOD),
    "one good among poor": _split(lambda cell, cells: cell == cells // 2, _GOOD, _POOR),
    "mostly low": _beta(2, 5),
    "mostly high": _beta(5, 2),
    "around a half": _normal(0.5, 0.15),
    "around 0.7": _normal(0.7, 0.1),
    "either high or low": _beta(0.4, 0.4),
    CLUSTERS[0]: _cluster(lambda cells: 0),
    CLUSTERS[1]: _cluster(lambda cells: max(0, cells // 2 - 1)),
    CLUSTERS[2]: _cluster(lambda cells: max(0, cells - 3)),
}


def capability_sets(cells: int, seed: int) -> tuple[CapabilitySet, ...]:
    """Return all twenty sets for this number of workcells. The same seed gives the same sets."""
    return tuple(capability_set(name, cells, seed) for name in _SETS)


def capability_set(name: str, cells: int, seed: int) -> CapabilitySet:
    """Return one set by name."""
    number, draw = list(_SETS).index(name) + 1, _SETS[name]
    random = Random(f"{seed}/{name}")  # noqa: S311 - a simulation
    return CapabilitySet(number, name, tuple(min(1.0, max(0.0, draw(random, cell, cells))) for cell in range(cells)))
