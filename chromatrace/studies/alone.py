"""Production-independent quality control: each workpiece alone on the floor, all inspectors free, no rework."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.studies.shopfloor.agents import Kind, staffing
from chromatrace.studies.shopfloor.engine import simulate
from chromatrace.studies.shopfloor.result import RunResult
from chromatrace.studies.shopfloor.setup import Setup

DEFECT_RATE = 0.5
"""At this rate the quality of a step is uniform from 0 to 100 %."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run without the effects of production; times as multiples of the production time (assembly and transport)."""

    f1: float
    inspection: float
    transport: float
    answers_per_step: float

    @property
    def quality_control(self) -> float:
        """Inspection and transport together, in production times."""
        return self.inspection + self.transport


def setup(floor: ShopFloor, capabilities: tuple[float, ...], rule: Rule, workpieces: int = 5) -> Setup:
    """Return the setup of a production-independent run. Alone on the floor, people and AI agents do not differ."""
    return replace(
        Setup(floor, staffing(floor.cells, (Kind.HUMAN,)), capabilities, rule=rule, workpieces=workpieces),
        defect_rate=DEFECT_RATE,
        rework_limit=0,
        together=False,
    )


def point(result: RunResult) -> Point:
    """Return a result in multiples of its production time."""
    production_s = result.production_s
    return Point(
        result.f1,
        result.inspection_s / production_s,
        result.inspection_trip_s / production_s,
        result.answers / result.decided,
    )


def run(task: tuple[Setup, int]) -> Point:
    """Run one task, in a pool of processes."""
    return point(simulate(*task))
