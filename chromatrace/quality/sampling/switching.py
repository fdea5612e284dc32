"""Switching rules between normal, tightened and reduced inspection, as a state machine over the results of lots.

The rules are those of MIL-STD-105E, section 4.7, and two of ISO 2859-1: reduced inspection requires a switching score
of 30 instead of a table of limit numbers, and tightened inspection ends with the fifth rejected lot. Only the first
inspection of a lot counts.

    normal     -> tightened  two of five or fewer consecutive lots rejected
    tightened  -> normal     five consecutive lots accepted
    tightened  -> stopped    five lots rejected since tightened inspection began; a person resumes
    normal     -> reduced    switching score of at least 30, and reduced inspection is permitted
    reduced    -> normal     a lot rejected, or nonconforming units between the two numbers
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.quality.sampling.tables import AQLS, Severity, SinglePlan, single_plan

RECENT = 5
REJECTED_OF_RECENT = 2
ACCEPTED_FOR_NORMAL = 5
REJECTED_FOR_STOP = 5
SCORE_FOR_REDUCED = 30


@dataclass(frozen=True, slots=True)
class SwitchingState:
    """The state before the next lot.

    recent    whether each of the last lots was accepted, the newest last, since the severity changed
    score     switching score of normal inspection
    rejected  lots rejected since tightened inspection began
    stopped   whether acceptance sampling is discontinued until the supplier has improved the quality
    reason    why the severity changed last; empty if it never did
    """

    severity: Severity = Severity.NORMAL
    recent: tuple[bool, ...] = ()
    score: int = 0
    rejected: int = 0
    stopped: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LotResult:
    """The first inspection of a lot: the plan that was used, and the number of nonconforming units in its sample."""

    plan: SinglePlan
    nonconforming: int

    def __post_init__(self) -> None:
        if self.nonconforming < 0:
            raise InvalidInput(f"{self.nonconforming} is not a number of units", field="nonconforming")

    @property
    def accepted(self) -> bool:
        """Whether the lot is accepted. Under reduced inspection, that includes numbers between the two."""
        return self.nonconforming < self.plan.reject

    @property
    def between(self) -> bool:
        """Whether the number is between the acceptance and the rejection number."""
        return self.plan.accept < self.nonconforming < self.plan.reject


def advance(state: SwitchingState, result: LotResult, aql: float, *, permit_reduced: bool = False) -> SwitchingState:
    """Return the state after a lot. Raises `Conflict` if acceptance sampling is stopped."""
    if state.stopped:
        raise Conflict(
            "acceptance sampling is discontinued after five rejected lots on tightened inspection",
            hint="inspect every unit, or resume with tightened inspection after the quality has improved",
        )
    recent = (*state.recent, result.accepted)[-RECENT:]
    if state.severity is Severity.NORMAL:
        if recent.count(False) >= REJECTED_OF_RECENT:
            return _changed(Severity.TIGHTENED, f"{REJECTED_OF_RECENT} of {len(recent)} consecutive lots rejected")
        score = _score(state.score, result, aql)
        if permit_reduced and score >= SCORE_FOR_REDUCED:
            return _changed(Severity.REDUCED, f"switching score {score}")
        return replace(state, recent=recent, score=score)
    if state.severity is Severity.TIGHTENED:
        rejected = state.rejected + (not result.accepted)
        if rejected >= REJECTED_FOR_STOP:
            reason = f"{rejected} lots rejected on tightened inspection"
            return replace(state, recent=recent, rejected=rejected, stopped=True, reason=reason)
        if len(recent) == ACCEPTED_FOR_NORMAL and all(recent):
            return _changed(Severity.NORMAL, f"{ACCEPTED_FOR_NORMAL} consecutive lots accepted")
        return replace(state, recent=recent, rejected=rejected)
    if not result.accepted:
        return _changed(Severity.NORMAL, "a lot rejected on reduced inspection")
    if result.between:
        return _changed(Severity.NORMAL, "nonconforming units between the two numbers of reduced inspection")
    return replace(state, recent=recent)


def resume(state: SwitchingState) -> SwitchingState:
    """Return the state after a person resumed acceptance sampling: tightened inspection. Raises `Conflict`."""
    if not state.stopped:
        raise Conflict("acceptance sampling is not discontinued")
    return _changed(Severity.TIGHTENED, "resumed")


def irregular(state: SwitchingState) -> SwitchingState:
    """Return the state after production became irregular or was delayed: reduced inspection ends."""
    return _changed(Severity.NORMAL, "irregular production") if state.severity is Severity.REDUCED else state


def replay(results: Iterable[LotResult], aql: float, *, permit_reduced: bool = False) -> SwitchingState:
    """Return the state after lots in their order, from normal inspection."""
    state = SwitchingState()
    for result in results:
        state = advance(state, result, aql, permit_reduced=permit_reduced)
    return state


def _changed(severity: Severity, reason: str) -> SwitchingState:
    return SwitchingState(severity, reason=reason)


def _score(score: int, result: LotResult, aql: float) -> int:
    """Return the switching score after a lot under normal inspection (ISO 2859-1).

    With an acceptance number of 2 or more, a lot that also passes the next smaller AQL adds 3. With 0 or 1, an
    accepted lot adds 2. Otherwise the score starts again at 0.
    """
    if result.plan.accept >= 2:
        stricter = single_plan(result.plan.letter, AQLS[AQLS.index(aql) - 1], Severity.NORMAL)
        return score + 3 if result.nonconforming <= stricter.accept else 0
    return score + 2 if result.accepted else 0
