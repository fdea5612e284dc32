"""Which group wins a round: the contract's decision as readable code.

Answers are grouped by equality, and a group's score is a function of its members' capabilities (`Weighing`). A round is
decided when the best group reaches the threshold (log-odds: when it leads every other group by the threshold), or at
the maximum number of answers. Answers are in the order in which the inspectors were drawn, never in the order of
their arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chromatrace.quality.errors import RepeatedAnswerError, UnknownStateError
from chromatrace.quality.log_odds import log_odds
from chromatrace.quality.rules import UNIT, Rule, Weighing, check_capability

MISS_UNIT = UNIT**3
"""The number 1 in the product of a noisy-or; each factor is rounded down at this scale, in the order of the answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One inspector's answer, with its capability (1/10,000) when the answer is weighed."""

    inspector: int
    state: str
    capability: int


@dataclass(frozen=True, slots=True)
class Group:
    """All inspectors that gave one state, in the order of the draw; `score` in 1/10,000."""

    state: str
    members: tuple[int, ...]
    score: int


@dataclass(frozen=True, slots=True)
class Consensus:
    """The outcome of a round.

    recorder  last member of the winner group
    dissent   the other groups, by their first answers
    reached   True if the threshold was reached, False if the best group won at the maximum
    """

    winner: Group
    recorder: int
    dissent: tuple[Group, ...]
    reached: bool

    @property
    def state(self) -> str:
        """The agreed state."""
        return self.winner.state


def score(weighing: Weighing, capabilities: Iterable[int]) -> int:
    """Return a group's score (1/10,000) from its members' capabilities (1/10,000), in the order of the draw."""
    if weighing is Weighing.MAJORITY:
        return UNIT * sum(1 for _ in capabilities)
    if weighing is Weighing.CONFIDENCE:
        return sum(capabilities)
    if weighing is Weighing.LOG_ODDS:
        return sum(log_odds(capability) for capability in capabilities)
    miss = MISS_UNIT
    for capability in capabilities:
        miss = miss * (UNIT - capability) // UNIT
    return (MISS_UNIT - miss) * UNIT // MISS_UNIT


def groups(rule: Rule, answers: Sequence[Answer]) -> tuple[Group, ...]:
    """Return the answers grouped by state, in the order of the groups' first answers."""
    by_state: dict[str, list[Answer]] = {}
    for answer in answers:
        by_state.setdefault(answer.state, []).append(answer)
    return tuple(
        Group(
            state,
            tuple(member.inspector for member in members),
            score(rule.weighing, (member.capability for member in members)),
        )
        for state, members in by_state.items()
    )


def decide(rule: Rule, answers: Sequence[Answer]) -> Consensus | None:
    """Return the consensus on the answers so far, in the order of the draw; None while undecided.

    The best group has the highest score; of equal ones, the most members; then, the earliest answer. Raises
    `UnknownStateError`, `RepeatedAnswerError`, and `RuleError` for a capability out of range.
    """
    _check(rule, answers)
    if len(answers) < rule.minimum:
        return None
    all_groups = groups(rule, answers)
    winner = max(all_groups, key=lambda group: (group.score, len(group.members)))
    others = tuple(group for group in all_groups if group is not winner)
    against = max((group.score for group in others), default=0) if rule.weighing is Weighing.LOG_ODDS else 0
    reached = winner.score - against >= rule.threshold
    if not reached and len(answers) < rule.maximum:
        return None
    return Consensus(winner, winner.members[-1], others, reached)


def _check(rule: Rule, answers: Sequence[Answer]) -> None:
    seen: set[int] = set()
    for index, answer in enumerate(answers):
        pointer = f"/answers/{index}"
        if answer.state not in rule.states:
            known = " or ".join(rule.states)
            raise UnknownStateError(f"expected {known}, got {answer.state!r}", field=f"{pointer}/state")
        if answer.inspector in seen:
            raise RepeatedAnswerError(
                f"inspector {answer.inspector} has already answered", field=f"{pointer}/inspector"
            )
        check_capability(answer.capability, f"{pointer}/capability")
        seen.add(answer.inspector)
