"""Limits of a tag's chart of individuals and moving ranges (Montgomery, section 6.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from chromatrace.twin.charts.subgroups import D2, D3, Array
from chromatrace.twin.errors import TrainingDataError

MIN_DEAD_RUN = 4
"""Equal values in a row that never mean a dead sensor."""
MIN_ROWS = 20


@dataclass(frozen=True, slots=True)
class TagLimits:
    """Centre and standard deviation of a tag in control.

    dead_after     more equal values in a row mean a dead sensor; None: not checked
    ewma_weight    weight λ of the newest value; `ewma_width` L: limits in standard deviations of the average
    cusum_slack    slack k and decision interval h of the CUSUM, in standard deviations
    """

    centre: float
    sigma: float
    dead_after: int | None = None
    ewma_weight: float = 0.2
    ewma_width: float = 2.962
    cusum_slack: float = 0.5
    cusum_limit: float = 5.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.centre):
            raise TrainingDataError(f"expected a finite number, got {self.centre}", field="centre")
        for name in ("sigma", "ewma_width", "cusum_limit"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise TrainingDataError(f"{value:g} is not above 0", field=name)
        if not 0 < self.ewma_weight <= 1:
            raise TrainingDataError(f"{self.ewma_weight:g} is not above 0 and at most 1", field="ewma_weight")

    @classmethod
    def from_values(cls, values: Array) -> Self:
        """Estimate the limits from values in control; NaN is left out. σ is the mean moving range / d2.

        The estimate assumes independent values: it is too small if successive values are correlated. Raises
        `TrainingDataError`.
        """
        present = values[np.isfinite(values)]
        if len(present) < MIN_ROWS:
            raise TrainingDataError(f"{len(present)} values; at least {MIN_ROWS} are required", field="values")
        sigma = float(np.abs(np.diff(present)).mean()) / D2[0]
        if sigma <= 0:
            raise TrainingDataError("all values are equal", field="values")
        return cls(float(present.mean()), sigma, max(MIN_DEAD_RUN, longest_runs(present[:, None])[0]))

    @property
    def limits(self) -> tuple[float, float]:
        """Limits of a value, centre ± 3σ."""
        return self.centre - 3 * self.sigma, self.centre + 3 * self.sigma

    @property
    def range_limit(self) -> float:
        """Upper limit of a moving range, D4 · d2 · σ."""
        return MOVING_RANGE_LIMIT * self.sigma


MOVING_RANGE_LIMIT = D2[0] + 3 * D3[0]
"""Upper limit of the range of two values, in standard deviations."""


def longest_runs(values: Array) -> list[int]:
    """Return the largest number of equal values in a row of each column; NaN is left out."""
    longest = []
    for column in values.T:
        present = column[~np.isnan(column)]
        changes = np.flatnonzero(np.diff(present)) + 1
        edges = np.concatenate([[0], changes, [len(present)]])
        longest.append(int(np.diff(edges).max()))
    return longest
