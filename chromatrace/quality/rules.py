"""What a plant configures about its rounds: possible states, how many inspectors, and when a group has won."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from chromatrace.quality.errors import InvalidRule
from chromatrace.quality.log_odds import MOST, margin
from chromatrace.storage import strict_json

UNIT = 10_000
"""One, in the unit of capabilities, scores and thresholds."""
MOST_STATES = 12
MOST_INSPECTORS = 17
"""Bounds of the contract: a round is two storage slots there (`IQualityConsensus`)."""


class Weighing(IntEnum):
    """How the members of a group make its score; the numbers are the contract's."""

    MAJORITY = 0
    """The number of members (Eq. 2 of the study)."""
    CONFIDENCE = 1
    """The sum of their capabilities (our reading of its Eq. 3, which the text does not print)."""
    NOISY_OR = 2
    """1 - Π(1 - capability): the chance that one of them is right, were they independent."""

    LOG_ODDS = 3
    """The sum of the log-odds of their capabilities; a group wins by its lead over every other one (`log_odds`)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a round is decided. Raises `InvalidRule` naming the field.

    states              possible answers, at least two
    minimum             least number of answers before anything is decided: odd, and more than there are states; by
                        log-odds 1 or more
    maximum             number of answers at which the best group wins in any case; odd
    threshold           score at which a group wins, in 1/10,000 (majority: 30,000 are three members); by log-odds the
                        lead at which it does
    minimum_capability  who has less is not drawn, in 1/10,000; the workcell's own inspector is exempt
    """

    states: tuple[str, ...] = ("pass", "fail")
    minimum: int = 3
    maximum: int = 17
    weighing: Weighing = Weighing.CONFIDENCE
    threshold: int = 9_000
    minimum_capability: int = 0

    def __post_init__(self) -> None:
        _check_states(self.states)
        least = 1 if self.weighing is Weighing.LOG_ODDS else least_inspectors(len(self.states))
        for name, value in (("minimum", self.minimum), ("maximum", self.maximum)):
            if type(value) is not int or value % 2 == 0:
                raise InvalidRule(f"an odd number is needed, got {value!r}", field=f"/{name}")
        if self.minimum < least:
            raise InvalidRule(
                f"{len(self.states)} states need at least {least} inspectors, got {self.minimum}",
                field="/minimum",
                hint="more inspectors than states, rounded up to an odd number",
            )
        if not self.minimum <= self.maximum <= MOST_INSPECTORS:
            raise InvalidRule(
                f"{self.maximum} is outside {self.minimum} (the minimum) to {MOST_INSPECTORS}", field="/maximum"
            )
        check_capability(self.minimum_capability, "/minimum_capability")
        self._check_threshold()

    @property
    def highest(self) -> int:
        """The highest score that a group can have."""
        if self.weighing is Weighing.NOISY_OR:
            return UNIT
        return self.maximum * (MOST if self.weighing is Weighing.LOG_ODDS else UNIT)

    def _check_threshold(self) -> None:
        if self.weighing not in list(Weighing):
            raise InvalidRule(f"there is no weighing {self.weighing!r}", field="/weighing")
        highest = self.highest
        if type(self.threshold) is not int or self.threshold < 1:
            raise InvalidRule("a positive score is needed", field="/threshold", hint="at 0 any single answer wins")
        if self.threshold > highest:
            raise InvalidRule(
                f"no group can reach {self.threshold / UNIT:g}: {self.maximum} inspectors score at most "
                f"{highest / UNIT:g} by {weighing_name(self.weighing)}",
                field="/threshold",
            )

    @classmethod
    def majority(cls, threshold: int, **others: Any) -> Self:
        """A rule won by `threshold` members."""
        return cls(weighing=Weighing.MAJORITY, threshold=threshold * UNIT, **others)

    @classmethod
    def confidence(cls, threshold: float = 0.9, **others: Any) -> Self:
        """A rule won by capabilities that add up to `threshold`."""
        return cls(weighing=Weighing.CONFIDENCE, threshold=from_ratio(threshold, "/threshold"), **others)

    @classmethod
    def noisy_or(cls, threshold: float = 0.9, **others: Any) -> Self:
        """A rule won by a group of which one is right with probability `threshold`."""
        return cls(weighing=Weighing.NOISY_OR, threshold=from_ratio(threshold, "/threshold"), **others)

    @classmethod
    def log_odds(cls, error: float = 0.05, **others: Any) -> Self:
        """Wald's test on learned capabilities, at a chosen rate of errors; one answer may decide."""
        if isinstance(error, bool) or not isinstance(error, (int, float)) or not 0 < error < 0.5:
            raise InvalidRule(f"more than 0 and less than 1/2 is needed, got {error!r}", field="/error")
        return cls(weighing=Weighing.LOG_ODDS, threshold=margin(error), **({"minimum": 1} | others))

    @classmethod
    def from_json(cls, value: object, pointer: str = "") -> Self:
        """Reads `states`, `minimum`, `maximum`, `weighing`, `threshold` and, as an option, `minimum_capability`.

        The threshold is in members (majority), a ratio, or a lead in log-odds. Raises `InvalidRule`, or `InvalidInput`
        for a wrong shape.
        """
        names = ("states", "minimum", "maximum", "weighing", "threshold")
        parts = strict_json.members(value, pointer, names, optional=("minimum_capability",))
        states = parts["states"]
        if not isinstance(states, (list, tuple)):
            raise InvalidRule("a list of states is needed", field=f"{pointer}/states")
        try:
            return cls(
                states=tuple(states),
                minimum=parts["minimum"],
                maximum=parts["maximum"],
                weighing=weighing_by_name(parts["weighing"], "/weighing"),
                threshold=from_ratio(parts["threshold"], "/threshold"),
                minimum_capability=from_ratio(parts.get("minimum_capability", 0), "/minimum_capability"),
            )
        except InvalidRule as refusal:
            raise InvalidRule(refusal.message, field=f"{pointer}{refusal.field}", hint=refusal.hint) from refusal

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "states": list(self.states),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "weighing": weighing_name(self.weighing),
            "threshold": self.threshold / UNIT,
            "minimum_capability": self.minimum_capability / UNIT,
        }


