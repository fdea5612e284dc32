"""The rule of a plant's rounds: states, numbers of inspectors, weighing and threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from chromatrace.quality.errors import RuleError
from chromatrace.quality.log_odds import MAX_LOG_ODDS, margin
from chromatrace.storage import strict_json

UNIT = 10_000
"""The number 1 in the unit of capabilities, scores and thresholds."""
MAX_STATES = 12
MAX_INSPECTORS = 17
"""Limits of the contract, which keeps a round in two storage slots (`IQualityConsensus`)."""


class Weighing(IntEnum):
    """How a group's score follows from its members; the numbers are the contract's."""

    MAJORITY = 0
    """The number of members (Eq. 2 of the study)."""
    CONFIDENCE = 1
    """The sum of their capabilities (an interpretation of Eq. 3, which the study does not print)."""
    NOISY_OR = 2
    """1 - Π(1 - capability): the probability that one of them is right, if they are independent."""

    LOG_ODDS = 3
    """The sum of the log-odds of their capabilities. A group wins by its lead over every other group (`log_odds`)."""


class _RuleObject(strict_json.JsonObject, frozen=True):
    states: tuple[str, ...]
    minimum: int
    maximum: int
    weighing: str
    threshold: float
    minimum_capability: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """When a round is decided. Raises `RuleError` naming the field.

    states              possible answers, at least two
    minimum             answers before anything is decided: odd, and more than there are states; 1 or more for log-odds
    maximum             answers at which the best group wins in any case; odd
    threshold           score at which a group wins, in 1/10,000 (majority: 30,000 are three members); for log-odds the
                        lead at which it wins
    minimum_capability  inspectors below this capability, in 1/10,000, are not selected, except the workcell's own
    """

    states: tuple[str, ...] = ("pass", "fail")
    minimum: int = 3
    maximum: int = 17
    weighing: Weighing = Weighing.CONFIDENCE
    threshold: int = 9_000
    minimum_capability: int = 0

    def __post_init__(self) -> None:
        _check_states(self.states)
        lowest = 1 if self.weighing is Weighing.LOG_ODDS else min_inspectors(len(self.states))
        for name, value in (("minimum", self.minimum), ("maximum", self.maximum)):
            if type(value) is not int or value % 2 == 0:
                raise RuleError(f"expected an odd number, got {value!r}", field=f"/{name}")
        if self.minimum < lowest:
            raise RuleError(
                f"minimum is {self.minimum}; {len(self.states)} states need at least {lowest} inspectors",
                field="/minimum",
                hint="use more inspectors than states, rounded up to an odd number",
            )
        if not self.minimum <= self.maximum <= MAX_INSPECTORS:
            raise RuleError(
                f"maximum is {self.maximum}; it must be from {self.minimum} (the minimum) to {MAX_INSPECTORS}",
                field="/maximum",
            )
        check_capability(self.minimum_capability, "/minimum_capability")
        self._check_threshold()

    @property
    def highest_score(self) -> int:
        """The highest score that a group can reach, in 1/10,000."""
        if self.weighing is Weighing.NOISY_OR:
            return UNIT
        return self.maximum * (MAX_LOG_ODDS if self.weighing is Weighing.LOG_ODDS else UNIT)

    def _check_threshold(self) -> None:
        if self.weighing not in list(Weighing):
            raise RuleError(f"{self.weighing!r} is not a valid weighing", field="/weighing")
        if type(self.threshold) is not int or self.threshold < 1:
            raise RuleError(
                f"threshold is {self.threshold!r}; it must be positive",
                field="/threshold",
                hint="at 0 any single answer would win",
            )
        if self.threshold > self.highest_score:
            raise RuleError(
                f"threshold is {self.threshold / UNIT:g}; {self.maximum} inspectors score at most "
                f"{self.highest_score / UNIT:g} by {weighing_name(self.weighing)}",
                field="/threshold",
            )

    @classmethod
    def majority(cls, threshold: int, **others: Any) -> Self:
        """Return a rule won by `threshold` members."""
        return cls(weighing=Weighing.MAJORITY, threshold=threshold * UNIT, **others)

    @classmethod
    def confidence(cls, threshold: float = 0.9, **others: Any) -> Self:
        """Return a rule won by capabilities that add up to `threshold`."""
        return cls(weighing=Weighing.CONFIDENCE, threshold=from_ratio(threshold, "/threshold"), **others)

    @classmethod
    def noisy_or(cls, threshold: float = 0.9, **others: Any) -> Self:
        """Return a rule won by a group of which one is right with probability `threshold`."""
        return cls(weighing=Weighing.NOISY_OR, threshold=from_ratio(threshold, "/threshold"), **others)

    @classmethod
    def log_odds(cls, error: float = 0.05, **others: Any) -> Self:
        """Return Wald's test on learned capabilities, for a chosen rate of errors; one answer may decide."""
        if isinstance(error, bool) or not isinstance(error, (int, float)) or not 0 < error < 0.5:
            raise RuleError(f"error is {error!r}; it must be above 0 and below 1/2", field="/error")
        return cls(weighing=Weighing.LOG_ODDS, threshold=margin(error), **({"minimum": 1} | others))

    @classmethod
    def from_json(cls, value: object, pointer: str = "") -> Self:
        """Build the rule from a parsed JSON object; `minimum_capability` is optional.

        The threshold is in members (majority), a ratio, or a lead in log-odds. Raises `RuleError`, or `InvalidInput`
        for a wrong shape.
        """
        content = strict_json.convert(value, _RuleObject, pointer)
        try:
            return cls(
                states=content.states,
                minimum=content.minimum,
                maximum=content.maximum,
                weighing=weighing_by_name(content.weighing, "/weighing"),
                threshold=from_ratio(content.threshold, "/threshold"),
                minimum_capability=from_ratio(content.minimum_capability, "/minimum_capability"),
            )
        except RuleError as error:
            raise RuleError(error.message, field=f"{pointer}{error.field}", hint=error.hint) from error

    def as_json(self) -> dict[str, Any]:
        """Return the object that `from_json` reads."""
        return {
            "states": list(self.states),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "weighing": weighing_name(self.weighing),
            "threshold": self.threshold / UNIT,
            "minimum_capability": self.minimum_capability / UNIT,
        }


