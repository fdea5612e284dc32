"""A measured figure with its target and its baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, its target if it has one, and the value of a baseline measured in the same run.

    `ratio` is value / baseline_value.
    """

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    target: float | None = None
    baseline: str | None = None
    baseline_value: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline_value if self.baseline_value else None

    @property
    def reached(self) -> bool | None:
        """Whether the value reaches the target; None without a target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of `bench/results/latest.json`."""
        return asdict(self) | {"ratio": self.ratio}
