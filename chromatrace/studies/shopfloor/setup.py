"""The parameters of a simulation: shop floor, workers, order of steps, and way of inspecting."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.rules import Rule
from chromatrace.quality.rules import capability as in_units
from chromatrace.studies.errors import SimulationError
from chromatrace.studies.shopfloor.agents import Kind
from chromatrace.studies.shopfloor.draw import Draw, Near
from chromatrace.studies.tally import Tally


class Order(Enum):
    """How the process controller orders the steps of a workpiece.

    SERIAL: always the same order. PARALLEL: the step that can start first, of those whose preconditions are met.
    """

    SERIAL = "serial"
    PARALLEL = "parallel"


class InspectionMode(Enum):
    """How steps are inspected.

    NONE          no inspection
    CONVENTIONAL  by the workcell's own inspector; a failed step is reworked at a checkpoint
    PHYSICAL      by consensus; the workpiece travels to each further inspector
    VIRTUAL       by consensus; further inspectors inspect from their own workcells
    OVERLAPPED    by consensus of the workcells that the workpiece visits next, during production
    """

    NONE = "none"
    CONVENTIONAL = "conventional"
    PHYSICAL = "physical"
    VIRTUAL = "virtual"
    OVERLAPPED = "overlapped"


class Round(Protocol):
    """One open round, until it is decided."""

    def add(self, state: int, weight: Any, /) -> int | None:
        """Take the next answer, with its inspector's weight; return the winning state, or None while undecided."""


_CONFIDENCE, _NEAR = Rule.confidence(), Near()


@dataclass(frozen=True)
class Setup:
    """The parameters of a run. Raises `SimulationError` naming the field.

    kinds, capabilities   by workcell; the true capabilities, from 0 to 1
    weights               by workcell, the inspectors' weights in the rule; by default the capabilities (1/10,000)
    open_round            starts a round; by default a `Tally` of `rule`
    defect_rate           share of steps that are defective
    rework_limit          repetitions of one step before the workpiece is scrapped; 0: no rework and no scrap, for
                          studies of inspection without production
    together              all workpieces at once; otherwise one after another
    learn                 weights start at 0.1 and follow the outcomes (`chromatrace.quality.learning`)
    """

    floor: ShopFloor
    kinds: tuple[Kind, ...]
    capabilities: tuple[float, ...]
    order: Order = Order.SERIAL
    inspection: InspectionMode = InspectionMode.PHYSICAL
    rule: Rule = _CONFIDENCE
    draw: Draw = _NEAR
    workpieces: int = 5
    defect_rate: float = 0.2
    rework_limit: int = 5
    together: bool = True
    learn: bool = False
    weights: tuple[Any, ...] | None = None
    open_round: Callable[[], Round] | None = None

    def __post_init__(self) -> None:
        cells = self.floor.cells
        for name in ("kinds", "capabilities", "weights"):
            value = getattr(self, name)
            if value is not None and len(value) != cells:
                raise SimulationError(f"expected {cells} values, one per workcell, got {len(value)}", field=name)
        for cell, value in enumerate(self.capabilities):
            if not 0 <= value <= 1:
                raise SimulationError(
                    f"expected a capability from 0 to 1, got {value!r}", field=f"capabilities[{cell}]"
                )
        if not (math.isfinite(self.defect_rate) and 0 <= self.defect_rate <= 1):
            raise SimulationError(f"expected a ratio from 0 to 1, got {self.defect_rate!r}", field="defect_rate")
        if self.workpieces < 1:
            raise SimulationError(f"workpieces is {self.workpieces}; it must be at least 1", field="workpieces")
        if self.rework_limit < 0:
            raise SimulationError(f"rework_limit is {self.rework_limit}; it must be at least 0", field="rework_limit")
        if len(self.rule.states) != 2:
            raise SimulationError(
                f"the rule has {len(self.rule.states)} states; the simulation supports two", field="rule"
            )
        if self.rule.maximum > cells:
            raise SimulationError(
                f"the rule's maximum is {self.rule.maximum}; there are only {cells} workcells", field="rule"
            )
        if self.rule.minimum_capability:
            self._check_minimum_capability()

    def _check_minimum_capability(self) -> None:
        if self.learn or self.weights is not None:
            raise SimulationError(
                "minimum_capability needs known, constant capabilities", field="rule.minimum_capability"
            )
        for cell in range(self.floor.cells):
            others = self.capabilities[:cell] + self.capabilities[cell + 1 :]
            capable = sum(in_units(value) >= self.rule.minimum_capability for value in others)
            if capable < self.rule.maximum - 1:
                raise SimulationError(
                    f"workcell {self.floor.steps[cell].name!r} has {capable} sufficiently capable inspectors; "
                    f"it may need {self.rule.maximum - 1}",
                    field="rule.minimum_capability",
                )

    def round_opener(self) -> Callable[[], Round]:
        """Return the function that starts a round."""
        return self.open_round or (lambda: Tally(self.rule))

    def first_weights(self) -> list[Any]:
        """Return each inspector's weight at the beginning."""
        return list(self.weights) if self.weights is not None else [in_units(value) for value in self.capabilities]
