"""What is simulated: the floor, who works there, in which sequence, and how it is inspected."""

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
    """How the process controller sequences the steps of a workpiece.

    SERIAL: always the same order. PARALLEL: of the steps whose preconditions are met, the one that can start first.
    """

    SERIAL = "serial"
    PARALLEL = "parallel"


class Inspection(Enum):
    """How steps are inspected.

    NONE          no inspection: production alone
    CONVENTIONAL  by the workcell's own inspector; what failed is reworked at the next checkpoint
    PHYSICAL      by consensus; the workpiece travels to each further inspector
    VIRTUAL       by consensus; further inspectors see the workpiece from where they are
    OVERLAPPED    by consensus, by the workcells that the workpiece visits next anyway, while it is produced
    """

    NONE = "none"
    CONVENTIONAL = "conventional"
    PHYSICAL = "physical"
    VIRTUAL = "virtual"
    OVERLAPPED = "overlapped"


class Round(Protocol):
    """One open round: takes answers until it is decided."""

    def add(self, state: int, weight: Any, /) -> int | None:
        """Takes the next answer, with what its inspector weighs; the winning state, or None while undecided."""


_CONFIDENCE, _NEAR = Rule.confidence(), Near()


@dataclass(frozen=True)
class Setup:
    """One shop floor at work. Raises `SimulationError` naming the field.

    kinds, capabilities   by workcell; capabilities from 0 to 1 are what the inspectors are really worth
    weights               by workcell, what the rule is told of each: by default the capabilities (1/10,000)
    open_round            starts a round; by default a `Tally` of `rule`
    defect_rate           share of steps that are really defective
    rework_limit          how often one step is done again before the workpiece is scrapped; 0: never reworked, and
                          nothing is scrapped (for studies of inspection alone)
    together              all workpieces at once; else one after another, each alone on the floor
    learn                 weights start at 0.1 and follow the outcomes (`chromatrace.quality.learning`)
    """

    floor: ShopFloor
    kinds: tuple[Kind, ...]
    capabilities: tuple[float, ...]
    order: Order = Order.SERIAL
    inspection: Inspection = Inspection.PHYSICAL
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
                raise SimulationError(f"{cells} are needed, one per workcell, got {len(value)}", field=name)
        for cell, value in enumerate(self.capabilities):
            if not 0 <= value <= 1:
                raise SimulationError(
                    f"a capability from 0 to 1 is needed, got {value!r}", field=f"capabilities[{cell}]"
                )
        if not (math.isfinite(self.defect_rate) and 0 <= self.defect_rate <= 1):
            raise SimulationError(f"a ratio from 0 to 1 is needed, got {self.defect_rate!r}", field="defect_rate")
        if self.workpieces < 1:
            raise SimulationError("at least one workpiece is needed", field="workpieces")
        if self.rework_limit < 0:
            raise SimulationError("0 or more is needed", field="rework_limit")
        if len(self.rule.states) != 2:
            raise SimulationError(
                f"the simulated inspectors know two states, the rule has {len(self.rule.states)}", field="rule"
            )
        if self.rule.maximum > cells:
            raise SimulationError(
                f"a maximum of {self.rule.maximum} inspectors cannot be found at {cells} workcells", field="rule"
            )

        if self.rule.minimum_capability:
            self._check_minimum_capability()

    def _check_minimum_capability(self) -> None:
        if self.learn or self.weights is not None:
            raise SimulationError(
                "needs capabilities that are known and stay as they are", field="rule.minimum_capability"
            )
        for cell in range(self.floor.cells):
            others = self.capabilities[:cell] + self.capabilities[cell + 1 :]
            found = sum(in_units(value) >= self.rule.minimum_capability for value in others)
            if found < self.rule.maximum - 1:
                raise SimulationError(
                    f"workcell {self.floor.steps[cell].name!r} finds {found} sufficiently capable inspectors, "
                    f"up to {self.rule.maximum - 1} may be needed",
                    field="rule.minimum_capability",
                )

    def round_opener(self) -> Callable[[], Round]:
        """What starts a round."""
        return self.open_round or (lambda: Tally(self.rule))

    def first_weights(self) -> list[Any]:
        """What the rule is told of each inspector at the beginning."""
        return list(self.weights) if self.weights is not None else [in_units(value) for value in self.capabilities]
