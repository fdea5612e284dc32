"""Acceptance sampling by attributes.

plan = SamplingPlan("final", "final", "mil-std-105e", level="II", aql=0.65)
history = decide(plan, lots)                       # the first inspections of earlier lots, in their order
plan.for_lot(2000, history.state.severity)         # SinglePlan(letter="K", sample=125, accept=2, reject=3)
"""

from chromatrace.quality.sampling.plans import InspectedLot, SamplingHistory, SamplingPlan, decide, evaluate
from chromatrace.quality.sampling.switching import SwitchingState
from chromatrace.quality.sampling.tables import Severity, SinglePlan

__all__ = [
    "InspectedLot",
    "SamplingHistory",
    "SamplingPlan",
    "Severity",
    "SinglePlan",
    "SwitchingState",
    "decide",
    "evaluate",
]
