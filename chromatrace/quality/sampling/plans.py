"""Acceptance sampling plans of a plant: a fixed share of each lot, or a plan by lot size, level and AQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.quality.sampling.switching import LotResult, SwitchingState, advance, irregular, resume
from chromatrace.quality.sampling.tables import Severity, SinglePlan, code_letter, single_plan

ONE_PER, AQL = "one-per", "mil-std-105e"
METHODS = (ONE_PER, AQL)


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """How many units of a lot are measured, and how many of them may be out of limits.

    stage           stage of the inspection, such as "final"
    products        product lines; empty: all
    method          "one-per": one unit of `one_per`, at most `accept` out of limits; "mil-std-105e": `level` and `aql`
    permit_reduced  whether the responsible authority permits reduced inspection
    resumed_after   lots after which a person resumed acceptance sampling that was discontinued
    irregular_after lots after which production was irregular or delayed; reduced inspection ends
    """

    id: str
    stage: str
    method: str
    products: tuple[Gtin, ...] = ()
    one_per: int = 100
    accept: int = 0
    level: str = "II"
    aql: float = 1.0
    permit_reduced: bool = False
    resumed_after: tuple[str, ...] = ()
    irregular_after: tuple[str, ...] = ()

    def covers(self, gtin: Gtin, stage: str) -> bool:
        """Return whether the plan is for the inspections of a product at a stage."""
        return stage == self.stage and (not self.products or gtin in self.products)

    def for_lot(self, lot: int, severity: Severity = Severity.NORMAL) -> SinglePlan:
        """Return sample size and numbers for a lot of `lot` units. Raises `InvalidInput`.

        A sample that the tables make larger than the lot is the whole lot.
        """
        if lot < 1:
            raise InvalidInput(f"the lot has {lot} units; it must have at least 1", field="lot")
        if self.method == ONE_PER:
            return SinglePlan("", max(1, -(-lot // self.one_per)), self.accept, self.accept + 1)
        if lot == 1:
            return SinglePlan("", 1, 0, 1)
        plan = single_plan(code_letter(lot, self.level), self.aql, severity)
        return plan if plan.sample < lot else SinglePlan(plan.letter, lot, plan.accept, plan.reject)


@dataclass(frozen=True, slots=True)
class InspectedLot:
    """The first inspection of a lot.

    lot            name of the lot
    size           units in the lot
    sample         units measured
    nonconforming  units out of limits
    """

    lot: str
    size: int
    sample: int
    nonconforming: int

    def __post_init__(self) -> None:
        for name, minimum in (("size", 1), ("sample", 1), ("nonconforming", 0)):
            if getattr(self, name) < minimum:
                raise InvalidInput(
                    f"{self.lot}: {name} is {getattr(self, name)}; it must be at least {minimum}", field=name
                )
        for smaller, larger in (("sample", "size"), ("nonconforming", "sample")):
            if getattr(self, smaller) > getattr(self, larger):
                raise InvalidInput(
                    f"{self.lot}: {smaller} is {getattr(self, smaller)}, {larger} is {getattr(self, larger)}",
                    field=smaller,
                )


@dataclass(frozen=True, slots=True)
class LotDecision:
    """The decision about a lot, and the state that it was inspected in.

    accepted  None: the sample was smaller than the plan requires, so the lot has no decision and does not count
    """

    lot: InspectedLot
    severity: Severity
    plan: SinglePlan
    accepted: bool | None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "lot": self.lot.lot,
            "size": self.lot.size,
            "sample": self.lot.sample,
            "nonconforming": self.lot.nonconforming,
            "severity": self.severity.value,
            "required_sample": self.plan.sample,
            "accept": self.plan.accept,
            "reject": self.plan.reject,
            "accepted": self.accepted,
        }


@dataclass(frozen=True, slots=True)
class SamplingHistory:
    """The decisions about the lots of a plan in their order, and the state before the next lot."""

    decisions: tuple[LotDecision, ...]
    state: SwitchingState


def decide(plan: SamplingPlan, lots: Iterable[InspectedLot]) -> SamplingHistory:
    """Apply a plan with its switching rules to lots in their order.

    Lots after the discontinuation are decided by the tightened plan, but the state stays discontinued.
    """
    state = SwitchingState()
    decisions: list[LotDecision] = []
    for lot in lots:
        required = plan.for_lot(lot.size, state.severity)
        if lot.sample < required.sample:
            decisions.append(LotDecision(lot, state.severity, required, None))
        else:
            result = LotResult(required, lot.nonconforming)
            decisions.append(LotDecision(lot, state.severity, required, result.accepted))
            if plan.method == AQL and not state.stopped:
                state = advance(state, result, plan.aql, permit_reduced=plan.permit_reduced)
        if lot.lot in plan.resumed_after and state.stopped:
            state = resume(state)
        if lot.lot in plan.irregular_after:
            state = irregular(state)
    return SamplingHistory(tuple(decisions), state)


def evaluate(plan: SinglePlan, sample: int, nonconforming: int, *, stopped: bool = False) -> bool:
    """Return whether a lot is accepted. Raises `InvalidInput` for a sample that is too small, `Conflict` if stopped."""
    if stopped:
        raise Conflict("acceptance sampling is discontinued", field="plan", hint="inspect every unit of the lot")
    if sample < plan.sample:
        raise InvalidInput(f"the sample has {sample} units; the plan requires {plan.sample}", field="sample")
    if not 0 <= nonconforming <= sample:
        raise InvalidInput(f"{nonconforming} of {sample} units is impossible", field="nonconforming")
    return LotResult(plan, nonconforming).accepted
