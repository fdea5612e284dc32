"""A sequential test instead of a vote: each answer is weighed by the reliability of its inspector's earlier answers.

An inspector has a confusion matrix: the probability of each answer for a good and for a defective step. An answer adds
its log-likelihood ratio, ln P(answer | defective) - ln P(answer | good). Wald's test stops the round when the sum
leaves the interval from ln(β / (1 - α)) to ln((1 - β) / α). A reliable inspector may decide alone; the answers of a
random one add nothing.

Sources: A. Wald, Sequential Tests of Statistical Hypotheses, Ann. Math. Statist. 16 (1945); A. P. Dawid and
A. M. Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Appl. Statist. 28 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from chromatrace.quality.errors import RuleError, UnknownStateError

PASS, FAIL = 0, 1
"""Indexes of the two states in a rule's `states`."""
_SMALLEST = 1e-6
"""Minimum distance of probabilities from 0 and 1. It keeps the weight of an answer finite."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Error rates of an inspector: `false_alarm` for good steps, `miss` for defective ones."""

    false_alarm: float
    miss: float

    def __post_init__(self) -> None:
        for name in ("false_alarm", "miss"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise RuleError(f"expected a probability from 0 to 1, got {value!r}", field=f"/{name}")

    @property
    def log_ratios(self) -> tuple[float, float]:
        """Evidence for a defect that the answers "pass" and "fail" add."""
        false_alarm = min(max(self.false_alarm, _SMALLEST), 1 - _SMALLEST)
        miss = min(max(self.miss, _SMALLEST), 1 - _SMALLEST)
        return math.log(miss / (1 - false_alarm)), math.log((1 - miss) / false_alarm)


@dataclass(frozen=True, slots=True)
class SequentialRule:
    """When the test stops. Raises `RuleError` naming the field.

    false_alarm  probability of rejecting a good step (Wald's α), below 1/2
    miss         probability of accepting a defective step (Wald's β), below 1/2
    minimum      minimum number of answers
    maximum      number of answers at which the more likely state wins in any case
    """

    false_alarm: float = 0.05
    miss: float = 0.05
    minimum: int = 1
    maximum: int = 17

    def __post_init__(self) -> None:
        for name in ("false_alarm", "miss"):
            value = getattr(self, name)
            if not 0 < value < 0.5:
                raise RuleError(f"{name} is {value!r}; it must be above 0 and below 1/2", field=f"/{name}")
        if not 1 <= self.minimum <= self.maximum:
            raise RuleError(
                f"expected 1 <= minimum <= maximum, got {self.minimum} and {self.maximum}", field="/minimum"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Evidence at which a step is accepted, and at which it is rejected."""
        return math.log(self.miss / (1 - self.false_alarm)), math.log((1 - self.miss) / self.false_alarm)

    def __call__(self) -> SequentialRound:
        """Open a round."""
        return SequentialRound(self)


class SequentialRound:
    """One round, open until the test stops."""

    __slots__ = ("_accept", "_count", "_maximum", "_minimum", "_reject", "evidence")

    def __init__(self, rule: SequentialRule) -> None:
        self._accept, self._reject = rule.bounds
        self._minimum, self._maximum = rule.minimum, rule.maximum
        self._count = 0
        self.evidence = 0.0

    def add(self, state: int, log_ratios: tuple[float, float]) -> int | None:
        """Take the next answer, of an inspector with these `Confusion.log_ratios`; return the state once decided."""
        self.evidence += log_ratios[state]
        self._count += 1
        if self._count < self._minimum:
            return None
        if self.evidence >= self._reject:
            return FAIL
        if self.evidence <= self._accept:
            return PASS
        if self._count >= self._maximum:
            return FAIL if self.evidence > 0 else PASS
        return None


@dataclass(frozen=True, slots=True)
class Learned:
    """The result of EM: the share of defective steps, and each inspector's confusion matrix."""

    defect_rate: float
    confusions: tuple[Confusion, ...]


def dawid_skene(
    rounds: Iterable[Sequence[tuple[int, int]]],
    inspectors: int,
    *,
    prior_right: float = 2.0,
    prior_wrong: float = 1.0,
    max_iterations: int = 200,
    tolerance: float = 1e-6,
) -> Learned:
    """Estimate confusion matrices from answers alone, without the true states.

    `rounds` has the (inspector, state) answers of each inspected step. EM starts from the majority of each round. The
    priors are imaginary right and wrong answers of every inspector; they keep the weight of little-known inspectors
    small. Raises `UnknownStateError` for an inspector or state out of range.
    """
    answered = [list(answers) for answers in rounds]
    given = np.zeros((2, len(answered), inspectors))
    for item, answers in enumerate(answered):
        for index, (inspector, state) in enumerate(answers):
            if not 0 <= inspector < inspectors or state not in (PASS, FAIL):
                raise UnknownStateError(
                    f"inspector {inspector} or state {state} is unknown", field=f"/rounds/{item}/{index}"
                )
            given[state, item, inspector] += 1
    passed, failed = given
    answers_of_item = np.maximum(passed.sum(axis=1) + failed.sum(axis=1), 1)
    defective = failed.sum(axis=1) / answers_of_item
    rate, false_alarm, miss = 0.5, np.zeros(inspectors), np.zeros(inspectors)
    for _ in range(max_iterations):
        good = 1 - defective
        rate = float((defective.sum() + 1) / (len(answered) + 2))
        false_alarm = (good @ failed + prior_wrong) / (good @ (failed + passed) + prior_right + prior_wrong)
        miss = (defective @ passed + prior_wrong) / (defective @ (failed + passed) + prior_right + prior_wrong)
        evidence = (
            math.log(rate / (1 - rate))
            + failed @ (np.log1p(-miss) - np.log(false_alarm))
            + passed @ (np.log(miss) - np.log1p(-false_alarm))
        )
        updated = 1 / (1 + np.exp(-np.clip(evidence, -500, 500)))
        change = float(np.max(np.abs(updated - defective), initial=0.0))
        defective = updated
        if change < tolerance:
            break
    confusions = tuple(Confusion(float(a), float(b)) for a, b in zip(false_alarm, miss, strict=True))
    return Learned(rate, confusions)
