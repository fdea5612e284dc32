"""The states of a tag: in control, warning, out of control, at 2 and 3 standard deviations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from chromatrace.twin.charts.subgroups import Array
from chromatrace.twin.errors import TrainingDataError

STATES = ("in control", "warning", "out of control")
IN_CONTROL, WARNING, OUT_OF_CONTROL = range(3)
UNKNOWN = -1
"""State of a missing value in an array."""
MIN_ROWS = 20


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Centre and standard deviation of a tag in control."""

    centre: float
    sigma: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.centre) and math.isfinite(self.sigma) and self.sigma > 0):
            raise TrainingDataError(f"{self.sigma:g} is not a finite number above 0", field="sigma")

    @classmethod
    def from_values(cls, values: Array) -> Self:
        """Estimate mean and standard deviation; NaN is left out. Raises `TrainingDataError`."""
        present = values[np.isfinite(values)]
        if len(present) < MIN_ROWS:
            raise TrainingDataError(f"{len(present)} values; at least {MIN_ROWS} are required", field="values")
        if np.ptp(present) == 0:
            raise TrainingDataError(f"all values are {present[0]:g}", field="values")
        return cls(float(present.mean()), float(present.std(ddof=1)))

    def state(self, value: float | None) -> int | None:
        """Return the state of a value; None for a missing value."""
        if value is None or value != value:
            return None
        distance = abs((value - self.centre) / self.sigma)
        return IN_CONTROL if distance <= 2 else WARNING if distance <= 3 else OUT_OF_CONTROL

    def states(self, values: Array) -> NDArray[np.int64]:
        """Return the state of each value; `UNKNOWN` for a missing value."""
        distance = np.abs((values - self.centre) / self.sigma)
        states = np.where(distance <= 2, IN_CONTROL, np.where(distance <= 3, WARNING, OUT_OF_CONTROL))
        return np.where(np.isnan(values), UNKNOWN, states).astype(np.int64)
