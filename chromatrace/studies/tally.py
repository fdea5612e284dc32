"""The decision of `chromatrace.quality.consensus` as a running tally, for simulations of millions of rounds."""

from __future__ import annotations

from chromatrace.quality.consensus import MISS_UNIT
from chromatrace.quality.log_odds import log_odds
from chromatrace.quality.rules import UNIT, Rule, Weighing


class Tally:
    """One round, answer by answer, in constant time and without checks. A state is its index in `rule.states`."""

    __slots__ = (
        "_best",
        "_by_lead",
        "_count",
        "_first",
        "_maximum",
        "_minimum",
        "_noisy",
        "_scores",
        "_sizes",
        "_threshold",
        "_unit",
    )

    def __init__(self, rule: Rule) -> None:
        states = len(rule.states)
        self._noisy = rule.weighing is Weighing.NOISY_OR
        self._by_lead = rule.weighing is Weighing.LOG_ODDS
        self._unit = UNIT if rule.weighing is Weighing.MAJORITY else 0
        self._threshold, self._minimum, self._maximum = rule.threshold, rule.minimum, rule.maximum
        self._scores = [0] * states
        self._sizes = [0] * states
        self._first = [0] * states
        self._best = -1
        self._count = 0

    def add(self, state: int, capability: int) -> int | None:
        """Take the next answer; return the winning state, or None while undecided."""
        scores, sizes, best = self._scores, self._sizes, self._best
        if not sizes[state]:
            self._first[state] = self._count
        if self._noisy:
            miss = MISS_UNIT - scores[state]
            scores[state] = MISS_UNIT - miss * (UNIT - capability) // UNIT
        elif self._by_lead:
            scores[state] += log_odds(capability)
        else:
            scores[state] += self._unit or capability
        sizes[state] += 1
        self._count += 1
        # Scores only grow, so only the group just joined can overtake the best one.
        if best != state and (best < 0 or self._rank(state) > self._rank(best)):
            self._best = best = state
        if self._count < self._minimum:
            return None
        return best if self._count >= self._maximum or self._lead(best) >= self._threshold else None

    def _lead(self, state: int) -> int:
        """Return what is compared with the threshold."""
        if not self._by_lead:
            return self._points(state)
        scores = self._scores
        return scores[state] - max(score for other, score in enumerate(scores) if other != state)

    def _points(self, state: int) -> int:
        return self._scores[state] * UNIT // MISS_UNIT if self._noisy else self._scores[state]

    def _rank(self, state: int) -> tuple[int, int, int]:
        return self._points(state), self._sizes[state], -self._first[state]
