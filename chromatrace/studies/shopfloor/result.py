"""The result of one run of the shop floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Activity(NamedTuple):
    """One activity of a workcell; times in seconds from the start."""

    kind: str
    """assembly or inspection"""
    workpiece: int
    step: int
    cell: int
    start_s: float
    end_s: float


class Decided(NamedTuple):
    """One decided inspection: (inspector, state) answers in the order of the draw, the outcome and the truth."""

    workpiece: int
    step: int
    answers: tuple[tuple[int, int], ...]
    outcome: int
    defective: bool


@dataclass(slots=True)
class RunResult:
    """Counts and times of one run. Positive means defective: `true_fail` counts defective steps that were detected.

    makespan_s        from the start until the last workpiece leaves
    assembly_s        of all workpieces, including rework
    transport_s       trips from step to step, as without inspection
    inspection_s      of all answers
    inspection_trip_s trips to further inspectors, and the detours that they cause
    wait_s            waiting for a workcell or an inspector
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
    """Capabilities (1/10,000) after each workpiece, if they are learned."""

    @property
    def decided(self) -> int:
        """Number of decided inspections."""
        return self.true_fail + self.false_fail + self.missed + self.true_pass

    @property
    def f1(self) -> float:
        """F1 score of detecting defective steps; 1 if there are neither defects nor false alarms."""
        wrong = self.false_fail + self.missed
        return 2 * self.true_fail / (2 * self.true_fail + wrong) if self.true_fail or wrong else 1.0

    @property
    def production_s(self) -> float:
        """Time of the workpieces without inspection and waiting."""
        return self.assembly_s + self.transport_s
