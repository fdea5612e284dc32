"""What one run of the shop floor gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Activity(NamedTuple):
    """Something that a workcell did, for checking and drawing; times in seconds from the start."""

    kind: str
    """assembly, inspection or rework"""
    workpiece: int
    step: int
    cell: int
    start_s: float
    end_s: float


class Decided(NamedTuple):
    """One decided inspection: who answered what, in the order of the draw, and what was true."""

    workpiece: int
    step: int
    answers: tuple[tuple[int, int], ...]
    outcome: int
    defective: bool


@dataclass(slots=True)
class Result:
    """Counts and times of one run. Defective is positive: `true_fail` is a defective step that was found so.

    makespan_s        from the start until the last workpiece left
    assembly_s        of all workpieces together, rework included
    transport_s       trips from step to step, as without inspection
    inspection_s      of all answers
    inspection_trip_s trips to further inspectors, and what they add to the way to the next step or back for rework
    wait_s            for a workcell or an inspector to be free
    """

    makespan_s: float = 0.0
    assembly_s: float = 0.0
    transport_s: float = 0.0
    inspection_s: float = 0.0
    inspection_trip_s: float = 0.0
    wait_s: float = 0.0
    finished: int = 0
    scrapped: int = 0
    reworked: int = 0
    answers: int = 0
    true_fail: int = 0
    false_fail: int = 0
    missed: int = 0
    true_pass: int = 0
    rounds: list[Decided] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    learned: list[tuple[int, ...]] = field(default_factory=list)
    """Capabilities (1/10,000) after each workpiece, where they are learned."""

    @property
    def decided(self) -> int:
        """How many inspections were decided."""
        return self.true_fail + self.false_fail + self.missed + self.true_pass

    @property
    def f1(self) -> float:
        """F1 score of finding defective steps; 1 where there was none and none was found."""
        wrong = self.false_fail + self.missed
        return 2 * self.true_fail / (2 * self.true_fail + wrong) if self.true_fail or wrong else 1.0

    @property
    def production_s(self) -> float:
        """What the workpieces take without inspection, waiting left out."""
        return self.assembly_s + self.transport_s
