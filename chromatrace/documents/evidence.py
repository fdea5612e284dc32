"""Parts of an inspection's evidence: instrument, measurements and the window of readings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gln
from chromatrace.storage import strict_json
from chromatrace.storage.strict_json import below, members


class LimitComparison(StrEnum):
    """Relation of a measured value to its limit that is required to pass."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"

    def holds(self, value: float, limit: float) -> bool:
        """Return whether `value` passes `limit`."""
        return {
            LimitComparison.AT_LEAST: value >= limit,
            LimitComparison.AT_MOST: value <= limit,
            LimitComparison.ABOVE: value > limit,
            LimitComparison.BELOW: value < limit,
        }[self]


@dataclass(frozen=True, slots=True)
class Instrument:
    """A measuring instrument: type, serial number and date of the last calibration (YYYY-MM-DD)."""

    name: str
    serial: str
    calibrated_on: str

    def __post_init__(self) -> None:
        strict_json.text(self.name, "/name", maximum=200)
        strict_json.text(self.serial, "/serial", maximum=100)
        strict_json.date(self.calibrated_on, "/calibrated_on")

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"name": self.name, "serial": self.serial, "calibrated_on": self.calibrated_on}

    @classmethod
    def from_json(cls, value: object, pointer: str) -> Self:
        """Parse the JSON object at `pointer`. Raises `InvalidInput`."""
        parts = members(value, pointer, ("name", "serial", "calibrated_on"))
        with below(pointer):
            return cls(**parts)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured quantity and its limit. `passed` must agree with value, comparison and limit.

    quantity   measured quantity, such as "optical modulation"
    value      in `unit`
    limit      in `unit`
    criterion  definition of the quantity if several are in use, such as "to 90 % of the modulation"
    """

    quantity: str
    value: float
    unit: str
    limit: float
    comparison: LimitComparison
    passed: bool
    criterion: str | None = None

    def __post_init__(self) -> None:
        strict_json.text(self.quantity, "/quantity", maximum=200)
        strict_json.number(self.value, "/value")
        strict_json.text(self.unit, "/unit", minimum=0, maximum=50)
        strict_json.number(self.limit, "/limit")
        if self.comparison not in list(LimitComparison):
            allowed = ", ".join(LimitComparison)
            raise InvalidInput(f"expected one of {allowed}, got {self.comparison!r}", field="/comparison")
        object.__setattr__(self, "comparison", LimitComparison(self.comparison))
        if type(self.passed) is not bool:
            raise InvalidInput(f"expected true or false, got {self.passed!r}", field="/passed")
        if self.criterion is not None:
            strict_json.text(self.criterion, "/criterion", maximum=500)
        if self.passed is not self.comparison.holds(self.value, self.limit):
            raise InvalidInput(
                f"passed is {self.passed}, which contradicts {self.value} {self.comparison} {self.limit}",
                field="/passed",
                hint="correct the value, the limit or the verdict",
            )

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        value = {
            "quantity": self.quantity,
            "value": self.value,
            "unit": self.unit,
            "limit": self.limit,
            "comparison": self.comparison.value,
            "passed": self.passed,
        }
        return value if self.criterion is None else value | {"criterion": self.criterion}

    @classmethod
    def from_json(cls, value: object, pointer: str) -> Self:
        """Parse the JSON object at `pointer`. Raises `InvalidInput`."""
        required = ("quantity", "value", "unit", "limit", "comparison", "passed")
        parts = members(value, pointer, required, optional=("criterion",))
        if parts.get("criterion", "") is None:
            raise InvalidInput("must not be null; omit the member instead", field=f"{pointer}/criterion")
        with below(pointer):
            return cls(**parts)


@dataclass(frozen=True, slots=True)
class ReadingWindow:
    """The part of a channel's log that was recorded while the inspected units were produced.

    channel                      name of the channel within its organisation
    organisation                 GLN of the organisation that owns the channel
    first_leaf, last_leaf        indexes of the first and last reading, both included
    tree_size, root              head of the log that covers them: number of leaves and RFC 9162 root (32 bytes)
    first_time_ns, last_time_ns  source times of the first and last reading, Unix nanoseconds
    """

    channel: str
    organisation: Gln
    first_leaf: int
    last_leaf: int
    tree_size: int
    root: bytes
    first_time_ns: int
    last_time_ns: int

    def __post_init__(self) -> None:
        strict_json.text(self.channel, "/channel", maximum=120)
        strict_json.whole(self.tree_size, "/tree_size", minimum=1)
        strict_json.whole(self.last_leaf, "/last_leaf", maximum=self.tree_size - 1)
        strict_json.whole(self.first_leaf, "/first_leaf", maximum=self.last_leaf)
        strict_json.whole(self.last_time_ns, "/last_time_ns", minimum=1, maximum=2**63 - 1)
        strict_json.whole(self.first_time_ns, "/first_time_ns", minimum=1, maximum=self.last_time_ns)
        if type(self.root) is not bytes or len(self.root) != 32:
            raise InvalidInput("expected 32 bytes", field="/root")

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "channel": self.channel,
            "organisation": self.organisation.value,
            "first_leaf": self.first_leaf,
            "last_leaf": self.last_leaf,
            "tree_size": self.tree_size,
            "root": f"0x{self.root.hex()}",
            "first_time_ns": str(self.first_time_ns),
            "last_time_ns": str(self.last_time_ns),
        }

    @classmethod
    def from_json(cls, value: object, pointer: str) -> Self:
        """Parse the JSON object at `pointer`. Raises `InvalidInput`."""
        numbers, times = ("first_leaf", "last_leaf", "tree_size"), ("first_time_ns", "last_time_ns")
        parts = dict(members(value, pointer, ("channel", "organisation", *numbers, "root", *times)))
        parts["root"] = strict_json.digest(parts["root"], f"{pointer}/root")
        for name in times:
            parts[name] = strict_json.nanoseconds(parts[name], f"{pointer}/{name}")
        with below(f"{pointer}/organisation", whole=True):
            parts["organisation"] = Gln(strict_json.text(parts["organisation"], ""))
        with below(pointer):
            return cls(**parts)
