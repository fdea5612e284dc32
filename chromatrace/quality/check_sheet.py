"""Check sheets: several measured parameters with tolerances, each read as a state; together one answer of a round."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

from chromatrace.documents.evidence import LimitComparison
from chromatrace.quality.errors import InvalidCheckSheet


class Size(StrEnum):
    """How a value lies to its tolerance."""

    SMALL = "small"
    FIT = "fit"
    LARGE = "large"


Limit = tuple[str, str, LimitComparison, float]
"""Quantity, unit, comparison and limit: one line of a plant's check sheet."""
PASS_FAIL = ("pass", "fail")
SIZES = tuple(size.value for size in Size)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One measured quantity: it fits from `low` to `high`, both included, in `unit` (None: no limit on that side)."""

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidCheckSheet("a name is needed", field="/name")
        if self.low is None and self.high is None:
            raise InvalidCheckSheet(f"{self.name} has no tolerance", field="/low", hint="give low, high or both")
        for name, limit in (("low", self.low), ("high", self.high)):
            if limit is not None and (isinstance(limit, bool) or not math.isfinite(limit)):
                raise InvalidCheckSheet(f"a number is needed, got {limit!r}", field=f"/{name}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InvalidCheckSheet(f"{self.low:g} is above high, {self.high:g}", field="/low")

    def read(self, value: float) -> Size:
        """The state of a measured value."""
        if self.low is not None and value < self.low:
            return Size.SMALL
        if self.high is not None and value > self.high:
            return Size.LARGE
        return Size.FIT


class _Unlimited(NamedTuple):
    name: str
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class CheckSheet:
    """What an inspector reads, and the states its answer may have. Raises `InvalidCheckSheet`.

    states  `pass` and `fail`: pass where every parameter fits. `small`, `fit` and `large`: the state of the first
            parameter that does not fit, in the order of the sheet.
    """

    parameters: tuple[Parameter, ...]
    states: tuple[str, ...] = PASS_FAIL

    def __post_init__(self) -> None:
        if not self.states:
            raise InvalidCheckSheet(
                "a check sheet without states gives no answer", field="/states", hint=f"give {PASS_FAIL} or {SIZES}"
            )
        if self.states not in (PASS_FAIL, SIZES):
            known = " or ".join(", ".join(states) for states in (PASS_FAIL, SIZES))
            raise InvalidCheckSheet(f"{', '.join(self.states)} is not {known}", field="/states")
        if not self.parameters:
            raise InvalidCheckSheet("at least one parameter is needed", field="/parameters")
        names = [parameter.name for parameter in self.parameters]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise InvalidCheckSheet(f"{name!r} stands here twice", field=f"/parameters/{position}/name")

    @classmethod
    def from_limits(cls, limits: Iterable[Limit], states: tuple[str, ...] = PASS_FAIL) -> Self:
        """The sheet whose tolerances are the limits of each quantity; a range is two limits, as plants write it."""
        merged: dict[str, Parameter] = {}
        for quantity, unit, comparison, limit in limits:
            known = merged.get(quantity, _Unlimited(quantity, unit))
            low, high = known.low, known.high
            if comparison in (LimitComparison.AT_LEAST, LimitComparison.ABOVE):
                least = math.nextafter(limit, math.inf) if comparison is LimitComparison.ABOVE else limit
                low = least if low is None else max(low, least)
            else:
                most = math.nextafter(limit, -math.inf) if comparison is LimitComparison.BELOW else limit
                high = most if high is None else min(high, most)
            merged[quantity] = Parameter(quantity, unit, low, high)
        return cls(tuple(merged.values()), states)

    def read(self, values: Mapping[str, float]) -> dict[str, Size]:
        """The state of each parameter, in the order of the sheet. Raises `InvalidCheckSheet` for a missing value."""
        states = {}
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is None or isinstance(value, bool) or not math.isfinite(value):
                raise InvalidCheckSheet(f"a number is needed, got {value!r}", field=f"/values/{parameter.name}")
            states[parameter.name] = parameter.read(value)
        if unknown := set(values) - set(states):
            raise InvalidCheckSheet("the sheet has no such parameter", field=f"/values/{min(unknown)}")
        return states

    def answer(self, values: Mapping[str, float]) -> str:
        """The one state that these values give."""
        sizes = self.read(values).values()
        first_wrong = next((size for size in sizes if size is not Size.FIT), Size.FIT)
        if self.states == PASS_FAIL:
            return "pass" if first_wrong is Size.FIT else "fail"
        return first_wrong.value
