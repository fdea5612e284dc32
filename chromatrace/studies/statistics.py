"""Means and their 95 % intervals over repetitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over `count` repetitions, and the half width of its 95 % interval."""

    value: float
    half_width: float
    count: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.value + self.half_width

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.half_width:.2g}"


def mean(values: Sequence[float]) -> Mean:
    """Return the mean with Student's interval; for a single value its width is infinite."""
    count = len(values)
    middle = math.fsum(values) / count
    if count < 2:
        return Mean(middle, math.inf, count)
    variance = math.fsum((value - middle) ** 2 for value in values) / (count - 1)
    return Mean(middle, student_quantile(count - 1) * math.sqrt(variance / count), count)


def student_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t: exact for 1 and 2 degrees, then Abramowitz-Stegun 26.7.5."""
    if freedom == 1:
        return 12.706204736174698
    if freedom == 2:
        return 4.302652729749464
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of `values` at `share`, interpolated."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
