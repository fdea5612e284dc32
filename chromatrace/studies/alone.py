"""Production-independent quality control: each workpiece alone on the floor, all inspectors free, nothing reworked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.studies.shopfloor.agents import Kind, staffing
from chromatrace.studies.shopfloor.engine import simulate
from chromatrace.studies.shopfloor.result import Result
from chromatrace.studies.shopfloor.setup import Setup

DEFECT_RATE = 0.5
"""The actual quality of a step is then uniform from 0 to 100 %."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one run says of inspection alone; times in production times (assembly and the way from step to step)."""

    f1: float
    inspection: float
    transport: float
    answers_per_step: float

    @property
    def quality_control(self) -> float:
        """Inspection and transport together, in production times."""
        return self.inspection + self.transport


def setup(floor: ShopFloor, capabilities: tuple[float, ...], rule: Rule, workpieces: int = 5) -> Setup:
    """The setup of a production-independent run. With nobody else on the floor, people and AI agents are the same."""
    return replace(
        Setup(floor, staffing(floor.cells, (Kind.HUMAN,)), capabilities, rule=rule, workpieces=workpieces),
        defect_rate=DEFECT_RATE,
        rework_limit=0,
        together=False,
    )


def point(result: Result) -> Point:
    """A result as multiples of its production time."""
    production_s = result.production_s
    return Point(
        result.f1,
        result.inspection_s / production_s,
        result.inspection_trip_s / production_s,
        result.answers / result.decided,
    )


def run(task: tuple[Setup, int]) -> Point:
    """One run, for a pool of processes."""
    return point(simulate(*task))
