"""One measured figure and the rival that it was measured beside."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """`bar` is the value to reach (None: none set); `ratio` is value / rival_value, measured in the same run."""

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    bar: float | None = None
    rival: str | None = None
    rival_value: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.rival_value if self.rival_value else None

    @property
    def reached(self) -> bool | None:
        """Whether the bar is reached; None where none is set."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.better == "lower" else self.value >= self.bar

    def as_dict(self) -> dict[str, Any]:
        """The shape of an entry of `bench/results/latest.json`."""
        return asdict(self) | {"ratio": self.ratio}
