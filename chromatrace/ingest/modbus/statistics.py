"""Counters of a Modbus gateway."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class ModbusStatistics:
    """Counters since the start.

    stored           readings in the spool, with the bad ones
    bad              bad readings without a value, by tag (`source/tag`) and reason
    exceptions       exception responses of the devices, by name
    timeouts         requests without a response
    missed_polls     polls of a block that did not happen in time: the connection was lost, or the devices are too slow
    """

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    connects: int = 0
    reconnects: int = 0
    failed_attempts: int = 0
    requests: int = 0
    timeouts: int = 0
    missed_polls: int = 0
    spool_retries: int = 0
    connected: bool = False
    last_error: str | None = None
    exceptions: dict[str, int] = field(default_factory=dict)
    bad: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def bad_count(self) -> int:
        """Return the number of bad readings."""
        return sum(sum(reasons.values()) for reasons in self.bad.values())

    def add_bad(self, source: str, tag: str, reason: str) -> bool:
        """Count a bad reading. Return whether it is the first of this tag with this reason."""
        reasons = self.bad.setdefault(f"{source}/{tag}", {})
        reasons[reason] = reasons.get(reason, 0) + 1
        return reasons[reason] == 1

    def as_dict(self) -> dict[str, Any]:
        """Return the counters as JSON values."""
        counters = asdict(self)
        return {"taken": counters.pop("stored"), "bad_readings": self.bad_count} | counters
