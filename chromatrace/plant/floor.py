"""The shop floor: one workcell per step, belts with a direction between them, and the times of everything.

A workpiece leaves a workcell by a diverter, follows the belts in their direction, and enters the next workcell by a
diverter. A belt may itself branch off by a diverter. What a trip costs is its length over the speed of the conveyor and
a fixed time per diverter.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from chromatrace.plant.errors import ShopFloorError

ENTER_AND_LEAVE = 2
"""Diverters of every trip: one out of the workcell, one into the next."""


@dataclass(frozen=True, slots=True)
class FloorStep:
    """One step of assembly, done at the workcell of the same name. `after`: the steps that must be done before."""

    name: str
    title: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Belt:
    """A piece of conveyor from `start` to `end`, workcells or junctions. `diverter`: it branches off by one."""

    start: str
    end: str
    length_m: float
    diverter: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """How long things take. `assembly_s` and `inspection_s` are the ends of a uniform distribution."""

    conveyor_m_per_s: float = 0.05
    diverter_s: float = 1.0
    assembly_s: tuple[float, float] = (50.0, 80.0)
    inspection_s: tuple[float, float] = (20.0, 40.0)


@dataclass(frozen=True, slots=True)
class Trip:
    """The quickest way between two workcells."""

    length_m: float
    diverters: int
    seconds: float


STANDING = Trip(0.0, 0, 0.0)


@dataclass(frozen=True, eq=False)
class ShopFloor:
    """Checked when built. Steps are numbered from 0 in their order; `checkpoints` are numbers of steps.

    `before[s]` is the set of steps that must be done before step s, as bits; `trips[a][b]` the quickest way and
    `travel_s[a][b]` its seconds. Compared by identity.
    Raises `ShopFloorError`: unknown or circular preconditions, a workcell that cannot be reached from another one,
    lengths and times that are not positive.
    """

    steps: tuple[FloorStep, ...]
    belts: tuple[Belt, ...]
    times: Times = Times()
    checkpoints: frozenset[int] = frozenset()
    before: tuple[int, ...] = field(init=False, repr=False)
    trips: tuple[tuple[Trip, ...], ...] = field(init=False, repr=False)
    travel_s: tuple[tuple[float, ...], ...] = field(init=False, repr=False)
    _ready: dict[int, tuple[int, ...]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        _check_times(self.times)
        object.__setattr__(self, "before", _preconditions(self.steps))
        object.__setattr__(self, "trips", _all_trips(self.steps, self.belts, self.times))
        object.__setattr__(self, "travel_s", tuple(tuple(trip.seconds for trip in row) for row in self.trips))
        for checkpoint in self.checkpoints:
            if not 0 <= checkpoint < len(self.steps):
                raise ShopFloorError(f"there is no step number {checkpoint}", field="checkpoints")

    def ready(self, done: int) -> tuple[int, ...]:
        """The steps that can be done next, `done` (bits) being done."""
        if done not in self._ready:
            self._ready[done] = tuple(
                step for step, bits in enumerate(self.before) if not done >> step & 1 and bits & done == bits
            )
        return self._ready[done]

    @property
    def cells(self) -> int:
        """How many workcells there are: as many as steps."""
        return len(self.steps)

    def trip(self, start: str, end: str) -> Trip:
        """The quickest way between two workcells, by name."""
        names = [step.name for step in self.steps]
        return self.trips[names.index(start)][names.index(end)]


def _check_times(times: Times) -> None:
    for name in ("conveyor_m_per_s", "diverter_s"):
        value = getattr(times, name)
        if not (math.isfinite(value) and value >= 0) or (name == "conveyor_m_per_s" and value == 0):
            raise ShopFloorError(f"{value!r} is not a possible value", field=f"times.{name}")
    for name in ("assembly_s", "inspection_s"):
        shortest, longest = getattr(times, name)
        if not 0 < shortest <= longest < math.inf:
            raise ShopFloorError(
                f"{shortest!r} to {longest!r} is not a range of times",
                field=f"times.{name}",
                hint="0 < first <= second",
            )


def _preconditions(steps: Sequence[FloorStep]) -> tuple[int, ...]:
    """Bits of the steps before each. Refuses what no order of the steps can satisfy."""
    if not steps:
        raise ShopFloorError("at least one step is needed", field="steps")
    numbers = {step.name: number for number, step in enumerate(steps)}
    if len(numbers) < len(steps):
        raise ShopFloorError("a name stands here twice", field="steps")
    before = []
    for number, step in enumerate(steps):
        bits = 0
        for index, name in enumerate(step.after):
            if name not in numbers:
                raise ShopFloorError(f"there is no step {name!r}", field=f"steps[{number}].after[{index}]")
            bits |= 1 << numbers[name]
        before.append(bits)
    done, everything = 0, (1 << len(steps)) - 1
    while done != everything:
        ready = sum(1 << n for n, bits in enumerate(before) if not done >> n & 1 and bits & done == bits)
        if not ready:
            stuck = [step.name for n, step in enumerate(steps) if not done >> n & 1]
            raise ShopFloorError(
                f"the preconditions of {', '.join(stuck)} form a circle or hang on one: none of them can be first",
                field=f"steps[{numbers[stuck[0]]}].after",
            )
        done |= ready
    return tuple(before)


def _all_trips(steps: Sequence[FloorStep], belts: Sequence[Belt], times: Times) -> tuple[tuple[Trip, ...], ...]:
    leaving: dict[str, list[Belt]] = {}
    for number, belt in enumerate(belts):
        if not (math.isfinite(belt.length_m) and belt.length_m > 0):
            raise ShopFloorError(f"{belt.length_m!r} m is not a length", field=f"belts[{number}].length_m")
        leaving.setdefault(belt.start, []).append(belt)
    rows = []
    for step in steps:
        reached = _quickest(step.name, leaving, times)
        for other in steps:
            if other.name not in reached:
                raise ShopFloorError(
                    f"workcell {other.name!r} cannot be reached from {step.name!r}",
                    field="belts",
                    hint="belts have a direction: give the conveyor a way back",
                )
        rows.append(tuple(reached[other.name] for other in steps))
    return tuple(rows)


def _quickest(start: str, leaving: dict[str, list[Belt]], times: Times) -> dict[str, Trip]:
    """Dijkstra's algorithm over the time of the belts."""
    found: dict[str, Trip] = {}
    queue = [(0.0, start, 0.0, 0)]
    while queue:
        seconds, place, length_m, diverters = heapq.heappop(queue)
        if place in found:
            continue
        total = seconds + ENTER_AND_LEAVE * times.diverter_s
        found[place] = STANDING if place == start else Trip(length_m, diverters + ENTER_AND_LEAVE, total)
        for belt in leaving.get(place, ()):
            cost = belt.length_m / times.conveyor_m_per_s + belt.diverter * times.diverter_s
            heapq.heappush(queue, (seconds + cost, belt.end, length_m + belt.length_m, diverters + belt.diverter))
    return found
