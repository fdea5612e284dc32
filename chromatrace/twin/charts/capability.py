"""Process capability Cp and Cpk (Montgomery, section 8.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Capability:
    """Cp = (USL - LSL) / 6σ, None with one limit; Cpk = min(USL - mean, mean - LSL) / 3σ."""

    cp: float | None
    cpk: float


def capability(mean: float, sigma: float, *, lower: float | None = None, upper: float | None = None) -> Capability:
    """Return the capability of a process in control for its specification limits. Raises `InvalidInput`.

    sigma  short-term standard deviation, such as `TagLimits.sigma` or `SubgroupLimits.sigma`
    """
    if not (math.isfinite(sigma) and sigma > 0):
        raise InvalidInput(f"the standard deviation is {sigma:g}; it must be above 0", field="sigma")
    if lower is None and upper is None:
        raise InvalidInput("a lower or an upper specification limit is required", field="limits")
    if lower is not None and upper is not None and not lower < upper:
        raise InvalidInput(f"the lower limit {lower:g} is not below the upper limit {upper:g}", field="limits")
    distances = ([] if upper is None else [upper - mean]) + ([] if lower is None else [mean - lower])
    cp = None if lower is None or upper is None else (upper - lower) / (6 * sigma)
    return Capability(cp, min(distances) / (3 * sigma))
