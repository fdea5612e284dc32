"""The source of a server's values: time steps of a process model or of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from chromatrace.plant.records import Station, Tag

GOOD = 0
UNCERTAIN_RANGE_EXCEEDED = 0x40940000
"""OPC UA `UncertainEngineeringUnitsExceeded`: the value is at the limit of the instrument's range."""


@dataclass(frozen=True, slots=True)
class TagSample:
    """The values of all tags at one time, in the order of the source's tags. `qualities` are OPC UA status codes."""

    source_time_ns: int
    values: Sequence[float]
    qualities: Sequence[int]
    runs_completed: int = 0


class Source(Protocol):
    """A source of values. `name` is the source of the readings."""

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
        """Return the interval between steps in simulated seconds."""
        ...

    def steps(self) -> Iterator[TagSample]:
        """Yield the steps from the first. The iterator may be infinite."""
        ...
