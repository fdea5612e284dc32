"""What a server serves: steps of values in simulated time, from a process model or from a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from chromatrace.plant.records import Station, Tag

GOOD = 0
UNCERTAIN_RANGE_EXCEEDED = 0x40940000
"""OPC UA `UncertainEngineeringUnitsExceeded`: the value is at the end of the instrument's range."""


@dataclass(frozen=True, slots=True)
class Step:
    """The values of all tags at one instant, in the order of the source's tags; `qualities` are OPC UA status codes."""

    source_time_ns: int
    values: Sequence[float]
    qualities: Sequence[int]
    runs_completed: int = 0


class Source(Protocol):
    """Something that can be served. `name` becomes the source of the readings."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def namespace(self) -> str: ...

    @property
    def stations(self) -> Sequence[Station]: ...

    @property
    def tags(self) -> Sequence[Tag]: ...

    @property
    def period_s(self) -> float:
        """Simulated seconds from step to step."""
        ...

    def steps(self) -> Iterator[Step]:
        """The steps, from the first; may be without end."""
        ...
