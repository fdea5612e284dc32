"""Who wins a round: the decision of the contract, written to be read.

Answers are grouped by equality, a group's score is a function of its members' capabilities (`Weighing`), and the round
is decided when the best group reaches the threshold (by log-odds: when it leads every other one by it), or when the
maximum is reached. The order of the answers is the
order in which the inspectors were drawn, never the order in which they spoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chromatrace.quality.errors import RepeatedAnswer, UnknownState
from chromatrace.quality.log_odds import log_odds
from chromatrace.quality.rules import UNIT, Rule, Weighing, as_ratio, check_capability

_MISS_UNIT = UNIT**3
"""1 in the product of a noisy-or; each factor is rounded down at this scale, in the order of the answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One inspector's state, with its capability (1/10,000) when the answer is weighed."""

    inspector: int
    state: str
    capability: int


@dataclass(frozen=True, slots=True)
class Group:
    """All inspectors that gave one state, in the order of the draw; `score` in 1/10,000."""

    state: str
    members: tuple[int, ...]
    score: int

    @property
    def score_ratio(self) -> float:
        """In members or as a ratio, by the weighing."""
        return as_ratio(self.score)


@dataclass(frozen=True, slots=True)
class Consensus:
    """The outcome. `recorder` is the last member of the winner group; `dissent` every other group, by first answer.

    `reached`: by the threshold; else the maximum was reached and the best group won.
    """

    winner: Group
    recorder: int
    dissent: tuple[Group, ...]
    reached: bool

    @property
    def state(self) -> str:
        """What the inspected thing is, from here on."""
        return self.winner.state


def score(weighing: Weighing, capabilities: Iterable[int]) -> int:
    """A group's score in 1/10,000, from its members' capabilities (1/10,000) in the order of the draw."""
    if weighing is Weighing.MAJORITY:
        return UNIT * sum(1 for _ in capabilities)
    if weighing is Weighing.CONFIDENCE:
        return sum(capabilities)
    if weighing is Weighing.LOG_ODDS:
        return sum(log_odds(each) for each in capabilities)
    miss = _MISS_UNIT
    for each in capabilities:
        miss = miss * (UNIT - each) // UNIT
    return (_MISS_UNIT - miss) * UNIT // _MISS_UNIT


def groups(rule: Rule, answers: Sequence[Answer]) -> tuple[Group, ...]:
    """The answers grouped by state, the group with the earliest answer first."""
    members: dict[str, list[Answer]] = {}
    for answer in answers:
        members.setdefault(answer.state, []).append(answer)
    return tuple(
        Group(state, tuple(each.inspector for each in of), score(rule.weighing, (each.capability for each in of)))
        for state, of in members.items()
    )


def decide(rule: Rule, answers: Sequence[Answer]) -> Consensus | None:
    """The consensus on the answers so far, in the order of the draw; None while there is none.

    The best group has the highest score; of equal ones that with more members, then that with the earliest answer.
    Raises `UnknownState` and `RepeatedAnswer` with the answer's place, `InvalidRule` for a capability out of range.
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


class Tally:
    """The same decision, answer by answer in constant time and unchecked: for a simulation that makes millions.

    States are numbers here, the places in `rule.states`. `add` returns the number of the winning state once decided.
    """

    __slots__ = (
        *("_best", "_count", "_first", "_least", "_leads", "_most"),
        *("_noisy", "_scores", "_sizes", "_threshold", "_unit"),
    )

    def __init__(self, rule: Rule) -> None:
        states = len(rule.states)
        self._noisy = rule.weighing is Weighing.NOISY_OR
        self._leads = rule.weighing is Weighing.LOG_ODDS
        self._unit = UNIT if rule.weighing is Weighing.MAJORITY else 0
        self._threshold, self._least, self._most = rule.threshold, rule.minimum, rule.maximum
        self._scores = [0] * states
        self._sizes = [0] * states
        self._first = [0] * states
        self._best = -1
        self._count = 0

    def add(self, state: int, capability: int) -> int | None:
        """Takes the next answer; the winning state, or None while undecided."""
        scores, sizes, best = self._scores, self._sizes, self._best
        if not sizes[state]:
            self._first[state] = self._count
        if self._noisy:
            miss = _MISS_UNIT - scores[state]
            scores[state] = _MISS_UNIT - miss * (UNIT - capability) // UNIT
        elif self._leads:
            scores[state] += log_odds(capability)
        else:
            scores[state] += self._unit or capability
        sizes[state] += 1
        self._count += 1
        # Scores only grow, so that nobody but the group just joined can overtake.
        if best != state and (best < 0 or self._rank(state) > self._rank(best)):
            self._best = best = state
        if self._count < self._least:
            return None
        return best if self._count >= self._most or self._lead(best) >= self._threshold else None

    def _lead(self, state: int) -> int:
        """What the threshold is held against."""
        if not self._leads:
            return self._points(state)
        scores = self._scores
        return scores[state] - max(score for other, score in enumerate(scores) if other != state)

    def _points(self, state: int) -> int:
        return self._scores[state] * UNIT // _MISS_UNIT if self._noisy else self._scores[state]

    def _rank(self, state: int) -> tuple[int, int, int]:
        return self._points(state), self._sizes[state], -self._first[state]


def _check(rule: Rule, answers: Sequence[Answer]) -> None:
    seen: set[int] = set()
    for place, answer in enumerate(answers):
        if answer.state not in rule.states:
            known = ", ".join(rule.states)
            raise UnknownState(f"{answer.state!r} is not one of {known}", field=f"/answers/{place}/state")
        if answer.inspector in seen:
            raise RepeatedAnswer(
                f"inspector {answer.inspector} has answered before", field=f"/answers/{place}/inspector"
            )
        check_capability(answer.capability, f"/answers/{place}/capability")
        seen.add(answer.inspector)