def least_inspectors(states: int) -> int:
    """More than there are states, rounded up to odd: 2 states need 3, 3 states 5."""
    return states + 1 if states % 2 == 0 else states + 2


def weighing_name(weighing: Weighing) -> str:
    """`majority`, `confidence` or `noisy-or`."""
    return weighing.name.lower().replace("_", "-")


def weighing_by_name(name: object, field: str = "/weighing") -> Weighing:
    """The weighing of that name. Raises `InvalidRule`."""
    known: Mapping[str, Weighing] = {weighing_name(weighing): weighing for weighing in Weighing}
    if not isinstance(name, str) or name not in known:
        raise InvalidRule(f"{name!r} is not one of {', '.join(known)}", field=field)
    return known[name]


def check_capability(value: object, field: str) -> int:
    """A whole number from 0 to 10,000. Raises `InvalidRule`."""
    if type(value) is not int or not 0 <= value <= UNIT:
        raise InvalidRule(f"a capability from 0 to {UNIT:,} (1/10,000) is needed, got {value!r}", field=field)
    return value


def capability(ratio: float, field: str = "/capability") -> int:
    """A capability given as a ratio from 0 to 1, in 1/10,000. Raises `InvalidRule`."""
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 <= ratio <= 1:
        raise InvalidRule(f"a capability from 0 to 1 is needed, got {ratio!r}", field=field)
    return from_ratio(ratio, field)


def from_ratio(value: object, field: str) -> int:
    """A number in 1/10,000, rounded. Raises `InvalidRule` where it is none or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e9 < value < 1e9:
        raise InvalidRule(f"a number is needed, got {value!r}", field=field)
    return round(value * UNIT)


def as_ratio(value: int) -> float:
    """An integer in 1/10,000 as a float."""
    return value / UNIT


def _check_states(states: tuple[str, ...]) -> None:
    if not 2 <= len(states) <= MOST_STATES:
        raise InvalidRule(f"2 to {MOST_STATES} states are needed, got {len(states)}", field="/states")
    for position, state in enumerate(states):
        if not isinstance(state, str) or not state:
            raise InvalidRule(f"a name is needed, got {state!r}", field=f"/states/{position}")
        if state in states[:position]:
            raise InvalidRule(f"{state!r} stands here twice", field=f"/states/{position}")
