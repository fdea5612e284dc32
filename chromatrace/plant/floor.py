"""The shop floor: one workcell per step, directed belts between them, and all times.

A workpiece leaves a workcell by a diverter, follows the belts, and enters the next workcell by a diverter. A belt may
branch off by a diverter. A trip takes its length divided by the speed of the conveyor, plus a fixed time per diverter.
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
    """One assembly step, done at the workcell of the same name. `after`: the steps that must be done before it."""

    name: str
    title: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Belt:
    """A conveyor belt from `start` to `end`, which are workcells or junctions. `diverter`: it branches off by one."""

    start: str
    end: str
    length_m: float
    diverter: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """Speeds and times. `assembly_s` and `inspection_s` are the bounds of uniform distributions."""

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
    """A valid shop floor. Steps are numbered from 0 in their order; `checkpoints` are numbers of steps.

    before    by step: the steps that must be done before it, as bits
    trips     the quickest trip from one workcell to another
    travel_s  its time in seconds

    Compared by identity. Raises `ShopFloorError` for unknown or circular preconditions, a workcell that cannot be
    reached from another one, and lengths or times that are not positive.
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
                raise ShopFloorError(f"step number {checkpoint} does not exist", field="checkpoints")

    def ready(self, done: int) -> tuple[int, ...]:
        """Return the steps that can be done next, given the finished steps (bits)."""
        if done not in self._ready:
            self._ready[done] = tuple(
                step for step, bits in enumerate(self.before) if not done >> step & 1 and bits & done == bits
            )
        return self._ready[done]

    @property
    def cells(self) -> int:
        """Number of workcells, which equals the number of steps."""
        return len(self.steps)

    def trip(self, start: str, end: str) -> Trip:
        """Return the quickest trip between two workcells, by name."""
        names = [step.name for step in self.steps]
        return self.trips[names.index(start)][names.index(end)]


def _check_times(times: Times) -> None:
    for name in ("conveyor_m_per_s", "diverter_s"):
        value = getattr(times, name)
        if not (math.isfinite(value) and value >= 0) or (name == "conveyor_m_per_s" and value == 0):
            raise ShopFloorError(f"{name} is {value!r}; it must be a positive, finite number", field=f"times.{name}")
    for name in ("assembly_s", "inspection_s"):
        shortest, longest = getattr(times, name)
        if not 0 < shortest <= longest < math.inf:
            raise ShopFloorError(
                f"{name} is {shortest!r} to {longest!r}; expected 0 < minimum <= maximum", field=f"times.{name}"
            )


def _preconditions(steps: Sequence[FloorStep]) -> tuple[int, ...]:
    """Return the preconditions of each step as bits. Raises `ShopFloorError` if they cannot be met."""
    if not steps:
        raise ShopFloorError("expected at least one step", field="steps")
    numbers = {step.name: number for number, step in enumerate(steps)}
    if len(numbers) < len(steps):
        raise ShopFloorError("duplicate step name", field="steps")
    before = []
    for number, step in enumerate(steps):
        bits = 0
        for index, name in enumerate(step.after):
            if name not in numbers:
                raise ShopFloorError(f"step {name!r} does not exist", field=f"steps[{number}].after[{index}]")
            bits |= 1 << numbers[name]
        before.append(bits)
    done, everything = 0, (1 << len(steps)) - 1
    while done != everything:
        ready = sum(1 << n for n, bits in enumerate(before) if not done >> n & 1 and bits & done == bits)
        if not ready:
            stuck = [step.name for n, step in enumerate(steps) if not done >> n & 1]
            raise ShopFloorError(
                f"the preconditions of {', '.join(stuck)} form a cycle",
                field=f"steps[{numbers[stuck[0]]}].after",
            )
        done |= ready
    return tuple(before)


def _all_trips(steps: Sequence[FloorStep], belts: Sequence[Belt], times: Times) -> tuple[tuple[Trip, ...], ...]:
    leaving: dict[str, list[Belt]] = {}
    for number, belt in enumerate(belts):
        if not (math.isfinite(belt.length_m) and belt.length_m > 0):
            raise ShopFloorError(
                f"length_m is {belt.length_m!r}; it must be positive and finite", field=f"belts[{number}].length_m"
            )
        leaving.setdefault(belt.start, []).append(belt)
    rows = []
    for step in steps:
        reached = _quickest(step.name, leaving, times)
        for other in steps:
            if other.name not in reached:
                raise ShopFloorError(
                    f"workcell {other.name!r} cannot be reached from {step.name!r}",
                    field="belts",
                    hint="belts have a direction; add belts that lead back",
                )
        rows.append(tuple(reached[other.name] for other in steps))
    return tuple(rows)


def _quickest(start: str, leaving: dict[str, list[Belt]], times: Times) -> dict[str, Trip]:
    """Return the quickest trips from a workcell, by Dijkstra's algorithm over the time of the belts."""
    trips: dict[str, Trip] = {}
    queue = [(0.0, start, 0.0, 0)]
    while queue:
        seconds, node, length_m, diverters = heapq.heappop(queue)
        if node in trips:
            continue
        total = seconds + ENTER_AND_LEAVE * times.diverter_s
        trips[node] = STANDING if node == start else Trip(length_m, diverters + ENTER_AND_LEAVE, total)
        for belt in leaving.get(node, ()):
            cost = belt.length_m / times.conveyor_m_per_s + belt.diverter * times.diverter_s
            heapq.heappush(queue, (seconds + cost, belt.end, length_m + belt.length_m, diverters + belt.diverter))
    return trips