def min_inspectors(states: int) -> int:
    """Return the smallest odd number above the number of states: 3 for 2 states, 5 for 3."""
    return states + 1 if states % 2 == 0 else states + 2


def weighing_name(weighing: Weighing) -> str:
    """Return `majority`, `confidence`, `noisy-or` or `log-odds`."""
    return weighing.name.lower().replace("_", "-")


def weighing_by_name(name: object, field: str = "/weighing") -> Weighing:
    """Return the weighing of that name. Raises `RuleError`."""
    known: Mapping[str, Weighing] = {weighing_name(weighing): weighing for weighing in Weighing}
    if not isinstance(name, str) or name not in known:
        raise RuleError(f"expected {', '.join(known)}, got {name!r}", field=field)
    return known[name]


def check_capability(value: object, field: str) -> int:
    """Return `value` as an integer from 0 to 10,000. Raises `RuleError`."""
    if type(value) is not int or not 0 <= value <= UNIT:
        raise RuleError(f"expected a capability from 0 to {UNIT:,} (in units of 1/10,000), got {value!r}", field=field)
    return value


def capability(ratio: float, field: str = "/capability") -> int:
    """Convert a capability from 0 to 1 to 1/10,000. Raises `RuleError`."""
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 <= ratio <= 1:
        raise RuleError(f"expected a capability from 0 to 1, got {ratio!r}", field=field)
    return from_ratio(ratio, field)


def from_ratio(value: object, field: str) -> int:
    """Convert a finite number to 1/10,000, rounded. Raises `RuleError`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e9 < value < 1e9:
        raise RuleError(f"expected a number, got {value!r}", field=field)
    return round(value * UNIT)


def as_ratio(value: int) -> float:
    """Convert an integer in 1/10,000 to a float."""
    return value / UNIT


def _check_states(states: tuple[str, ...]) -> None:
    if not 2 <= len(states) <= MAX_STATES:
        raise RuleError(f"expected 2 to {MAX_STATES} states, got {len(states)}", field="/states")
    for index, state in enumerate(states):
        if not isinstance(state, str) or not state:
            raise RuleError(f"expected a name, got {state!r}", field=f"/states/{index}")
        if state in states[:index]:
            raise RuleError(f'duplicate state "{state}"', field=f"/states/{index}")
