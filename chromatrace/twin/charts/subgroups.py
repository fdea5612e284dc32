"""X-bar and R charts of subgroups (Montgomery, Introduction to Statistical Quality Control, 7th ed., section 6.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chromatrace.twin.errors import TrainingDataError

Array: TypeAlias = NDArray[np.float64]

D2 = (1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.970, 3.078)
"""Mean of the range of n standard normal values, n = 2 to 10 (Montgomery, appendix VI)."""
D3 = (0.853, 0.888, 0.880, 0.864, 0.848, 0.833, 0.820, 0.808, 0.797)
"""Standard deviation of that range."""
MAX_SUBGROUP = len(D2) + 1


@dataclass(frozen=True, slots=True)
class SubgroupLimits:
    """Limits of the means and ranges of subgroups of `size` values: 3 standard deviations."""

    size: int
    centre: float
    mean_range: float

    @classmethod
    def from_subgroups(cls, subgroups: Array) -> Self:
        """Return the limits of recorded subgroups, one a row. Raises `TrainingDataError`."""
        if subgroups.ndim != 2 or not 2 <= subgroups.shape[1] <= MAX_SUBGROUP:
            raise TrainingDataError(
                f"expected rows of 2 to {MAX_SUBGROUP} values, got shape {subgroups.shape}", field="subgroups"
            )
        if len(subgroups) < 2 or not np.isfinite(subgroups).all():
            raise TrainingDataError("expected at least 2 complete subgroups", field="subgroups")
        mean_range = float(np.ptp(subgroups, axis=1).mean())
        if mean_range <= 0:
            raise TrainingDataError("all values of each subgroup are equal", field="subgroups")
        return cls(subgroups.shape[1], float(subgroups.mean()), mean_range)

    @property
    def sigma(self) -> float:
        """The standard deviation within subgroups, mean range / d2."""
        return self.mean_range / D2[self.size - 2]

    @property
    def mean_limits(self) -> tuple[float, float]:
        """The limits of a subgroup's mean, centre ± A2 · mean range, A2 = 3 / (d2 √n)."""
        distance = 3 * self.sigma / math.sqrt(self.size)
        return self.centre - distance, self.centre + distance

    @property
    def range_limits(self) -> tuple[float, float]:
        """The limits of a subgroup's range, D3 and D4 times the mean range, D3, D4 = 1 ∓ 3 d3 / d2, at least 0."""
        spread = 3 * D3[self.size - 2] / D2[self.size - 2]
        return max(0.0, 1 - spread) * self.mean_range, (1 + spread) * self.mean_range

    def out_of_control(self, subgroups: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whether the mean, and whether the range, of each subgroup is outside its limits."""
        means, ranges = subgroups.mean(axis=-1), np.ptp(subgroups, axis=-1)
        (low, high), (lowest, highest) = self.mean_limits, self.range_limits
        return (means < low) | (means > high), (ranges < lowest) | (ranges > highest)


class SubgroupChart:
    """Collects values into subgroups and decides on each complete one. `values` restores it.

    A missing value is left out: the subgroup is complete with the next value. Dead sensors are not recognised, because
    equal values are common in a subgroup: a subgroup of equal values has the range 0.
    """

    __slots__ = ("_limits", "values")

    def __init__(self, limits: SubgroupLimits, values: Sequence[float] = ()) -> None:
        self._limits = limits
        self.values = list(values)
        """The values of the subgroup that is not complete."""

    def update(self, value: float | None) -> tuple[bool, bool] | None:
        """Return whether mean and range of the subgroup are outside their limits; None if it is not complete."""
        if value is None or value != value:
            return None
        self.values.append(value)
        if len(self.values) < self._limits.size:
            return None
        means, ranges = self._limits.out_of_control(np.array([self.values]))
        self.values = []
        return bool(means[0]), bool(ranges[0])
