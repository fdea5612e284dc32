"""Counters of a gateway."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

_LISTED = 100


@dataclass(frozen=True, slots=True)
class RejectedTagValue:
    """A value that is not a valid reading: its tag and the reason."""

    source: str
    tag: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnfilledGap:
    """A gap in the values of a tag after `start_ns` (0: from the beginning) that the server's history does not fill."""

    source: str
    tag: str
    start_ns: int
    reason: str


@dataclass(slots=True)
class GatewayStatistics:
    """Counters since the start. Each list keeps the last `_LISTED` items.

    `lag_ms` is the time between the measurement and the storage of the last reading. It can be negative if the clock of
    the source is ahead.
    """

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    out_of_order: int = 0
    replayed: int = 0
    rejected: int = 0
    connects: int = 0
    reconnects: int = 0
    failed_attempts: int = 0
    overflows: int = 0
    dropped: int = 0
    """Values or messages that a full buffer dropped. Each is recorded as a dead letter."""
    gaps_unfilled: int = 0
    spool_retries: int = 0
    rebirth_requests: int = 0
    requests: int = 0
    files: int = 0
    events: int = 0
    """Events and alarms of an OPC UA server."""
    ignored_deaths: int = 0
    """Deaths of Sparkplug nodes that belong to an earlier session."""
    buffered: int = 0
    connected: bool = False
    lag_ms: float | None = None
    clock_offset_ms: dict[str, float] = field(default_factory=dict)
    """By source: how far its clock is ahead of this machine's, at least. Negative: behind, or the transfer takes as
    long."""
    last_error: str | None = None
    implausible_times: dict[str, dict[str, int]] = field(default_factory=dict)
    """Source times that are in the future, or before 2000, by source."""
    rejected_by_source: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Variables or metrics that are not read, with the reason."""
    rejections: deque[RejectedTagValue] = field(default_factory=lambda: deque(maxlen=_LISTED))
    gaps: deque[UnfilledGap] = field(default_factory=lambda: deque(maxlen=_LISTED))

    def reject(self, rejection: RejectedTagValue) -> None:
        """Count and list a rejected value."""
        self.rejected += 1
        self.rejected_by_source[rejection.source] = self.rejected_by_source.get(rejection.source, 0) + 1
        self.rejections.append(rejection)

    def add_implausible_time(self, source: str, *, ahead: bool) -> None:
        """Count a source time that is in the future or before 2000."""
        times = self.implausible_times.setdefault(source, {"future": 0, "past": 0})
        times["future" if ahead else "past"] += 1

    def add_gap(self, gap: UnfilledGap) -> None:
        """Count and list an unfilled gap."""
        self.gaps_unfilled += 1
        self.gaps.append(gap)

    def as_dict(self) -> dict[str, Any]:
        """Return the counters as JSON values."""
        counters = asdict(self) | {"gaps": [asdict(gap) for gap in self.gaps]}
        del counters["stored"], counters["rejected"], counters["rejections"]
        rejections = [asdict(rejection) for rejection in self.rejections]
        return {"taken": self.stored, "refused": self.rejected, "refusals": rejections} | counters
