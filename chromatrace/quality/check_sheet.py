"""Check sheets in a consensus round: measured parameters with tolerances, which together give one state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from chromatrace.documents.evidence import LimitComparison
from chromatrace.quality.errors import CheckSheetError


class Size(StrEnum):
    """Where a value lies relative to its tolerance."""

    SMALL = "small"
    FIT = "fit"
    LARGE = "large"


Limit = tuple[str, str, LimitComparison, float]
"""Quantity, unit, comparison and limit: one line of a plant's check sheet."""
PASS_FAIL = ("pass", "fail")
SIZES = tuple(size.value for size in Size)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A measured quantity that fits from `low` to `high`, both included, in `unit`. None: no limit on that side."""

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise CheckSheetError("the name is empty", field="/name")
        if self.low is None and self.high is None:
            raise CheckSheetError(f"{self.name} has no tolerance", field="/low", hint="give low, high or both")
        for name, limit in (("low", self.low), ("high", self.high)):
            if limit is not None and (isinstance(limit, bool) or not math.isfinite(limit)):
                raise CheckSheetError(f"expected a finite number, got {limit!r}", field=f"/{name}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise CheckSheetError(f"low is {self.low:g}; it must not exceed high, {self.high:g}", field="/low")

    def size(self, value: float) -> Size:
        """Return where a measured value lies."""
        if self.low is not None and value < self.low:
            return Size.SMALL
        if self.high is not None and value > self.high:
            return Size.LARGE
        return Size.FIT


@dataclass(frozen=True, slots=True)
class ToleranceSheet:
    """The parameters that an inspector measures, and the states that their values give. Raises `CheckSheetError`.

    states  `pass` and `fail`: pass if every parameter fits. `small`, `fit` and `large`: the state of the first
            parameter that does not fit, in the order of the sheet.
    """

    parameters: tuple[Parameter, ...]
    states: tuple[str, ...] = PASS_FAIL

    def __post_init__(self) -> None:
        if self.states not in (PASS_FAIL, SIZES):
            known = " or ".join(", ".join(states) for states in (PASS_FAIL, SIZES))
            actual = ", ".join(self.states) or "none"
            raise CheckSheetError(f"expected the states {known}; got {actual}", field="/states")
        if not self.parameters:
            raise CheckSheetError("expected at least one parameter", field="/parameters")
        names = [parameter.name for parameter in self.parameters]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise CheckSheetError(f'duplicate parameter "{name}"', field=f"/parameters/{index}/name")

    @classmethod
    def from_limits(cls, limits: Iterable[Limit], states: tuple[str, ...] = PASS_FAIL) -> Self:
        """Return the sheet with these limits. A range is two limits of one quantity, as in a plant file."""
        merged: dict[str, tuple[str, float | None, float | None]] = {}
        for quantity, unit, comparison, limit in limits:
            unit, low, high = merged.get(quantity, (unit, None, None))
            if comparison in (LimitComparison.AT_LEAST, LimitComparison.ABOVE):
                bound = math.nextafter(limit, math.inf) if comparison is LimitComparison.ABOVE else limit
                low = bound if low is None else max(low, bound)
            else:
                bound = math.nextafter(limit, -math.inf) if comparison is LimitComparison.BELOW else limit
                high = bound if high is None else min(high, bound)
            merged[quantity] = (unit, low, high)
        return cls(tuple(Parameter(quantity, *bounds) for quantity, bounds in merged.items()), states)

    def evaluate(self, values: Mapping[str, float]) -> dict[str, Size]:
        """Return the size of each parameter's value, in the order of the sheet."""
        sizes = {}
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is None or isinstance(value, bool) or not math.isfinite(value):
                raise CheckSheetError(f"expected a finite number, got {value!r}", field=f"/values/{parameter.name}")
            sizes[parameter.name] = parameter.size(value)
        if unknown := set(values) - set(sizes):
            raise CheckSheetError("the sheet has no such parameter", field=f"/values/{min(unknown)}")
        return sizes

    def state(self, values: Mapping[str, float]) -> str:
        """Return the state that the values give together."""
        sizes = self.evaluate(values).values()
        first_misfit = next((size for size in sizes if size is not Size.FIT), Size.FIT)
        if self.states == PASS_FAIL:
            return "pass" if first_misfit is Size.FIT else "fail"
        return first_misfit.value
